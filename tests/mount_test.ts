/**
 * Parley under a path of another application: Hono, and a plain `Deno.serve`. Everything is there that is
 * at the root elsewhere, and nothing outside of the path.
 *
 * @module
 */
import { Hono } from "npm:hono@4.13.19";
import { logger } from "npm:hono@4.13.19/logger";
import { createServer, OptionError, type Server, silentLog } from "../server/mod.ts";
import { connect as connectClient } from "../static/client/mod.ts";
import { overHttp } from "../static/client/http_transport.ts";
import type { OpenTransport } from "../static/client/mod.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "./support/assert.ts";
import { browserTest } from "./support/browser.ts";
import { connect, member, serve } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { Stream } from "./support/stream.ts";

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** The applications, and what of each answers a request. */
const APPLICATIONS: Readonly<Record<string, (parley: Server) => Handler>> = {
  "Hono"(parley) {
    const app = new Hono<{ Bindings: Deno.ServeHandlerInfo }>();
    app.use(logger(() => {}));
    app.get("/", (context) => context.text("my own page"));
    app.all("/realtime/*", (context) => parley.fetch(context.req.raw, context.env));
    return app.fetch;
  },
  "Deno.serve": (parley) => (request, info) =>
    new URL(request.url).pathname.startsWith("/realtime")
      ? parley.fetch(request, info)
      : new Response("my own page"),
};

/** An application that listens, with Parley under `/realtime`. */
async function mounted(application: (parley: Server) => Handler) {
  const parley = await createServer({ db: ":memory:", basePath: "/realtime" }, { log: silentLog });
  const listener = Deno.serve({ port: 0, onListen() {} }, application(parley));
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      await parley.stop();
      await listener.shutdown();
    },
  };
}

for (const [name, application] of Object.entries(APPLICATIONS)) {
  browserTest(
    `works under /realtime of ${name}, and so does every other way in`,
    async (chrome) => {
      await using app = await mounted(application);
      assertEquals(await (await fetch(app.url)).text(), "my own page");
      const page = await chrome.open(`${app.url}/realtime?room=den`);
      assertEquals(page.url(), `${app.url}/realtime/?room=den`);
      for (const path of ["/realtime", "/realtime/", "/realtime/ws"]) {
        await using bob = await connect(app, { path, room: "den", name: "Bob" });
        await page.locator("#say").fill(`hello ${path}`);
        await page.keyboard.press("Enter");
        const { payload } = await bob.next("chat", ({ payload }) => payload === `hello ${path}`);
        bob.send({ type: "chat", room: "den", payload: `heard ${payload}` });
        await page.getByText(`heard ${payload}`, { exact: true }).waitFor();
      }
    },
  );
}

const overHttpAlone: OpenTransport = (url, handlers) => overHttp(5000, url, handlers);

/** What is under the base path, and how it is answered there. Without the base path it is 404. */
const DOORS: readonly (readonly [path: string, status: number])[] = [
  ["/", 200],
  ["/page/app.ts", 200],
  ["/client/mod.ts", 200],
  ["/ws", 426],
  ["/rooms", 200],
  ["/rooms/lobby/messages", 200],
  ["/openapi.json", 200],
  ["/asyncapi.json", 200],
  ["/healthz", 200],
  ["/nothing", 404],
];

Deno.test("with a base path, what is under it is served, and what is not is 404", async () => {
  await using server = await serve({ basePath: "/deep/realtime" });
  const { origin, pathname } = new URL(server.url);
  assertEquals(pathname, "/deep/realtime");
  for (const [path, status] of DOORS) {
    assertEquals(await statusOf(server.url + path), status, path);
    for (const other of [path, `/deep${path}`, `/realtime${path}`, `/deep/realtimes${path}`]) {
      assertEquals(await statusOf(origin + other), 404, other);
    }
  }
  const answer = await fetch(`${origin}/rooms`);
  assertEquals(answer.headers.get("content-type"), "application/problem+json");
  assertEquals((await answer.json()).detail, "Everything here is under /deep/realtime/.");
});

async function statusOf(url: string): Promise<number> {
  const { status, body } = await fetch(url);
  await body?.cancel();
  return status;
}

Deno.test("with a base path, sockets, streams and posts work, and Location leads to the message", async () => {
  await using server = await serve({ basePath: "/realtime" });
  await using stream = await Stream.open(server);
  await stream.next("joined");
  await using alice = await member(server);
  const { headers, status } = await ask(server, "/rooms/lobby/messages", {
    method: "POST",
    body: { payload: "hi" },
  });
  assertEquals([status, (await alice.next("chat")).payload], [201, "hi"]);
  assertEquals((await stream.next("chat")).payload, "hi");
  const location = new URL(headers.get("location") ?? "", `${server.url}/rooms/lobby/messages`);
  const { json } = await ask({ url: location.href }, "");
  assertEquals(json.messages.map(({ payload }) => payload), ["hi"]);
});

Deno.test("with a base path, the client library finds its way, also to history and over HTTP", async () => {
  await using server = await serve({ basePath: "/realtime" });
  const client = connectClient(`${server.url}/ws`, { transport: overHttpAlone });
  await client.join("lobby");
  assertEquals((await client.send("lobby", "hi")).seq, 1);
  const { messages } = await client.history("lobby", 2);
  assertEquals(messages.map(({ payload }) => payload), ["hi"]);
  client.close();
});

Deno.test("the base path without its slash leads to the page with it, and keeps the query", async () => {
  await using server = await serve({ basePath: "/deep/realtime" });
  for (const method of ["GET", "HEAD"]) {
    const answer = await fetch(`${server.url}?room=den`, { method, redirect: "manual" });
    assertEquals([answer.status, answer.headers.get("location")], [308, "realtime/?room=den"]);
    await answer.body?.cancel();
  }
  const answer = await fetch(`${server.url}?room=den`);
  assertEquals([answer.status, answer.url], [200, `${server.url}/?room=den`]);
  assertStringIncludes(await answer.text(), "<title>Parley</title>");
});

Deno.test("the published documents name the base path", async () => {
  for (const [basePath, path] of [["", "/"], ["/realtime", "/realtime"]] as const) {
    await using server = await serve({ basePath });
    const read = async (name: string) => await (await fetch(`${server.url}/${name}`)).json();
    assertEquals((await read("openapi.json")).servers, [{ url: path }]);
    assertEquals((await read("asyncapi.json")).servers.here.pathname, path);
  }
});

Deno.test("without the page, / and its files are 404, and everything else is there", async () => {
  for (const basePath of ["", "/realtime"]) {
    await using server = await serve({ basePath, page: false });
    for (const path of ["", "/", "/page/app.ts", "/client/mod.ts"]) {
      const answer = await fetch(server.url + path);
      const type = answer.headers.get("content-type");
      assertEquals([answer.status, type], [404, "application/problem+json"], path);
      await answer.body?.cancel();
    }
    for (const [path, status] of DOORS.slice(3)) {
      assertEquals(await statusOf(server.url + path), status, path);
    }
    await using alice = await connect(server, { path: "" });
    await alice.next("joined");
  }
});

Deno.test("fetch() without the peer's address counts all such requests as one source", async () => {
  const options = { db: ":memory:", addressBurst: 20, maxConnectionsPerAddress: 1 };
  await using parley = await createServer(options, { log: silentLog });
  const get = (path: string) => parley.fetch(new Request(`http://parley.example${path}`));
  const stream = await get("/rooms/lobby/events");
  assertEquals(stream.status, 200);
  const second = await get("/rooms/lobby/events");
  assertEquals(second.status, 429);
  assertEquals((await second.json()).field, "address");
  assertEquals(parley.connectionCount, 1);
  await stream.body?.cancel();
  assertEquals(parley.connectionCount, 0);
  const third = await get("/rooms/lobby/events"); // the first does not count any more
  assertEquals(third.status, 200);
  await third.body?.cancel();
  let answer = await get("/rooms");
  while (answer.status === 200) answer = await get("/rooms");
  const { status, detail } = await answer.json();
  assertEquals(status, 429);
  assertStringIncludes(detail, "The address unknown has used up");
});

Deno.test("createServer() refuses several workers, which only the program starts", async () => {
  const options = { db: ":memory:", redis: "redis://127.0.0.1:1", workers: 2 };
  await assertRejects(() => createServer(options), OptionError, "--workers");
});

/**
 * API keys: which requests are the application's own, and what that allows.
 *
 * @module
 */
import { OptionError, type Options, type Server } from "../server/mod.ts";
import type { Log } from "../server/log.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "./support/assert.ts";
import { serve } from "./support/harness.ts";
import { type Answer, ask, bearer, MESSAGES } from "./support/http.ts";
import { Program } from "./support/program.ts";

const KEY = "k".repeat(31) + "1";
const OLD_KEY = "k".repeat(31) + "0";

function publish(
  server: { readonly url: string },
  key: string,
  body: unknown = { payload: "x" },
): Promise<Answer> {
  return ask(server, MESSAGES, { method: "POST", body, headers: bearer(key) });
}

/** Serves with the keys in a file. */
async function serveWithFile(keys: string, options: Partial<Options> = {}): Promise<Server> {
  const path = await Deno.makeTempFile({ prefix: "parley-" });
  try {
    await Deno.writeTextFile(path, keys);
    return await serve({ apiKeyFile: path, ...options });
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a request with an API key speaks as the application", async () => {
  await using server = await serve({ apiKeys: KEY });
  const { status, json } = await publish(server, KEY);
  assertEquals([status, json.from], [201, { id: "server", name: "Server" }]);
});

Deno.test("keys come from the file and from the variable, separated by any white space", async () => {
  await using server = await serveWithFile(`\n${OLD_KEY}\r\n\t${KEY} \n`, {
    apiKeys: "v".repeat(32),
  });
  for (const key of [KEY, OLD_KEY, "v".repeat(32)]) {
    assertEquals((await publish(server, key)).status, 201);
  }
});

Deno.test("a key is retired by a start without it: both work before, and only the new one after", async () => {
  for (const [keys, status] of [[`${OLD_KEY} ${KEY}`, 201], [KEY, 401]] as const) {
    await using server = await serve({ apiKeys: keys });
    assertEquals((await publish(server, KEY)).status, 201);
    assertEquals((await publish(server, OLD_KEY)).status, status);
  }
});

Deno.test("what only a user can ask for refuses an API key by that name", async () => {
  await using server = await serve({ apiKeys: KEY });
  const asked: readonly (readonly [method: string, path: string, body?: unknown])[] = [
    ["GET", "/me/rooms"],
    ["POST", "/hello", {}],
    ["POST", "/rooms/lobby/read", { seq: 0 }],
    ["POST", "/rooms/lobby/typing", { payload: true }],
  ];
  for (const [method, path, body] of asked) {
    const request = { method, headers: bearer(KEY), ...(body !== undefined && { body }) };
    const { status, json } = await ask(server, path, request);
    assertEquals([status, json.field], [401, "token"], path);
    assertStringIncludes(JSON.stringify(json), "API key", path); // not that some token is wrong
  }
});

/** Headers and paths that are no API key. */
const WRONG: readonly (readonly [what: string, headers: Record<string, string>, query?: string])[] =
  [
    ["a key of another server", bearer("x".repeat(32))],
    ["the beginning of a key", bearer(KEY.slice(0, -1))],
    ["a key and more", bearer(KEY + "x")],
    ["two keys", bearer(`${KEY} ${OLD_KEY}`)],
    ["a key in capitals", bearer(KEY.toUpperCase())],
    ["a key as a password", { authorization: `Basic ${btoa(`:${KEY}`)}` }],
    ["a key in the URL, where it would be logged", {}, `?token=${KEY}`],
  ];

for (const [what, headers, query = ""] of WRONG) {
  Deno.test(`${what} is refused as unauthorized, at every door of the application`, async () => {
    await using server = await serve({ apiKeys: `${KEY} ${OLD_KEY}` });
    const body = { payload: 1, type: "custom", name: "x", rooms: ["lobby"] };
    const { rooms: _, ...publication } = body;
    const asked: readonly (readonly [string, unknown?])[] = [
      [MESSAGES, publication],
      ["/publish", body],
      ["/rooms/lobby/members"],
      ["/rooms/lobby/members/x"],
    ];
    for (const [path, body] of asked) {
      const request = body === undefined ? { headers } : { method: "POST", body, headers };
      const { status, json } = await ask(server, path + query, request);
      assertEquals([status, json.code], [401, "unauthorized"], path);
    }
    const { json } = await ask(server, "/publish" + query, { method: "POST", body, headers });
    assert(JSON.stringify(json).includes("API key")); // not that some token is wrong
    assertEquals((await server.history("lobby")).head, 0);
  });
}

Deno.test("POST /publish without a key is refused, with or without keys at the server", async () => {
  for (const apiKeys of ["", KEY]) {
    await using server = await serve({ apiKeys });
    const body = { rooms: ["lobby"], payload: "x" };
    const { status, json } = await ask(server, "/publish", { method: "POST", body });
    assertEquals([status, json.code], [401, "unauthorized"]);
  }
});

Deno.test("a wrong key costs its address what any request costs, and a right one costs nothing", async () => {
  await using server = await serve({
    apiKeys: KEY,
    rate: 1,
    burst: 1,
    addressRate: 0.001,
    addressBurst: 50,
  });
  for (let count = 0; count < 100; count++) {
    assertEquals((await publish(server, KEY)).status, 201);
    assertEquals((await ask(server, "/rooms", { headers: bearer(KEY) })).status, 200);
    assertEquals((await ask(server, MESSAGES, { headers: bearer(KEY) })).status, 200);
    const members = await ask(server, "/rooms/lobby/members", { headers: bearer(KEY) });
    assertEquals(members.status, 200);
  }
  const statuses: number[] = [];
  for (let count = 0; count < 60; count++) {
    statuses.push((await publish(server, "x".repeat(32))).status);
  }
  assertEquals([statuses[0], statuses.at(-1)], [401, 429]);
  assertEquals((await publish(server, KEY)).status, 201);
});

Deno.test("a page of another origin may not use a key", async () => {
  await using server = await serve({ apiKeys: KEY, allowOrigin: ["https://friend.example"] });
  const status = async (origin: string) => {
    const headers = { ...bearer(KEY), origin };
    return (await ask(server, MESSAGES, { method: "POST", body: { payload: "x" }, headers }))
      .status;
  };
  assertEquals(await status("https://evil.example"), 403);
  assertEquals(await status("https://friend.example"), 201);
});

Deno.test("a key is no user: it opens no event stream and gets no token", async () => {
  await using server = await serve({ apiKeys: KEY });
  const stream = await ask(server, "/rooms/lobby/events", { headers: bearer(KEY) });
  assertEquals(stream.json.code, "unauthorized");
  const hello = await ask(server, "/hello", { method: "POST", body: {}, headers: bearer(KEY) });
  assertEquals(hello.json.code, "unauthorized");
});

const SECRET = "s3cr3t-".repeat(3);

/** What is wrong with the keys, and what the one line must say. */
const UNFIT: readonly (readonly [what: string, keys: string, says: string])[] = [
  ["too short", SECRET, "key 1 must be 32"],
  ["too short after a good one", `${KEY}\n${SECRET}`, "key 2 must be 32"],
  ["not of ASCII", `${SECRET}${"é".repeat(20)}`, "key 1 must be 32"],
  ["longer than any header", `${SECRET}${"x".repeat(1024)}`, "key 1 must be 32"],
  ["none", " \n", "at least one key"],
];

for (const [what, keys, says] of UNFIT) {
  Deno.test(`a server does not start with API keys that are ${what}, and does not print them`, async () => {
    const starts = {
      "--api-key-file": () => serveWithFile(keys),
      "PARLEY_API_KEYS": () => serve({ apiKeys: keys }),
    };
    for (const [option, start] of Object.entries(starts)) {
      const { message } = await assertRejects(start, OptionError);
      assertStringIncludes(message, option);
      assertStringIncludes(message, says);
      assert(!message.includes(SECRET) && !message.includes("\n"), message);
    }
  });
}

Deno.test("a server does not start without the file of its API keys", async () => {
  const { message } = await assertRejects(
    () => serve({ apiKeyFile: "/nowhere/keys" }),
    OptionError,
  );
  assertStringIncludes(message, '--api-key-file "/nowhere/keys"');
});

Deno.test("no key is in the log, in an answer or in a published document", async () => {
  const lines: string[] = [];
  const note = (event: string, facts?: unknown) =>
    void lines.push(`${event} ${JSON.stringify(facts)}`);
  const log: Log = { info: note, warn: note, error: note };
  const options = { apiKeys: KEY, addressRate: 0.001, addressBurst: 5 };
  await using server = await serve(options, { log });
  const wrong = "w".repeat(40);
  const texts: string[] = [];
  for (const key of [KEY, wrong, wrong, wrong, wrong, wrong]) {
    for (const path of [MESSAGES, "/rooms", "/publish", "/openapi.json", "/rooms/x/members/y"]) {
      for (const method of ["GET", "POST"]) {
        for (const origin of ["https://evil.example", server.url]) {
          const headers = { ...bearer(key), origin };
          const response = await fetch(server.url + path, { method, headers });
          texts.push(await response.text(), JSON.stringify([...response.headers]));
        }
      }
    }
  }
  texts.push(...lines);
  assert(lines.some((line) => line.startsWith("address refused")), "the log was written");
  assertEquals(texts.filter((text) => text.includes(KEY) || text.includes(wrong)), []);
});

Deno.test("the program takes keys from their variable and from a file, and never as a flag", async () => {
  await using program = await Program.start(["--port", "0", "--db", ":memory:"], {
    PARLEY_API_KEYS: `${KEY} ${OLD_KEY}`,
  });
  assertEquals((await publish(program, OLD_KEY)).status, 201);
  await using other = Program.spawn([Deno.execPath(), "task", "start", "--api-keys", KEY]);
  const { code, err } = await other.ended();
  assertEquals(code, 1);
  assertStringIncludes(err, "PARLEY_API_KEYS");
});

/**
 * A browser's own `EventSource` behind nginx, which gives up for good at the first 502: it is told to come
 * back no sooner than a restart is over.
 *
 * @module
 */
import { assertEquals, assertGreater } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { say } from "./support/http.ts";
import { NginxProcess, WITHOUT_NGINX } from "./support/nginx_process.ts";

const COUNT = 5;
/** How long the server is away. */
const AWAY_MS = 3000;

Deno.test({
  name: "five of five EventSources behind nginx come back after a restart that takes 3 s",
  ignore: WITHOUT_NGINX,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "parley-" });
    const options = { port: freePort(), db: `${folder}/chat.db`, returnSeconds: 1 };
    let server = await serve(options);
    await using nginx = await NginxProcess.start(options.port);
    const heard: string[][] = [];
    const sources = Array.from({ length: COUNT }, (_, n) => {
      const path = n % 2 === 0 ? "/rooms/lobby/events" : "/events?room=lobby&room=b";
      const source = new EventSource(nginx.url + path);
      const texts: string[] = heard[n] = [];
      source.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "chat") texts.push(event.payload);
      };
      return source;
    });
    try {
      await until(() => server.connectionCount === COUNT, "all to be connected");
      await say(server, "before");
      await until(() => heard.every((texts) => texts.length === 1), "the first message");
      const isOver = new Promise((resolve) => setTimeout(resolve, AWAY_MS));
      await server.stop();
      const refusal = await fetch(`${nginx.url}/healthz`);
      await refusal.body?.cancel();
      assertEquals(refusal.status, 502); // what an EventSource that came now would meet
      await isOver;
      server = await serve(options);
      await say(server, "after");
      await until(() => heard.every((texts) => texts.length === 2), "all to come back");
      assertEquals(heard, Array.from({ length: COUNT }, () => ["before", "after"]));
    } finally {
      for (const source of sources) source.close();
      await server.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("an EventSource that finds the server full comes back by itself, when there is a place", async () => {
  await using server = await serve({ maxConnections: 1, returnSeconds: 0 });
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = new EventSource(`${server.url}/rooms/lobby/events`);
  await until(() => server.connectionCount === 1, "the first");
  const second = new EventSource(`${server.url}/rooms/lobby/events`);
  let refusals = 0;
  second.onmessage = ({ data }) => {
    const { type } = JSON.parse(data);
    if (type !== "error") return resolve(type);
    refusals++;
    first.close();
  };
  try {
    assertEquals(await patiently(promise, "the second to be let in"), "welcome");
    assertGreater(refusals, 0);
  } finally {
    second.close();
  }
});

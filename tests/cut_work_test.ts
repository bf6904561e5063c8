/**
 * Long work that is cut off in the middle: an erasure and an import by SIGKILL, a backup by its client. What was
 * done is whole, and the rest can be done again.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { patiently } from "./support/harness.ts";
import { connect, serve, until } from "./support/harness.ts";
import { ask, bearer } from "./support/http.ts";
import { ROOT } from "./support/paper.ts";
import { ServerProcess } from "./support/server_process.ts";
import { Directory } from "./support/sqlite_directory.ts";

const KEY = "k".repeat(32);
const SECRET = `secretword${"x".repeat(1000)}`;
const ROOMS = Array.from({ length: 30 }, (_, index) => `room-${index}`);
const EACH = 100;

Deno.test("an erasure that SIGKILL cuts off is whole where it came to, and is done by the next", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    for (const room of ROOMS) {
      const said = Array.from(
        { length: EACH },
        (_, n) =>
          n % 2 ? draft("other", { room, user: "ada" }) : draft(SECRET, { room, user: "eve" }),
      );
      await broker.publish(said);
    }
  }
  const env = { PARLEY_DB: at.file, PARLEY_API_KEYS: KEY, PARLEY_ADDRESS_RATE: "0" };
  await using server = await ServerProcess.start(env);
  const erase = () =>
    fetch(`${server.url}/users/eve/messages`, { method: "DELETE", headers: bearer(KEY) });
  const page = async (room: string) =>
    (await ask(server, `/rooms/${room}/messages?limit=${EACH}`)).json;
  const epochs = await Promise.all(ROOMS.map(async (room) => (await page(room)).epoch));
  const erasing = erase().then((response) => response.body?.cancel()).catch(() => {});
  await until(
    async () => (await page("room-0")).epoch !== epochs[0],
    "the first room to be erased",
  );
  await server.kill();
  await erasing;
  await server.restart();
  let erased = 0;
  for (const [index, room] of ROOMS.entries()) {
    const { messages } = await page(room);
    assertEquals(
      messages.map(({ seq }: { seq: number }) => seq),
      [...Array(EACH).keys()].map((n) => n + 1),
    );
    const left = JSON.stringify(messages).includes("secretword");
    if (!left) erased++;
    await using client = await connect(server, { protocol: "parley.v1" });
    client.send({ type: "join", room, since: { epoch: epochs[index], seq: EACH } });
    assertEquals((await client.next("joined")).recovered, left, room);
  }
  assert(erased > 0);
  const response = await erase();
  assertEquals([response.status, await response.text()], [204, ""]);
  for (const room of ROOMS) {
    assert(!JSON.stringify((await page(room)).messages).includes("secretword"), room);
  }
  server.signal("SIGTERM");
  await server.ended();
  assert(!new TextDecoder("latin1").decode(at.bytes()).includes("secretword"));
});

Deno.test("an import that SIGKILL cuts off leaves whole rooms, and goes on where it was", async () => {
  await using at = new Directory();
  const from = { id: "ada", name: "Ada" };
  const room = (name: string) => [
    JSON.stringify({ room: { name, head: 1000, rev: 0 } }),
    ...Array.from(
      { length: 1000 },
      (_, n) =>
        JSON.stringify({
          message: { type: "chat", room: name, seq: n + 1, at: 1, from, payload: SECRET },
        }),
    ),
    '{"end":{"messages":1000}}',
  ];
  const first = ['{"parley":{"version":1}}', ...room("one"), ...room("two").slice(0, -1), ""].join(
    "\n",
  );
  const start = (...more: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "main.ts", "import", "--db", at.file, ...more],
      cwd: ROOT,
      stdin: "piped",
      stderr: "piped",
    }).spawn();
  const feed = async ({ stdin }: Deno.ChildProcess, text: string) => {
    const writer = stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  };
  const cut = start();
  await feed(cut, first);
  const isStored = async () => (await Deno.stat(`${at.file}-wal`)).size > SECRET.length * 900;
  await until(() => isStored().catch(() => false), "the first room to be stored");
  cut.kill("SIGKILL");
  await cut.stdin.close().catch(() => {});
  await cut.output();
  {
    await using broker = await at.open();
    assertEquals(await Array.fromAsync(broker.archive.rooms()), ["one"]);
    assertEquals((await textsOf(broker, "one")).length, 1000);
  }
  const next = start("--skip-existing");
  await feed(next, `${first}{"end":{"messages":1000}}\n{"end":{"rooms":2}}\n`);
  await next.stdin.close();
  const { success, stderr } = await patiently(next.output(), "the import");
  assert(success, new TextDecoder().decode(stderr));
  await using broker = await at.open();
  assertEquals((await textsOf(broker, "two")).length, 1000);
});

Deno.test("a client that hangs or goes away in the middle of a backup stands in nobody's way", async () => {
  await using at = new Directory();
  {
    await using broker = await at.open();
    // More than the system takes off the server's hands.
    const long = "x".repeat(100_000);
    for (let n = 0; n < 12; n++) {
      await broker.publish(Array.from({ length: 10 }, () => draft(long)));
    }
  }
  await using server = await serve({ db: at.file, apiKeys: KEY, stallSeconds: 1 });
  const begin = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const lines = [
      "GET /backup HTTP/1.1",
      "Host: 127.0.0.1",
      `Authorization: Bearer ${KEY}`,
      "",
      "",
    ];
    await connection.write(new TextEncoder().encode(lines.join("\r\n")));
    const start = new Uint8Array(12);
    await connection.read(start);
    assertEquals(new TextDecoder().decode(start), "HTTP/1.1 200");
    return connection;
  };
  const isFree = async () => {
    const response = await fetch(`${server.url}/backup`, { headers: bearer(KEY) });
    await response.body?.cancel();
    return response.status === 200;
  };
  using hanging = await begin();
  assertEquals(await isFree(), false);
  await until(isFree, "the hanging client to be given up");
  (await begin()).close();
  await until(isFree, "the next backup");
  assert(hanging);
});

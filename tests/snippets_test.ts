/**
 * Every snippet of the papers runs. Each is a program of its own, with only the address, the ports and
 * the paths put in.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { connect, member, serve, told } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { NginxProcess, WITHOUT_NGINX } from "./support/nginx_process.ts";
import { Paper, ROOT } from "./support/paper.ts";
import { Program } from "./support/program.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const README = await Paper.read("README.md");
const PROTOCOL = await Paper.read("server/PROTOCOL.md");
const OPERATIONS = await Paper.read("server/OPERATIONS.md");

/** What a project elsewhere has in its `deno.json`, in place of `../parley`. */
const PROJECT = { links: [ROOT.pathname], imports: { "hono": "npm:hono@4.13.19" } };

/** Runs a snippet as a file, by this Deno. */
async function run(
  code: string,
  url: string,
  task = "run",
  env: Record<string, string> = {},
): Promise<Program> {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  const file = `${folder}/snippet.ts`;
  const here = code
    .replaceAll('"./', `"${ROOT}`)
    .replaceAll("//127.0.0.1:8080", url.slice(url.indexOf("//")))
    .replace('"chat.db"', `"${folder}/chat.db"`)
    .replace(/port: 80[89]0/, "port: 0");
  await Deno.writeTextFile(file, here);
  const own = `${folder}/deno.json`;
  const isElsewhere = code.includes("@parley/parley");
  if (isElsewhere) await Deno.writeTextFile(own, JSON.stringify(PROJECT));
  const config = isElsewhere ? own : new URL("deno.json", ROOT).pathname;
  // A copy, because a project with other dependencies changes the lock.
  const lock = `${folder}/deno.lock`;
  await Deno.copyFile(new URL("tests/deno.lock", ROOT), lock);
  const command = [
    Deno.execPath(),
    task,
    "-A",
    "--no-check",
    "--config",
    config,
    "--lock",
    lock,
    file,
  ];
  return Program.spawn(command, env);
}

Deno.test("README.md: the first client talks and listens", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using program = await run(README.snippet("js", "new WebSocket"), server.url);
  await program.prints(/Ada: hello/);
  bob.send({ type: "chat", payload: "hello yourself" });
  await program.prints(/Bob: hello yourself/);
});

Deno.test("README.md: two terminals with curl talk with a WebSocket", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  const [listen = "", speak = ""] = README.snippet("sh", "curl -N")
    .replaceAll("http://127.0.0.1:8080", server.url).trim().split("\n");
  await using listener = Program.spawn(["bash", "-c", `exec ${listen}`]);
  await bob.next("system", ({ user }) => user?.name === "Terminal");
  await using speaker = Program.spawn(["bash", "-c", `exec ${speak}`]);
  assertEquals((await speaker.ended()).code, 0);
  const { from, payload } = await bob.next("chat");
  assertEquals([from.name, payload], ["Grace", "hello from curl"]);
  await listener.prints(/id: \S+:1\ndata: .*hello from curl/);
});

Deno.test("README.md: the embedding program serves its own page beside the rooms, and stops", async () => {
  await using program = await run(README.snippet("ts", "createServer"), "http://unused");
  const [, url = ""] = await program.prints(/Listening on (http\S+:\d+)/);
  assertEquals(await (await fetch(`${url}/about`)).text(), "my own page");
  const path = "/realtime/ws";
  {
    await using alice = await member({ url }, { path });
    alice.send({ type: "chat", payload: "hi" });
    assertEquals((await alice.next("chat")).seq, 1);
  }
  {
    await using alice = await member({ url }, { path, room: "announcements" });
    alice.send({ type: "chat", room: "announcements", payload: "hi" });
    assertEquals((await alice.next("error")).code, "forbidden");
  }
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
});

Deno.test("PROTOCOL.md: the webhook's receiver takes what the server has signed, and nothing else", async () => {
  const env = { PARLEY_WEBHOOK_SECRET: `whsec_${new Uint8Array(32).fill(1).toBase64()}` };
  const code = PROTOCOL.snippet("ts", "webhook-");
  await using receiver = await run(code, "http://unused", "run", env);
  const [webhook = ""] = await receiver.prints(/http:\/\/127\.0\.0\.1:\d+/);
  const forged = await fetch(webhook, { method: "POST", body: '{"data":[]}' });
  assertEquals([forged.status, await forged.text()], [401, ""]);
  await using server = await serve({ webhook, webhookSecret: env.PARLEY_WEBHOOK_SECRET });
  await using ada = await member(server, { name: "Ada" });
  ada.send({ type: "chat", payload: "hello" });
  await receiver.prints(/Ada: hello/);
});

Deno.test("server/README.md: Hono has the rooms under a path", async () => {
  const paper = await Paper.read("server/README.md");
  await using program = await run(paper.snippet("ts", "new Hono"), "http://unused");
  const [, url = ""] = await program.prints(/Listening on (http\S+:\d+)/);
  assertEquals(await (await fetch(`${url}/realtime/rooms`)).json(), { rooms: [] });
  await using alice = await member({ url }, { path: "/realtime/ws" });
  alice.send({ type: "chat", payload: "hi" });
  assertEquals((await alice.next("chat")).seq, 1);
});

Deno.test("server/README.md: the application publishes, emits and reads in process", async () => {
  const paper = await Paper.read("server/README.md");
  await using program = await run(paper.snippet("ts", "parley.publish"), "http://unused");
  await program.prints(/1 after number 1, 0 members/);
  await program.prints(/bad_field: Field "payload" must be JSON of well-formed text/);
});

Deno.test("server/README.md: a program with an API key says the same with curl", async () => {
  const paper = await Paper.read("server/README.md");
  const key = "k".repeat(32);
  await using server = await serve({ apiKeys: key });
  await using cook = await member(server, { name: "Cook", room: "kitchen" });
  const code = paper.snippet("sh", "Bearer $KEY").replaceAll("http://127.0.0.1:8080", server.url);
  await using program = Program.spawn(["bash", "-ec", code], { KEY: key });
  const { code: exit, out } = await program.ended();
  assertEquals(exit, 0);
  assertEquals((await cook.next("custom")).payload, { open: 3 });
  const [said, members] = out.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals([said.payload, said.from.id], ["Order 17 was paid.", "server"]);
  assertEquals(members, { room: "orders", memberCount: 0, members: [] });
});

Deno.test("static/README.md: the client library joins, sends and is answered", async () => {
  await using server = await serve();
  const paper = await Paper.read("static/README.md");
  await using program = await run(paper.snippet("ts", "connect("), server.url);
  await program.prints(/It is number 1\./);
  assertEquals((await program.ended()).code, 0);
});

Deno.test("tests/README.md: the test that is shown passes", async () => {
  const paper = await Paper.read("tests/README.md");
  await using program = await run(paper.snippet("ts", "Deno.test("), "http://unused", "test");
  const { code, out } = await program.ended();
  assertEquals(code, 0, out);
});

Deno.test("OPERATIONS.md: the rules for rooms hold as the paper says", async () => {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  const path = `${folder}/rules.json`;
  await Deno.writeTextFile(path, OPERATIONS.snippet("json", '"match"'));
  await using program = await Program.start(["--db", ":memory:", "--rules", path]);
  await using guest = await member(program, { room: "announcements" });
  const answer = async (command: object) => {
    guest.send({ ...command, ref: "r" });
    for (const event of await told(guest)) {
      if ("ref" in event && event.ref === "r") return event.type === "error" ? event.code : "ok";
    }
    return "nothing";
  };
  assertEquals(await answer({ type: "chat", room: "announcements", payload: "x" }), "forbidden");
  assertEquals(await answer({ type: "join", room: "team-1" }), "forbidden");
  guest.send({ type: "join", room: "cursors-1" });
  const { right, limits } = await guest.next("joined");
  assertEquals([right, limits], ["write", { signals: { rate: 60, burst: 180 } }]);
  const cursor = { type: "custom", room: "cursors-1", name: "cursor", payload: [1, 2] };
  for (let n = 0; n < 100; n++) guest.send(cursor); // more than --burst
  assertEquals((await told(guest)).filter(({ type }) => type === "error"), []);
  assertEquals(await answer({ ...cursor, durable: true }), "forbidden");
  guest.send({ type: "join", room: "lobby" });
  const lobby = await guest.next("joined");
  assertEquals([lobby.right, lobby.limits], ["read", { slowSeconds: 2 }]);
});

Deno.test({
  name: "OPERATIONS.md: two nodes on one Redis behind nginx carry one conversation",
  ignore: WITHOUT_NGINX || WITHOUT_REDIS,
  async fn() {
    const [first = "", ...nodes] = OPERATIONS.snippet("sh", "redis-server").trim().split("\n");
    await using redis = await RedisProcess.start("file", ...first.split(" ").slice(1));
    const start = (line: string) => {
      const flags = line.replace("deno task start ", "").split(" ");
      const own = ["--port", "0", "--redis", redis.url];
      return Program.start([...flags, ...own]);
    };
    await using one = await start(nodes[0] ?? "");
    await using two = await start(nodes[1] ?? "");
    const ports = [one, two].map(({ url }) => Number(new URL(url).port));
    await using nginx = await NginxProcess.start(...ports);
    await using alice = await member(nginx, { name: "Alice" });
    // nginx has given the second connection to the other node, which has the fewest.
    await using bob = await member(nginx, { name: "Bob" });
    alice.send({ type: "chat", payload: "hello" });
    assertEquals((await bob.next("chat")).payload, "hello");
    await ask(nginx, MESSAGES, { method: "POST", body: { payload: "posted" } });
    assertEquals((await bob.next("chat", ({ payload }) => payload !== "hello")).seq, 2);
    one.signal("SIGTERM");
    await one.ended();
    await using carol = await connect(nginx, { name: "Carol" });
    assertEquals((await carol.next("chat")).payload, "hello");
    assertEquals([one.err, two.err].filter((text) => text.includes("not believed")), []);
  },
});

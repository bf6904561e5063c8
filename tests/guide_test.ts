/**
 * Every program of server/GUIDE.md runs, as it is shown.
 *
 * @module
 */
import { connect as connectClient } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { Paper, ROOT } from "./support/paper.ts";
import { Program } from "./support/program.ts";
import { SECRET, tokenFor } from "./support/tokens.ts";

const GUIDE = await Paper.read("server/GUIDE.md");

/** Runs a program of the guide in a folder of its own. */
async function run(
  part: string,
  task = "run",
  env: Record<string, string> = {},
): Promise<Program> {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  const code = GUIDE.snippet("ts", part).replace("port: 8080", "port: 0");
  await Deno.writeTextFile(`${folder}/main.ts`, code.replace('"chat.db"', `"${folder}/chat.db"`));
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ links: [ROOT.pathname] }));
  await Deno.copyFile(new URL("tests/deno.lock", ROOT), `${folder}/deno.lock`);
  const options = ["-A", "--no-check", "--config", `${folder}/deno.json`];
  return Program.spawn([Deno.execPath(), task, ...options, `${folder}/main.ts`], env);
}

/** The address that a program of the guide prints. */
async function urlOf(program: Program): Promise<string> {
  const [, port = ""] = await program.prints(/Listening on http\S+:(\d+)/);
  return `http://127.0.0.1:${port}`;
}

Deno.test("server/GUIDE.md: the dashboard shows the newest value, and then each change", async () => {
  await using program = await run("visits");
  const url = await urlOf(program);
  assert((await (await fetch(url)).text()).includes("/realtime/client/mod.ts"));
  await using watcher = await member({ url: `${url}/realtime` }, { room: "metrics" });
  assertEquals((await watcher.next("custom")).payload, 1);
  await (await fetch(url)).body?.cancel();
  assertEquals((await watcher.next("custom")).payload, 2);
});

Deno.test("server/GUIDE.md: a chat behind a login knows its users, and a logout ends both", async () => {
  await using program = await run("sessions");
  const url = await urlOf(program);
  const server = { url: `${url}/realtime` };
  const login = async (name: string) => {
    const response = await fetch(`${url}/login?name=${name}`);
    await response.body?.cancel();
    return { cookie: response.headers.get("set-cookie")?.split(";")[0] ?? "" };
  };
  const headers = await login("Bob");
  {
    await using bob = await connect(server, { headers, room: "tea" });
    assertEquals((await bob.next("welcome")).user, { id: "u-bob", name: "Bob" });
    await bob.next("joined");
    bob.send({ type: "join", room: "staff" });
    assertEquals((await bob.next("error")).code, "forbidden");
    await (await fetch(`${url}/logout`, { headers })).body?.cancel();
    assertEquals((await bob.closed).code, 3003);
  }
  await using again = await connect(server, { headers, room: "tea" });
  assertEquals((await again.next("error")).code, "unauthorized");
});

Deno.test("server/GUIDE.md: the token made by hand is a user's", async () => {
  await using program = await run("tokenFor", "run", { PARLEY_JWT_SECRET: SECRET });
  const { out } = await program.ended();
  await using server = await serve({ jwtSecret: SECRET, guests: "none" });
  const client = connectClient(server.url, { token: out.trim() });
  await client.join("tea");
  assertEquals(client.user, { id: "u-ada", name: "Ada" });
  client.close();
});

Deno.test("server/GUIDE.md: a notification waits for its user", async () => {
  await using program = await run("inbox-${user}", "run", { PARLEY_JWT_SECRET: SECRET });
  const url = await urlOf(program);
  const notify = async () => await (await fetch(`${url}/?user=ada&order=17`)).text();
  assertEquals([await notify(), await notify()], ["waits", "waits"]);
  const seen: unknown[] = [];
  const claims = { sub: "ada", exp: Math.floor(Date.now() / 1000) + 600 };
  const client = connectClient(`${url}/realtime`, { token: await tokenFor(claims) });
  client.on("custom", ({ payload }) => seen.push(payload));
  await client.join("inbox-ada");
  await until(() => seen.length > 0, "the notification");
  assertEquals([seen, await notify()], [[{ order: "17" }], "told"]);
  client.close();
});

Deno.test("server/GUIDE.md: a moderator softens words, mutes, removes and bans with curl", async () => {
  const key = "k".repeat(32);
  await using program = await run("darn", "run", { PARLEY_API_KEYS: key });
  const url = await urlOf(program);
  await using eve = await connect({ url }, { room: "town", name: "Eve" });
  const { user } = await eve.next("welcome");
  eve.send({ type: "chat", room: "town", payload: "darn it" });
  assertEquals((await eve.next("chat")).payload, "**** it");
  eve.send({ type: "chat", room: "town", payload: "see http://example.com" });
  assertEquals((await eve.next("error")).payload, "No links, please.");
  const orders = GUIDE.snippet("sh", "mutes").replace("http://127.0.0.1:8080", url);
  const env = { PARLEY_API_KEYS: key, USER_ID: user.id };
  await using moderator = Program.spawn(["bash", "-ec", orders], env);
  const { code, out } = await moderator.ended();
  assertEquals([code, JSON.parse(out).memberCount], [0, 1]);
  const told = [];
  for (let n = 0; n < 3; n++) told.push((await eve.next("right")).right);
  assertEquals(told, ["read", "write", "none"]);
  eve.send({ type: "join", room: "town" });
  assertEquals((await eve.next("error")).code, "forbidden"); // the ban
});

Deno.test("server/GUIDE.md: the test that is shown passes", async () => {
  await using program = await run("Deno.test(", "test");
  const { code, out } = await program.ended();
  assertEquals(code, 0, out);
});

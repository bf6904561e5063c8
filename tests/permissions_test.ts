/**
 * What needs more of the system than serving does, with the permissions of `deno task start` and no more. The
 * tests themselves may do everything, and so would not notice what is refused.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals } from "./support/assert.ts";
import { Program } from "./support/program.ts";
import { Directory } from "./support/sqlite_directory.ts";

const KEY = "k".repeat(32);
const AUTHORIZATION = { authorization: `Bearer ${KEY}` };

function holds(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(text);
}

Deno.test("backing up and deleting for good need no more permissions than serving", async () => {
  await using at = new Directory();
  await using copy = new Directory();
  await using program = await Program.start(["--db", at.file], { PARLEY_API_KEYS: KEY });
  const say = async (payload: string) => {
    const response = await fetch(`${program.url}/rooms/lobby/messages`, {
      method: "POST",
      headers: { ...AUTHORIZATION, "content-type": "application/json" },
      body: JSON.stringify({ payload, from: { id: "eve", name: "Eve" } }),
    });
    assertEquals(response.status, 201, await response.text());
  };
  const remove = async (path: string) => {
    const response = await fetch(program.url + path, { method: "DELETE", headers: AUTHORIZATION });
    await response.body?.cancel();
    return response.status;
  };
  for (let i = 0; i < 60; i++) await say(`secretword ${i} ${"x".repeat(100)}`);
  assertEquals(await remove("/users/eve/messages"), 204);
  assert(!holds(at.bytes(), "secretword"));
  await say("anotherword");
  await say("something to keep");
  const response = await fetch(`${program.url}/backup`, { headers: AUTHORIZATION });
  assertEquals(response.status, 200, program.err);
  copy.write(await response.bytes());
  {
    using database = new DatabaseSync(copy.file, { readOnly: true });
    const texts = database.prepare("SELECT text FROM messages WHERE seq > 60 ORDER BY seq").all();
    assertEquals(texts.map(({ text }) => text), ["anotherword", "something to keep"]);
  }
  assertEquals(await remove("/rooms/lobby/messages/61"), 200);
  // Copies in the unused space of pages go at the latest at the stop.
  program.signal("SIGTERM");
  const { code, err } = await program.ended();
  assertEquals([code, / (?:warn|error) (?!descriptor|disk is slow)/.test(err)], [0, false], err);
  assert(!holds(at.bytes(), "anotherword"));
});

Deno.test("a database behind symbolic links needs no more, also before its file is there", async () => {
  await using at = new Directory();
  for (const folder of ["links", "data"]) await Deno.mkdir(`${at.path}/${folder}`);
  await Deno.symlink("data", `${at.path}/there`);
  await Deno.symlink("../there/real.db", `${at.path}/links/next.db`);
  await Deno.symlink(`${at.path}/links/next.db`, `${at.path}/links/p.db`);
  for (const count of [1, 2]) {
    await using program = await Program.start(["--db", `${at.path}/links/p.db`]);
    const messages = `${program.url}/rooms/lobby/messages`;
    const headers = { "content-type": "application/json" };
    const post = await fetch(messages, { method: "POST", headers, body: '{"payload":"x"}' });
    assertEquals([post.status, (await post.json()).seq], [201, count]);
    program.signal("SIGTERM");
    await program.ended();
  }
  assert((await Deno.stat(`${at.path}/data/real.db`)).isFile);
});

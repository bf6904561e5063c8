/**
 * A program that cannot start leaves everything as it was: its ports are tried before the database is opened,
 * also those that another program shares among its threads.
 *
 * @module
 */
import { assertEquals, assertMatch } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { connect } from "./support/harness.ts";
import { Program } from "./support/program.ts";
import { Directory } from "./support/sqlite_directory.ts";

/** What is in a folder: the names and the bytes of all files. */
async function contentsOf({ path }: Directory): Promise<unknown[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return await Promise.all(
    entries.map(async ({ name }) => [name, await Deno.readFile(`${path}/${name}`)]),
  );
}

/** Starts a program that must refuse. @returns what it says. */
async function refusalOf(
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<string> {
  await using program = await Program.run(args, {}, prefix);
  const { code, out, err } = await program.ended();
  assertEquals([code, out], [1, ""], err);
  return err.replace(/^.* warn descriptor limit .*\n/, "");
}

for (const workers of ["0", "2"]) {
  Deno.test(`with --workers ${workers}, a port in use is found out before the database is migrated`, async () => {
    await using at = new Directory();
    at.makeVersion5();
    const before = await contentsOf(at);
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const args = ["--db", at.file, "--workers", workers];
    const inUse = `parley: Port ${port} on 127.0.0.1 is in use.\n`;
    assertEquals(await refusalOf([...args, "--port", `${port}`]), inUse);
    assertEquals(await refusalOf([...args, "--port", "0", "--metrics-port", `${port}`]), inUse);
    assertEquals(await contentsOf(at), before);
  });
}

Deno.test("a host that does not exist, and a port that is given twice, make no database", async () => {
  await using at = new Directory();
  const port = `${freePort()}`;
  const twice = ["--port", port, "--metrics-port", port];
  for (const args of [["--host", "203.0.113.1"], ["--host", "no host"], twice]) {
    await refusalOf(["--port", "0", "--db", at.file, ...args]);
    assertEquals(await contentsOf(at), []);
  }
});

Deno.test("a program with several threads does not share its port with another one", async () => {
  await using first = await Program.start(["--db", ":memory:", "--workers", "2"]);
  const { port } = new URL(first.url);
  const args = ["--db", ":memory:", "--workers", "2", "--port", port];
  assertEquals(await refusalOf(args), `parley: Port ${port} on 127.0.0.1 is in use.\n`);
  await using client = await connect(first);
  await client.next("joined");
});

Deno.test("too few file descriptors for the threads are refused before the runtime fails for lack of them", async () => {
  await using at = new Directory();
  const limited = ["bash", "-c", 'ulimit -n 64; exec "$@"', "bash"];
  const refusal = await refusalOf(["--port", "0", "--db", at.file, "--workers", "6"], limited);
  assertMatch(refusal, /^parley: The process may have 64 files .+ needs 78 .+\n$/);
  assertEquals(await contentsOf(at), []);
});

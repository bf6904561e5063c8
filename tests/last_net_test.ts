/**
 * What nobody thought of: the program's last net, its last words, and peers that go while it stops.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";
import { type Client, connect, until } from "./support/harness.ts";
import { Program } from "./support/program.ts";

/** The program with a door through which a test lets in what nobody thought of. */
const SCRIPT = ["run", "-A", "--lock=tests/deno.lock", "tests/support/troubled_program.ts"];

/** Starts it on a file of its own. */
async function withTroubled(
  act: (program: Program, db: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  const db = `${folder}/parley.db`;
  try {
    await using program = await Program.start(["--db", db], {}, [], SCRIPT);
    await act(program, db);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Lets that trouble in. */
async function trouble({ url }: Program, what: string): Promise<void> {
  await (await fetch(`${url}/trouble/${what}`)).body?.cancel();
}

/** Sees that the program stores a message, and then stops in order. */
async function assertSound(program: Program, client: Client): Promise<void> {
  client.send({ type: "chat", payload: "still here" });
  await client.next("chat");
  program.signal("SIGTERM");
  await client.next("bye");
  assertEquals((await program.ended()).code, 0);
}

for (const what of ["rejection", "throw", "timer"] as const) {
  Deno.test(`the program logs an unforeseen ${what} with its stack, and goes on`, async () => {
    await withTroubled(async (program) => {
      await using client = await connect(program);
      await client.next("joined");
      await trouble(program, what);
      await until(() => program.err.includes("unforeseen"), "the trouble to be logged");
      assertMatch(
        program.err,
        /^\S+ error unforeseen reason="[^\n]*as it was told to" stack=[^\n]+\n/m,
      );
      assertStringIncludes(program.err, "troubled_program.ts");
      await assertSound(program, client);
    });
  });
}

Deno.test("many unforeseen rejections are logged in one line a second", async () => {
  await withTroubled(async (program) => {
    for (let n = 0; n < 50; n++) {
      await trouble(program, "rejection");
    }
    program.signal("SIGTERM");
    const { code, err } = await program.ended();
    assertEquals(code, 0);
    const lines = err.split("\n").filter((line) => line.includes("unforeseen"));
    const counts = lines.map((line) => Number(/ count=(\d+)$/.exec(line)?.[1] ?? 1));
    assertEquals(counts.reduce((sum, count) => sum + count, 0), 50, err);
    assert(lines.length < 10, err);
  });
});

Deno.test("an unforeseen rejection while the database is gone stops the program in order", async () => {
  await withTroubled(async (program, db) => {
    await using client = await connect(program);
    await client.next("joined");
    await Deno.remove(db);
    await trouble(program, "rejection");
    await client.next("bye");
    assertEquals((await client.closed).code, 1012);
    const { code, err } = await program.ended();
    assertEquals(code, 1);
    assertStringIncludes(err, "error unsound reason=");
    assertStringIncludes(err, "was removed");
  });
});

Deno.test("SIGTERM while the peers of streams are just gone: the others get bye, and the program exits with 0", async () => {
  const roomy = ["--db", ":memory:", "--max-connections-per-address", "0"];
  await using program = await Program.start(roomy);
  const members = [await connect(program), await connect(program)];
  const { hostname, port } = new URL(program.url);
  const request = new TextEncoder().encode(
    `GET /rooms/lobby/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`,
  );
  const connections = await Promise.all(Array.from({ length: 200 }, async () => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(request);
    await connection.read(new Uint8Array(100)); // it is a member now
    return connection;
  }));
  for (const connection of connections) connection.close();
  program.signal("SIGTERM");
  for (const member of members) {
    await member.next("bye");
    assertEquals((await member.closed).code, 1012);
  }
  const { code, err } = await program.ended();
  assertEquals([code, err.includes("unforeseen")], [0, false], err);
});

Deno.test("the program loses only log lines when the log's disk is full", async () => {
  const toFull = ["bash", "-c", 'exec "$@" 2>/dev/full', "bash"];
  await using program = await Program.start(["--db", ":memory:"], {}, toFull, SCRIPT);
  await using client = await connect(program);
  for (let n = 0; n < 20; n++) {
    await trouble(program, "rejection");
  }
  await assertSound(program, client);
});

Deno.test("the program runs and ends in time when the log's reader is stuck", async () => {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  const pipe = `${folder}/pipe`;
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  // It opens the pipe for reading too, so that opening it does not wait, and nobody ever reads.
  const toPipe = ["bash", "-c", `exec "$@" 2<>${pipe}`, "bash"];
  try {
    await using program = await Program.start(["--db", ":memory:"], {}, toPipe, SCRIPT);
    await using client = await connect(program);
    await trouble(program, "flood");
    await assertSound(program, client);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

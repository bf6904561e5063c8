/**
 * The program: how it starts, what it says, how it is stopped.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";
import { connect, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { Program } from "./support/program.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "parley é " });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the program prints its URL and its database, and logs its start", async () => {
  await withFolder(async (folder) => {
    const db = `${folder}/my messages.db`;
    await using program = await Program.start(["--db", db]);
    await until(() => program.out.split("\n").length > 2, "two lines");
    assertMatch(program.out, /^.*http:\/\/127\.0\.0\.1:\d+\n.*my messages\.db\n$/);
    await program.prints(/^\S+Z info started version=.*\n$/m);
    await using client = await connect(program);
    client.send({ type: "chat", payload: "hi" });
    await client.next("chat");
    assert((await Deno.stat(db)).isFile);
    const page = await fetch(program.url);
    assertStringIncludes(await page.text(), "<html");
  });
});

Deno.test("the program reads its environment, and flags win", async () => {
  const env = {
    PARLEY_DB: ":memory:",
    HOST: "localhost",
    PARLEY_FRAME_BYTES: "9000",
    PARLEY_BURST: "1",
  };
  await using program = await Program.start(["--frame-bytes", "10000"], env);
  assertStringIncludes(program.out, "memory");
  await using client = await connect(program, { protocol: "parley.v1" });
  client.send({ type: "hello" });
  const { limits } = await client.next("welcome");
  assertEquals([limits.frameBytes, limits.burst], [10_000, 1]);
});

Deno.test("--help prints every option and exits with 0", async () => {
  await using program = await Program.run(["--help"]);
  const { code, out, err } = await program.ended();
  assertEquals([code, err], [0, ""]);
  for (const flag of ["--port", "--db", "--max-connections-per-address", "--help"]) {
    assertStringIncludes(out, flag);
  }
});

/** What is wrong, and what the line must name. `DIR` stands for a folder with a foreign file in it. */
const WRONG: readonly (readonly [args: string[], names: string, env?: Record<string, string>])[] = [
  [["--prot", "1"], "--prot"],
  [["serve"], "serve"],
  [["--port", "70000"], "--port"],
  [["--port"], "--port"],
  [[], "PORT", { PORT: "http" }],
  [["--db", "DIR/none/parley.db"], "none/parley.db"],
  [["--db", "DIR"], "DIR"],
  [["--db", "DIR/foreign.db"], "not a Parley database"],
  [["--host", "not a host"], "not a host"],
  [["--host", "203.0.113.1"], "203.0.113.1"],
  [["--cert", "DIR/none.pem", "--key", "DIR/none.pem"], "none.pem"],
  [["--cert", "DIR/foreign.db", "--key", "DIR/foreign.db"], "foreign.db"],
  [["--cert", "DIR/foreign.db"], "--key"],
  [["--log", "xml"], "--log"],
  [["--drain-seconds", "soon"], "--drain-seconds"],
  [["--rules", "DIR/foreign.db"], "foreign.db"],
  [["--api-key-file", "DIR/none.key"], "none.key"],
  [["--jwks", "DIR/foreign.db"], "foreign.db"],
  [["--redis", "redis://127.0.0.1:1", "--redis-prefix", "a"], "redis://127.0.0.1:1"],
];

for (const [args, names, env] of WRONG) {
  const what = [...args, ...(env ? [JSON.stringify(env)] : [])].join(" ");
  Deno.test(`the program refuses "${what}" in one line and exits with 1`, async () => {
    await withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/foreign.db`, "dear diary");
      const real = (text: string) => text.replace("DIR", folder);
      const rest = args.includes("--db") ? [] : ["--db", ":memory:"];
      await using program = await Program.run([...args.map(real), ...rest], env);
      const { code, out, err } = await program.ended();
      assertEquals([code, out], [1, ""], err);
      assertMatch(err, /^parley: [^\n]+\n$/);
      assertStringIncludes(err, real(names));
    });
  });
}

Deno.test("the program serves when nobody reads its output", async () => {
  await using program = await Program.start(["--db", ":memory:"]);
  await program.hangUp();
  await using client = await connect(program);
  client.send({ type: "chat", payload: "hi" });
  await client.next("chat");
  program.signal("SIGTERM"); // which it logs
  assertEquals((await client.closed).code, 1012);
  assertEquals((await program.ended()).code, 0);
});

Deno.test("a port in use is refused in one line", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  await using program = await Program.run(["--port", String(port), "--db", ":memory:"]);
  const { code, err } = await program.ended();
  assertEquals([code, err], [1, `parley: Port ${port} on 127.0.0.1 is in use.\n`]);
});

Deno.test("a second program on the same database is refused, and the first goes on", async () => {
  await withFolder(async (folder) => {
    const db = `${folder}/parley.db`;
    await using first = await Program.start(["--db", db]);
    await using second = await Program.run(["--port", "0", "--db", db]);
    const { code, err } = await second.ended();
    assertEquals([code, err], [1, `parley: The database ${db} is in use by another process.\n`]);
    await using client = await connect(first);
    client.send({ type: "chat", payload: "still here" });
    await client.next("chat");
  });
});

for (const signal of ["SIGHUP", "SIGQUIT", "SIGUSR2", "SIGPWR", "SIGXCPU", "SIGALRM"] as const) {
  Deno.test(`${signal} stops the program in order, as SIGTERM does`, async () => {
    await using program = await Program.start(["--db", ":memory:"]);
    await using client = await connect(program);
    program.signal(signal);
    await client.next("bye");
    assertEquals((await client.closed).code, 1012);
    assertEquals((await program.ended()).code, 0);
  });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal}: every client gets bye, accepted messages are kept, and the program exits with 0`, async () => {
    await withFolder(async (folder) => {
      const db = `${folder}/parley.db`;
      let kept = 0;
      {
        await using program = await Program.start(["--db", db, "--return-seconds", "60"]);
        const clients = [await connect(program), await connect(program)];
        const [talker] = clients;
        assert(talker !== undefined);
        for (let i = 0; i < 50; i++) talker.send({ type: "chat", payload: `${i}` });
        await talker.next("chat");
        program.signal(signal);
        const delays: number[] = [];
        for (const client of clients) {
          const before = client.pending.length;
          const bye = await client.next("bye");
          assert(before >= 0);
          delays.push(bye.retryAfterMs);
          assertEquals((await client.closed).code, 1012);
        }
        assert(delays.every((delay) => delay >= 500 && delay <= 60_500));
        assert(delays[0] !== delays[1]);
        kept = Math.max(...talker.frames.map((frame) => JSON.parse(frame).seq ?? 0));
        assertEquals((await program.ended()).code, 0);
      }
      await using again = await Program.start(["--db", db]);
      await using client = await connect(again);
      assert((await client.next("joined")).seq >= kept);
    });
  });
}

Deno.test("SIGTERM: the program exits with 0 when a peer is stuck with much queued", async () => {
  await using program = await Program.start(["--db", ":memory:"]);
  using stuck = await RawSocket.open(program, { protocol: "parley.v1.batched" });
  await stuck.send({ type: "join" });
  await stuck.events();
  await using talker = await connect(program, { protocol: "parley.v1" });
  talker.send({ type: "join" });
  for (let i = 0; i < 1000; i++) talker.send({ type: "chat", payload: "x".repeat(15_000) });
  await talker.take("chat", 1000);
  program.signal("SIGTERM");
  await talker.next("bye");
  assertEquals((await program.ended()).code, 0); // it gives itself 1 when it takes too long
});

Deno.test("a second signal ends the program at once", async () => {
  await using program = await Program.start(["--db", ":memory:"]);
  using _stuck = await RawSocket.open(program);
  program.signal("SIGTERM");
  await until(() => program.err.includes("stopping"), "the first to be heard");
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 1);
});

Deno.test("a token in a URL goes into no trace, though metrics go out", async () => {
  const token = await tokenFor(claimsOf());
  const told: string[] = [];
  const collector = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    told.push(request.url + await request.text());
    return Response.json({});
  });
  {
    const env = {
      PARLEY_DB: ":memory:",
      PARLEY_JWT_SECRET: SECRET,
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "50",
      OTEL_BSP_SCHEDULE_DELAY: "10",
    };
    await using program = await Program.start([], env);
    const { status } = await ask(program, `/rooms/lobby/messages?token=${token}`);
    assertEquals(status, 200);
    const requests = () => told.some((text) => text.includes("http.server.request.duration"));
    await until(requests, "a metric of the request");
  }
  await collector.shutdown(); // the program has ended, and sent everything before
  assert(!told.some((text) => text.includes(token)), told.join());
});

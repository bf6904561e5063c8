/**
 * The start of the program: its version, a runtime that is too old, what it needs to have been downloaded,
 * the permissions that it needs, and the line in the log that says how it runs.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { MIN_DENO, VERSION, whyTooOld } from "../server/runtime.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";
import { makeCertificate } from "./support/certificate.ts";
import { connect, member, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { ROOT } from "./support/paper.ts";
import { Program, startTask } from "./support/program.ts";
import { faultProxy } from "./support/proxy.ts";

Deno.test("--version prints the version of Parley and of Deno, which deno.json has too", async () => {
  await using program = await Program.run(["--version"]);
  const { code, out, err } = await program.ended();
  assertEquals([code, out, err], [0, `Parley ${VERSION}, Deno ${Deno.version.deno}\n`, ""]);
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assertEquals(config.version, VERSION);
});

Deno.test("whyTooOld() refuses each older version, and no newer one", () => {
  for (const old of ["1.46.3", "2.0.0", "2.9.5", "2.8.10", "2.9.5-rc.1"]) {
    assertStringIncludes(whyTooOld(old) ?? "", old);
  }
  for (const fine of [MIN_DENO, "2.9.7", "2.10.0", "3.0.0-rc.1", "2.9.6+abc"]) {
    assertEquals(whyTooOld(fine), undefined, fine);
  }
});

Deno.test("a runtime that is too old is refused in one line, before what it could not load", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // It says that it is another version, and lacks what Deno 2.8 lacked: that made it fail to link.
    await Deno.writeTextFile(
      `${folder}/old.js`,
      `Object.defineProperty(Deno, "version", { value: { deno: "2.8.0" } });`,
    );
    const script = ["run", "-A", "--no-lock", `--preload=${folder}/old.js`, "main.ts"];
    await using program = await Program.run(["--db", ":memory:"], {}, [], script);
    const { code, out, err } = await program.ended();
    assertEquals([code, out, err], [1, "", `parley: ${whyTooOld("2.8.0")}\n`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the first start needs one package and no other", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
    const { npmCache }: { npmCache: string } = JSON.parse(new TextDecoder().decode(info.stdout));
    const packages = `${folder}/npm/registry.npmjs.org`;
    await Deno.mkdir(packages, { recursive: true });
    const copy = ["-r", `${npmCache}/registry.npmjs.org/deno-std`, packages];
    assert((await new Deno.Command("cp", { args: copy }).output()).success);
    const args = startTask().args.filter((arg) => !arg.startsWith("--lock="));
    const script = [...args.slice(0, 1), "--cached-only", ...args.slice(1)];
    const env = { DENO_DIR: folder };
    await using program = await Program.start(["--db", ":memory:"], env, [], script);
    assertEquals((await ask(program, "/rooms")).status, 200);
    // OpenTelemetry needs another one: that is found out before a database is made.
    const db = `${folder}/parley.db`;
    const exporting = { ...env, OTEL_DENO: "true" };
    await using refused = await Program.run(["--port", "0", "--db", db], exporting, [], script);
    const { code, err } = await refused.ended();
    assertMatch(err, /^parley: OTEL_DENO=true needs npm:@opentelemetry\/api@1\.9\.0, .+\n$/m);
    assertEquals([code, existsSync(db)], [1, false]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the log says how the program runs, in JSON if asked, and holds no secret", async () => {
  const secret = "hush".repeat(10);
  const env = { PARLEY_LOG: "json", PARLEY_API_KEYS: secret };
  const args = ["--db", ":memory:", "--log-level", "debug"];
  await using program = await Program.start(args, env);
  {
    await using client = await connect(program, { room: "lobby" });
    client.send({ type: "chat", payload: "between us" });
    await client.next("chat");
  }
  const id = "req-7";
  const response = await fetch(`${program.url}/rooms?token=${secret}`, {
    headers: { "x-request-id": id },
  });
  await response.body?.cancel();
  await until(() => program.err.includes(id) && /connection closed/.test(program.err), "the lines");
  const lines = program.err.trim().split("\n").map((line) => JSON.parse(line));
  const { time, level, severity, version, options, store } = lines[0];
  assertEquals([level, severity, version, store], ["info", "INFO", VERSION, "memory"]);
  assertMatch(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assertStringIncludes(options, "--api-keys (set)");
  assertStringIncludes(options, "--log-level debug");
  const request = lines.find((line) => line.request === id);
  assertEquals([request.message, request.path, request.status], ["request", "/rooms", 401]);
  const opened = lines.find((line) => line.message === "connection opened");
  const closed = lines.find((line) => line.message === "connection closed");
  assertEquals(opened.connection, closed.connection);
  assert(!/hush|between us/.test(program.err), program.err);
});

/** Lengths on both sides of those at which the runtime writes a frame in another way. */
const LENGTHS = [1, 100, 800, 830, 1000, 1024, 3000, 5000];
/** More than the system's own buffers hold between two sockets: frames are written in pieces. */
const LONG_MESSAGES = 800;

for (const kind of ["plain text", "TLS"]) {
  Deno.test(`long frames reach slow readers whole, over ${kind}`, async () => {
    await using certificate = await makeCertificate();
    const { cert, key, authority } = certificate;
    using client = Deno.createHttpClient({ caCerts: [authority] });
    const args = kind === "TLS" ? ["--cert", cert, "--key", key] : [];
    await using program = await Program.start(["--db", ":memory:", ...args]);
    await using proxy = faultProxy(program.url);
    const slowly = { url: proxy.url.replace("http:", new URL(program.url).protocol) };
    await using plain = await connect(slowly, { client, room: "lobby" });
    await using batched = await connect(slowly, { client, protocol: "parley.v1.batched" });
    batched.send({ type: "join" });
    for (const slow of [plain, batched]) await slow.next("joined");
    await using talker = await member(program, { client });
    const said = Array.from(
      { length: LONG_MESSAGES },
      (_, index) => "x\u00e9\u20ac"[index % 3]?.repeat(LENGTHS[index % LENGTHS.length] ?? 0),
    );
    proxy.stall("down");
    for (const payload of said) talker.send({ type: "chat", payload });
    await talker.take("chat", said.length);
    proxy.flow();
    for (const slow of [plain, batched]) {
      const heard = await slow.take("chat", said.length);
      assertEquals(heard.map(({ payload }) => payload), said);
    }
  });
}

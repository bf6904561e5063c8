/**
 * The log: what is gathered, what is bounded, and that a sink which fails or is stuck harms nobody.
 *
 * @module
 */
import { LineLog, type Sink } from "../server/line_log.ts";
import { withoutThrowing } from "../server/log.ts";
import { assert, assertEquals, assertLess, assertMatch } from "./support/assert.ts";
import { until } from "./support/harness.ts";

/** A sink that keeps its lines, and fails or hangs when it is told to. */
class TestSink implements Sink {
  text = "";
  failing = false;
  /** Set while no write comes to its end. */
  stuck: PromiseWithResolvers<void> | undefined;

  async write(bytes: Uint8Array): Promise<number> {
    await this.stuck?.promise;
    if (this.failing) throw new Error("No space left on device");
    const some = bytes.subarray(0, 7); // a write may take less than it is given
    this.text += new TextDecoder().decode(some);
    return some.length;
  }

  /** The lines without their time. */
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1).map((line) => line.replace(/^\S+ /, ""));
  }
}

Deno.test("LineLog writes a line an event, with its facts", async () => {
  const sink = new TestSink();
  const log = new LineLog(sink);
  log.info("one", { room: "lobby", gone: undefined });
  log.warn("two words", { reason: "a\nb", seconds: 3 });
  log.error("three");
  await log.flush();
  assertMatch(sink.text, /^\d{4}-\d\d-\d\dT[\d:.]+Z info one room=lobby\n/);
  assertEquals(sink.lines.slice(1), ['warn two words reason="a\\nb" seconds=3', "error three"]);
});

Deno.test("LineLog writes a kind of event at once, and gathers what comes within the second", async () => {
  let now = 0;
  const sink = new TestSink();
  const log = new LineLog(sink, { now: () => now });
  for (let n = 1; n <= 1000; n++) log.warn("origin refused", { n });
  log.error("origin refused");
  await until(() => sink.lines.length === 2, "the first of each kind");
  assertEquals(sink.lines, ["warn origin refused n=1", "error origin refused"]);
  now += 1000;
  await until(() => sink.lines.length === 3, "the gathered line");
  assertEquals(sink.lines[2], "warn origin refused n=1000 count=999");
  log.warn("origin refused", { n: 1001 });
  await log.flush();
  assertEquals(sink.lines.slice(3), ["warn origin refused n=1001"]);
});

Deno.test("LineLog bounds all kinds together, and says how many it left out", async () => {
  const sink = new TestSink();
  const log = new LineLog(sink);
  for (let n = 0; n < 10_000; n++) log.warn(`kind ${n}`);
  await log.flush();
  const { lines } = sink;
  assertLess(lines.length, 100);
  assertEquals(lines.at(-1), `warn log lines left out count=${10_000 - lines.length + 1}`);
});

Deno.test("LineLog counts the lines that cannot be written, and says so when they can", async () => {
  const sink = new TestSink();
  const log = new LineLog(sink);
  sink.failing = true;
  for (const event of ["one", "two", "three"]) log.error(event);
  await log.flush();
  assertEquals(sink.text, "");
  sink.failing = false;
  log.error("four");
  await log.flush();
  assertEquals(sink.lines, ["error four", "warn log lines left out count=3"]);
});

Deno.test("LineLog waits for a stuck sink with little, and flush() does not wait for it for ever", async () => {
  const sink = new TestSink();
  const stuck = sink.stuck = Promise.withResolvers<void>();
  let now = 0;
  const log = new LineLog(sink, { now: () => now });
  for (let n = 0; n < 200; n++) {
    for (let kind = 0; kind < 40; kind++) log.warn(`kind ${kind}`, { fact: "x".repeat(5000) });
    if (n % 50 === 0) await log.flush();
    now += 1000;
  }
  assertEquals(sink.text, "");
  sink.stuck = undefined;
  stuck.resolve();
  await log.flush();
  await until(() => sink.lines.some((line) => line.includes("left out")), "the rest to be told of");
  await log.flush();
  assertLess(sink.text.length, 100_000);
  const counts = sink.lines.map((line) => Number(/ count=(\d+)$/.exec(line)?.[1] ?? 1));
  const told = sink.lines.filter((line) => line.includes("left out")).length;
  assert(told > 0);
  assertEquals(counts.reduce((sum, count) => sum + count, 0), 200 * 40);
});

Deno.test("LineLog writes JSON, in which the fields of the line win over facts", async () => {
  const sink = new TestSink();
  const log = new LineLog(sink, { format: "json" });
  log.warn("origin refused", { origin: 'a"b\nc', level: "forged", gone: undefined });
  log.error("commit failed", { messages: 3 });
  await log.flush();
  const [warning, failure] = sink.text.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(new Date(warning.time).toISOString(), warning.time);
  assertEquals({ ...warning, time: "" }, {
    time: "",
    level: "warn",
    severity: "WARNING",
    message: "origin refused",
    origin: 'a"b\nc',
  });
  assertEquals([failure.severity, failure.messages], ["ERROR", 3]);
});

Deno.test("LineLog writes for journald without a time, with syslog's number of the level", async () => {
  const sink = new TestSink();
  const log = new LineLog(sink, { format: "journald", level: "debug" });
  log.debug?.("one");
  log.info("two");
  log.warn("three", { n: 1 });
  log.error("four");
  await log.flush();
  assertEquals(sink.text, "<7>debug one\n<6>info two\n<4>warn three n=1\n<3>error four\n");
});

Deno.test("LineLog leaves out the levels below its own, and gathers all but debug", async () => {
  const quiet = new TestSink();
  const log = new LineLog(quiet, { level: "warn" });
  assertEquals(log.debug, undefined);
  log.info("one");
  log.warn("two");
  await log.flush();
  assertEquals(quiet.lines, ["warn two"]);
  const loud = new TestSink();
  const talkative = withoutThrowing(new LineLog(loud, { level: "debug" }));
  for (let n = 0; n < 3; n++) talkative.debug?.("request", { n });
  await until(() => loud.lines.length === 3, "a line for each");
  assertEquals(loud.lines, [0, 1, 2].map((n) => `debug request n=${n}`));
});

Deno.test("withoutThrowing() catches what an embedding program's log throws", () => {
  const thrown: string[] = [];
  const log = withoutThrowing({
    info: (event) => void thrown.push(event),
    warn() {
      throw new Error("the log is full");
    },
    error() {
      throw new Error("the log is full");
    },
  });
  log.warn("one");
  log.error("two");
  log.info("three");
  assertEquals(thrown, ["three"]);
});

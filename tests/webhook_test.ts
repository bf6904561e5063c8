/**
 * Webhooks: a receiver gets every message, signed and in order, at least once, and no more often than its
 * failures explain. A receiver that is away costs nothing.
 *
 * @module
 */
import type { Journal } from "../server/broker/journal.ts";
import type { SqliteBroker, SqliteOptions } from "../server/broker/sqlite/sqlite_broker.ts";
import { createServer, type Log, type Message, OptionError, type Options } from "../server/mod.ts";
import { systemClock } from "../server/webhooks/clock.ts";
import { signedHeaders, webhookKeys } from "../server/webhooks/signature.ts";
import { Webhook } from "../server/webhooks/webhook.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { freePort } from "./support/child.ts";
import { member, serve, until } from "./support/harness.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { edit, react, remove } from "./support/revision_suite.ts";
import { ManualClock, ok, Receiver, SECRET, signatureOf } from "./support/webhook_receiver.ts";

/** How long a receiver may take to answer. */
const DEADLINE_MS = 15_000;

const fail = (status: number, headers = {}) => () => new Response(null, { status, headers });

/** A log that keeps its lines. */
class Lines implements Log {
  readonly lines: string[] = [];
  readonly info = this.#keep("info");
  readonly warn = this.#keep("warn");
  readonly error = this.#keep("error");

  #keep(level: string): Log["info"] {
    return (event, facts) => void this.lines.push(`${level} ${event} ${JSON.stringify(facts)}`);
  }
}

/** A webhook on a broker of its own, with a clock that the test moves. */
class Bench implements AsyncDisposable {
  readonly broker: SqliteBroker;
  readonly webhook: Webhook;
  readonly clock = new ManualClock();
  readonly log = new Lines();

  private constructor(broker: SqliteBroker, url: string, journal: Journal) {
    this.broker = broker;
    const { clock, log } = this;
    const keys = webhookKeys(SECRET) ?? [];
    this.webhook = new Webhook({ url, keys, journal, log, clock, random: () => 1 });
  }

  static async open(
    at: Directory,
    { url }: { readonly url: string },
    options: Partial<SqliteOptions> = {},
    wrap = (journal: Journal) => journal,
  ): Promise<Bench> {
    const broker = await at.open(options);
    return new Bench(broker, url, wrap(broker.journal));
  }

  /** Stores texts in the lobby, in one commit. */
  async store(...texts: string[]): Promise<void> {
    await this.broker.publish(texts.map((text) => draft(text)));
  }

  /** Waits until a request has failed and the webhook waits for so long, and lets that time pass. */
  async waitOut(milliseconds: number): Promise<void> {
    await this.clock.slept(milliseconds);
    this.clock.advance(milliseconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.webhook.stop();
    await this.broker[Symbol.asyncDispose]();
  }
}

/** Makes the file, so that the test can change it from outside. */
async function makeFile(at: Directory): Promise<void> {
  await using _broker = await at.open();
}

function webhookOptions({ url }: Receiver, more: Partial<Options> = {}): Partial<Options> {
  return { webhook: url, webhookSecret: SECRET, ...more };
}

Deno.test("signedHeaders() signs the example of Standard Webhooks as its libraries do", () => {
  const keys = webhookKeys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? [];
  const at = 1_614_265_330_999;
  assertEquals(signedHeaders(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}'), {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

Deno.test("webhookKeys() takes whsec_ and 24 to 64 bytes, and several separated by white space", () => {
  const secretOf = (bytes: number) => `whsec_${new Uint8Array(bytes).toBase64()}`;
  const lengths = (secrets: string) => webhookKeys(secrets)?.map(({ length }) => length);
  assertEquals(lengths(secretOf(24)), [24]);
  assertEquals(lengths(` ${secretOf(24)}\n${secretOf(64)}\n`), [24, 64]);
  const wrong = ["", "x", "whsec_", secretOf(23), secretOf(65), secretOf(32).slice(6)];
  for (const secrets of [...wrong, `${secretOf(32)}!`, `${secretOf(32)} x`]) {
    assertEquals(webhookKeys(secrets), undefined, secrets);
  }
});

Deno.test("a webhook gets what is stored, of all rooms, in order and as members get it", async () => {
  await using receiver = new Receiver();
  await using server = await serve(webhookOptions(receiver));
  await using alice = await member(server, { name: "Ada" });
  alice.send({ type: "join", room: "two" });
  await alice.next("joined");
  const commands = [
    { type: "chat", payload: "one\n😀", ref: "r1" },
    { type: "custom", name: "move", payload: { x: [1] }, durable: true },
    { type: "custom", name: "cursor", payload: "not stored" },
    { type: "typing", payload: true },
    { type: "chat", room: "two", payload: "two" },
    { type: "chat", payload: "three" },
  ];
  const seen: Message[] = [];
  for (const command of commands) {
    alice.send(command);
    if (command.type === "typing" || command.name === "cursor") continue;
    const event = await alice.next(command.type === "chat" ? "chat" : "custom", isStored);
    seen.push(event as Message); // a cast: it has `seq` and `at`
  }
  await receiver.takes(4);
  assertEquals(receiver.taken, seen);
  for (const { body, timestamp, id } of receiver.deliveries) {
    const newest = body.data.at(-1);
    assert(body.type === "messages" && newest !== undefined && "at" in newest);
    assertEquals(Date.parse(body.timestamp), newest.at);
    assert(Number.isInteger(timestamp) && /^[\w-]{20,}$/.test(id));
  }
});

function isStored({ seq }: { readonly seq?: number }): boolean {
  return seq !== undefined;
}

Deno.test("with two secrets, each request has a signature of both", async () => {
  const other = `whsec_${new Uint8Array(32).fill(7).toBase64()}`;
  await using receiver = new Receiver();
  await using server = await serve(
    webhookOptions(receiver, { webhookSecret: `${other} ${SECRET}` }),
  );
  await using alice = await member(server);
  alice.send({ type: "chat", payload: "hi" });
  await receiver.takes(1);
  const [delivery] = receiver.deliveries;
  assert(delivery !== undefined);
  assertEquals(delivery.signatures, [signatureOf(delivery, other), signatureOf(delivery, SECRET)]);
});

Deno.test("over restarts a webhook gets each message once, and none from before it was set", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  const life = async (options: Partial<Options>, ...texts: string[]) => {
    await using server = await serve({ db: at.file, ...options });
    await using alice = await member(server);
    for (const payload of texts) {
      alice.send({ type: "chat", payload });
      await alice.next("chat", (event) => event.payload === payload);
    }
    if (options.webhook && receiver.answer === ok) {
      await until(() => receiver.payloads.at(-1) === texts.at(-1), "the last message");
    }
  };
  await life({}, "before");
  await life(webhookOptions(receiver), "1", "2");
  receiver.answer = fail(500);
  await life(webhookOptions(receiver), "3");
  await receiver.close();
  await life(webhookOptions(receiver), "4");
  await life({}, "5");
  receiver.answer = ok;
  receiver.open();
  await life(webhookOptions(receiver), "6");
  assertEquals(receiver.payloads, ["1", "2", "3", "4", "5", "6"]);
});

Deno.test("a receiver that is away for a day misses nothing, and gets each message once", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await using bench = await Bench.open(at, receiver);
  receiver.answer = fail(503);
  await bench.store("1", "2");
  const waits = [1, 2, 4, 8, 16, 32, 64, 128, 256, ...Array(280).fill(300)];
  for (const [failures, seconds] of waits.entries()) {
    await receiver.requests(failures + 1);
    if (failures < 20) await bench.store(`later ${failures}`);
    if (failures === waits.length - 1) receiver.answer = ok;
    await bench.waitOut(seconds * 1000);
  }
  await receiver.takes(22);
  assertEquals(receiver.payloads.slice(0, 3), ["1", "2", "later 0"]);
  assertEquals(new Set(receiver.payloads).size, 22);
  // One request for each failure, all with the same id and messages, and two that were taken.
  const [first, ...others] = receiver.deliveries;
  assertEquals(receiver.deliveries.length, waits.length + 2);
  for (const { id, text } of others.slice(0, -1)) {
    assertEquals([id, text], [first?.id, first?.text]);
  }
  assert(others.at(-1)?.id !== first?.id);
  assert(Number(others.at(-1)?.timestamp) - Number(first?.timestamp) > 80_000);
  assertMatch(bench.log.lines.at(-1) ?? "", /^info webhook back .*"failures":289/);
});

const REFUSALS: readonly (readonly [number, Record<string, string>, seconds: number])[] = [
  [500, {}, 1],
  [404, {}, 1],
  [401, {}, 1],
  [304, {}, 1],
  [307, { location: "/elsewhere" }, 1],
  [429, { "retry-after": "120" }, 120],
  [503, { "retry-after": "0" }, 1],
  [503, { "retry-after": "Thu, 01 Jan 2026 01:00:00 GMT" }, 3600],
  [503, { "retry-after": "Wed, 31 Dec 2025 01:00:00 GMT" }, 1],
  [503, { "retry-after": "soon" }, 1],
  [503, { "retry-after": "99999999" }, 86_400],
];

for (const [status, headers, seconds] of REFUSALS) {
  Deno.test(`after ${status} ${JSON.stringify(headers)} a webhook waits ${seconds} s`, async () => {
    await using at = new Directory();
    await using receiver = new Receiver();
    await using bench = await Bench.open(at, receiver);
    receiver.answer = fail(status, headers);
    await bench.store("1");
    await bench.clock.slept(seconds * 1000);
    receiver.answer = ok;
    bench.clock.advance(seconds * 1000);
    await receiver.takes(1);
    assertEquals(receiver.deliveries.length, 2);
    assertMatch(bench.log.lines[0] ?? "", new RegExp(`^warn webhook failed {"status":${status},`));
  });
}

Deno.test("a receiver that does not answer is given up after 15 seconds, and tried again", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await using bench = await Bench.open(at, receiver);
  const hanging = Promise.withResolvers<Response>();
  receiver.answer = () => hanging.promise;
  await bench.store("1");
  await receiver.requests(1);
  await bench.waitOut(DEADLINE_MS);
  await bench.clock.slept(1000);
  assertMatch(bench.log.lines[0] ?? "", /^warn webhook failed .*no answer within 15000 ms/);
  receiver.answer = ok;
  bench.clock.advance(1000);
  await receiver.takes(1);
  hanging.resolve(new Response());
});

/** Answers every connection with something that is not HTTP. */
function babbler(): { url: string; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const connection of listener) {
      await connection.write(new TextEncoder().encode("hush\r\n\r\n"));
      connection.close();
    }
  })();
  return { url: `http://127.0.0.1:${listener.addr.port}`, close: () => listener.close() };
}

/** Where nobody answers. */
const nobody = () => ({ url: `http://127.0.0.1:${freePort()}`, close() {} });

for (
  const [what, why, make] of [
    ["is away", /refused/, nobody],
    ["does not speak HTTP", /HTTP version/, babbler],
  ] as const
) {
  Deno.test(`the log of a webhook whose receiver ${what} does not have its URL`, async () => {
    await using at = new Directory();
    const receiver = make();
    await using bench = await Bench.open(at, { url: `${receiver.url}/(hush):?token=hush` });
    await bench.store("1");
    await bench.clock.slept(1000);
    const lines = bench.log.lines.join();
    assertMatch(lines, /^warn webhook failed /);
    assertMatch(lines, why);
    assert(!lines.includes("hush"), lines);
    receiver.close();
  });
}

Deno.test("410 ends a webhook until the next start", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  {
    await using bench = await Bench.open(at, receiver);
    receiver.answer = fail(410);
    await bench.store("1");
    await until(() => bench.log.lines.length > 0, "a line");
    await bench.store("2");
    bench.clock.advance(86_400_000);
    assertEquals([bench.clock.sleeping, bench.log.lines], [[], [
      'error webhook gone {"status":410}',
    ]]);
  }
  assertEquals(receiver.deliveries.length, 1);
  receiver.answer = ok;
  await using _bench = await Bench.open(at, receiver);
  await receiver.takes(2);
  assertEquals(receiver.payloads, ["1", "2"]);
});

Deno.test("a slow receiver has one request at a time, and finds the rest in few", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await using bench = await Bench.open(at, receiver);
  const slow = Promise.withResolvers<void>();
  receiver.answer = async () => {
    await slow.promise;
    return new Response();
  };
  await bench.store("0");
  await receiver.requests(1);
  for (let n = 1; n < 300; n++) await bench.store(`${n}`);
  assertEquals(receiver.deliveries.length, 1);
  slow.resolve();
  await receiver.takes(300);
  assertEquals(receiver.payloads, Array.from({ length: 300 }, (_, n) => `${n}`));
  assertEquals(receiver.deliveries.length, 2);
});

Deno.test("a quick receiver does not get a request for each commit", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await using bench = await Bench.open(at, receiver);
  bench.clock.napMs = 0;
  await bench.store("0");
  for (let round = 0; round < 3; round++) {
    await bench.clock.slept(100);
    for (let n = 0; n < 10; n++) await bench.store("more");
    bench.clock.advance(100);
    await receiver.takes(10 * round + 11);
  }
  const [, second, third] = receiver.deliveries.slice(-3);
  assertEquals([second?.body.data.length, third?.body.data.length], [10, 10]);
});

Deno.test("a backlog is posted in requests of at most 65,536 characters, or of one commit", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  receiver.answer = fail(500);
  await using bench = await Bench.open(at, receiver);
  await bench.store("first");
  await bench.clock.slept(1000);
  for (let n = 0; n < 20; n++) await bench.store("x".repeat(20_000));
  await bench.store("y".repeat(200_000));
  receiver.answer = ok;
  bench.clock.advance(1000);
  await receiver.takes(22);
  const lengths = receiver.deliveries.map(({ text }) => text.length);
  assertEquals(lengths.filter((length) => length > 65_800).length, 1);
  assertEquals(receiver.deliveries.map(({ body }) => body.data.length), [
    1,
    1,
    3,
    3,
    3,
    3,
    3,
    3,
    2,
    1,
  ]);
});

Deno.test("a receiver that is away costs no reads: the journal is read once for each request", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  const counts = { reads: 0, wakes: 0 };
  const counted = (journal: Journal): Journal => ({
    waitingSince: () => journal.waitingSince(),
    listen: (committed) =>
      journal.listen(() => {
        counts.wakes++;
        committed();
      }),
    read(upTo) {
      counts.reads++;
      return journal.read(upTo);
    },
    take: (upTo) => journal.take(upTo),
  });
  await using bench = await Bench.open(at, receiver, {}, counted);
  receiver.answer = fail(500);
  await bench.store("1");
  await bench.clock.slept(1000);
  const before = { ...counts };
  for (let n = 0; n < 100; n++) await bench.store(...Array(100).fill("more"));
  assertEquals(counts, { reads: before.reads, wakes: before.wakes + 100 });
  bench.clock.advance(1000);
  await bench.clock.slept(2000);
  assertEquals(counts.reads, before.reads + 1);
});

Deno.test("a receiver that was away for longer than messages are kept is told of the gap", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  let now = Date.UTC(2026, 0, 1);
  await using bench = await Bench.open(at, receiver, { retainMessages: 5, now: () => now });
  await bench.store("taken");
  await receiver.takes(1);
  receiver.answer = fail(500);
  const takenAt = now;
  for (let n = 0; n < 20; n++) {
    now += 1000;
    await bench.store(`${n}`);
  }
  await bench.clock.slept(1000);
  receiver.answer = ok;
  bench.clock.advance(1000);
  await until(() => receiver.payloads.at(-1) === "19", "the newest message");
  const [taken, gap, first, ...others] = receiver.taken;
  assert(taken?.type === "chat" && gap?.type === "gap" && first?.type === "chat");
  assertEquals(gap, { type: "gap", after: takenAt, before: first.at });
  assert(first.seq > 2);
  assertEquals(others.some(({ type }) => type === "gap"), false);
  // The receiver has it before the webhook has read the answer.
  await until(() => bench.log.lines.includes('warn webhook gap {"gaps":1}'), "the line of the gap");
});

Deno.test("a gap is told even if everything was pruned, and the server was killed", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  let now = Date.UTC(2026, 0, 1);
  const options = { retainDays: 1, now: () => now, steady: () => now };
  {
    await using bench = await Bench.open(at, receiver, options);
    await bench.store("taken");
    await receiver.takes(1);
    receiver.answer = fail(500);
    for (let n = 0; n < 5; n++) await bench.store("lost");
    await bench.clock.slept(1000);
    for (let hour = 0; hour < 48; hour++) {
      now += 3_600_000;
      bench.broker.prune();
    }
    assertEquals(await bench.broker.read("lobby", { limit: 10 }), undefined);
  }
  receiver.answer = ok;
  for (let start = 0; start < 2; start++) {
    const texts = [`a ${start}`, `b ${start}`];
    await using bench = await Bench.open(at, receiver, options);
    await bench.store(...texts);
    await until(() => receiver.payloads.at(-1) === texts[1], "the newest message");
  }
  assertEquals(receiver.payloads, ["taken", "gap", "a 0", "b 0", "a 1", "b 1"]);
});

Deno.test("a commit that fails leaves no gap", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await makeFile(at);
  at.sql(`CREATE TRIGGER fail BEFORE INSERT ON batches WHEN new.events LIKE '%boom%'
    BEGIN SELECT RAISE(ABORT, 'boom'); END`);
  await using bench = await Bench.open(at, receiver);
  await bench.store("1");
  await assertRejects(
    () => bench.broker.publish([draft("x", { room: "a" }), draft("boom")]),
    Error,
  );
  await bench.store("2");
  await receiver.takes(2);
  assertEquals(receiver.payloads, ["1", "2"]);
});

Deno.test("a place that cannot be stored is kept in memory; a restart posts the same id again", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await makeFile(at);
  at.sql(`CREATE TRIGGER fail BEFORE UPDATE ON webhook BEGIN SELECT RAISE(ABORT, 'full'); END`);
  {
    await using bench = await Bench.open(at, receiver);
    await bench.store("1");
    await bench.waitOut(1000);
    await bench.store("2");
    await receiver.takes(2);
    assertEquals(receiver.payloads, ["1", "2"]);
  }
  at.sql("DELETE FROM batches WHERE id > 1; DROP TRIGGER fail");
  await using _bench = await Bench.open(at, receiver);
  await receiver.takes(3);
  assertEquals(receiver.deliveries[2]?.id, receiver.deliveries[0]?.id);
});

Deno.test("a stop waits for the request in flight, and stores that it was taken", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  const slow = Promise.withResolvers<void>();
  receiver.answer = async () => {
    await slow.promise;
    return new Response();
  };
  {
    await using bench = await Bench.open(at, receiver);
    await bench.store("1");
    await receiver.requests(1);
    const stopped = bench.webhook.stop();
    slow.resolve();
    await stopped;
    await bench.store("2");
  }
  receiver.answer = ok;
  await using _bench = await Bench.open(at, receiver);
  await receiver.takes(2);
  assertEquals(receiver.payloads, ["1", "2"]);
  assertEquals(receiver.deliveries.length, 2);
});

Deno.test("a stop does not wait for a receiver that hangs", async () => {
  await using receiver = new Receiver();
  const hanging = Promise.withResolvers<Response>();
  receiver.answer = () => hanging.promise;
  {
    await using server = await serve(webhookOptions(receiver));
    await using alice = await member(server);
    alice.send({ type: "chat", payload: "hi" });
    await receiver.requests(1);
  }
  hanging.resolve(new Response());
});

const WRONG_SECRETS: readonly (readonly [Partial<Options>, names: RegExp])[] = [
  [{ webhookSecret: "hush" }, /PARLEY_WEBHOOK_SECRET.*whsec_/],
  [{ webhookSecret: "whsec_hush" }, /PARLEY_WEBHOOK_SECRET.*24 to 64 bytes/],
  [{ webhookSecretFile: "/nonexistent/hush" }, /--webhook-secret-file/],
  [{ webhookSecretFile: "README.md" }, /--webhook-secret-file.*whsec_/],
];

for (const [options, names] of WRONG_SECRETS) {
  Deno.test(`createServer() refuses ${JSON.stringify(options)} in one line`, async () => {
    const given = { db: ":memory:", webhook: "http://127.0.0.1:9/", ...options };
    const { message } = await assertRejects(() => createServer(given), OptionError);
    assertMatch(message, names);
    assert(!message.includes("\n") && !/whsec_hush|^hush/.test(message), message);
  });
}

Deno.test("a webhook's secret may be in a file", async () => {
  await using at = new Directory();
  await using receiver = new Receiver();
  await Deno.writeTextFile(`${at.path}/secret`, `${SECRET}\n`);
  await using server = await serve(
    webhookOptions(receiver, { webhookSecret: "", webhookSecretFile: `${at.path}/secret` }),
  );
  await using alice = await member(server);
  alice.send({ type: "chat", payload: "hi" });
  await receiver.takes(1);
});

Deno.test("a webhook gets what became of messages, in order, over a restart, and only the newest of each", async () => {
  await using receiver = new Receiver();
  await using at = new Directory();
  {
    await using bench = await Bench.open(at, receiver);
    await bench.store("one", "two");
    await receiver.takes(2);
    await bench.broker.publish([edit(1, "uno")]);
    await bench.store("three");
    await receiver.takes(4);
    receiver.answer = fail(503);
    await bench.broker.publish([edit(2, "dos")]);
    await bench.broker.publish([react(1, "x"), remove(2)]);
  }
  receiver.answer = ok;
  await using _bench = await Bench.open(at, receiver);
  await receiver.takes(6);
  const told = receiver.taken.map((record) =>
    record.type === "revised"
      ? `rev ${record.rev} of ${record.message.seq}: ${record.message.payload}`
      : record.type === "gap"
      ? "gap"
      : `${record.seq}: ${record.payload}`
  );
  assertEquals(told, [
    "1: one",
    "2: two",
    "rev 1 of 1: uno",
    "3: three",
    "rev 3 of 1: uno",
    "rev 4 of 2: ",
  ]);
});

Deno.test("a sleep of the real clock leaves nothing at its signal, and ends when that is aborted", async () => {
  const until = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = until.signal;
  until.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(until.signal, args);
  };
  until.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(until.signal, args);
  };
  for (let i = 0; i < 3; i++) await systemClock.sleep(1, until.signal);
  assertEquals(listeners, 0);
  const sleeping = systemClock.sleep(60_000, until.signal);
  until.abort();
  await sleeping;
  assertEquals(listeners, 0);
});

/**
 * In which order the tick commits and writes, and what it waits for.
 *
 * @module
 */
import { Rules } from "../server/access/rules.ts";
import { silentLog } from "../server/log.ts";
import { Metrics } from "../server/metrics.ts";
import { completeOptions } from "../server/options.ts";
import { parsePublication } from "../server/protocol/publications.ts";
import { Hub } from "../server/rooms/hub.ts";
import { publish } from "../server/rooms/publish.ts";
import { Regrouping } from "../server/rooms/regrouping.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker } from "./support/faulty_broker.ts";

/** A hub on a broker whose commits are seen. */
class Ticking implements AsyncDisposable {
  readonly broker: FaultyBroker;
  readonly hub: Hub;
  /** `commit` and what tests add. */
  readonly seen: string[] = [];
  /** How many messages each commit had. */
  readonly sizes: number[] = [];
  /** A clock in milliseconds that stands still. */
  now = 0;

  static async make(commitsElsewhere: boolean): Promise<Ticking> {
    return new Ticking(await FaultyBroker.make(), commitsElsewhere);
  }

  private constructor(broker: FaultyBroker, commitsElsewhere: boolean) {
    const commit = broker.publish.bind(broker);
    Object.assign(broker, {
      commitsElsewhere,
      publish: async (...batch: Parameters<typeof commit>) => {
        this.seen.push("commit");
        this.sizes.push(batch[0].length);
        const receipts = await commit(...batch);
        this.hub.tick.flushSoon({ flush: () => this.seen.push("write") === 0 });
        return receipts;
      },
    });
    this.broker = broker;
    this.hub = new Hub({
      broker,
      options: completeOptions({ db: ":memory:" }),
      metrics: new Metrics(),
      rules: new Rules(),
      log: silentLog,
      now: () => this.now,
    });
  }

  /** Says something in a room. Settles when it is stored. */
  async say(...payloads: readonly string[]): Promise<void> {
    await Promise.all(
      payloads.map((payload) => publish(this.hub, "lobby", parsePublication({ payload }))),
    );
  }

  /** Lets so many turns of the event loop go by. */
  async turns(count = 3): Promise<void> {
    for (let turn = 0; turn < count; turn++) await this.hub.tick.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub.tick.drain();
    this.hub.close();
    await this.broker[Symbol.asyncDispose]();
  }
}

for (
  const [commitsElsewhere, order] of [
    [false, ["commit", "write", "commit"]],
    [true, ["commit", "commit", "write"]],
  ] as const
) {
  const where = commitsElsewhere ? "before" : "after";
  Deno.test(`with commitsElsewhere ${commitsElsewhere}, a whole batch begins ${where} the one before it is written`, async () => {
    await using ticking = await Ticking.make(commitsElsewhere);
    // Two batches and a part of one.
    const said = ticking.say(...Array.from({ length: 24 }, () => "x".repeat(15_000)));
    await ticking.hub.tick.drain();
    await said;
    assertEquals(ticking.seen.slice(0, 3), [...order]);
  });

  const written = commitsElsewhere ? "some" : "all";
  Deno.test(`with commitsElsewhere ${commitsElsewhere}, a commit begins when ${written} of the frames before it are written`, async () => {
    await using ticking = await Ticking.make(commitsElsewhere);
    let answer = Promise.resolve();
    for (let frame = 0; frame < 200; frame++) {
      ticking.hub.tick.flushSoon({
        flush() {
          ticking.seen.push("frame");
          if (frame === 0) answer = ticking.say("an answer to the first frame");
          return false;
        },
      });
    }
    await ticking.turns();
    await answer;
    const before = ticking.seen.indexOf("commit");
    assertEquals(before < 200, commitsElsewhere, `${before} frames`);
    assertEquals(ticking.seen.filter((what) => what === "frame").length, 200);
  });
}

Deno.test("where another thread commits, the next commit waits for as many messages as the last one had", async () => {
  await using ticking = await Ticking.make(true);
  const { sizes } = ticking;
  const release = ticking.broker.holdCalls();
  const three = ticking.say("a", "b", "c");
  await ticking.turns();
  const early = ticking.say("d");
  ticking.now += 4;
  release();
  await three;
  const two = ticking.say("e", "f");
  await ticking.turns();
  assertEquals(sizes, [3]);
  await Promise.all([early, two, ticking.say("g")]);
  assertEquals(sizes, [3, 4]);
});

Deno.test("where another thread commits, a message alone waits for half of the last commit, and not at all later", async () => {
  await using ticking = await Ticking.make(true);
  const { sizes } = ticking;
  const release = ticking.broker.holdCalls();
  const two = ticking.say("a", "b");
  await ticking.turns();
  ticking.now += 4;
  release();
  await two;
  const alone = ticking.say("c");
  await ticking.turns();
  assertEquals(sizes, [2]);
  ticking.now += 2;
  await alone;
  // Each comes when all that were answered are there, or long after them.
  await ticking.say("d");
  await ticking.say("e", "f");
  ticking.now += 1000;
  await ticking.say("g");
  assertEquals(sizes, [2, 1, 1, 2, 1]);
});

Deno.test("where another thread commits, half of the largest batch does not wait", async () => {
  await using ticking = await Ticking.make(true);
  await ticking.say(..."abcdefghij");
  await ticking.say(...Array.from({ length: 5 }, () => "x".repeat(15_000)));
  assertEquals(ticking.sizes, [10, 5]);
});

Deno.test("where this thread commits, no commit waits", async () => {
  await using ticking = await Ticking.make(false);
  await ticking.say("a", "b");
  await ticking.say("c");
  assertEquals(ticking.sizes, [2, 1]);
});

Deno.test("a stop commits at once what waits for others", async () => {
  await using ticking = await Ticking.make(true);
  await ticking.say("a", "b");
  const alone = ticking.say("c");
  await ticking.turns();
  assertEquals(ticking.sizes, [2]);
  await ticking.hub.tick.drain();
  await alone;
  assertEquals(ticking.sizes, [2, 1]);
});

Deno.test("Regrouping does not wait again and again for senders that do not come back", () => {
  let now = 0;
  const regrouping = new Regrouping(() => now, () => {});
  /** A commit of ten messages ends, and so many come in the time that the next one waits. */
  const hasWaited = (coming: number) => {
    regrouping.committed(10, 5, 6);
    const waits = regrouping.isWaiting(5);
    now += 3;
    assert(!regrouping.isWaiting(5 + coming));
    return waits;
  };
  const rounds = (count: number, coming: number) =>
    Array.from({ length: count }, () => hasWaited(coming) ? "waits" : "-").join(" ");
  assertEquals(rounds(3, 9), "waits waits waits");
  assertEquals(rounds(7, 0), "waits - waits - - - waits");
  assertEquals(rounds(8, 9), "- - - - - - - waits");
  assertEquals(rounds(3, 5), "waits waits waits"); // half of them is enough
});

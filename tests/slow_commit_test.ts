/**
 * A commit that takes long: the operator is told once, with how long and how much. And a disk on which all of
 * them do, which is noticed at start.
 *
 * @module
 */
import { Rules } from "../server/access/rules.ts";
import { warnOfSlowDisk } from "../server/broker/sqlite/slow_disk.ts";
import { type Facts, silentLog } from "../server/log.ts";
import { Metrics } from "../server/metrics.ts";
import { completeOptions } from "../server/options.ts";
import { parsePublication } from "../server/protocol/publications.ts";
import { Hub } from "../server/rooms/hub.ts";
import { publish } from "../server/rooms/publish.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker } from "./support/faulty_broker.ts";

for (const [tookMs, logged] of [[1500, 1], [900, 0]] as const) {
  Deno.test(`a commit of ${tookMs} ms is logged ${logged} times`, async () => {
    await using broker = await FaultyBroker.make();
    const lines: [string, Facts | undefined][] = [];
    let now = 0;
    const hub = new Hub({
      broker,
      options: completeOptions({ db: ":memory:" }),
      metrics: new Metrics(),
      rules: new Rules(),
      log: { ...silentLog, warn: (event, facts) => void lines.push([event, facts]) },
      now: () => now,
    });
    const go = broker.holdCalls();
    const posted = ["one", "two"].map((payload) =>
      publish(hub, "lobby", parsePublication({ payload }))
    );
    await hub.tick.next(); // it has begun
    now += tookMs;
    go();
    await Promise.all(posted);
    await hub.tick.drain();
    const line: [string, Facts] = ["slow commit", { messages: 2, milliseconds: tookMs }];
    assertEquals(lines, Array.from({ length: logged }, () => line));
    hub.close();
  });
}

/** Measures a disk whose commits take so long, one after the other, as far as it takes any. */
function measure(timesMs: readonly number[], isFull = false) {
  const lines: [string, Facts | undefined][] = [];
  const log = { ...silentLog, warn: (event: string, facts?: Facts) => lines.push([event, facts]) };
  let [now, commits] = [0, 0];
  const commitNothing = () => {
    now += timesMs[commits++ % timesMs.length] ?? 0;
    if (isFull) throw new Error("full");
  };
  warnOfSlowDisk({ commitNothing }, log, () => now);
  return { lines, now, commits };
}

Deno.test("warnOfSlowDisk() names the median commit of a slow disk, and takes little of it", () => {
  const line: [string, Facts] = ["disk is slow; see --workers", { commitMs: 5.1 }];
  const { lines, now } = measure([9, 5.1, 4]);
  assertEquals(lines, [line]);
  assert(now < 40);
  assertEquals(measure([200, 200]).commits, 3);
});

Deno.test("warnOfSlowDisk() says nothing of a quick disk, of one slow commit, and of one that fails", () => {
  assertEquals(measure([0.3]).lines, []);
  assertEquals(measure([30, 0.3, 0.3]).lines, []);
  assertEquals(measure([0.3]).commits, 9);
  assertEquals(measure([30], true).lines, []);
});

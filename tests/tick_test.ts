/**
 * In which order the tick commits and writes.
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
import { assertEquals } from "./support/assert.ts";
import { FaultyBroker } from "./support/faulty_broker.ts";

for (
  const [commitsElsewhere, order] of [
    [false, ["commit", "write", "commit"]],
    [true, ["commit", "commit", "write"]],
  ] as const
) {
  const where = commitsElsewhere ? "before" : "after";
  Deno.test(`with commitsElsewhere ${commitsElsewhere}, a whole batch begins ${where} the one before it is written`, async () => {
    await using broker = await FaultyBroker.make();
    const seen: string[] = [];
    const commit = broker.publish.bind(broker);
    Object.assign(broker, {
      commitsElsewhere,
      publish: async (...batch: Parameters<typeof commit>) => {
        seen.push("commit");
        const receipts = await commit(...batch);
        hub.tick.flushSoon({ flush: () => seen.push("write") === 0 });
        return receipts;
      },
    });
    const hub = new Hub({
      broker,
      options: completeOptions({ db: ":memory:" }),
      metrics: new Metrics(),
      rules: new Rules(),
      log: silentLog,
      now: () => performance.now(),
    });
    // Two batches and a part of one.
    const payload = "x".repeat(15_000);
    const posted = Array.from(
      { length: 24 },
      () => publish(hub, "lobby", parsePublication({ payload })),
    );
    await Promise.all(posted);
    await hub.tick.drain();
    assertEquals(seen.slice(0, 3), [...order]);
    hub.close();
  });
}

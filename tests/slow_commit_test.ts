/**
 * A commit that takes long: the operator is told once, with how long and how much.
 *
 * @module
 */
import { Rules } from "../server/access/rules.ts";
import { type Facts, silentLog } from "../server/log.ts";
import { Metrics } from "../server/metrics.ts";
import { completeOptions } from "../server/options.ts";
import { parsePublication } from "../server/protocol/publications.ts";
import { Hub } from "../server/rooms/hub.ts";
import { publish } from "../server/rooms/publish.ts";
import { assertEquals } from "./support/assert.ts";
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

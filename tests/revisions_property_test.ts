/**
 * Random conversations with revisions: whoever has heard up to a place holds the same as whoever reads
 * afresh. The long form belongs to `deno task soak`.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { serve } from "./support/harness.ts";
import { Dice, SEED } from "./support/random.ts";
import { converse, MANAGERS, NARROW } from "./support/revision_model.ts";
import { Directory } from "./support/sqlite_directory.ts";

const RUNS = Number(Deno.env.get("REVISIONS") ?? 6);

Deno.test(`${RUNS} conversations with revisions end alike for everybody, seed ${SEED}`, async () => {
  for (let run = 0; run < RUNS; run++) {
    await using at = new Directory();
    const open = () => serve({ ...NARROW, db: at.file }, MANAGERS);
    await converse(SEED + run, { open, steps: 40, restarts: true });
  }
});

Deno.test(`${RUNS} conversations whose readers are slow end alike for everybody, seed ${SEED}`, async () => {
  for (let run = 0; run < RUNS; run++) {
    await using at = new Directory();
    const dice = new Dice(SEED + run);
    /** Much is said and revised while a page is read. */
    const pause = async () => {
      for (let turns = dice.below(100); turns > 0; turns--) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    };
    // Nothing is kept in memory, so that every page is read.
    const open = async () =>
      await serveOn(
        FaultyBroker.slow(await at.open(), pause),
        { ...NARROW, tailBytes: 0 },
        MANAGERS,
      );
    await converse(SEED + run, { open, steps: 40, restarts: true });
  }
});

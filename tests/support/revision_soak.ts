/**
 * Ten thousand conversations with revisions, for `deno task soak`. Prints the seed of the first one that
 * does not end alike for everybody, and leaves with 1 then.
 *
 * @module
 */
import { serve } from "./harness.ts";
import { Directory } from "./sqlite_directory.ts";
import { SEED } from "./random.ts";
import { converse, MANAGERS, NARROW } from "./revision_model.ts";

const RUNS = 10_000;
/** Conversations at once on one server, so that they wait for the disk together; and how many restart theirs. */
const AT_ONCE = 30;
const RESTARTING = 0.02;
const STEPS = 40;

if (import.meta.main) {
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  say(`${RUNS} conversations with revisions, seed ${SEED}`);
  await using shared = new Directory();
  const server = await serve({ ...NARROW, db: shared.file }, MANAGERS);
  const run = async (seed: number, index: number) => {
    if (index >= RUNS * RESTARTING) {
      const open = () => Promise.resolve(server);
      return await converse(seed, { open, steps: STEPS, restarts: false });
    }
    await using at = new Directory();
    const open = () => serve({ ...NARROW, db: at.file }, MANAGERS);
    await converse(seed, { open, steps: STEPS, restarts: true });
  };
  let next = 0;
  const some = async () => {
    while (next < RUNS) {
      const index = next++;
      if (index % 1000 === 0) say(`${index}`);
      await run(SEED + index, index).catch((thrown) => {
        say(`seed ${SEED + index}: ${thrown}`);
        Deno.exit(1);
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  await server.stop();
  say("all alike");
}

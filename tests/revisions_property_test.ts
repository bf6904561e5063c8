/**
 * Random conversations with revisions: whoever has heard up to a place holds the same as whoever reads
 * afresh. The long form belongs to `deno task soak`.
 *
 * @module
 */
import { SEED } from "./support/random.ts";
import { converse } from "./support/revision_model.ts";
import { Directory } from "./support/sqlite_directory.ts";

const RUNS = Number(Deno.env.get("REVISIONS") ?? 12);

Deno.test(`${RUNS} conversations with revisions end alike for everybody, seed ${SEED}`, async () => {
  for (let run = 0; run < RUNS; run++) {
    await using at = new Directory();
    await converse(SEED + run, { options: { db: at.file }, steps: 40, restarts: true });
  }
});

/**
 * The load generator: one job as JSON in the first argument, its result as JSON on a line. A flood gives
 * a line for each slice that it is asked for.
 * It runs on Node, whose TCP reads into one buffer of ours (`onread`) cost the least CPU a byte of
 * what is to be had from npm: 0.19 s a GB, against Bun's 0.31.
 */
import { fill, flood } from "./flood.ts";
import { idle } from "./idle.ts";
import { comeBack } from "./come_back.ts";
import { pages } from "./pages.ts";
import { scale } from "./scale.ts";
import type { FloodJob, Job, Results } from "./job.ts";

async function run(job: Exclude<Job, FloodJob>): Promise<Results[keyof Results]> {
  switch (job.kind) {
    case "fill":
      return await fill(job);
    case "idle":
      return await idle(job);
    case "return":
      return await comeBack(job);
    case "scale":
      return await scale(job);
    case "pages":
      return await pages(job);
  }
}

/** Resolves when all of it was written. */
function answer(result: unknown): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(`${JSON.stringify(result)}\n`, () => resolve());
  });
}

const job = JSON.parse(process.argv[2] ?? "") as Job;
if (job.kind === "flood") { for await (const result of flood(job)) await answer(result); }
else await answer(await run(job));
process.exit(0);

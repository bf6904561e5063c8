/**
 * The load generator: one job as JSON in the first argument, its result as JSON on the last line.
 * It runs on Node, whose TCP reads into one buffer of ours (`onread`) cost the least CPU a byte of
 * what is to be had from npm: 0.19 s a GB, against Bun's 0.31.
 */
import { fill, flood } from "./flood.ts";
import { idle } from "./idle.ts";
import { comeBack } from "./come_back.ts";
import { pages } from "./pages.ts";
import { requests } from "./requests.ts";
import { scale } from "./scale.ts";
import type { Job, Results } from "./job.ts";

async function run(job: Job): Promise<Results[Job["kind"]]> {
  switch (job.kind) {
    case "flood":
      return await flood(job);
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
    case "requests":
      return await requests(job);
  }
}

const result = await run(JSON.parse(process.argv[2] ?? "") as Job);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

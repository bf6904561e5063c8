/** Requests by the clock, beside whatever else the server has to do: how long each one takes. */
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Histogram } from "./histogram.ts";
import type { RequestsJob, RequestsResult } from "./job.ts";

/**
 * Sends a request whenever one is due, whether or not the one before has been answered. They share a
 * connection, and another one is opened only while it waits.
 */
export async function requests(job: RequestsJob): Promise<RequestsResult> {
  const { port, path, perSecond, warmUpSeconds, seconds } = job;
  const agent = new Agent({ keepAlive: true });
  const histogram = new Histogram();
  const begin = performance.now();
  const asked: Promise<number>[] = [];
  const count = Math.ceil((warmUpSeconds + seconds) * perSecond);
  for (let n = 0; n < count; n++) {
    const early = begin + 1000 * n / perSecond - performance.now();
    if (early > 0) await sleep(early);
    asked.push(ask({ host: "127.0.0.1", port, path, agent }));
  }
  const measured = (await Promise.all(asked)).slice(Math.ceil(warmUpSeconds * perSecond));
  for (const ms of measured) histogram.add(ms);
  agent.destroy();
  return {
    count: measured.length,
    p50: histogram.percentile(0.5),
    p99: histogram.percentile(0.99),
    max: histogram.percentile(1),
  };
}

/** Milliseconds until all of the answer is there. */
function ask(options: { host: string; port: number; path: string; agent: Agent }): Promise<number> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    get(options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${options.path}: ${response.statusCode}`));
      response.on("end", () => resolve(performance.now() - begin)).resume();
    }).on("error", reject);
  });
}

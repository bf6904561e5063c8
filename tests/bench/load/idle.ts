/** Connections that say nothing: what each costs in memory. */
import { setTimeout as sleep } from "node:timers/promises";
import { faultsOf, gather } from "./crowd.ts";
import type { IdleJob, IdleResult } from "./job.ts";
import { usageOf } from "./proc.ts";
import { Scanner } from "./scanner.ts";

export async function idle(job: IdleJob): Promise<IdleResult> {
  const scanner = new Scanner();
  const before = usageOf(job.pid);
  const begin = performance.now();
  const clients = await gather(job, job, scanner);
  const connectSeconds = (performance.now() - begin) / 1000;
  await sleep(job.settleSeconds * 1000);
  const after = usageOf(job.pid);
  const faults = faultsOf(scanner);
  for (const client of clients) client.close();
  return { ...faults, before, after, connectSeconds };
}

/** What the operating system says of a process: proc(5). */
import { readdirSync, readFileSync } from "node:fs";
import type { ThreadUsage, Usage } from "./job.ts";

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node and Deno run on. */
const TICKS_A_SECOND = 100;

/** CPU time and resident memory of a process, all its threads together. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is a name in brackets, which may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rssKilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return { cpuSeconds, rssBytes: rssKilobytes * 1024 };
}

/** CPU time of each thread that a process has now, by its id. */
export function threadsOf(pid: number): Map<string, ThreadUsage> {
  const threads = new Map<string, ThreadUsage>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    try {
      const task = `/proc/${pid}/task/${id}`;
      const name = readFileSync(`${task}/comm`, "utf8").trim();
      const nanoseconds = Number(readFileSync(`${task}/schedstat`, "utf8").split(" ", 1)[0]);
      threads.set(id, { name, cpuSeconds: nanoseconds / 1e9 });
    } catch { /* the thread has just ended */ }
  }
  return threads;
}

/**
 * What all threads together used between two moments. The kernel counts that of a process in hundredths of
 * a second only, which is needed if a thread has ended meanwhile.
 */
export function allBetween(
  before: { readonly server: Usage; readonly threads: ReadonlyMap<string, ThreadUsage> },
  after: { readonly server: Usage; readonly threads: ReadonlyMap<string, ThreadUsage> },
): number {
  const isWhole = [...before.threads.keys()].every((id) => after.threads.has(id));
  if (!isWhole) return after.server.cpuSeconds - before.server.cpuSeconds;
  return usedBetween(before.threads, after.threads)
    .reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** What the threads used between two moments, busiest first. */
export function usedBetween(
  before: ReadonlyMap<string, ThreadUsage>,
  after: ReadonlyMap<string, ThreadUsage>,
): ThreadUsage[] {
  return [...after]
    .map(([id, { name, cpuSeconds }]) => ({
      name,
      cpuSeconds: cpuSeconds - (before.get(id)?.cpuSeconds ?? 0),
    }))
    .filter(({ cpuSeconds }) => cpuSeconds > 0)
    .sort((a, b) => b.cpuSeconds - a.cpuSeconds);
}

/** CPU time that was spent on this machine since it was started, by whomever, its host included. */
export function machineCpuSeconds(): number {
  const all = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/).slice(1, 9);
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = all.map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_A_SECOND;
}

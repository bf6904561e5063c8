/** What the operating system says of a process: proc(5). */
import { readFileSync } from "node:fs";
import type { Usage } from "./job.ts";

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node and Deno run on. */
const TICKS_A_SECOND = 100;

/** CPU time and resident memory of a process, all its threads together. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is a name in brackets, which may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rssKilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return { cpuSeconds: ticks / TICKS_A_SECOND, rssBytes: rssKilobytes * 1024 };
}

/** CPU time that was spent on this machine since it was started, by whomever, its host included. */
export function machineCpuSeconds(): number {
  const all = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/).slice(1, 9);
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = all.map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_A_SECOND;
}

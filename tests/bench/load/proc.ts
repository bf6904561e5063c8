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

/** CPU time of all processes since the machine was started, and what its host took from it. */
export function machineCpuSeconds(): number {
  const [, user, nice, system, , , , , steal] = readFileSync("/proc/stat", "utf8").split(/\s+/, 9);
  const ticks = Number(user) + Number(nice) + Number(system) + Number(steal);
  return ticks / TICKS_A_SECOND;
}

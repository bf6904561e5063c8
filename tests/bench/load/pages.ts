/** What a page of history costs, wherever in the log it is. */
import type { PagesJob, PagesResult } from "./job.ts";
import { usageOf } from "./proc.ts";

const PAGES = 300;
const SIZE = 50;

/** Without a common factor with a round number: one stride after another comes by everywhere. */
const STRIDE = 617_411;

export async function pages({ port, pid, messages }: PagesJob): Promise<PagesResult> {
  const before = usageOf(pid).cpuSeconds;
  const begin = performance.now();
  for (let i = 0; i < PAGES; i++) {
    const end = SIZE + 1 + (i * STRIDE) % (messages - SIZE);
    const url = `http://127.0.0.1:${port}/rooms/lobby/messages?before=${end}&limit=${SIZE}`;
    const response = await fetch(url);
    const text = await response.text();
    const complete = text.includes(`"seq":${end - SIZE},`) && text.includes(`"seq":${end - 1},`);
    if (!response.ok || !complete) throw new Error(`not the page asked for: ${url} ${text}`);
  }
  return {
    serverCpuMs: (usageOf(pid).cpuSeconds - before) * 1000 / PAGES,
    ms: (performance.now() - begin) / PAGES,
  };
}

/** What joins, typing, renames and leaves cost in one room, to see that it is the same in any. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import { all, faultsOf, gather, until } from "./crowd.ts";
import type { ScaleJob, ScaleResult } from "./job.ts";
import { usageOf } from "./proc.ts";
import { Scanner } from "./scanner.ts";

/** Members who type, and who take a new name. */
const ACTIVE = 20;

/** Longer than what a server puts off on purpose: the count once a second, the grace of leaving. */
const SETTLE_MS = 8000;

export async function scale(job: ScaleJob): Promise<ScaleResult> {
  const scanner = new Scanner();
  const crowd = { members: job.members, rooms: 1, senders: 0 };
  const clients = await gather(job, crowd, scanner, { join: false });
  const active = clients.slice(0, ACTIVE);
  const room = active[0]?.room ?? "";

  const joins = await measure(async () => {
    for (const client of clients) client.ready = false;
    for (const client of clients) client.join();
    await until(() => all(clients, 0, (client) => client.ready));
    await sleep(1500);
  });
  const typingBefore = seen(clients, "typing");
  const typing = await measure(async () => {
    const typed = JSON.stringify({ type: "typing", room, payload: true });
    for (const client of active) client.tell(typed);
    await until(() => seen(clients, "typing") - typingBefore >= ACTIVE * (job.members - 1), 10_000);
  });
  const typingDeliveries = seen(clients, "typing") - typingBefore;
  const systemBefore = seen(clients, "system");
  const renames = await measure(async () => {
    for (const client of active) {
      client.tell(JSON.stringify({ type: "rename", name: `renamed-${client.index}` }));
    }
    await sleep(1500);
  });
  const renameDeliveries = seen(clients, "system") - systemBefore;
  const leaves = await measure(async () => {
    for (const client of clients) client.tell(JSON.stringify({ type: "leave", room }));
    await sleep(SETTLE_MS);
  });
  const faults = faultsOf(scanner);
  for (const client of clients) client.close();
  return {
    ...faults,
    join: joins / job.members,
    typing: typing / ACTIVE,
    typingDeliveries,
    rename: renames / ACTIVE,
    renameDeliveries,
    leave: leaves / job.members,
  };

  /** The server's CPU time while something is done, in microseconds. */
  async function measure(act: () => Promise<void>): Promise<number> {
    const before = usageOf(job.pid).cpuSeconds;
    await act();
    return (usageOf(job.pid).cpuSeconds - before) * 1e6;
  }
}

function seen(clients: readonly Client[], type: string): number {
  return clients.reduce((sum, client) => sum + (client.seen.get(type) ?? 0), 0);
}

/**
 * What joins, typing, renames and leaves cost in rooms of one size. The members of all rooms
 * together are the same number for any size, so that the costs can be held against each other.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import { all, faultsOf, gather, until } from "./crowd.ts";
import type { ScaleJob, ScaleResult } from "./job.ts";
import { usageOf } from "./proc.ts";
import { Scanner } from "./scanner.ts";

/** Members of each room who type, and who take a new name. */
const ACTIVE = 20;

/** What a server puts off on purpose (the count of a large room, once a second) has come by then. */
const PUT_OFF_MS = 1500;

/** A server that uses less than this in a while has nothing left to do. */
const QUIET_SECONDS = 0.02;
const WHILE_MS = 500;

export async function scale(job: ScaleJob): Promise<ScaleResult> {
  const scanner = new Scanner();
  const crowd = { members: job.members, rooms: job.rooms, senders: 0 };
  const clients = await gather(job, crowd, scanner, { join: false });
  const active = clients.slice(0, ACTIVE * job.rooms);

  const joins = await measure(async () => {
    for (const client of clients) client.ready = false;
    for (const client of clients) client.join();
    await until(() => all(clients, 0, (client) => client.ready));
  });
  const typingBefore = seen(clients, "typing");
  const typing = await measure(() => {
    for (const client of active) {
      client.tell(JSON.stringify({ type: "typing", room: client.room, payload: true }));
    }
  });
  const typingDeliveries = seen(clients, "typing") - typingBefore;
  const systemBefore = seen(clients, "system");
  const renames = await measure(() => {
    for (const client of active) {
      client.tell(JSON.stringify({ type: "rename", name: `renamed-${client.index}` }));
    }
  });
  const renameDeliveries = seen(clients, "system") - systemBefore;
  const leaves = await measure(() => {
    for (const client of clients) {
      client.tell(JSON.stringify({ type: "leave", room: client.room }));
    }
  });
  const faults = faultsOf(scanner);
  for (const client of clients) client.close();
  return {
    ...faults,
    join: joins / job.members,
    typing: typing / active.length,
    typingDeliveries: typingDeliveries / active.length,
    rename: renames / active.length,
    renameDeliveries: renameDeliveries / active.length,
    leave: leaves / job.members,
  };

  /** The server's CPU time for something and all that follows from it, in microseconds. */
  async function measure(act: () => Promise<void> | void): Promise<number> {
    const begin = usageOf(job.pid).cpuSeconds;
    await act();
    await sleep(PUT_OFF_MS);
    let end = usageOf(job.pid).cpuSeconds;
    for (let i = 0; i < 60; i++) {
      await sleep(WHILE_MS);
      const now = usageOf(job.pid).cpuSeconds;
      if (now - end < QUIET_SECONDS) break;
      end = now;
    }
    return (end - begin) * 1e6;
  }
}

function seen(clients: readonly Client[], type: string): number {
  return clients.reduce((sum, client) => sum + (client.seen.get(type) ?? 0), 0);
}

/** Connections, many at a time, and waiting for what they wait for. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, failures, type Since } from "./client.ts";
import { roomName } from "./dialect.ts";
import type { Crowd, Faults, Target } from "./job.ts";
import type { Scanner } from "./scanner.ts";

/** Handshakes under way at once: below every server's backlog. */
const AT_ONCE = 256;

/** Time for the last of many to be subscribed: only Parley and Socket.IO say when one is. */
const SETTLE_MS = 300;

/** Every step is bounded: a server that stops answering fails the run. */
const PATIENCE_MS = 120_000;

/** Resolves once the condition holds, or after `patience`; says which. */
export async function until(condition: () => boolean, patience = PATIENCE_MS): Promise<boolean> {
  const end = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > end) return false;
    await sleep(2);
  }
  return true;
}

/** All of a crowd, connected and in their rooms. Member i is in room i modulo the rooms. */
export async function gather(
  target: Target,
  crowd: Crowd,
  scanner: Scanner,
  more: { since?: Since; join?: boolean } = {},
): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < crowd.members) {
    const wave = clients.length;
    for (let i = wave; i < Math.min(wave + AT_ONCE, crowd.members); i++) {
      clients.push(new Client(target, scanner, i, roomName(i % crowd.rooms), more));
    }
    const arrived = await until(() => all(clients, wave, (client) => client.ready));
    if (!arrived) throw new Error(`connections are not answered: ${failures.first}`);
  }
  await sleep(SETTLE_MS);
  return clients;
}

/** Whether it holds for all clients from the given one on. */
export function all(
  clients: readonly Client[],
  from: number,
  holds: (client: Client) => boolean,
): boolean {
  for (let i = from; i < clients.length; i++) if (!holds(clients[i]!)) return false;
  return true;
}

export function faultsOf(scanner: Scanner): Faults {
  const { holes, repeats } = scanner;
  if (failures.errors > 0) process.stderr.write(`generator: ${failures.first}\n`);
  return { holes, repeats, errors: failures.errors };
}

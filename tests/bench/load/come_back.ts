/** A whole crowd connects at the same moment, as after a restart, and wants what it has missed. */
import { Client, failures } from "./client.ts";
import { all, faultsOf, gather, until } from "./crowd.ts";
import { roomName } from "./dialect.ts";
import type { ReturnJob, ReturnResult } from "./job.ts";
import { usageOf } from "./proc.ts";
import { Scanner } from "./scanner.ts";

/** Said before the crowd comes. */
const MESSAGES = 100;

export async function comeBack(job: ReturnJob): Promise<ReturnResult> {
  const since = job.missed > 0 ? await prepare(job) : undefined;
  const scanner = new Scanner();
  const before = { server: usageOf(job.pid), load: usageOf(process.pid) };
  const begin = performance.now();
  const clients: Client[] = [];
  for (let i = 0; i < job.members; i++) {
    clients.push(new Client(job, scanner, i, roomName(0), since && { since }));
  }
  const head = (since?.seq ?? -1) + job.missed;
  const present = (client: Client) => client.ready && client.next > head;
  const arrived = await until(() => all(clients, 0, present));
  const seconds = (performance.now() - begin) / 1000;
  const after = { server: usageOf(job.pid), load: usageOf(process.pid) };
  const exact = (client: Client) => client.recovered && client.next === head + 1;
  const recovered = clients.filter(exact).length;
  const faults = faultsOf(scanner);
  for (const client of clients) client.close();
  if (!arrived) throw new Error(`not all came back: ${failures.first}`);
  return {
    ...faults,
    seconds,
    serverCpuSeconds: after.server.cpuSeconds - before.server.cpuSeconds,
    loadCpuSeconds: after.load.cpuSeconds - before.load.cpuSeconds,
    recovered,
  };
}

/** Some messages, and where one is who has missed the last of them. */
async function prepare(job: ReturnJob) {
  const scanner = new Scanner();
  const [client] = await gather(job, { members: 1, rooms: 1, senders: 1 }, scanner);
  if (client === undefined) throw new Error("nobody came");
  client.say(MESSAGES);
  await until(() => scanner.deliveries === MESSAGES);
  client.close();
  return { epoch: client.epoch, seq: client.next - 1 - job.missed };
}

/**
 * Everybody talks, for a slice of time whenever the bench asks for one, and is silent in between. Without
 * a rate, each sender has `inFlight` messages on the way and sends the next one when one comes back; with
 * a rate, messages are sent by the clock, come what may.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import { all, faultsOf, gather, until } from "./crowd.ts";
import { Histogram } from "./histogram.ts";
import type { FillJob, FillResult, FloodJob, FloodResult, Slice, Usage } from "./job.ts";
import { allBetween, machineCpuSeconds, threadsOf, usageOf, usedBetween } from "./proc.ts";
import { countOf, Scanner } from "./scanner.ts";

/** What was sent has this long to arrive, after the last was sent. */
const DRAIN_MS = 60_000;

const NOTHING: Usage = { cpuSeconds: 0, rssBytes: 0 };

/** Answers each slice that standard input asks for, a line each, until it ends. */
export async function* flood(job: FloodJob): AsyncGenerator<FloodResult> {
  const scanner = new Scanner();
  const clients = await gather(job, job, scanner);
  const senders = clients.filter((client) => Math.floor(client.index / job.rooms) < job.senders);
  let sending = false;
  let echoes = 0;
  scanner.onRead = (client) => {
    if (client.echoes === 0) return;
    const count = client.echoes;
    client.echoes = 0;
    echoes += count;
    if (sending) client.say(count);
  };
  // What a room had before may look like one's own: it is no echo.
  for (const client of clients) client.echoes = 0;
  const earlier = scanner.deliveries;
  for await (const line of createInterface({ input: process.stdin })) {
    yield await slice(JSON.parse(line) as Slice);
  }
  for (const client of clients) client.close();

  async function slice({ runInSeconds, seconds }: Slice): Promise<FloodResult> {
    const paced = job.rate > 0 ? new Pace(job.rate, senders, scanner) : undefined;
    sending = paced === undefined;
    if (paced) paced.begin();
    else for (const client of senders) client.say(job.inFlight);
    await sleep(runInSeconds * 1000);
    paced?.measure();
    const before = look();
    await sleep(seconds * 1000);
    const after = look();
    sending = false;
    paced?.end();
    const owed = senders.reduce((sum, client) => sum + client.sent, 0) * (job.members / job.rooms);
    const arrived = () => scanner.deliveries - earlier;
    await until(() => arrived() >= owed && level(clients, job.rooms), DRAIN_MS);
    const complete = arrived() === owed && level(clients, job.rooms);
    return {
      ...faultsOf(scanner),
      seconds: (after.at - before.at) / 1000,
      messages: after.echoes - before.echoes,
      deliveries: after.deliveries - before.deliveries,
      bytes: after.bytes - before.bytes,
      serverCpuSeconds: allBetween(before, after),
      threads: usedBetween(before.threads, after.threads),
      loadCpuSeconds: after.load.cpuSeconds - before.load.cpuSeconds,
      otherCpuSeconds: after.others - before.others,
      rssBytes: after.server.rssBytes,
      complete,
      ...(paced && { latency: paced.result() }),
    };
  }

  function look() {
    const nodes = job.second === undefined ? [job.pid] : [job.pid, job.second.pid];
    const server = nodes.map(usageOf).reduce((sum, { cpuSeconds, rssBytes }) => {
      return { cpuSeconds: sum.cpuSeconds + cpuSeconds, rssBytes: sum.rssBytes + rssBytes };
    }, NOTHING);
    const load = usageOf(process.pid);
    return {
      at: performance.now(),
      echoes,
      deliveries: scanner.deliveries,
      bytes: scanner.bytes,
      server,
      threads: new Map(nodes.flatMap((pid) => [...threadsOf(pid)])),
      load,
      others: machineCpuSeconds() - server.cpuSeconds - load.cpuSeconds,
    };
  }
}

/** One sender alone in a room, until the room holds that many messages. */
export async function fill(job: FillJob): Promise<FillResult> {
  const scanner = new Scanner();
  const [client] = await gather(job, { members: 1, rooms: 1, senders: 1 }, scanner);
  if (client === undefined) throw new Error("nobody came");
  const begin = performance.now();
  scanner.onRead = () => {
    const count = Math.min(client.echoes, job.messages - client.sent);
    client.echoes = 0;
    if (count > 0) client.say(count);
  };
  client.say(Math.min(1024, job.messages));
  const filled = await until(() => client.next > job.messages, 600_000);
  const seconds = (performance.now() - begin) / 1000;
  client.close();
  if (!filled) throw new Error("the room did not fill");
  return { ...faultsOf(scanner), seconds, head: client.next - 1 };
}

/** Whether all members of each room have come to the same message. */
function level(clients: readonly Client[], rooms: number): boolean {
  return all(clients, rooms, (client) => client.next === clients[client.index % rooms]!.next);
}

/** Sends by the clock, and measures how long each message takes to each member. */
class Pace {
  readonly #rate: number;
  readonly #senders: readonly Client[];
  /** When each author's last messages were sent: a ring for each. */
  readonly #sentAt: readonly Float64Array[];
  #histogram = new Histogram();
  #measuring = false;
  #begin = 0;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(rate: number, senders: readonly Client[], scanner: Scanner) {
    this.#rate = rate;
    this.#senders = senders;
    this.#sentAt = senders.map(() => new Float64Array(RING));
    scanner.onMessage = (_client, author, memory, countAt) => {
      if (!this.#measuring) return;
      const sentAt = this.#sentAt[author]?.[countOf(memory, countAt) % RING];
      if (sentAt !== undefined) this.#histogram.add(performance.now() - sentAt);
    };
  }

  begin(): void {
    this.#begin = performance.now();
    // The clock of timers is 1 ms: what is due goes out together, from different senders.
    this.#timer = setInterval(() => this.#send(), 1);
  }

  measure(): void {
    this.#measuring = true;
  }

  end(): void {
    this.#measuring = false;
    clearInterval(this.#timer);
  }

  /** Each sender in turn; who has several due says them together, as a client would. */
  #send(): void {
    const now = performance.now();
    const senders = this.#senders.length;
    const due = Math.floor((now - this.#begin) / 1000 * this.#rate) - this.#sent;
    for (let i = 0; i < Math.min(due, senders); i++) {
      const index = (this.#sent + i) % senders;
      const sender = this.#senders[index]!;
      const count = Math.floor((due - i - 1) / senders) + 1;
      for (let k = 0; k < count; k++) this.#sentAt[index]![(sender.sent + k) % RING] = now;
      sender.say(count);
    }
    this.#sent += due;
  }

  result() {
    const ms = (share: number) => this.#histogram.percentile(share);
    return { p50: ms(0.5), p99: ms(0.99), max: ms(1) };
  }
}

/** Messages of one author that may be under way at once. */
const RING = 1 << 14;

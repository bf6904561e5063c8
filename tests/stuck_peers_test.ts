/**
 * One and a hundred peers that stop reading in a busy room. The server is a process of its own, so
 * that its memory can be told from the test's; it is measured after it has let go of all it can.
 * `STORM=1` keeps the default patience of 30 seconds, and says what was measured; `WORKERS=2 STORM=1` is the
 * same over threads.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, member, until } from "./support/harness.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { type Sample, WatchedProcess } from "./support/watched_process.ts";
import { named, WORKERS } from "./support/workers.ts";

const IS_LONG = Deno.env.get("STORM") !== undefined;
const TEXT = "x".repeat(10_000);
const HIGH_WATER_BYTES = 262_144;
/** One tick, or a page of the log: what is begun below the mark is written whole. */
const FRAME_BYTES = 160_000;
/** What the runtime needs besides for a socket (21 KB), and the allocator for its pieces. */
const SOCKET_BYTES = 100_000;
/** What the process may take for itself, whoever reads: SQLite's cache, above all. */
const SLACK_BYTES = 35_000_000;
/** A way to fail, and what the README promises: within a minute, at the default of stallSeconds. */
const FORGOTTEN_MS = 60_000;
/** Said when all are stuck: far more than the slack, even if only one were sent it all. */
const MORE = 5000;

/** Somebody who talks, and somebody who listens; neither may notice anything. */
class Pair implements AsyncDisposable {
  readonly #talker: Client;
  readonly #listener: Client;
  said = 0;

  private constructor(talker: Client, listener: Client) {
    this.#talker = talker;
    this.#listener = listener;
  }

  static async in(server: WatchedProcess): Promise<Pair> {
    const protocol = "parley.v1.batched";
    const talker = await member(server, { protocol });
    return new Pair(talker, await member(server, { name: "Bob", protocol }));
  }

  /** Says so many, and both hear each once and in order. */
  async talk(count: number): Promise<void> {
    for (const end = this.said + count; this.said < end;) {
      for (let i = 0; i < 50; i++) this.#talker.send({ type: "chat", payload: TEXT });
      for (const client of [this.#talker, this.#listener]) {
        const seqs = (await client.take("chat", 50)).map(({ seq }) => seq);
        assertEquals(seqs, seqs.map((_, index) => this.said + index + 1));
        client.frames.length = 0;
      }
      this.said += 50;
    }
  }

  /** How long it took until both had heard each of so many, said one by one: in order, in ms. */
  async times(count: number): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      this.#talker.send({ type: "chat", payload: "x" });
      await Promise.all([this.#talker.next("chat"), this.#listener.next("chat")]);
      times.push(performance.now() - begin);
    }
    this.said += count;
    return times.toSorted((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#talker.close();
    await this.#listener.close();
  }
}

/** Peers that have joined and read nothing since; closed when the test ends. */
class Peers implements Disposable {
  readonly sockets: RawSocket[] = [];

  static async in(server: WatchedProcess, count: number): Promise<Peers> {
    const peers = new Peers();
    for (let i = 0; i < count; i++) {
      const socket = await RawSocket.open(server, { protocol: "parley.v1.batched" });
      await socket.send({ type: "join" });
      peers.sockets.push(socket);
    }
    return peers;
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket[Symbol.dispose]();
  }
}

async function peopleOf(server: WatchedProcess): Promise<number> {
  const { rooms } = await (await fetch(`${server.url}/rooms`)).json();
  return rooms[0]?.memberCount ?? 0;
}

/** Measures the room, which takes long. */
async function measure(pair: Pair, what: string): Promise<void> {
  if (!IS_LONG) return;
  const begin = performance.now();
  await pair.talk(2000);
  const rate = Math.round(2_000_000 / (performance.now() - begin));
  const times = await pair.times(500);
  const [median, p99] = [times[250], times[495]].map((ms) => ms?.toFixed(2));
  // deno-lint-ignore no-console
  console.log(`${what}: ${rate} messages a second; one by one ${median} ms, p99 ${p99} ms`);
}

function show(what: string, { rssBytes, queuedBytes, mostQueuedBytes }: Sample): void {
  const [rss, queued, most] = [rssBytes, queuedBytes, mostQueuedBytes].map((n) => n / 1e6);
  // deno-lint-ignore no-console
  if (IS_LONG) console.log(`${what}: RSS ${rss} MB, queued ${queued} MB, at most ${most} MB`);
}

for (const workers of WORKERS) {
  for (const count of IS_LONG ? [1, 100, 500] : [1, 100]) {
    // In the gate, one of them over threads is enough.
    const isBrief = workers > 0 && WORKERS.length > 1;
    if (!isBrief) testMemory(count, workers);
    if (!isBrief || count === 100) testDropping(count, workers);
  }
}

function testMemory(count: number, workers: number): void {
  Deno.test(`${count} stuck peers: memory stays bounded, and a peer that reads again misses nothing${named(workers)}`, async () => {
    const patience = { stallSeconds: 3600, recentMessages: 0 };
    await using server = await WatchedProcess.start({ ...patience, workers });
    await using pair = await Pair.in(server);
    await pair.talk(2000); // SQLite's cache is full now
    await measure(pair, "alone");
    const before = await server.sample();
    show("alone", before);
    using peers = await Peers.in(server, count);
    await until(async () => (await server.sample()).connections === count + 2, "all to be in");
    const first = pair.said + 1;
    do await pair.talk(50); while ((await server.sample()).stuck < count);
    await measure(pair, `${count} stuck`);
    await pair.talk(MORE);
    let during = await server.sample();
    // What is on its way to the two who read counts as well.
    await until(async () => (during = await server.sample()).stuck === count, "the others to read");
    show(`${count} stuck`, during);
    const most = HIGH_WATER_BYTES + FRAME_BYTES;
    assert(during.mostQueuedBytes <= most, `${during.mostQueuedBytes} bytes for one`);
    const grown = during.rssBytes - before.rssBytes;
    assert(grown <= count * (most + SOCKET_BYTES) + SLACK_BYTES, `grown by ${grown} bytes`);

    const [victim] = peers.sockets;
    assert(victim !== undefined);
    for (let next = first; next <= pair.said;) {
      for (const event of await victim.events()) {
        if (event.type === "chat") assertEquals(event.seq, next++);
      }
    }
    await pair.talk(50); // and live again
    for (let left = 50; left > 0;) {
      for (const event of await victim.events()) {
        if (event.type === "chat") assertEquals(event.seq, pair.said - --left);
      }
    }
  });
}

function testDropping(count: number, workers: number): void {
  Deno.test(`${count} peers stuck for good: the room drops them, and they count as connections until they go${named(workers)}`, async () => {
    const patience = IS_LONG ? {} : { stallSeconds: 0.5, graceSeconds: 0.1 };
    await using server = await WatchedProcess.start({ ...patience, recentMessages: 0, workers });
    await using pair = await Pair.in(server);
    using peers = await Peers.in(server, count);
    await until(async () => await peopleOf(server) === count + 2, "all to be in");
    const begin = performance.now();
    while ((await server.sample()).connections > 2) {
      assert(performance.now() < begin + FORGOTTEN_MS, "they are in the room still");
      await pair.talk(50);
    }
    await until(async () => await peopleOf(server) === 2, "the room to forget them");
    const seconds = (performance.now() - begin) / 1000;
    // deno-lint-ignore no-console
    if (IS_LONG) console.log(`${count} forgotten after ${seconds.toFixed(1)} s`);
    await pair.talk(100);
    // The runtime has no terminate(), so the sockets are there and are counted.
    assertEquals((await server.sample()).sockets, count + 2);
    peers[Symbol.dispose]();
    await until(async () => (await server.sample()).sockets === 2, "the sockets to be gone");
    await pair[Symbol.asyncDispose]();
    await until(async () => (await server.sample()).rooms === 0, "the room to be gone");
  });
}

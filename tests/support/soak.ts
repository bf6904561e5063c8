/**
 * Whether anything grows that should not: rooms joined and left, clients that come and go, with and
 * without a word, and messages, round after round; after each round the server is alone again, and is
 * looked at. `deno task soak` takes some minutes, prints a table and a verdict, and leaves with 1 if
 * anything grew.
 *
 * @module
 */
import type { Event } from "../../server/mod.ts";
import { member, until } from "./harness.ts";
import { RawSocket } from "./raw_socket.ts";
import { type Outside, type Sample, WatchedProcess } from "./watched_process.ts";

/** How much of everything, over all rounds. */
export interface Plan {
  readonly rounds: number;
  readonly rooms: number;
  readonly connections: number;
  readonly messages: number;
  /** @default {0} */
  readonly workers?: number;
}

/** What the server holds when everybody is gone. */
export type Row = Sample & Outside & { readonly seconds: number };

const LONG: Plan = { rounds: 20, rooms: 1_000_000, connections: 30_000, messages: 10_000_000 };

/** What may grow by how much from the end of the first third to the last round: a part, and a little. */
const ALLOWED: readonly (readonly [keyof Row, part: number, little: number])[] = [
  ["rssBytes", 0.1, 4_000_000],
  ["heapBytes", 0.1, 500_000],
  ["files", 0, 2],
  ["timers", 0, 0],
  ["sockets", 0, 0],
  ["connections", 0, 0],
  ["keptConnections", 0, 0],
  ["rooms", 0, 0],
  ["walBytes", 0.1, 17_000_000], // it is written from the beginning again at 16.4 MB
  ["databaseBytes", 0.1, 3_000_000], // what is kept is 1.5 MB, and comes to it at that time
];
/** Rooms that a client is in at once, clients there at once, messages on their way at once. */
const AT_ONCE = { rooms: 40, connections: 50, messages: 100 };
const TALKERS = 10;
const SPOKEN_IN = 5;

/** One round after the other; each is told as it ends. */
export async function soak(plan: Plan, told: (row: Row) => void): Promise<Row[]> {
  await using server = await WatchedProcess.start({
    graceSeconds: 0,
    heartbeatSeconds: 1, // for so long the runtime keeps a socket that ended without a word
    retainMessages: 1000,
    dedupeMessages: 1000,
    workers: plan.workers ?? 0,
  });
  const part = (all: number) => Math.ceil(all / plan.rounds);
  const rows: Row[] = [];
  const begin = performance.now();
  for (let round = 0; round < plan.rounds; round++) {
    await comeAndGo(server, part(plan.connections));
    await joinAndLeave(server, part(plan.rooms), round);
    await talk(server, part(plan.messages));
    // A timer more may be for what is still to be done.
    const maxTimers = Math.min(...rows.map(({ timers }) => timers)); // at first there is no bound
    let sample = await server.sample();
    await until(async () => {
      sample = await server.sample();
      const { sockets, connections, rooms, timers } = sample;
      return sockets + connections + rooms === 0 && timers <= maxTimers;
    }, `everybody to be gone, and all but ${maxTimers} timers`);
    const seconds = (performance.now() - begin) / 1000;
    const row = { ...sample, ...await server.outside(), seconds };
    rows.push(row);
    told(row);
  }
  return rows;
}

/** What grew, in words; nothing if all is flat. */
export function verdict(rows: readonly Row[]): string[] {
  const first = rows[Math.floor(rows.length / 3)];
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return ["there is nothing to compare"];
  return ALLOWED.flatMap(([what, part, little]) =>
    last[what] > first[what] * (1 + part) + little
      ? [`${what} grew from ${first[what]} to ${last[what]}`]
      : []
  );
}

/** Half of them say goodbye. */
async function comeAndGo(server: WatchedProcess, count: number): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE.connections) {
    await Promise.all(Array.from({ length: AT_ONCE.connections / 2 }, async () => {
      await (await member(server, { room: "hall" })).close();
      using socket = await RawSocket.open(server, { protocol: "parley.v1.batched" });
      await socket.send({ type: "join", room: "hall" });
      await socket.events();
    }));
  }
}

async function joinAndLeave(server: WatchedProcess, count: number, round: number): Promise<void> {
  using socket = await RawSocket.open(server, { protocol: "parley.v1.batched" });
  let commands: unknown[] = [];
  for (let done = 0; done < count; done += AT_ONCE.rooms) {
    const rooms = Array.from({ length: AT_ONCE.rooms }, (_, i) => `room ${round} ${done + i}`);
    await socket.send([...commands, ...rooms.map((room) => ({ type: "join", room }))]);
    commands = rooms.map((room) => ({ type: "leave", room }));
    await hear(socket, "joined", AT_ONCE.rooms);
  }
  await socket.send(commands);
}

async function talk(server: WatchedProcess, count: number): Promise<void> {
  await Promise.all(Array.from({ length: TALKERS }, async (_, index) => {
    const room = `spoken in ${index % SPOKEN_IN}`;
    using socket = await RawSocket.open(server, { protocol: "parley.v1.batched" });
    await socket.send([{ type: "hello", name: `T${index}` }, { type: "join", room }]);
    await hear(socket, "joined", 1);
    const payload = "x".repeat(50);
    for (let done = 0; done < count / TALKERS; done += AT_ONCE.messages) {
      const refs = Array.from({ length: AT_ONCE.messages }, () => crypto.randomUUID());
      await socket.send(refs.map((ref) => ({ type: "chat", room, payload, ref })));
      for (let ended = false; !ended;) {
        for (const event of await socket.events()) {
          ended ||= event.type === "chat" && event.ref === refs.at(-1);
        }
      }
    }
  }));
}

/** Waits for so many events of that type. */
async function hear(socket: RawSocket, type: Event["type"], count: number): Promise<void> {
  for (let left = count; left > 0;) {
    left -= (await socket.events()).filter((event) => event.type === type).length;
  }
}

const HEAD = "round  seconds  RSS MB  heap MB  files  timers  sockets  rooms  WAL MB  database MB";

/** A line of the table under {@linkcode HEAD}. */
function line(row: Row, round: number): string {
  const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
  const { seconds, rssBytes, heapBytes, files, timers, sockets, rooms } = row;
  const { walBytes, databaseBytes } = row;
  const cells = [round, seconds.toFixed(0), mega(rssBytes), mega(heapBytes), files, timers];
  cells.push(sockets, rooms, mega(walBytes), mega(databaseBytes));
  const widths = HEAD.split(/ {2}(?=\S)/).map((title) => title.length);
  return cells.map((cell, i) => String(cell).padStart(widths[i] ?? 0)).join("  ");
}

if (import.meta.main) {
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  say(`${LONG.rooms} rooms, ${LONG.connections} connections, ${LONG.messages} messages\n${HEAD}`);
  let round = 0;
  const plan = { ...LONG, workers: Number(Deno.env.get("WORKERS") ?? 0) };
  const grown = verdict(await soak(plan, (row) => say(line(row, ++round))));
  say(grown.length === 0 ? "flat" : grown.join("\n"));
  Deno.exit(grown.length === 0 ? 0 : 1);
}

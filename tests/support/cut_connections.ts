/**
 * Event streams and sockets that are opened and cut a moment later, in a busy room with much to tell
 * each of them. It tells what a bystander heard meanwhile, and what the server holds before and after.
 *
 * @module
 */
import { type Client, member, until } from "./harness.ts";
import { SEED, seeded } from "./random.ts";
import { handshake } from "./raw_socket.ts";
import { type Sample, WatchedProcess } from "./watched_process.ts";

export interface CutPlan {
  readonly streams: number;
  readonly sockets: number;
  /** How long after the last of them the server is looked at. */
  readonly restSeconds: number;
  /** For as long the runtime keeps the socket of a peer that went without a word. */
  readonly heartbeatSeconds: number;
  readonly seed: number;
  /** @default {0} */
  readonly workers?: number;
}

export interface CutOutcome {
  readonly said: number;
  /** What the bystander heard, without repeats. */
  readonly heard: number;
  readonly before: Sample;
  /** When the last of them was gone, and after the rest. */
  readonly atEnd: Sample;
  readonly after: Sample;
  readonly seconds: number;
}

const AT_ONCE = 50;
/** How long each stays. */
const MAX_MS = 20;
/** What the room's recent messages hold: 200 KB. */
const RECENT = 50;
const PAYLOAD = "x".repeat(4000);
/** Said while so many are opened and cut. */
const SAID = 5;

export async function cutConnections(plan: CutPlan): Promise<CutOutcome> {
  const random = seeded(plan.seed);
  const { heartbeatSeconds } = plan;
  await using server = await WatchedProcess.start({
    recentMessages: RECENT,
    retainMessages: 1000,
    graceSeconds: 0,
    heartbeatSeconds,
    workers: plan.workers ?? 0,
  });
  await using talker = await member(server, { name: "Talker" });
  await using bystander = await member(server, { name: "Bystander" });
  await say(talker, RECENT);
  let said = RECENT;
  let heard = await hear(bystander, 0, said);
  const before = await server.sample();
  const begin = performance.now();
  let streams = plan.streams;
  let sockets = plan.sockets;
  while (streams + sockets > 0) {
    const some = Array.from({ length: Math.min(AT_ONCE, streams + sockets) }, () => {
      const isStream = random() * (streams + sockets) < streams;
      if (isStream) streams--;
      else sockets--;
      return openAndCut(server, isStream, random() * MAX_MS);
    });
    await Promise.all([...some, say(talker, SAID)]);
    said += SAID;
    heard = await hear(bystander, heard, said);
  }
  await until(async () => {
    const { connections, keptConnections } = await server.sample();
    return connections === 2 && keptConnections === 2;
  }, "all to be gone");
  const atEnd = await server.sample();
  await new Promise((resolve) => setTimeout(resolve, plan.restSeconds * 1000));
  const after = await server.sample();
  return { said, heard, before, atEnd, after, seconds: (performance.now() - begin) / 1000 };
}

async function say(talker: Client, count: number): Promise<void> {
  for (let n = 0; n < count; n++) talker.send({ type: "chat", payload: PAYLOAD });
  await talker.take("chat", count);
}

/** The next messages, each of which must follow the one before. */
async function hear(bystander: Client, heard: number, upTo: number): Promise<number> {
  while (heard < upTo) {
    const { seq } = await bystander.next("chat");
    if (seq !== heard + 1) throw new Error(`The bystander heard ${seq} after ${heard}`);
    heard = seq;
  }
  bystander.frames.length = 0;
  return heard;
}

async function openAndCut(
  server: WatchedProcess,
  isStream: boolean,
  stayMs: number,
): Promise<void> {
  const { hostname, port, host } = new URL(server.url);
  const request = isStream
    ? `GET /rooms/lobby/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    : handshake(server, { path: "/ws?room=lobby" });
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(request));
  await new Promise((resolve) => setTimeout(resolve, stayMs));
}

if (import.meta.main) {
  const plan = {
    streams: 20_000,
    sockets: 20_000,
    restSeconds: 120,
    heartbeatSeconds: 25,
    seed: SEED,
    workers: Number(Deno.env.get("WORKERS") ?? 0),
  };
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  say(`${plan.streams} streams and ${plan.sockets} sockets, cut within ${MAX_MS} ms, seed ${SEED}`);
  const { said, heard, before, atEnd, after, seconds } = await cutConnections(plan);
  const mega = ({ rssBytes }: Sample) => (rssBytes / 1e6).toFixed(1);
  say(`${seconds.toFixed(0)} s; the bystander heard ${heard} of ${said}`);
  say(`RSS MB: ${mega(before)} before, ${mega(atEnd)} at the end, ${mega(after)} after the rest`);
  const grownBytes = after.rssBytes - before.rssBytes;
  const isFlat = grownBytes < 50e6 && heard === said && after.connections === 2;
  say(isFlat ? "flat" : `grew by ${(grownBytes / 1e6).toFixed(1)} MB`);
  Deno.exit(isFlat ? 0 : 1);
}

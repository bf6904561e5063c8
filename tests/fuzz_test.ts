/**
 * Random and mutated frames by the hundred thousand: the server is afterwards what it was before.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { member, serve, until } from "./support/harness.ts";
import { frameOf, OPCODES, RawSocket } from "./support/raw_socket.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** What is held, in bytes. */
function heapAfterCollection(): number {
  collect();
  return Deno.memoryUsage().heapUsed;
}

const BYTES = new TextEncoder();

const seed = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31));

Deno.test(`100,000 random and mutated frames leave the server as it was, seed ${seed}`, async () => {
  const random = mulberry(seed);
  await using server = await serve({ burst: 0, badCommands: 0, graceSeconds: 0, ...KEPT });
  await using witness = await member(server, { name: "Witness", room: "quiet" });
  let before = Infinity;
  for (let sent = 0; sent < 100_000; sent += 50) {
    if (sent === 10_000) before = heapAfterCollection();
    await harass(server, random, 50);
  }
  await until(() => server.connectionCount === 1, "the hostile ones to be gone");
  await until(() => server.roomCount === 1, "their rooms to be gone");
  witness.send({ type: "chat", room: "quiet", payload: "calm" });
  assertEquals((await witness.next("chat")).seq, 1);
  // The runtime's idle timers hold a closed socket until they run out: half of idleTimeout.
  await until(() => heapAfterCollection() - before < 600_000, "the heap to be what it was");
});

/** Some of the frames are lawful messages: what may be kept of them is little. */
const KEPT = { retainMessages: 100, dedupeMessages: 100, tailBytes: 10_000, heartbeatSeconds: 2 };

const SEEDLINGS = [
  '{"type":"hello","name":"Ann"}',
  '{"type":"join","room":"r1","since":{"epoch":"e","seq":1}}',
  '{"type":"leave","room":"r1"}',
  '{"type":"chat","room":"r1","payload":"hello","ref":"r"}',
  '{"type":"custom","room":"r1","name":"x","payload":[1,{"a":null}],"durable":true}',
  '{"type":"typing","room":"r1","payload":true}',
  '{"type":"rename","name":"Bob"}',
  '[{"type":"join"},{"type":"chat","payload":"x"}]',
].map((text) => BYTES.encode(text));

/** One connection that sends so many frames, all of which are read, and then something worse. */
async function harass(server: Server, random: () => number, count: number): Promise<void> {
  using socket = await RawSocket.open(server, { protocol: "parley.v1.batched" });
  for (let sent = 0; sent < count; sent++) await socket.bytes(mutant(random));
  await socket.frame("", { opcode: OPCODES.ping });
  let answer = await socket.next();
  while (answer !== undefined && answer.opcode !== OPCODES.pong) answer = await socket.next();
  assert(answer !== undefined, "a frame that is only text has ended the connection");
  await socket.bytes(worse(random));
}

function below(limit: number, random: () => number): number {
  return Math.floor(random() * limit);
}

function seedling(random: () => number): Uint8Array {
  return Uint8Array.from(SEEDLINGS[below(SEEDLINGS.length, random)] ?? []);
}

/** A lawful frame with text that is nearly a command, or nearly JSON, or neither. */
function mutant(random: () => number): Uint8Array {
  const payload = seedling(random);
  const kind = random();
  if (kind < 0.2) return frameOf(payload.map(() => 32 + below(95, random)));
  if (kind < 0.5) {
    return frameOf(payload.map((byte) => random() < 0.05 ? below(128, random) : byte));
  }
  for (let i = below(4, random); i > 0; i--) {
    payload[below(payload.length, random)] = 32 + below(95, random);
  }
  return frameOf(
    payload.subarray(0, random() < 0.8 ? payload.length : below(payload.length, random)),
  );
}

/** A frame that is broken, or announces what never comes. */
function worse(random: () => number): Uint8Array {
  if (random() < 0.5) {
    const opcode = below(16, random);
    return frameOf(seedling(random), { opcode, reserved: below(8, random), fin: random() < 0.5 });
  }
  const bytes = frameOf(seedling(random));
  for (let i = 0; i < 3; i++) bytes[below(8, random)] = below(256, random);
  return bytes;
}

/** A small random generator with a seed (mulberry32). */
function mulberry(state: number): () => number {
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

/**
 * Random and mutated bytes on the socket, below HTTP and WebSocket frames: requests that are nearly
 * requests, whole sessions with something wrong in them, and what is neither.
 *
 * @module
 */
import { CLOSE_CODES, SUBPROTOCOLS } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { budget, Ground, mustBeDocumented, parallel } from "./support/fuzz.ts";
import { Dice, SEED } from "./support/random.ts";
import { frameOf, handshake, OPCODES, RawSocket } from "./support/raw_socket.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
/** One character a byte: to look for text among bytes. */
const LATIN = new TextDecoder("latin1");
const AT = { url: "http://127.0.0.1" };

/** Answers to anything that is a request, or nearly: those of openapi.json, and the runtime's own. */
const STATUSES = [
  ...[101, 200, 201, 204, 304],
  ...[400, 401, 403, 404, 405, 408, 413, 414, 415, 421, 426, 429, 431, 503],
];

const runs = budget(7500);

Deno.test(`${runs} streams of bytes cost nobody else anything, seed ${SEED}`, async () => {
  // What the system's buffers would hide, and what one of them may keep, is little.
  await using ground = await Ground.open({ retainMessages: 200, dedupeMessages: 100 });
  const warmth = Math.floor(runs / 5);
  await parallel(warmth, (run) => attack(ground, run));
  ground.warm();
  await parallel(runs - warmth, (run) => attack(ground, warmth + run));
  await ground.settled();
});

/** One connection: what is sent, in pieces of any length, and then the end of it. */
async function attack(ground: Ground, run: number): Promise<void> {
  const dice = new Dice(SEED + run);
  const sent = mutated(seedling(dice), dice);
  using socket = await RawSocket.dial(ground.server);
  try {
    for (let at = 0; at < sent.length;) {
      const end = dice.chance(0.5) ? sent.length : at + 1 + dice.below(sent.length - at);
      await socket.bytes(sent.subarray(at, end));
      at = end;
    }
    await socket.closeWrite();
  } catch {
    // The server has ended it already.
  }
  try {
    mustBeAnswer(await socket.rest());
  } catch (thrown) {
    throw new Error(`run ${run}: ${JSON.stringify(LATIN.decode(sent))}`, { cause: thrown });
  }
  if (run % 20 === 0) await ground.breathe();
}

// --- what is sent ---------------------------------------------------------------------------------

type Seedling = (dice: Dice) => Uint8Array;

const SEEDLINGS: readonly Seedling[] = [
  session,
  session,
  session,
  request,
  request,
  (dice) => dice.bytes(dice.below(300)),
  // HTTP/2 without TLS: its preface, an empty SETTINGS, and whatever.
  (dice) =>
    joined([
      ENCODER.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0),
      dice.bytes(dice.below(100)),
    ]),
  (dice) => ENCODER.encode(`GET /${"x".repeat(dice.below(100_000))} HTTP/1.1\r\nhost: x\r\n\r\n`),
];

function seedling(dice: Dice): Uint8Array {
  return dice.pick(SEEDLINGS)(dice);
}

/** A lawful session: a handshake, some commands, some control frames, and a close. */
function session(dice: Dice): Uint8Array {
  const protocol = dice.pick([...Object.values(SUBPROTOCOLS), undefined]);
  const headers = protocol === undefined ? {} : { "sec-websocket-protocol": protocol };
  const path = dice.pick(["/ws", "/", "/ws?room=r&name=Ann"]);
  const frames = Array.from({ length: dice.below(6) }, () => frame(dice));
  const close = frameOf(Uint8Array.of(3, 232), { opcode: OPCODES.close });
  return joined([ENCODER.encode(handshake(AT, { path, headers })), ...frames, close]);
}

function frame(dice: Dice): Uint8Array {
  const text = dice.pick([
    '{"type":"hello","name":"Ann"}',
    '{"type":"join","room":"r"}',
    '{"type":"chat","room":"r","payload":"héllo","ref":"a"}',
    '[{"type":"join"},{"type":"chat","payload":"x"},7]',
    "nothing",
  ]);
  if (dice.chance(0.2)) return frameOf("beat", { opcode: dice.pick([OPCODES.ping, OPCODES.pong]) });
  if (dice.chance(0.8)) return frameOf(text);
  const cut = dice.below(text.length);
  const parts = [
    frameOf(text.slice(0, cut), { fin: false }),
    frameOf(text.slice(cut), { opcode: OPCODES.more }),
  ];
  return joined(parts);
}

function request(dice: Dice): Uint8Array {
  const body = dice.pick(['{"payload":"x"}', '{"payload":"x","ref":"a"}', "[]", ""]);
  const [method, path] = dice.pick<readonly [string, string]>(
    [
      ["POST", "/rooms/r/messages"],
      ["POST", "/rooms/r/typing"],
      ["POST", "/hello"],
      ["GET", "/rooms/r/messages?after=0&limit=9"],
      ["GET", "/rooms/r/events?name=Ann"],
      ["GET", "/rooms"],
      ["HEAD", "/"],
      ["OPTIONS", "/rooms/r/messages"],
      ["GET", "/healthz"],
    ],
  );
  const chunked = dice.chance(0.3);
  const headers = {
    "upgrade": null,
    "connection": dice.pick(["close", "keep-alive"]),
    "content-type": "application/json",
    [chunked ? "transfer-encoding" : "content-length"]: chunked ? "chunked" : `${body.length}`,
  };
  const framed = chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  const one = ENCODER.encode(handshake(AT, { method, path, headers, body: framed }));
  return dice.chance(0.3) ? joined([one, request(dice)]) : one;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The same with a few things wrong, or with nothing wrong. */
function mutated(bytes: Uint8Array, dice: Dice): Uint8Array {
  for (let left = dice.below(4); left > 0 && bytes.length > 0; left--) {
    const at = dice.below(bytes.length);
    const end = Math.min(bytes.length, at + 1 + dice.below(20));
    const [before, part, after] = [bytes.slice(0, at), bytes.slice(at, end), bytes.slice(end)];
    bytes = joined(dice.pick([
      [before, dice.bytes(part.length), after], // overwritten
      [before, Uint8Array.of((part[0] ?? 0) ^ 1 << dice.below(8)), part.slice(1), after], // a bit
      [before, after], // left out
      [before, part, part, after], // said twice
      [before, dice.bytes(dice.below(20)), part, after], // put in
      [before], // cut off
      [before, ENCODER.encode(dice.pick(["\r\n", "\0", ": ", "\r\n\r\n", " "])), part, after],
    ]));
  }
  return bytes;
}

// --- what comes back ------------------------------------------------------------------------------

/** Answers of documented statuses; behind an upgrade, whole frames of documented events and codes. */
function mustBeAnswer(bytes: Uint8Array): void {
  const text = LATIN.decode(bytes);
  for (const [, status] of text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)) {
    assert(STATUSES.includes(Number(status)), `status ${status}`);
  }
  const upgraded = text.indexOf("HTTP/1.1 101");
  if (upgraded < 0) return;
  let rest = bytes.subarray(text.indexOf("\r\n\r\n", upgraded) + 4);
  let isClosed = false;
  while (rest.length > 0) {
    assert(!isClosed, "something follows the close frame");
    const { opcode, payload, length } = frameAt(rest);
    rest = rest.subarray(length);
    isClosed = opcode === OPCODES.close;
    if (opcode === OPCODES.text) {
      const value: unknown = JSON.parse(DECODER.decode(payload));
      mustBeDocumented(Array.isArray(value) ? value : [value]);
    } else if (isClosed) mustBeClose(payload);
    else assert(opcode === OPCODES.pong || opcode === OPCODES.ping, `opcode ${opcode}`);
  }
}

/** One of ours, or the peer's own sent back. */
function mustBeClose(payload: Uint8Array): void {
  if (payload.length === 0) return;
  const code = new DataView(payload.buffer, payload.byteOffset).getUint16(0);
  const ours = CLOSE_CODES as Readonly<Record<number, { reason: string }>>;
  assert(ours[code] !== undefined || payload.length === 2, `close code ${code}`);
}

function frameAt(bytes: Uint8Array): { opcode: number; payload: Uint8Array; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = view.getUint8(0);
  assertEquals(first & 0x70, 0, "reserved bits");
  let length = view.getUint8(1);
  let head = 2;
  if (length === 126) [length, head] = [view.getUint16(2), 4];
  else if (length === 127) [length, head] = [Number(view.getBigUint64(2)), 10];
  assert(head + length <= bytes.length, "half a frame");
  return {
    opcode: first & 0x0f,
    payload: bytes.subarray(head, head + length),
    length: head + length,
  };
}

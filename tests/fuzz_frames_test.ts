/**
 * Frames of every kind in every order, against a small model of RFC 6455 and of what the server makes
 * of it: which messages were heard, which pings were answered, and how it ended.
 *
 * @module
 */
import fc from "npm:fast-check@4.10.2";
import { assert, assertEquals } from "./support/assert.ts";
import { budget, Ground, mustBeDocumented } from "./support/fuzz.ts";
import { SEED } from "./support/random.ts";
import { closeCode, frameOf, type FrameOptions, OPCODES, RawSocket } from "./support/raw_socket.ts";

const FRAME_BYTES = 8192;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** A frame to be sent. */
interface Sent {
  readonly payload: Uint8Array;
  readonly options: FrameOptions;
}

// --- what is sent -----------------------------------------------------------------------------------

/** Said alone, this is answered by exactly one error that repeats its number. */
function probe(number: number): string {
  return `{"type":"leave","room":"é nowhere","ref":"${number}"}`;
}

const text = fc.oneof(
  { weight: 6, arbitrary: fc.nat(999).map(probe) },
  { weight: 1, arbitrary: fc.constantFrom("", "{", "[]", "[1,2]", "x".repeat(FRAME_BYTES + 1)) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: "grapheme", maxLength: 20 }).map((said) => `#${said}`),
  },
).map((said) => ENCODER.encode(said));

const masked = fc.boolean(); // the runtime lets both in

/** One message, in one frame or cut anywhere, in the middle of a character too. */
const message: fc.Arbitrary<readonly Sent[]> = fc.record({
  payload: text,
  opcode: fc.constantFrom<number>(...Array<number>(30).fill(OPCODES.text), OPCODES.binary),
  cuts: fc.array(fc.nat(60), { maxLength: 3 }),
  masked,
}).map(({ payload, opcode, cuts, masked }) => {
  const at = [0, ...cuts.map((cut) => Math.min(cut, payload.length)).sort((a, b) => a - b)];
  return at.map((start, index) => ({
    payload: payload.slice(start, at[index + 1]),
    options: {
      opcode: index === 0 ? opcode : OPCODES.more,
      fin: index === at.length - 1,
      masked,
    },
  }));
});

const control: fc.Arbitrary<Sent> = fc.record({
  payload: fc.uint8Array({ maxLength: 125 }),
  options: fc.record({ opcode: fc.constantFrom<number>(OPCODES.ping, OPCODES.pong), masked }),
});

/** What no client may send. */
const broken: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({ reserved: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ opcode: fc.constantFrom(3, 4, 5, 6, 7, 11, 12, 13, 14, 15) }),
  fc.record({ opcode: fc.constantFrom(OPCODES.ping, OPCODES.pong), fin: fc.constant(false) }),
).map((options) => ({ payload: ENCODER.encode("x"), options }));

const invalid: fc.Arbitrary<Sent> = fc.oneof(
  broken,
  fc.constant({ payload: Uint8Array.of(0x22, 0xff, 0x22), options: {} }), // no UTF-8
  fc.constant({ payload: Uint8Array.of(0xe2, 0x82), options: {} }), // half a character
  fc.constant({ payload: new Uint8Array(126), options: { opcode: OPCODES.ping } }),
  fc.constant({ payload: Uint8Array.of(120), options: { opcode: OPCODES.more } }),
);

const close: fc.Arbitrary<Sent> = fc.constantFrom(1000, 1001, 3000, 4999).map((code) => ({
  payload: Uint8Array.of(code >> 8, code & 0xff),
  options: { opcode: OPCODES.close },
}));

/** Messages with control frames anywhere between their fragments, and sometimes something else. */
const session: fc.Arbitrary<readonly Sent[]> = fc.tuple(
  fc.array(message, { maxLength: 8 }),
  fc.array(
    fc.tuple(
      fc.nat(30),
      fc.oneof(
        { weight: 8, arbitrary: control },
        { weight: 1, arbitrary: invalid },
        { weight: 1, arbitrary: close },
      ),
    ),
    { maxLength: 5 },
  ),
).map(([messages, between]) => {
  const frames = messages.flat();
  for (const [at, frame] of between) frames.splice(Math.min(at, frames.length), 0, frame);
  return frames;
});

// --- what must come of it -------------------------------------------------------------------------

interface Outcome {
  readonly messages: string[];
  readonly pongs: string[];
  /** The code of its close frame, 0 for none; `undefined` if the connection stays. */
  ending: number | undefined;
  /** And what it may be instead. */
  otherwise: number | undefined;
}

/** RFC 6455 §5, as far as the runtime keeps to it, and then the server's own limits. */
function modelOf(frames: readonly Sent[]): Outcome {
  const outcome: Outcome = { messages: [], pongs: [], ending: undefined, otherwise: undefined };
  let open: { readonly opcode: number; readonly parts: number[] } | undefined;
  for (const { payload, options: { opcode = OPCODES.text, fin = true, reserved = 0 } } of frames) {
    /** It ends here; if we had said goodbye already, then perhaps without that. */
    const end = (code: number) => {
      if (outcome.ending === undefined) outcome.ending = code;
      else outcome.otherwise = code;
    };
    const isControl = opcode >= 8;
    const isKnown = [0, 1, 2, 8, 9, 10].includes(opcode);
    if (reserved > 0 || !isKnown || isControl && (!fin || payload.length > 125)) {
      end(0);
      return outcome;
    }
    if (opcode === OPCODES.close) {
      end((payload[0] ?? 0) << 8 | (payload[1] ?? 0));
      return outcome;
    }
    if (opcode === OPCODES.ping) outcome.pongs.push(String(payload));
    if (isControl) continue;
    if ((opcode === OPCODES.more) !== (open !== undefined)) {
      end(0);
      return outcome;
    }
    open ??= { opcode, parts: [] };
    open.parts.push(...payload);
    if (!fin) continue;
    const whole = Uint8Array.from(open.parts);
    if (open.opcode === OPCODES.text && !isUtf8(whole)) {
      end(0);
      return outcome;
    }
    if (outcome.ending !== undefined) {
      // Said after our goodbye: passed over.
    } else if (open.opcode === OPCODES.binary) end(1003);
    else if (whole.length > FRAME_BYTES) end(1009);
    else outcome.messages.push(DECODER.decode(whole));
    open = undefined;
  }
  return outcome;
}

function isUtf8(bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes) !== undefined;
  } catch {
    return false;
  }
}

/** How a message is answered: each is one error. */
function answerTo(said: string): string {
  const number = /"ref":"(\d+)"/.exec(said)?.[1];
  if (number !== undefined) return `not_in_room ${number}`;
  if (said === "[]") return "bad_command";
  return said.startsWith("[") ? "bad_command bad_command" : "bad_json";
}

// --- the test ---------------------------------------------------------------------------------------

const runs = budget(150);
/** Sequences at once: each that we end has to wait for its peer to fall silent. */
const AT_ONCE = 8;
/** Goodbyes of ours that were not heard: the runtime drops those of a peer that speaks after it was quiet. */
let unheard = 0;

Deno.test(`${runs * AT_ONCE} sequences of frames go as the model says, seed ${SEED}`, async () => {
  await using ground = await Ground.open({ frameBytes: FRAME_BYTES });
  const sessions = fc.array(session, { minLength: AT_ONCE, maxLength: AT_ONCE });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(sessions, async (sessions) => {
      if (++count === Math.ceil(runs / 3)) ground.warm();
      await Promise.all(sessions.map((frames) => play(ground, frames)));
      await ground.breathe();
    }),
    { seed: SEED, numRuns: runs },
  );
  await ground.settled();
  assert(unheard <= runs * AT_ONCE / 20, `${unheard} goodbyes were not heard`);
});

/** Sends them all, and then a ping if the connection is to stay; reads everything that comes of it. */
async function play(ground: Ground, frames: readonly Sent[]): Promise<void> {
  const { messages, pongs, ending, otherwise } = modelOf(frames);
  using socket = await RawSocket.open(ground.server, { protocol: "parley.v1.batched" });
  const isUnfinished = ending === undefined;
  const bytes = frames.flatMap(({ payload, options }) => [...frameOf(payload, options)]);
  await socket.bytes(Uint8Array.from(bytes)).catch(() => {}); // ended already
  if (isUnfinished) await socket.frame("last", { opcode: OPCODES.ping });
  const answers: string[] = [];
  const heard: string[] = [];
  let ended: number | undefined;
  const isDone = () =>
    ended !== undefined ||
    isUnfinished && heard.length > pongs.length && answers.length >= messages.length;
  while (!isDone()) {
    const frame = await socket.next();
    if (frame === undefined) ended = 0;
    else if (frame.opcode === OPCODES.pong) heard.push(String(frame.payload));
    else if (frame.opcode === OPCODES.close) ended = closeCode(frame);
    else if (frame.opcode === OPCODES.ping) {
      // The machine is so slow that a heartbeat has come.
      await socket.frame(frame.payload, { opcode: OPCODES.pong }).catch(() => {}); // ended already
    } else {
      const events = JSON.parse(DECODER.decode(frame.payload));
      mustBeDocumented(events);
      for (const { type, code, ref } of events) {
        if (type === "error") answers.push(ref ? `${code} ${ref}` : code); // or a heartbeat
      }
    }
  }
  const isUnheard = ended === 0 && (ending === 1003 || ending === 1009);
  if (isUnheard) unheard++; // the machine stood still for 20 ms between its frames
  if (isUnfinished) assertEquals(heard.pop(), String(ENCODER.encode("last")));
  assert(
    isUnheard || ended === ending || ended === otherwise,
    `ended ${ended}, expected ${ending}`,
  );
  assertEquals(heard, isUnfinished ? pongs : pongs.slice(0, heard.length));
  const expected = messages.flatMap((said) => answerTo(said).match(/not_in_room \d+|\w+/g) ?? []);
  // Whoever broke it off, or said goodbye, in the same turn is not sent the answers any more.
  const isOurs = ended === undefined || ended === 1003 || ended === 1009;
  assertEquals(answers, isOurs ? expected : expected.slice(0, answers.length));
}

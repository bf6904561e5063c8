/** Frames as a client writes them (RFC 6455 §5.2): always masked. */
import { COUNT_DIGITS, type Template } from "./dialect.ts";

/** Not zero: `ws` skips the unmasking of a zero key, and no real client sends one. */
const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/** The most that a header of ours takes: 2 bytes, 2 of length, 4 of mask. */
const HEADER = 8;

/** Parley reads frames up to 16 KiB (`--frame-bytes`); 64 of our messages stay well below. */
const MESSAGES_A_FRAME = 64;

const ZERO = 0x30, COMMA = 0x2c, LIST = 0x5b, LIST_END = 0x5d;

export const OPCODE = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** One frame around `payload`, at most 64 KiB. */
export function frame(opcode: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER + payload.length);
  const at = writeHeader(bytes, 0, opcode, payload.length);
  bytes.set(payload, at);
  mask(bytes, at, at + payload.length);
  return bytes.subarray(0, at + payload.length);
}

/**
 * The frames of `count` messages that are alike but for their numbers, from `first` on: one frame
 * each, or lists of messages where the server takes them.
 */
export function messageFrames(
  { text, countAt }: Template,
  first: number,
  count: number,
  lists: boolean,
): Buffer {
  const bytes = Buffer.allocUnsafe(count * (text.length + HEADER + 2));
  const most = lists ? MESSAGES_A_FRAME : 1;
  let at = 0;
  for (let done = 0; done < count;) {
    const part = Math.min(most, count - done);
    const begin = writeHeader(
      bytes,
      at,
      OPCODE.text,
      part * (text.length + 1) + (part > 1 ? 1 : -1),
    );
    at = begin;
    if (part > 1) bytes[at++] = LIST;
    for (let i = 0; i < part; i++, done++) {
      if (i > 0) bytes[at++] = COMMA;
      bytes.set(text, at);
      writeCount(bytes, at + countAt, first + done);
      at += text.length;
    }
    if (part > 1) bytes[at++] = LIST_END;
    mask(bytes, begin, at);
  }
  return bytes.subarray(0, at);
}

function writeHeader(bytes: Buffer, at: number, opcode: number, length: number): number {
  bytes[at++] = 0x80 | opcode;
  if (length < 126) {
    bytes[at++] = 0x80 | length;
  } else {
    bytes[at++] = 0x80 | 126;
    bytes[at++] = length >> 8;
    bytes[at++] = length & 0xff;
  }
  bytes.set(MASK, at);
  return at + MASK.length;
}

function writeCount(bytes: Buffer, at: number, count: number): void {
  for (let i = at + COUNT_DIGITS - 1; i >= at; i--) {
    bytes[i] = ZERO + count % 10;
    count = Math.floor(count / 10);
  }
}

function mask(bytes: Buffer, begin: number, end: number): void {
  for (let i = begin; i < end; i++) bytes[i]! ^= MASK[(i - begin) & 3]!;
}

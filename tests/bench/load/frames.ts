/** Frames as a client writes them (RFC 6455 §5.2): always masked. */

/** Not zero: `ws` skips the unmasking of a zero key, and no real client sends one. */
const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

export const OPCODE = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** Writes a frame around `payload` (ASCII) into `target` at `at`. Returns where it ends. */
export function writeFrame(target: Uint8Array, at: number, opcode: number, payload: Buffer) {
  const { length } = payload;
  target[at++] = 0x80 | opcode;
  if (length < 126) {
    target[at++] = 0x80 | length;
  } else {
    target[at++] = 0x80 | 126;
    target[at++] = length >> 8;
    target[at++] = length & 0xff;
  }
  target.set(MASK, at);
  at += 4;
  for (let i = 0; i < length; i++) target[at + i] = payload[i]! ^ MASK[i & 3]!;
  return at + length;
}

/** The most that a header of ours takes: 2 bytes, 2 of length, 4 of mask. */
const HEADER = 8;

/** Frames, one after another, each at most 64 KiB. */
export function frames(opcode: number, payloads: readonly Buffer[]): Buffer {
  let size = 0;
  for (const payload of payloads) size += payload.length + HEADER;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const payload of payloads) at = writeFrame(bytes, at, opcode, payload);
  return bytes.subarray(0, at);
}

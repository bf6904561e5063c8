/**
 * Bytes from servers → events, without making text of them. All messages of a run have the same
 * shape: once one was parsed as JSON, the places of `seq` and `ref` in the next are known, and a
 * few bytes are looked at to see that they are there. What does not fit is parsed as JSON.
 * That is what lets one core check more deliveries than a server can send.
 */
import { OPCODE } from "./frames.ts";
import { AUTHOR_DIGITS, COUNT_DIGITS } from "./dialect.ts";
import type { Client } from "./client.ts";

/** What is left of one read waits before the next: any event but a huge one fits. */
const HEADROOM = 1 << 18;
/** Larger reads are fewer system calls; still larger ones fall out of the cache. */
const READ = 1 << 18;

const QUOTE = 0x22, COLON = 0x3a, COMMA = 0x2c, F = 0x66, Q = 0x71, BACKSLASH = 0x5c;
const OPEN = 0x7b, CLOSE = 0x7d, LIST_END = 0x5d;

/** An event that is not a message, or one whose shape was new. */
export interface ParsedEvent {
  readonly type?: string;
  readonly seq?: number;
  readonly ref?: string;
  readonly epoch?: string;
  readonly recovered?: boolean;
  readonly pingInterval?: number;
}

/** Told of each message that arrives: who wrote it, and where its author's count begins. */
export type OnMessage = (client: Client, author: number, memory: Buffer, countAt: number) => void;

export class Scanner {
  /** One for all connections: a read is dealt with before the next one begins. */
  readonly memory = Buffer.allocUnsafeSlow(HEADROOM + READ + 64);
  readonly target = this.memory.subarray(HEADROOM, HEADROOM + READ);
  onMessage: OnMessage | undefined;
  /** Told after each read. */
  onRead: ((client: Client) => void) | undefined;

  deliveries = 0;
  bytes = 0;
  holes = 0;
  repeats = 0;

  // The shape: from an event's begin to seq; from seq's end to ref, and to the event's end.
  #toSeq = -1;
  #toRef = 0;
  #toEnd = 0;

  /** `length` new bytes of a client are in {@linkcode target}. */
  received(client: Client, length: number): void {
    let at = HEADROOM;
    const end = HEADROOM + length;
    this.bytes += length;
    if (client.rest !== undefined) {
      at -= client.rest.length;
      client.rest.copy(this.memory, at);
      client.rest = undefined;
    }
    if (!client.open) at = this.#handshake(client, at, end);
    if (client.open) at = this.#frames(client, at, end);
    if (end - at > HEADROOM) throw new Error("an event larger than the generator's buffer");
    if (at < end) client.rest = Buffer.from(this.memory.subarray(at, end));
    this.onRead?.(client);
  }

  #handshake(client: Client, at: number, end: number): number {
    const bytes = this.memory.subarray(at, end);
    const headersEnd = bytes.indexOf("\r\n\r\n");
    if (headersEnd < 0) return at;
    const status = bytes.toString("latin1", 0, 12);
    if (status !== "HTTP/1.1 101") {
      throw new Error(`handshake refused: ${bytes.toString("latin1")}`);
    }
    client.open = true;
    client.onOpen();
    return at + headersEnd + 4;
  }

  /** Returns where the first thing begins that is not complete. */
  #frames(client: Client, at: number, end: number): number {
    const { memory } = this;
    while (at < end) {
      if (client.frameLeft > 0) {
        const limit = Math.min(end, at + client.frameLeft);
        const stop = this.#events(client, at, limit);
        client.frameLeft -= stop - at;
        at = stop;
        if (client.frameLeft > 0) return at;
        continue;
      }
      if (end - at < 2) return at;
      let length = memory[at + 1]! & 0x7f;
      const header = length < 126 ? 2 : length === 126 ? 4 : 10;
      if (end - at < header) return at;
      if (length === 126) length = memory.readUInt16BE(at + 2);
      else if (length === 127) length = memory.readUInt32BE(at + 6);
      const opcode = memory[at]! & 0xf;
      if (opcode === OPCODE.text) {
        client.frameLeft = length;
        at += header;
      } else { // A control frame: 125 bytes at most.
        if (end - at < header + length) return at;
        at += header;
        client.onControl(opcode, memory.subarray(at, at + length));
        at += length;
      }
    }
    return at;
  }

  /** Events of one frame. `limit` is the end of the frame, or of what has come of it. */
  #events(client: Client, at: number, limit: number): number {
    const { memory } = this;
    const whole = limit - at === client.frameLeft;
    if (whole && limit - at === 1) client.onPacket(memory[at]!);
    while (at < limit) {
      if (memory[at] !== OPEN) { // Between events, or before the first: a list, or Socket.IO's prefix.
        at++;
        continue;
      }
      const seqAt = at + this.#toSeq;
      if (this.#toSeq >= 0 && memory[seqAt - 1] === COLON && memory[seqAt - 3] === Q) {
        let seq = 0;
        let p = seqAt;
        for (let digit; p < limit && (digit = memory[p]! - 48) >= 0 && digit <= 9; p++) {
          seq = seq * 10 + digit;
        }
        const stop = p + this.#toEnd;
        if (stop > limit && !whole) return at;
        const ref = p + this.#toRef;
        if (
          stop <= limit && memory[stop - 1] === CLOSE && memory[ref - 1] === QUOTE &&
          memory[ref - 2] === COLON && memory[ref - 4] === F && memory[seqAt - 2] === QUOTE &&
          (stop === limit || memory[stop] === COMMA || memory[stop] === LIST_END)
        ) {
          this.#message(client, seq, ref);
          at = stop;
          continue;
        }
      }
      const stop = eventEnd(memory, at, limit);
      if (stop < 0) return at;
      this.#parsed(client, at, stop);
      at = stop;
    }
    return at;
  }

  #message(client: Client, seq: number, ref: number): void {
    this.deliveries++;
    const expected = client.next;
    if (seq !== expected && expected > 0) {
      if (seq > expected) this.holes += seq - expected;
      else this.repeats++;
    }
    client.next = seq + 1;
    const author = digits(this.memory, ref, AUTHOR_DIGITS);
    if (author === client.index) client.echoes++;
    this.onMessage?.(client, author, this.memory, ref + AUTHOR_DIGITS);
  }

  #parsed(client: Client, at: number, stop: number): void {
    const text = this.memory.toString("utf8", at, stop);
    const event = JSON.parse(text) as ParsedEvent;
    if (event.type !== "chat" || event.seq === undefined || event.ref === undefined) {
      client.onEvent(event);
      return;
    }
    const bytes = this.memory.subarray(at, stop);
    const seqAt = bytes.indexOf('"seq":') + 6;
    const seqEnd = seqAt + String(event.seq).length;
    const refAt = bytes.indexOf(`"ref":"${event.ref}"`) + 7;
    this.#toSeq = seqAt;
    this.#toRef = refAt - seqEnd;
    this.#toEnd = bytes.length - seqEnd;
    this.#message(client, event.seq, at + refAt);
  }
}

/** The number that `count` digits stand for. */
export function digits(memory: Buffer, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 10 + memory[at + i]! - 48;
  return value;
}

/** Which of its author's messages it is. */
export function countOf(memory: Buffer, countAt: number): number {
  return digits(memory, countAt, COUNT_DIGITS);
}

/** Where the object that begins at `at` ends, or -1 if that has not come yet. */
function eventEnd(memory: Buffer, at: number, limit: number): number {
  let depth = 0;
  let quoted = false;
  for (let i = at; i < limit; i++) {
    const byte = memory[i];
    if (quoted) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return i + 1;
  }
  return -1;
}

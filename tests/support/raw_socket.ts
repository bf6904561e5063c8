/**
 * A WebSocket client made of a TCP connection and RFC 6455, for what well-behaved clients cannot be
 * made to do: odd handshakes, fragments, bad frames, and reading nothing. It takes bytes from the
 * system only when it is asked for a frame, so a test that does not ask is a peer that does not read.
 *
 * @module
 */
import type { Event } from "../../server/mod.ts";
import { patiently } from "./harness.ts";

/** Opcodes (RFC 6455 §5.2). */
export const OPCODES = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly opcode?: number;
  /** The last fragment of its message. @default {true} */
  readonly fin?: boolean;
  /** As clients must (§5.3). @default {true} */
  readonly masked?: boolean;
  /** The three reserved bits, 0 to 7. @default {0} */
  readonly reserved?: number;
}

export interface ReceivedFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Uint8Array;
}

/** What a server answered to a handshake, or to any request. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** As much of the body as its length says. */
  readonly body: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly path?: string;
  /** Replaces or, with `null`, removes one of the handshake's own headers. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** What follows the headers; its length is said only if they say it. */
  readonly body?: string;
}

const CRLF = "\r\n";
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

export class RawSocket implements Disposable {
  readonly #connection: Deno.Conn;
  #buffer = new Uint8Array(0);
  #ended = false;
  /** What the server answered to the handshake. */
  answer: Answer = { status: 0, headers: new Headers(), body: "" };

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** A connection that has said nothing yet. */
  static async dial(server: { readonly url: string }): Promise<RawSocket> {
    const { hostname, port } = new URL(server.url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(); // so that small frames go out one by one, when they are written
    return new RawSocket(connection);
  }

  /** A connection whose handshake was accepted. */
  static async open(
    server: { readonly url: string },
    options: RequestOptions & { readonly protocol?: string } = {},
  ): Promise<RawSocket> {
    const { protocol, ...rest } = options;
    const headers = { ...(protocol && { "sec-websocket-protocol": protocol }), ...rest.headers };
    const socket = await RawSocket.dial(server);
    const { status, body } = await socket.request(server, { ...rest, headers });
    if (status === 101) return socket;
    socket[Symbol.dispose]();
    throw new Error(`The handshake was refused: ${status} ${body}`);
  }

  /** Sends a handshake, as changed by the options, and reads the answer. */
  async request(server: { readonly url: string }, options: RequestOptions = {}): Promise<Answer> {
    await this.bytes(ENCODER.encode(handshake(server, options)));
    return this.answer = await this.answered(options.method !== "HEAD");
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  async frame(payload: Uint8Array | string, options: FrameOptions = {}): Promise<void> {
    await this.bytes(frameOf(payload, options));
  }

  async send(...commands: unknown[]): Promise<void> {
    for (const command of commands) await this.frame(JSON.stringify(command));
  }

  /** The next frame; `undefined` when the server has ended the connection. */
  async next(): Promise<ReceivedFrame | undefined> {
    const head = await this.#take(2);
    if (head === undefined) return undefined;
    const [first = 0, second = 0] = head;
    let length = second & 0x7f;
    if (length === 126) length = Number(bigEndian(await this.#mustTake(2)));
    else if (length === 127) length = Number(bigEndian(await this.#mustTake(8)));
    const payload = await this.#mustTake(length);
    return { opcode: first & 0x0f, fin: (first & 0x80) !== 0, payload };
  }

  /** The events of the next text frame, whatever the subprotocol. Pings are answered. */
  async events(): Promise<Event[]> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined || frame.opcode === OPCODES.close) {
        throw new Error(`Closed (${frame && closeCode(frame)}) while waiting for events`);
      }
      if (frame.opcode === OPCODES.ping) await this.frame(frame.payload, { opcode: OPCODES.pong });
      if (frame.opcode !== OPCODES.text) continue;
      const value: Event | Event[] = JSON.parse(DECODER.decode(frame.payload));
      return Array.isArray(value) ? value : [value];
    }
  }

  /** Says that nothing more will be said, and goes on listening. */
  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite();
  }

  /** All bytes up to the end of the connection. */
  async rest(): Promise<Uint8Array> {
    while (await this.#take(this.#buffer.length + 1) !== undefined);
    return this.#buffer;
  }

  /** The code of the close frame, 0 if the connection ended without one; all else is passed over. */
  async closed(): Promise<number> {
    for (;;) {
      const frame = await this.next();
      if (frame === undefined) return 0;
      if (frame.opcode === OPCODES.close) return closeCode(frame);
    }
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.close();
  }

  /** The next answer to a request. */
  async answered(hasBody = true): Promise<Answer> {
    let text = "";
    while (!text.endsWith(CRLF + CRLF)) text += DECODER.decode(await this.#mustTake(1));
    const [first = "", ...lines] = text.trimEnd().split(CRLF);
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const length = hasBody ? Number(headers.get("content-length") ?? 0) : 0;
    const body = DECODER.decode(await this.#mustTake(length));
    return { status: Number(first.split(" ")[1]), headers, body };
  }

  async #mustTake(count: number): Promise<Uint8Array> {
    const bytes = await this.#take(count);
    if (bytes === undefined) throw new Error("The connection ended in the middle of something");
    return bytes;
  }

  async #take(count: number): Promise<Uint8Array | undefined> {
    while (this.#buffer.length < count) {
      const chunk = new Uint8Array(65_536);
      const read = await patiently(this.#read(chunk), "bytes from the server");
      if (read === null) return undefined;
      const joined = new Uint8Array(this.#buffer.length + read);
      joined.set(this.#buffer);
      joined.set(chunk.subarray(0, read), this.#buffer.length);
      this.#buffer = joined;
    }
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #read(chunk: Uint8Array): Promise<number | null> {
    try {
      return await this.#connection.read(chunk);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.ConnectionReset) return null;
      throw thrown;
    }
  }
}

/** The bytes of a frame (RFC 6455 §5.2). */
export function frameOf(payload: Uint8Array | string, options: FrameOptions = {}): Uint8Array {
  const { opcode = OPCODES.text, fin = true, masked = true, reserved = 0 } = options;
  const data = typeof payload === "string" ? ENCODER.encode(payload) : payload;
  const head = [(fin ? 0x80 : 0) | reserved << 4 | opcode, ...lengthOf(data.length, masked)];
  if (!masked) return Uint8Array.of(...head, ...data);
  const mask = crypto.getRandomValues(new Uint8Array(4));
  const bytes = new Uint8Array(head.length + 4 + data.length);
  bytes.set(head);
  bytes.set(mask, head.length);
  data.forEach((byte, index) => bytes[head.length + 4 + index] = byte ^ (mask[index % 4] ?? 0));
  return bytes;
}

/** The text of a handshake's request. */
export function handshake(server: { readonly url: string }, options: RequestOptions = {}): string {
  const { method = "GET", path = "/ws", headers = {} } = options;
  const all: Record<string, string | null> = {
    "host": new URL(server.url).host,
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`]
  );
  return [`${method} ${path} HTTP/1.1`, ...lines, "", options.body ?? ""].join(CRLF);
}

function lengthOf(length: number, masked: boolean): number[] {
  const flag = masked ? 0x80 : 0;
  if (length < 126) return [flag | length];
  if (length < 65_536) return [flag | 126, length >> 8, length & 0xff];
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length));
  return [flag | 127, ...bytes];
}

function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
}

/** The code of a close frame. */
export function closeCode({ payload }: ReceivedFrame): number {
  return payload.length < 2 ? 1005 : (payload[0] ?? 0) << 8 | (payload[1] ?? 0);
}

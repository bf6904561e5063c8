/**
 * An audience is many members of one room in a process of their own, so that to listen to them costs
 * the server nothing. Each looks only at the `seq` of what it is sent. As a program, it takes the URL of
 * the server and a {@linkcode Plan}.
 *
 * @module
 */
import { SUBPROTOCOLS } from "../../server/mod.ts";
import { LineProcess, tell } from "./line_process.ts";
import { frameOf, handshake } from "./raw_socket.ts";

/** How many members there are, and how many messages they wait for. */
export interface Plan {
  readonly members: number;
  readonly messages: number;
}

/** What the members were sent. */
export interface Heard {
  /** Members that were sent all messages, each once and in order. */
  readonly complete: number;
  /** What went wrong first, if anything did. */
  readonly fault?: string;
}

export class Audience implements AsyncDisposable {
  readonly #process: LineProcess;

  private constructor(url: string, plan: Plan) {
    const program = ["--allow-net=127.0.0.1", "tests/support/audience.ts"];
    this.#process = new LineProcess([...program, url, JSON.stringify(plan)]);
  }

  /** Settles when all have joined. */
  static async join({ url }: { readonly url: string }, plan: Plan): Promise<Audience> {
    const audience = new Audience(url, plan);
    await audience.#process.next();
    return audience;
  }

  /** Settles when each was sent all that it waited for, or something else. */
  async heard(): Promise<Heard> {
    return await this.#process.next<Heard>() ?? { complete: 0, fault: "the audience has ended" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** How many connect at once. */
const AT_ONCE = 100;
/** Characters that are kept of what was read: the longest text that the pattern matches. */
const CARRIED = 32;

class Listener {
  readonly #connection: Deno.Conn;
  readonly #buffer = new Uint8Array(8192);
  #text = "";
  #last = -1;

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async join(url: string): Promise<Listener> {
    const { hostname, port } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const listener = new Listener(connection);
    const headers = { "sec-websocket-protocol": SUBPROTOCOLS.batched };
    await connection.write(new TextEncoder().encode(handshake({ url }, { headers })));
    while (!listener.#text.endsWith("\r\n\r\n")) await listener.#read();
    await connection.write(frameOf(JSON.stringify({ type: "join" })));
    while (listener.#last < 0) await listener.#read(); // `joined` has the first `seq`
    return listener;
  }

  /** Reads until that message. */
  async readUpTo(seq: number): Promise<void> {
    while (this.#last < seq) await this.#read();
    this.#connection.close();
  }

  async #read(): Promise<void> {
    const count = await this.#connection.read(this.#buffer);
    if (count === null) throw new Error(`The connection ended after message ${this.#last}.`);
    // One byte is one character: the pattern looks at ASCII only.
    this.#text += DECODER.decode(this.#buffer.subarray(0, count));
    let end = 0;
    for (const match of this.#text.matchAll(/"seq":(\d+),/g)) {
      const seq = Number(match[1]);
      if (this.#last >= 0 && seq !== this.#last + 1) {
        throw new Error(`Message ${seq} came after ${this.#last}.`);
      }
      this.#last = seq;
      end = match.index + match[0].length;
    }
    this.#text = this.#text.slice(Math.max(end, this.#text.length - CARRIED));
  }
}

const DECODER = new TextDecoder("latin1");

if (import.meta.main) {
  const [url = "", json = ""] = Deno.args;
  const { members, messages }: Plan = JSON.parse(json);
  const listeners: Listener[] = [];
  while (listeners.length < members) {
    const count = Math.min(AT_ONCE, members - listeners.length);
    listeners.push(...await Promise.all(Array.from({ length: count }, () => Listener.join(url))));
  }
  tell("joined");
  const ends = await Promise.allSettled(listeners.map((one) => one.readUpTo(messages)));
  const faults = ends.flatMap((end) => end.status === "rejected" ? [String(end.reason)] : []);
  const [fault] = faults;
  tell({ complete: members - faults.length, ...(fault !== undefined && { fault }) });
  for await (const _ of Deno.stdin.readable);
}

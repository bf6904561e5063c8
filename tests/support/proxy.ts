/**
 * A TCP proxy that does to connections what networks do: cuts them, holds them up, slows them,
 * splits what they carry, and lets one end go without telling the other. It copies bytes and knows
 * nothing of what they mean.
 *
 *     await using proxy = faultProxy(server.url);
 *     const client = connect(`${proxy.url}/ws`);
 *     proxy.stall("down");  // commands arrive, their answers do not
 *     proxy.cut();
 *
 * @module
 */
import { seeded } from "./random.ts";

/** `up` is from the client to the server, `down` is what comes back. */
export type Direction = "up" | "down";

/** How bytes are passed on. */
export interface Passage {
  /** How long each piece is under way, in milliseconds. @default 0 */
  readonly delayMs?: number;
  /** The longest piece; each is of a random length up to it. @default as they come */
  readonly pieceBytes?: number;
}

interface Link {
  readonly client: Deno.Conn;
  readonly server: Deno.Conn;
  /** The server's end is gone, and the client was not told. */
  half: boolean;
  /** Nothing gets through any more, in either direction, not even an end. */
  silent: boolean;
}

/** A running proxy. Made by {@linkcode faultProxy}. */
export class FaultProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #random: () => number;
  readonly #links = new Set<Link>();
  readonly #stalled = new Map<Direction, PromiseWithResolvers<void>>();
  readonly #work = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #passage: Passage = {};
  /** Where it leads; may be set to another server. */
  target: string;
  /** While true, new connections are closed as soon as they come. */
  refusing = false;
  /** Connections that came so far. */
  accepted = 0;

  constructor(target: string, seed: number) {
    this.target = target;
    this.#random = seeded(seed);
    this.#track(this.#accept());
  }

  /** The proxy's own address, to be used in place of the server's. */
  get url(): string {
    const { port } = this.#listener.addr;
    return `http://127.0.0.1:${port}`;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#links.size;
  }

  /** Ends all connections at once, both ends; what was under way is lost. */
  cut(): void {
    for (const link of this.#links) this.#drop(link);
  }

  /** The server sees its connections end; the clients hear nothing more, not even that. */
  halfOpen(): void {
    for (const link of this.#links) {
      link.half = true;
      close(link.server);
    }
  }

  /** Neither end of these connections hears anything more, not even that it ended. New ones flow. */
  silence(): void {
    for (const link of this.#links) link.silent = true;
  }

  /** Holds everything up until {@linkcode flow}; nothing is lost. */
  stall(...directions: Direction[]): void {
    for (const direction of directions.length ? directions : ["up", "down"] as const) {
      if (!this.#stalled.has(direction)) this.#stalled.set(direction, Promise.withResolvers());
    }
  }

  /** Lets flow what was held up. */
  flow(): void {
    for (const { resolve } of this.#stalled.values()) resolve();
    this.#stalled.clear();
  }

  /** How bytes are passed on from now; `{}` is at once and whole. */
  pass(passage: Passage): void {
    this.#passage = passage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#listener.close();
    this.flow();
    this.cut();
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        this.accepted++;
        if (this.refusing) close(client);
        else this.#track(this.#connect(client));
      }
    } catch (thrown) {
      if (!this.#end.signal.aborted) throw thrown;
    }
  }

  async #connect(client: Deno.Conn): Promise<void> {
    const { hostname, port } = new URL(this.target);
    let server: Deno.Conn;
    try {
      server = await Deno.connect({ hostname, port: Number(port) });
    } catch {
      return close(client); // nobody there: the client sees its connection end
    }
    const link = { client, server, half: false, silent: false };
    this.#links.add(link);
    if (this.#end.signal.aborted) this.#drop(link);
    this.#track(this.#copy(link, "up"));
    this.#track(this.#copy(link, "down"));
  }

  async #copy(link: Link, direction: Direction): Promise<void> {
    const [from, to] = direction === "up" ? [link.client, link.server] : [link.server, link.client];
    const buffer = new Uint8Array(16_384);
    try {
      for (;;) {
        const length = await from.read(buffer);
        if (length === null) break;
        for (const piece of this.#pieces(buffer.subarray(0, length))) {
          await this.#stalled.get(direction)?.promise;
          if (this.#passage.delayMs) await this.#sleep(this.#passage.delayMs);
          if (!link.half && !link.silent) await writeAll(to, piece);
        }
      }
    } catch {
      // One of the two is gone, as it may be.
    }
    if (!link.silent && (!link.half || direction === "up")) this.#drop(link);
  }

  *#pieces(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < bytes.length;) {
      const most = this.#passage.pieceBytes ?? bytes.length;
      const length = most === bytes.length ? most : 1 + Math.floor(this.#random() * most);
      yield bytes.subarray(at, at + length);
      at += length;
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#end.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }

  #drop(link: Link): void {
    this.#links.delete(link);
    close(link.client);
    close(link.server);
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    work.finally(() => this.#work.delete(work));
  }
}

/** A proxy in front of the server at that URL, on a port of its own. */
export function faultProxy(target: string, seed = 1): FaultProxy {
  return new FaultProxy(target, seed);
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already, by itself or by us.
  }
}

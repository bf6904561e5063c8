/**
 * A real server in this process, and raw clients whose tests read as conversations:
 *
 *     await using server = await serve();
 *     await using alice = await connect(server, { room: "lobby" });
 *     alice.send({ type: "chat", payload: "hi" });
 *     const { seq } = await alice.next("chat");
 *
 * @module
 */
import { createServer, type Event, type Hooks, type Options, silentLog } from "../../server/mod.ts";
import type { Server } from "../../server/mod.ts";

/** How long a test waits for something that ought to happen. Not a timing: a way to fail. */
const PATIENCE_MS = 20_000;

/** Options under which a test is not in the way of itself. */
const ROOMY: Partial<Options> = {
  port: 0,
  db: ":memory:",
  rate: 0,
  addressRate: 0,
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
};

/** A listening server with room for tests; what is given wins. */
export async function serve(
  options: Partial<Options> = {},
  hooks: Hooks = {},
): Promise<Server> {
  const server = await createServer({ ...ROOMY, ...options }, { log: silentLog, ...hooks });
  server.listen();
  return server;
}

/** How a test client connects. */
export interface ClientOptions {
  readonly room?: string;
  readonly name?: string;
  /** A subprotocol; without one the client is plain. */
  readonly protocol?: string;
  readonly path?: string;
  /** What trusts the server's certificate; the caller closes it. */
  readonly client?: Deno.HttpClient;
  readonly headers?: Record<string, string>;
}

/** An event of that type. Nearly all clients here are guests, whose `welcome` has a token. */
export type EventOf<T extends Event["type"]> =
  & Extract<Event, { type: T }>
  & (T extends "welcome" ? { readonly token: string } : unknown);

/** A client that keeps everything that it was told until it is asked for it. */
export class Client implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #events: Event[] = [];
  readonly #closed = Promise.withResolvers<CloseEvent>();
  #wake: (() => void) | undefined;
  /** Every frame as it came. */
  readonly frames: string[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      this.frames.push(String(data));
      const value: Event | Event[] = JSON.parse(String(data));
      this.#events.push(...(Array.isArray(value) ? value : [value]));
      this.#wake?.();
    };
    socket.onclose = (event) => {
      this.#closed.resolve(event);
      this.#wake?.();
    };
  }

  get socket(): WebSocket {
    return this.#socket;
  }

  /** What was told and not yet asked for. */
  get pending(): readonly Event[] {
    return this.#events;
  }

  /** Settles when the connection is closed. */
  get closed(): Promise<CloseEvent> {
    return patiently(this.#closed.promise, "the connection to close");
  }

  send(...commands: unknown[]): void {
    for (const command of commands) this.#socket.send(JSON.stringify(command));
  }

  raw(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** The next event of that type (and that passes the test); what comes before it is passed over. */
  async next<T extends Event["type"]>(
    type: T,
    test: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    const wanted = (event: Event): event is EventOf<T> =>
      event.type === type && test(event as EventOf<T>);
    const find = () => {
      const index = this.#events.findIndex(wanted);
      return index < 0 ? undefined : this.#events.splice(0, index + 1).find(wanted);
    };
    return await this.#wait(find, `an event of type "${type}"`);
  }

  /** Settles when the next frame, or the close, has come. */
  async arrival(what = "anything"): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#wake = resolve);
    await patiently(woken, what);
  }

  /** The next so many events of that type, in order. */
  async take<T extends Event["type"]>(type: T, count: number): Promise<EventOf<T>[]> {
    const taken: EventOf<T>[] = [];
    while (taken.length < count) taken.push(await this.next(type));
    return taken;
  }

  async close(code?: number): Promise<void> {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code ?? 1000);
    await this.#closed.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #wait<T>(find: () => T | undefined, what: string): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#socket.readyState === WebSocket.CLOSED) {
        const { code, reason } = await this.#closed.promise;
        throw new Error(`Closed (${code} ${reason}) while waiting for ${what}`);
      }
      await this.arrival(what);
    }
  }
}

/** A client that is connected; a plain one has joined as well. */
export async function connect(
  server: { readonly url: string },
  options: ClientOptions = {},
): Promise<Client> {
  const url = new URL(options.path ?? "/ws", server.url.replace(/^http/, "ws"));
  if (options.room !== undefined) url.searchParams.set("room", options.room);
  if (options.name !== undefined) url.searchParams.set("name", options.name);
  const socket = new WebSocket(url, {
    ...(options.protocol !== undefined && { protocols: [options.protocol] }),
    ...(options.headers && { headers: options.headers }),
    ...(options.client && { client: options.client }),
  });
  const client = new Client(socket);
  await patiently(
    new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = (event) => reject(event instanceof ErrorEvent ? event.error : event);
    }),
    "the connection to open",
  );
  return client;
}

/** A client that has said `hello` and joined a room. */
export async function member(
  server: { readonly url: string },
  { name = "Alice", room = "lobby", protocol = "parley.v1", ...rest }: ClientOptions = {},
): Promise<Client> {
  const client = await connect(server, { protocol, ...rest });
  client.send({ type: "hello", name }, { type: "join", room });
  await client.next("joined");
  return client;
}

/** What a client is told up to the answer to a command that changes nothing. */
export async function told(client: Client): Promise<Event[]> {
  const ref = crypto.randomUUID();
  client.send({ type: "leave", room: ref, ref });
  const seen: Event[] = [];
  // Everything is read out of `pending`, because `next` passes over what it is not asked for.
  const marker = (event: Event) => event.type === "error" && event.ref === ref;
  while (!client.pending.some(marker)) await client.arrival();
  seen.push(...client.pending.filter((event) => !marker(event)));
  await client.next("error", (event) => event.ref === ref);
  return seen;
}

/** Looks again and again until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits for a promise, but says what for when it does not come. */
export async function patiently<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

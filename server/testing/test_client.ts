/**
 * A `TestClient` is a WebSocket that keeps what it was sent until a test asks for it.
 *
 * @module
 */
import type { Event } from "../protocol/messages.ts";
import { patiently } from "./patience.ts";

/** An event of that type. Guests, as most test clients are, have a token in their `welcome`. */
export type EventOf<T extends Event["type"]> =
  & Extract<Event, { type: T }>
  & (T extends "welcome" ? { readonly token: string } : unknown);

/** A client that keeps everything that it was sent until it is asked for it. */
export class TestClient implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #events: Event[] = [];
  readonly #closed = Promise.withResolvers<CloseEvent>();
  #wake: (() => void) | undefined;
  /** Every frame as it came. */
  readonly frames: string[] = [];

  /** Begins to listen to a socket. */
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

  /** The socket itself. */
  get socket(): WebSocket {
    return this.#socket;
  }

  /** What came and was not asked for yet. */
  get pending(): readonly Event[] {
    return this.#events;
  }

  /** Settles when the connection is closed, with the code and the reason. */
  get closed(): Promise<CloseEvent> {
    return patiently(this.#closed.promise, "the connection to close");
  }

  /** Sends commands, each in a frame. They need not be right. */
  send(...commands: unknown[]): void {
    for (const command of commands) this.#socket.send(JSON.stringify(command));
  }

  /** Sends a frame as it is. */
  raw(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /**
   * Returns the next event of that type that passes the test. What came before it is passed over.
   *
   * @throws {Error} if the connection closes before, or nothing comes for a minute.
   */
  async next<T extends Event["type"]>(
    type: T,
    test: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    const wanted = (event: Event): event is EventOf<T> =>
      event.type === type && test(event as EventOf<T>); // a cast: its type has just been compared
    const find = () => {
      const index = this.#events.findIndex(wanted);
      return index < 0 ? undefined : this.#events.splice(0, index + 1).find(wanted);
    };
    return await this.#wait(find, `an event of type "${type}"`);
  }

  /** Returns the next so many events of that type, in order. */
  async take<T extends Event["type"]>(type: T, count: number): Promise<EventOf<T>[]> {
    const taken: EventOf<T>[] = [];
    while (taken.length < count) taken.push(await this.next(type));
    return taken;
  }

  /** Settles when the next frame, or the close, has come. */
  async arrival(what = "anything"): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#wake = resolve);
    await patiently(woken, what);
  }

  /** Closes the connection. */
  async close(code?: number): Promise<void> {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(code ?? 1000);
    await this.#closed.promise;
  }

  /** Closes the connection, at the end of an `await using` block. */
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
      try {
        await this.arrival(what);
      } catch (thrown) {
        const came = JSON.stringify(this.#events.slice(-10));
        throw new Error(`Waited in vain for ${what}. The last that came are ${came}`, {
          cause: thrown,
        });
      }
    }
  }
}

/**
 * `Deno.serve` and `Deno.upgradeWebSocket` with nothing of Parley's between them and the test: for
 * tests of what the runtime itself does.
 *
 * @module
 */

/** The runtime's end of a WebSocket, and what happened to it. */
export class BareSocket {
  readonly socket: WebSocket;
  /** `open`, `message …`, `error …` and `close <code>`, in the order in which they came. */
  readonly events: string[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.events.push("open");
    socket.onmessage = ({ data }) => {
      const what = typeof data === "string" ? data : `${data.byteLength} bytes`;
      this.events.push(`message ${what}`);
    };
    socket.onerror = () => this.events.push("error");
    socket.onclose = ({ code }) => this.events.push(`close ${code}`);
  }

  get closes(): readonly string[] {
    return this.events.filter((event) => event.startsWith("close"));
  }
}

/** A listener with that handler; it is shut down at the end. */
export class BareServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** What its `onError` was told. */
  readonly errors: unknown[] = [];
  finished = false;

  constructor(handler: (request: Request, info: Deno.ServeHandlerInfo) => Response) {
    const onError = (thrown: unknown) => {
      this.errors.push(thrown);
      return new Response("failed", { status: 500 });
    };
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError };
    this.#server = Deno.serve(options, handler);
    void this.#server.finished.finally(() => this.finished = true);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async shutdown(): Promise<void> {
    await this.#server.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}

/** A listener that makes a WebSocket of every request, and nothing else. */
export class BareSockets extends BareServer {
  readonly #sockets: BareSocket[];

  /** @param idleTimeout in seconds; 0 is none. */
  constructor(idleTimeout = 0) {
    const sockets: BareSocket[] = [];
    super((request) => {
      const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout });
      sockets.push(new BareSocket(socket));
      return response;
    });
    this.#sockets = sockets;
  }

  /** The sockets of the last connections that were made, oldest first. */
  last(count: number): readonly BareSocket[] {
    return this.#sockets.slice(-count);
  }

  /** The socket of the last connection. */
  get newest(): BareSocket {
    const newest = this.#sockets.at(-1);
    if (newest === undefined) throw new Error("Nobody has connected yet");
    return newest;
  }
}

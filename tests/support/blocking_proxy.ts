/**
 * A proxy as found in hotels and offices: HTTP gets through, WebSocket does not. It either refuses
 * the upgrade, or lets it through and then swallows every frame.
 *
 * @module
 */
export type Mode = "open" | "refuse" | "swallow";

const REFUSAL = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

export class BlockingProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #work: Promise<void>[] = [];
  #ending = false;
  /** Where it leads; may be set to another server. */
  target: string;
  /** What happens to WebSockets from now on; those that are open are not touched. */
  mode: Mode;

  constructor(target: string, mode: Mode) {
    this.target = target;
    this.mode = mode;
    this.#work.push(this.#accept());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Ends all connections, of either kind. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    this.#listener.close();
    this.cut();
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        if (this.#ending) { // it was accepted just before the listener was closed
          close(client);
          break;
        }
        this.#connections.add(client);
        this.#work.push(this.#connect(client));
      }
    } catch (thrown) {
      if (!this.#ending) throw thrown;
    }
  }

  async #connect(client: Deno.Conn): Promise<void> {
    try {
      const head = await read(client);
      const isUpgrade = /^upgrade: *websocket/im.test(new TextDecoder().decode(head));
      if (isUpgrade && this.mode === "refuse") {
        await client.write(new TextEncoder().encode(REFUSAL));
        return close(client);
      }
      const { hostname, port } = new URL(this.target);
      const server = await Deno.connect({ hostname, port: Number(port) });
      if (!this.#connections.has(client)) return close(server); // it was cut meanwhile
      this.#connections.add(server);
      await server.write(head);
      if (isUpgrade && this.mode === "swallow") {
        await client.write(await read(server)); // the 101, and not a byte more
        await client.readable.pipeTo(new WritableStream());
        return close(server);
      }
      await Promise.all([
        client.readable.pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ]);
    } catch {
      // One of them is gone.
    }
  }
}

async function read(connection: Deno.Conn): Promise<Uint8Array> {
  const buffer = new Uint8Array(16_384);
  return buffer.subarray(0, await connection.read(buffer) ?? 0);
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}

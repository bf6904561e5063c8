/**
 * The server as a process of its own, to be killed, stopped and started again as power cuts and
 * operators do.
 *
 * @module
 */
import { until } from "./harness.ts";

/** A server process on a port and a database that stay the same when it is started again. */
export class ServerProcess implements AsyncDisposable {
  readonly #folder: string;
  readonly #environment: Readonly<Record<string, string>>;
  #process: Deno.ChildProcess;
  readonly url: string;

  private constructor(folder: string, port: number, environment: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.#environment = { ...environment, PORT: String(port), DB: `${folder}/parley.db` };
    this.url = `http://127.0.0.1:${port}`;
    this.#process = this.#spawn();
  }

  /** @param environment the server's options, as environment variables. */
  static async start(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
    const folder = await Deno.makeTempDir({ prefix: "parley-" });
    const started = new ServerProcess(folder, freePort(), environment);
    await started.#answers();
    return started;
  }

  /** As a power cut would (SIGKILL), and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#process.status;
  }

  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Starts it again after {@linkcode kill}. */
  async restart(): Promise<void> {
    this.#process = this.#spawn();
    await this.#answers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } catch {
      // It was gone already.
    }
    await Deno.remove(this.#folder, { recursive: true });
  }

  #spawn(): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--lock=tests/deno.lock", "-A", "main.ts"],
      cwd: new URL("..", import.meta.url),
      env: this.#environment,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async #answers(): Promise<void> {
    await until(async () => {
      try {
        const response = await fetch(`${this.url}/healthz`);
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    }, "the server to start");
  }
}

/**
 * A port that nobody has. Not one that the system gives out: a client on its way to a server that is
 * down might be given that very port, and then the server cannot come back.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.AddrInUse)) throw thrown;
    }
  }
}

/**
 * A real Redis on a port of its own, to be killed, stopped and started again. Tests that need one are
 * skipped by name where it is not installed; never on a build machine, where that would hide them.
 *
 * @module
 */
import { until } from "./harness.ts";
import { freePort } from "./server_process.ts";

/** How Redis keeps what it has: not at all, or in its append-only file. */
export type Keeping = "nothing" | "file";

/** A running Redis. */
export class RedisProcess implements AsyncDisposable {
  readonly port = freePort();
  readonly #folder = Deno.makeTempDirSync({ prefix: "redis-" });
  readonly #keeping: Keeping;
  #process: Deno.ChildProcess;

  private constructor(keeping: Keeping) {
    this.#keeping = keeping;
    this.#process = this.#spawn();
  }

  static async start(keeping: Keeping = "nothing"): Promise<RedisProcess> {
    const started = new RedisProcess(keeping);
    await started.#answers();
    return started;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** As a power cut would (SIGKILL), and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#process.status;
  }

  /** Starts it again after {@linkcode kill}. */
  async restart(): Promise<void> {
    this.#process = this.#spawn();
    await this.#answers();
  }

  /** What it answers to a command. */
  async ask(...command: string[]): Promise<string> {
    const { stdout } = await new Deno.Command("redis-cli", {
      args: ["-p", String(this.port), ...command],
    }).output();
    return new TextDecoder().decode(stdout).trim();
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
    const keep = this.#keeping === "file" ? "yes" : "no";
    return new Deno.Command("redis-server", {
      args: [
        "--port",
        String(this.port),
        "--bind",
        "127.0.0.1",
        "--dir",
        this.#folder,
        "--save",
        "",
      ]
        .concat("--appendonly", keep, "--appendfsync", "everysec"),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async #answers(): Promise<void> {
    await until(async () => await this.ask("PING") === "PONG", "Redis to start");
  }
}

function isInstalled(): boolean {
  try {
    return new Deno.Command("redis-server", { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Whether tests that need Redis are passed over. */
export const WITHOUT_REDIS = Deno.env.get("CI") === undefined && !isInstalled();

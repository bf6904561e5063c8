/**
 * A real Redis on a port of its own, to be killed, stopped and started again. Tests that need one are
 * skipped by name where it is not installed; never on a build machine, where that would hide them.
 *
 * @module
 */
import { Child, isMissing } from "./child.ts";

/** How Redis keeps what it has: not at all, or in its append-only file. */
export type Keeping = "nothing" | "file";

/** The program: another that speaks the same, such as `valkey-server`, may be named. */
const PROGRAM = Deno.env.get("REDIS_SERVER") ?? "redis-server";

/** A running Redis. */
export class RedisProcess extends Child {
  readonly #keeping: Keeping;
  readonly #more: readonly string[];

  private constructor(keeping: Keeping, more: readonly string[]) {
    super();
    this.#keeping = keeping;
    this.#more = more;
  }

  /** @param more further arguments, such as `--cluster-enabled yes`. */
  static async start(keeping: Keeping = "nothing", ...more: string[]): Promise<RedisProcess> {
    const started = new RedisProcess(keeping, more);
    await started.restart();
    return started;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** What it answers to a command. */
  async ask(...command: string[]): Promise<string> {
    const { stdout } = await new Deno.Command("redis-cli", {
      args: ["-p", String(this.port), ...command],
    }).output();
    return new TextDecoder().decode(stdout).trim();
  }

  protected override command(): Deno.Command {
    const keep = this.#keeping === "file" ? "yes" : "no";
    return new Deno.Command(PROGRAM, {
      args: ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.folder]
        .concat("--save", "", "--appendonly", keep, "--appendfsync", "always", ...this.#more),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  protected override async answers(): Promise<boolean> {
    return await this.ask("PING") === "PONG";
  }
}

/** Whether tests that need Redis are skipped. */
export const WITHOUT_REDIS = isMissing(PROGRAM, "--version");

/**
 * The server as a process of its own, started by the very command of `deno task start`.
 *
 * @module
 */
import { Child } from "./child.ts";
import { startTask } from "./program.ts";

/** How a process is started, other than as an operator would. */
export interface Start {
  /** A script with arguments in place of `main.ts`, until it is restarted. */
  readonly script?: readonly string[];
  /** Whether it is the script also then. */
  readonly always?: boolean;
  /** The command that starts the command. */
  readonly prefix?: readonly string[];
}

/** A server process on a port and a database that stay the same when it is started again. */
export class ServerProcess extends Child {
  readonly url = `http://127.0.0.1:${this.port}`;
  readonly db: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #prefix: readonly string[];
  readonly #always: boolean;
  #script: readonly string[] | undefined;

  private constructor(
    environment: Readonly<Record<string, string>>,
    { script, always = false, prefix }: Start,
  ) {
    super();
    this.db = environment.PARLEY_DB ?? `${this.folder}/parley.db`;
    this.#environment = { ...environment, PORT: String(this.port), PARLEY_DB: this.db };
    this.#script = script;
    this.#always = always;
    this.#prefix = prefix ?? [];
  }

  /** @param environment the server's options, as environment variables. */
  static async start(
    environment: Readonly<Record<string, string>>,
    how: Start = {},
  ): Promise<ServerProcess> {
    const started = new ServerProcess(environment, how);
    await started.restart();
    return started;
  }

  /** How large it may make a file from now on; a write over that fails, as on a full disk. */
  async limitFiles(bytes: number | "unlimited"): Promise<void> {
    const args = ["--pid", `${this.pid}`, `--fsize=${bytes}:`];
    const { success, stderr } = await new Deno.Command("prlimit", { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  protected override command(): Deno.Command {
    const task = startTask();
    const args = this.#script ? ["run", "-A", ...this.#script] : task.args;
    if (!this.#always) this.#script = undefined;
    const [command = "", ...rest] = [...this.#prefix, Deno.execPath(), ...args];
    return new Deno.Command(command, {
      args: rest,
      cwd: task.cwd,
      env: { ...task.env, ...this.#environment },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  protected override async answers(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/healthz`);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}

/**
 * The program as an operator runs it: the very command of `deno task start`, with its permissions,
 * and everything that it says.
 *
 * @module
 */
import { patiently, until } from "./harness.ts";
import { ROOT } from "./paper.ts";

/** What `deno task start` runs, and where. */
export function startTask(): { args: string[]; env: Record<string, string>; cwd: URL } {
  const { tasks }: { tasks: Record<string, string> } = JSON.parse(
    Deno.readTextFileSync(new URL("deno.json", ROOT)),
  );
  const [settings = "", task = ""] = (tasks.start ?? "").split(/\bdeno (?=run )/);
  return {
    // The lock of the tests has Redis's client as well, which else would be written into the other.
    args: task.replace("run", `run --lock=${ROOT.pathname}tests/deno.lock`).split(/\s+/),
    env: Object.fromEntries(settings.trim().split(/\s+/).map((pair) => pair.split("="))),
    cwd: ROOT,
  };
}

export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #hungUp = new AbortController();
  /** What it has said so far. */
  out = "";
  err = "";

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#reading = Promise.all([
      drain(process.stdout, this.#hungUp.signal, (text) => this.out += text),
      drain(process.stderr, this.#hungUp.signal, (text) => this.err += text),
    ]);
  }

  /**
   * Starts it, and waits for nothing.
   *
   * @param prefix the command that starts the command.
   * @param script what Deno is told in place of the task.
   */
  // deno-lint-ignore require-await -- so that nobody who waits for it has to change
  static async run(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    prefix: readonly string[] = [],
    script?: readonly string[],
  ): Promise<Program> {
    const task = startTask();
    const command = [...prefix, Deno.execPath(), ...(script ?? task.args), ...args];
    return Program.spawn(command, { ...task.env, ...env });
  }

  /** Starts any command at the root of the repository. */
  static spawn(
    [program = "", ...args]: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Program {
    const command = new Deno.Command(program, {
      args,
      cwd: ROOT,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    return new Program(command.spawn());
  }

  /** Starts it on a free port, unless told otherwise, and waits until it says where it is. */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    prefix: readonly string[] = [],
    script?: readonly string[],
  ): Promise<Program> {
    const settings = ["--port", "0", "--rate", "0", "--address-rate", "0", ...args];
    const program = await Program.run(settings, env, prefix, script);
    let ended = false;
    void program.#process.status.then(() => ended = true);
    await until(() => ended || program.#address() !== undefined, "the program to start");
    if (program.#address() !== undefined) return program;
    await program.#reading;
    throw new Error(`The program did not start: ${program.err}`);
  }

  /** Where it listens. */
  get url(): string {
    return this.#address() ?? "";
  }

  get pid(): number {
    return this.#process.pid;
  }

  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Waits until it has printed that. */
  async prints(pattern: RegExp): Promise<readonly string[]> {
    await until(() => pattern.test(this.out + this.err), `the program to print ${pattern}`);
    return (this.out + this.err).match(pattern) ?? [];
  }

  /** Closes the pipes that it speaks into. */
  async hangUp(): Promise<void> {
    this.#hungUp.abort();
    await this.#reading;
  }

  /** How it ended, when it has, and all that it said. */
  async ended(): Promise<{ code: number; signal: string | null; out: string; err: string }> {
    const { code, signal } = await patiently(this.#process.status, "the program to end");
    await this.#reading;
    return { code, signal, out: this.out, err: this.err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.signal("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }

  #address(): string | undefined {
    return this.out.match(/\bhttps?:\/\/\S+(?=\n)/)?.[0];
  }
}

async function drain(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  hear: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  signal.addEventListener("abort", () => void reader.cancel());
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    hear(decoder.decode(value, { stream: true }));
  }
}

/**
 * A program of ours in a process of its own that is told things and tells things, one line of JSON
 * each; so that a test can stop it, measure it, or have it fail without being touched itself.
 *
 * @module
 */
import { patiently } from "./harness.ts";

export class LineProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  /** @param args of `deno run`; the program ends when its standard input does. */
  constructor(args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--lock=tests/deno.lock", ...args],
      cwd: new URL("../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#process.pid;
  }

  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  async tell(what: unknown): Promise<void> {
    await this.#input.write(new TextEncoder().encode(JSON.stringify(what) + "\n"));
  }

  /** The next that it tells; `undefined` when it has ended. */
  async next<T>(): Promise<T | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const value: T = JSON.parse(this.#text.slice(0, end));
        this.#text = this.#text.slice(end + 1);
        return value;
      }
      const { done, value } = await this.#output.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {}); // it has ended already
    await patiently(this.#process.status, "the program to end");
    await this.#output.cancel();
  }
}

/** The lines of this program's standard input, as they come. */
export async function* told<T>(): AsyncGenerator<T> {
  let text = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

/** Tells whoever started this program. */
export function tell(what: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(what) + "\n"));
}

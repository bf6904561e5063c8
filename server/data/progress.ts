/**
 * `Progress` shows on a terminal how far long work is: one line that is written over. Where the output is no
 * terminal, it writes a line every ten seconds.
 *
 * @module
 */

/** Where a command writes for people. */
export interface Terminal {
  write(text: string): Promise<unknown>;
  readonly isTerminal: boolean;
}

const OVER_MS = 200;
const LINE_MS = 10_000;

export class Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  #shownAt: number;
  #width = 0;

  constructor(terminal: Terminal, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
    this.#shownAt = now();
  }

  /** Shows how far the work is, unless it was shown just now. */
  async show(text: () => string): Promise<void> {
    const { isTerminal } = this.#terminal;
    if (this.#now() - this.#shownAt < (isTerminal ? OVER_MS : LINE_MS)) return;
    this.#shownAt = this.#now();
    await this.#write(text(), isTerminal ? "" : "\n");
  }

  /** Shows the last word. */
  async end(text: string): Promise<void> {
    await this.#write(text, "\n");
  }

  async #write(text: string, end: string): Promise<void> {
    const start = this.#width > 0 ? "\r" : "";
    const line = start + text.padEnd(this.#width) + end;
    this.#width = end === "" ? Math.max(this.#width, text.length) : 0;
    await this.#terminal.write(line);
  }
}

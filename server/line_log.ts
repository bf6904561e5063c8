/**
 * `LineLog` is the log for the operator: one line per event, as `lineOf` writes it. No caller may pass the
 * text of a message or a token.
 *
 * Writing a line never harms the caller. On a full disk a write fails, and with a reader that is stuck
 * it never ends. So lines are written one after the other, without anybody waiting, and those that cannot
 * be written are counted. Clients cannot fill the disk with lines either: each kind of event is written
 * at most once a second, with the number of events, and the number of kinds is limited. What managers do
 * to others is not gathered: their allowances bound it.
 *
 * @module
 */

import { settleWithin } from "./deadline.ts";
import { type Facts, lineOf, LOG_LEVELS, type LogFormat, type LogLevel } from "./log_line.ts";

/** A `Log` writes lines for the operator. An application may bring its own. */
export interface Log {
  /**
   * Logs what helps to find a fault, and is too much otherwise: each connection and each request. Without
   * this method these lines are not even made.
   */
  debug?: ((event: string, facts?: Facts) => void) | undefined;
  /** Logs what is normal, such as a start. */
  info(event: string, facts?: Facts): void;
  /** Logs what the operator may want to change, such as a limit that was reached. */
  warn(event: string, facts?: Facts): void;
  /** Logs what failed. */
  error(event: string, facts?: Facts): void;
  /**
   * Logs what one user has done to another, such as a mute. Each of these is worth a line of its own.
   * Without it, `info` is called.
   */
  audit?(event: string, facts?: Facts): void;
}

/** A `Sink` takes the bytes of lines: usually standard error. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** A kind of event is written once in this time. */
const GATHER_MS = 1000;
/** How many kinds of events are written in that time. */
const MAX_KINDS = 50;
/** How many characters wait to be written, at most. */
const MAX_QUEUED = 65_536;
/** How long a flush waits for a reader that may be stuck. */
const MAX_FLUSH_MS = 300;

/** Events with the same level and name, which are counted until they are written as one line. */
interface Kind {
  readonly level: LogLevel;
  readonly event: string;
  /** When a line of this kind was written last. */
  writtenAt: number;
  /** The number of events since then, and the facts of the last one. */
  count: number;
  facts: Facts;
}

/** A line that waits to be written, and the number of events in it. */
interface Line {
  readonly text: string;
  readonly count: number;
}

/** How a {@linkcode LineLog} writes. */
export interface LineLogOptions {
  /** @default {"text"} */
  readonly format?: LogFormat;
  /**
   * The least serious level that is written.
   *
   * @default {"info"}
   */
  readonly level?: LogLevel;
  /**
   * The time in milliseconds, which never goes back.
   *
   * @default {() => performance.now()}
   */
  readonly now?: () => number;
}

/** `LineLog` writes lines to a sink. No method throws, and only `flush` waits for the sink. */
export class LineLog implements Log {
  /** Lines of this level are not gathered: one by one is how they are of use. */
  readonly debug: Log["debug"];
  readonly #sink: Sink;
  readonly #format: LogFormat;
  readonly #minLevel: number;
  readonly #now: () => number;
  /** The kinds by level and event; the one written longest ago comes first. */
  readonly #kinds = new Map<string, Kind>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #queue: Line[] = [];
  #queuedChars = 0;
  #writing: Promise<void> | undefined;
  /** The number of events that were not written, since the last line that said so. */
  #leftOut = 0;

  constructor(
    sink: Sink,
    { format = "text", level = "info", now = () => performance.now() }: LineLogOptions = {},
  ) {
    this.#sink = sink;
    this.#format = format;
    this.#minLevel = LOG_LEVELS.indexOf(level);
    this.#now = now;
    if (level !== "debug") return;
    this.debug = (event, facts = {}) =>
      this.#write({ level: "debug", event, writtenAt: now(), count: 1, facts });
  }

  info(event: string, facts: Facts = {}): void {
    this.#count("info", event, facts);
  }

  warn(event: string, facts: Facts = {}): void {
    this.#count("warn", event, facts);
  }

  error(event: string, facts: Facts = {}): void {
    this.#count("error", event, facts);
  }

  audit(event: string, facts: Facts = {}): void {
    if (this.#minLevel > LOG_LEVELS.indexOf("info")) return;
    this.#write({ level: "info", event, writtenAt: this.#now(), count: 1, facts });
  }

  /** Writes everything, and returns when that is done or when the sink takes too long. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const kind of this.#kinds.values()) if (kind.count > 0) this.#write(kind);
    this.#kinds.clear();
    this.#writeLeftOut();
    await settleWithin(MAX_FLUSH_MS, this.#writing);
  }

  #count(level: LogLevel, event: string, facts: Facts): void {
    if (LOG_LEVELS.indexOf(level) < this.#minLevel) return;
    const key = `${level} ${event}`;
    let kind = this.#kinds.get(key);
    if (kind !== undefined) {
      kind.count++;
      kind.facts = facts;
      return;
    }
    if (this.#kinds.size >= MAX_KINDS) {
      this.#leftOut++;
      return;
    }
    kind = { level, event, writtenAt: this.#now(), count: 1, facts };
    this.#kinds.set(key, kind);
    this.#write(kind);
    this.#writeLater(GATHER_MS);
  }

  /** Writes gathered events later. The timer does not keep the process alive. */
  #writeLater(milliseconds: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#writeGathered(), milliseconds);
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Writes the kinds whose time has come, and forgets those with no new event. */
  #writeGathered(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (const [key, kind] of this.#kinds) {
      const left = kind.writtenAt + GATHER_MS - now;
      if (left > 0) {
        this.#writeLater(left);
        break;
      }
      this.#kinds.delete(key);
      if (kind.count === 0) continue;
      kind.writtenAt = now;
      this.#kinds.set(key, kind); // at the end, so that this loop does not meet it again
      this.#write(kind);
      this.#writeLater(GATHER_MS);
    }
    this.#writeLeftOut();
  }

  #writeLeftOut(): void {
    if (this.#leftOut === 0) return;
    const count = this.#leftOut;
    this.#leftOut = 0;
    const facts = {};
    const writtenAt = this.#now();
    this.#write({ level: "warn", event: "log lines left out", writtenAt, count, facts });
  }

  #write(kind: Kind): void {
    const { level, event, count, facts } = kind;
    kind.count = 0;
    kind.facts = {};
    const text = lineOf(this.#format, level, event, count > 1 ? { ...facts, count } : facts);
    if (this.#queuedChars + text.length > MAX_QUEUED) {
      this.#leftOut += count;
      return;
    }
    this.#queue.push({ text, count });
    this.#queuedChars += text.length;
    this.#writing ??= this.#drain();
  }

  /** Writes the queue, one line after the other. A line that cannot be written is counted. */
  async #drain(): Promise<void> {
    let isWritten = true;
    for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) {
      this.#queuedChars -= line.text.length;
      isWritten = await writeAll(this.#sink, line.text);
      if (!isWritten) this.#leftOut += line.count;
    }
    this.#writing = undefined;
    // The sink works again after a failure.
    if (isWritten && this.#leftOut > 0) this.#writeLater(GATHER_MS);
  }
}

/**
 * Writes a whole text, which may take several writes.
 *
 * @returns false if that failed. It never throws.
 */
export async function writeAll(sink: Sink, text: string): Promise<boolean> {
  try {
    let rest: Uint8Array = ENCODER.encode(text);
    while (rest.length > 0) rest = rest.subarray(await sink.write(rest));
    return true;
  } catch {
    return false;
  }
}

const ENCODER = new TextEncoder();

/**
 * What the operator sees: one line per event, `time level event key=value …`, on standard error. It must
 * never be handed a message's text or a token.
 *
 * A log must not harm who writes it. A full disk makes a write fail, and a reader that is stuck makes it
 * last for ever: so lines are written one after the other, beside the event loop, and those that do not
 * get through are counted. Nor can a stranger fill the disk with lines: each kind of event is written
 * once a second at most, with how often it came, and there is a limit to the kinds.
 *
 * @module
 */

import { within } from "./within.ts";

/** Something that writes lines; an embedding program may bring its own. */
export interface Log {
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
}

export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a log's lines go: standard error, as a rule. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** How often an event of one kind is written. */
const GATHER_MS = 1000;
/** Kinds of events that are written within that time. */
const MAX_KINDS = 50;
/** Characters that wait to be written, and characters of one fact. */
const MAX_QUEUED = 65_536;
const MAX_FACT = 2000;
/** How long a flush waits for a reader that may be stuck. */
const FLUSH_MS = 300;

/** An event's level and name: all that are alike are gathered. */
interface Kind {
  readonly level: string;
  readonly event: string;
  /** When a line of this kind was written last. */
  writtenAt: number;
  /** How often it came since, and the facts of the last time. */
  count: number;
  facts: Facts;
}

/** A line on its way, and how many events it stands for. */
interface Line {
  readonly text: string;
  readonly count: number;
}

/** Writes lines to a sink. None of its methods throws or waits for the sink. */
export class LineLog implements Log {
  readonly #sink: Sink;
  readonly #now: () => number;
  /** By level and event; the longest unwritten first. */
  readonly #kinds = new Map<string, Kind>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #queue: Line[] = [];
  #queuedChars = 0;
  #writing: Promise<void> | undefined;
  /** Events that were not written, and of which nobody was told yet. */
  #leftOut = 0;

  /** @param now in milliseconds; it never goes back. */
  constructor(sink: Sink, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#now = now;
  }

  info(event: string, facts: Facts = {}): void {
    this.#note("info", event, facts);
  }

  warn(event: string, facts: Facts = {}): void {
    this.#note("warn", event, facts);
  }

  error(event: string, facts: Facts = {}): void {
    this.#note("error", event, facts);
  }

  /** Writes what is gathered and settles when all is written, or when the sink takes too long. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const kind of this.#kinds.values()) if (kind.count > 0) this.#write(kind);
    this.#kinds.clear();
    this.#tellLeftOut();
    await within(FLUSH_MS, this.#writing);
  }

  #note(level: string, event: string, facts: Facts): void {
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
    this.#wait(GATHER_MS);
  }

  /** Looks again at what was gathered. The timer keeps no process alive. */
  #wait(milliseconds: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#gathered(), milliseconds);
    Deno.unrefTimer(Number(this.#timer));
  }

  /** Writes the kinds whose time has come, and forgets those of which no more came. */
  #gathered(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (const [key, kind] of this.#kinds) {
      const left = kind.writtenAt + GATHER_MS - now;
      if (left > 0) {
        this.#wait(left);
        break;
      }
      this.#kinds.delete(key);
      if (kind.count === 0) continue;
      kind.writtenAt = now;
      this.#kinds.set(key, kind); // at the end, where it is not looked at again now
      this.#write(kind);
      this.#wait(GATHER_MS);
    }
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
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
    const text = lineOf(level, event, count > 1 ? { ...facts, count } : facts);
    if (this.#queuedChars + text.length > MAX_QUEUED) {
      this.#leftOut += count;
      return;
    }
    this.#queue.push({ text, count });
    this.#queuedChars += text.length;
    this.#writing ??= this.#drain();
  }

  /** Writes what waits, one line after the other. A line that cannot be written is only counted. */
  async #drain(): Promise<void> {
    let works = true;
    for (let line = this.#queue.shift(); line !== undefined; line = this.#queue.shift()) {
      this.#queuedChars -= line.text.length;
      works = await writeAll(this.#sink, line.text);
      if (!works) this.#leftOut += line.count;
    }
    this.#writing = undefined;
    // The sink was stuck, and is not any more.
    if (works && this.#leftOut > 0) this.#wait(GATHER_MS);
  }
}

/** To standard error, so that standard output stays free for those who pipe it. */
export const consoleLog: LineLog = new LineLog(Deno.stderr);

/** For tests and for programs that want silence. */
export const silentLog: Log = { info() {}, warn() {}, error() {} };

/** Makes a log of another that may throw: an embedding program's own. */
export function harmless(log: Log): Log {
  const safely = (write: (event: string, facts?: Facts) => void): Log["info"] => (event, facts) => {
    try {
      write.call(log, event, facts);
    } catch {
      // A lost line costs no more than the line.
    }
  };
  return { info: safely(log.info), warn: safely(log.warn), error: safely(log.error) };
}

/** An unknown thrown thing, as one line. */
export function reason(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}

/**
 * Writes a text to the end, which may take several writes.
 *
 * @returns whether it could; nobody who writes a line has to fail with it.
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

function lineOf(level: string, event: string, facts: Facts): string {
  const pairs = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${plain(String(value).slice(0, MAX_FACT))}`);
  return `${new Date().toISOString()} ${level} ${event}${pairs.join("")}\n`;
}

/** A line stays a line, whatever is put into it. */
function plain(value: string): string {
  return /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value);
}

const ENCODER = new TextEncoder();

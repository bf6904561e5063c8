/**
 * What clients were shown in a run with faults, held against each other and against the log: each
 * echoed message is there once, there is one order for all, without hole or repeat, and live text is
 * replayed text to the byte. Servers under it run with `RECENT_MESSAGES=0`, so that every client knows
 * from the start what comes next. It throws at the first thing that is not so.
 *
 * @module
 */
import type { ChatEvent, JoinedEvent } from "../../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { until } from "./harness.ts";

/** A room's whole log: its events' text, from the first on. */
export interface Log {
  readonly epoch: string;
  readonly texts: readonly string[];
}

/** A message under its epoch. */
interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** Names the log, whichever start of the server an epoch is from. */
export function logOf(epoch: string): string {
  return epoch.split(".")[0] ?? "";
}

/** One run. */
export class Checker {
  readonly mayLose: boolean;
  /** The text of everything that anybody was shown, by epoch and then by `seq`. */
  readonly #seen = new Map<string, string[]>();
  readonly #views: View[] = [];
  /** Messages that came back to who said them. */
  echoes = 0;
  /** Messages that were refused for now. */
  unavailable = 0;

  /** @param mayLose whether the log may be lost on the way, and another begun. */
  constructor({ mayLose = false } = {}) {
    this.mayLose = mayLose;
  }

  /** All epochs, in the order they were met. */
  get epochs(): readonly string[] {
    return [...this.#seen.keys()];
  }

  view(name: string): View {
    const view = new View(name, this);
    this.#views.push(view);
    return view;
  }

  met(epoch: string): void {
    epoch = logOf(epoch);
    if (this.#seen.has(epoch)) return;
    assert(this.#seen.size === 0 || this.mayLose, `the epoch became ${epoch}`);
    this.#seen.set(epoch, []);
  }

  /** Under one epoch a `seq` is one text, whoever is shown it and however. */
  saw(epoch: string, seq: number, text: string): void {
    const seen = this.#seen.get(logOf(epoch)) ?? [];
    assertEquals(text, seen[seq] ?? text, `two messages at ${seq}`);
    seen[seq] = text;
  }

  /** The newest that anybody was shown. */
  newest(epoch: string): number {
    return Math.max(0, (this.#seen.get(logOf(epoch))?.length ?? 0) - 1);
  }

  /** Holds the log as a server tells it now against what was seen before; clients may go on. */
  async check(server: { readonly url: string }): Promise<void> {
    const newest = new Map(this.epochs.map((epoch) => [epoch, this.newest(epoch)]));
    const log = await readLog(server);
    this.compare(log, newest.get(logOf(log.epoch)) ?? 0);
  }

  /** The last word, when everybody has been brought up to date: all have seen all that is there. */
  async conclude(server: { readonly url: string }): Promise<Log> {
    const log = await readLog(server);
    this.compare(log, this.newest(log.epoch));
    this.converged(log);
    return log;
  }

  /**
   * An echo is something seen, and so is in the log if all is that was seen.
   *
   * @param newest what must be in it at least.
   */
  compare({ epoch, texts }: Log, newest: number): void {
    this.met(epoch);
    const events = texts.map((text): ChatEvent => JSON.parse(text));
    assertEquals(events.map(({ seq }) => seq), events.map((_, index) => index + 1), "a hole");
    assert(texts.length >= newest, `${newest} was seen, and the log ends at ${texts.length}`);
    const refs = events.map(({ from, ref }) => `${from.id} ${ref}`);
    assertEquals(new Set(refs).size, refs.length, "a message is in the log twice");
    for (const [index, text] of texts.entries()) this.saw(epoch, index + 1, text);
  }

  converged({ epoch, texts }: Log): void {
    for (const { name, since } of this.#views) {
      const seen = since && { ...since, epoch: logOf(since.epoch) };
      assertEquals(seen, { epoch: logOf(epoch), seq: texts.length }, `${name} stayed behind`);
    }
  }
}

/** What one client has on its screen. */
export class View {
  readonly name: string;
  readonly #checker: Checker;
  readonly #said = new Map<string, string>();
  readonly #echoed = new Map<string, Place>();
  /** What was said again on this visit: its answer may be an old message. */
  readonly #retried = new Set<string>();
  #userId = "";
  #epoch = "";
  #cursor = 0;

  constructor(name: string, checker: Checker) {
    this.name = name;
    this.#checker = checker;
  }

  /** Where to resume. */
  get since(): Place | undefined {
    return this.#epoch === "" ? undefined : { epoch: this.#epoch, seq: this.#cursor };
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** What was said and has not come back. */
  get open(): string[] {
    return [...this.#said.keys()].filter((ref) => !this.#echoed.has(ref));
  }

  /** The last that has come back. */
  get lastEchoed(): string | undefined {
    return [...this.#echoed.keys()].at(-1);
  }

  get saidCount(): number {
    return this.#said.size;
  }

  isEchoed(ref: string): boolean {
    return this.#echoed.has(ref);
  }

  /** It is connected anew. */
  entered(): void {
    this.#retried.clear();
  }

  welcomed(userId: string): void {
    assertEquals(userId, this.#userId || userId, `${this.name} became somebody else`);
    this.#userId = userId;
  }

  /** The server does not know it any more: the secret went with the log. */
  forgotten(): void {
    assert(this.#checker.mayLose, `${this.name} was forgotten`);
    this.#userId = "";
  }

  joined({ epoch, seq, recovered }: Pick<JoinedEvent, "epoch" | "seq" | "recovered">): void {
    this.#checker.met(epoch);
    const isSame = logOf(epoch) === logOf(this.#epoch);
    if (recovered) assert(isSame, "recovered in another epoch");
    else assert(!isSame, `${this.name} was not recovered`);
    this.#epoch = epoch;
    if (!recovered) this.#cursor = seq;
  }

  /** @returns what to send. */
  says(ref: string, payload: string): unknown {
    this.#said.set(ref, payload);
    return { type: "chat", payload, ref };
  }

  /** @returns what to send. */
  repeats(ref: string): unknown {
    this.#retried.add(ref);
    return { type: "chat", payload: this.#said.get(ref), ref };
  }

  /**
   * A message as it came.
   *
   * @returns its `ref`, if it is this client's own and came back for the first time.
   */
  heard(text: string): string | undefined {
    const { seq, from, ref, payload }: ChatEvent = JSON.parse(text);
    this.#checker.saw(this.#epoch, seq, text);
    const isMine = from.id === this.#userId && ref !== undefined;
    if (seq > this.#cursor) {
      assertEquals(seq, this.#cursor + 1, `a hole before ${seq}, for ${this.name}`);
      this.#cursor = seq;
    } else {
      assert(isMine && this.#retried.has(ref), `${this.name} was shown ${seq} twice`);
    }
    if (!isMine) return undefined;
    assertEquals(payload, this.#said.get(ref), "a message was changed on its way");
    const before = this.#echoed.get(ref);
    if (before !== undefined && logOf(before.epoch) === logOf(this.#epoch)) {
      assertEquals(seq, before.seq, "a retried message got another number");
    }
    this.#echoed.set(ref, { epoch: this.#epoch, seq });
    if (before !== undefined) return undefined;
    this.#checker.echoes++;
    return ref;
  }
}

/** The events of an array as it was framed, each as it was written. */
export function textsOf(array: string): string[] {
  return array === "[]" ? [] : array.slice(1, -1).split(",\n");
}

/** The lobby's log, as a server tells it. */
export async function readLog({ url }: { readonly url: string }): Promise<Log> {
  const texts: string[] = [];
  let found: Log | undefined;
  const next = async () => {
    const page = `${url}/rooms/lobby/messages?after=${texts.length}&limit=200`;
    const response = await fetch(page).catch(() => undefined); // a thread that dies resets it
    const body = await response?.text().catch(() => undefined);
    if (body === undefined || response?.status === 503) return false; // it is not over a fault yet
    const { epoch, head } = JSON.parse(body);
    texts.push(...textsOf(body.slice(body.indexOf('"messages":') + 11, body.lastIndexOf("]") + 1)));
    if (texts.length >= head) found = { epoch, texts };
    return true;
  };
  while (found === undefined) await until(next, "a page of the log");
  return found;
}

/** Waits until these servers have forgotten everybody who was there. */
export async function emptied(...servers: { readonly url: string }[]): Promise<void> {
  for (const { url } of servers) {
    await until(async () => {
      const { rooms } = await (await fetch(`${url}/rooms`)).json();
      return rooms.length === 0;
    }, "the rooms to be empty");
  }
}

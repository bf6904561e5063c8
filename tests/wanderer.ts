/**
 * Clients who talk, leave without a word and turn up on another node, and the checker that believes
 * none of them: one order for all, nothing twice, nothing missing, every echo in the log.
 *
 * @module
 */
import type { ChatEvent, Event } from "../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";

/** What all wanderers have in common. */
export interface Journey {
  /** Where they may go; whoever finds nobody there goes on. */
  readonly nodes: readonly { readonly url: string }[];
  readonly random: () => number;
  /** Messages that each of them says. */
  readonly messages: number;
  /** Between an echo and the next message, about so long. */
  readonly thinkMs: number;
  /** Whether the log may be lost on the way. */
  readonly mayLose?: boolean;
}

/** One who hears nothing for so long goes elsewhere: the node may be stopped. */
const QUIET_MS = 4_000;
/** Messages on their way at once. */
const IN_FLIGHT = 3;

/** What was seen by whomever: under one epoch a `seq` is one message, and a `ref` has one `seq`. */
export class Checker {
  readonly #journey: Journey;
  readonly #texts = new Map<string, string>();
  /** All epochs, in the order they were met. */
  readonly epochs: string[] = [];
  echoes = 0;
  unavailable = 0;

  constructor(journey: Journey) {
    this.#journey = journey;
  }

  met(epoch: string): void {
    if (this.epochs.includes(epoch)) return;
    this.epochs.push(epoch);
    assert(this.epochs.length === 1 || this.#journey.mayLose, `the epoch became ${epoch}`);
  }

  saw(epoch: string, message: ChatEvent): void {
    const text = `${message.at} ${message.from.id} ${message.ref} ${message.payload}`;
    const place = `${epoch} ${message.seq}`;
    assertEquals(this.#texts.get(place) ?? text, text, `two messages at ${place}`);
    this.#texts.set(place, text);
  }

  /** Holds the whole log, as read from one node, against all that was seen. */
  verify(epoch: string, log: readonly ChatEvent[]): void {
    assertEquals(log.map(({ seq }) => seq), log.map((_, index) => index + 1));
    const refs = log.map(({ ref }) => ref);
    assertEquals(new Set(refs).size, refs.length, "a message is in the log twice");
    for (const message of log) this.saw(epoch, message);
    for (const place of this.#texts.keys()) {
      const [of, seq] = place.split(" ");
      assert(of !== epoch || Number(seq) <= log.length, `${place} was seen and is not in the log`);
    }
  }
}

export class Wanderer {
  readonly #name: string;
  readonly #journey: Journey;
  readonly #checker: Checker;
  readonly #said = new Map<string, string>();
  readonly #echoed = new Map<string, number>();
  /** What was said again on this visit. */
  #retried = new Set<string>();
  readonly #closings = new Set<Promise<void>>();
  #socket: WebSocket | undefined;
  #token: string | undefined;
  #id = "";
  #epoch = "";
  /** `undefined`: the next message may be any. */
  #cursor: number | undefined;
  #failure: unknown;
  #over: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #stays = false;

  constructor(name: string, journey: Journey, checker: Checker) {
    this.#name = name;
    this.#journey = journey;
    this.#checker = checker;
  }

  get isDone(): boolean {
    return this.#echoed.size === this.#journey.messages;
  }

  /** The last that it has seen. */
  get cursor(): number {
    return this.#cursor ?? 0;
  }

  /** Wanders until all of its messages have come back. */
  async wander(): Promise<void> {
    while (!this.isDone) await this.#visit();
  }

  /** Goes to one node and stays there until {@linkcode leave}. */
  async stay(): Promise<void> {
    this.#stays = true;
    while (this.#stays) await this.#visit();
  }

  /** Is gone; all its connections have ended when this settles. */
  async leave(): Promise<void> {
    this.#stays = false;
    this.#over?.();
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#closings);
  }

  async #visit(): Promise<void> {
    const { nodes, random } = this.#journey;
    const { url } = nodes[Math.floor(random() * nodes.length)] ?? { url: "" };
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, "parley.v1.batched");
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#over = resolve;
    const closing = new Promise<void>((closed) => {
      socket.onclose = () => {
        resolve();
        closed();
      };
    });
    this.#closings.add(closing);
    void closing.then(() => this.#closings.delete(closing));
    let cameIn = false;
    socket.onopen = () => {
      cameIn = true;
      this.#greet();
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#receive(data);
    };
    socket.onerror = (event) => event instanceof ErrorEvent && event.preventDefault();
    this.#expectSomething();
    await promise;
    clearTimeout(this.#timer);
    this.#socket = undefined;
    if (socket.readyState <= WebSocket.OPEN) socket.close();
    if (this.#failure !== undefined) throw this.#failure;
    if (!cameIn) await new Promise<void>((resolve) => this.#later(100, resolve));
  }

  #expectSomething(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#over?.(), this.#stays ? 1e6 : QUIET_MS);
  }

  #greet(): void {
    const since = { epoch: this.#epoch, seq: this.#cursor ?? 0 };
    this.#send({ type: "hello", name: this.#name, ...(this.#token && { token: this.#token }) });
    this.#send({ type: "join", ...(this.#epoch && this.#cursor !== undefined && { since }) });
    // What was not echoed, and one that was: it must be found, and not be stored again.
    const known = [...this.#echoed.keys()].at(-1);
    const open = [...this.#said.keys()].filter((ref) => !this.#echoed.has(ref));
    this.#retried = new Set(known === undefined ? open : [...open, known]);
    for (const ref of this.#retried) this.#repeat(ref);
    for (let i = open.length; i < IN_FLIGHT; i++) this.#sayNext();
  }

  #send(command: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
  }

  #sayNext(): void {
    if (this.#said.size >= this.#journey.messages) return;
    const ref = `${this.#name}-${this.#said.size}`;
    this.#said.set(ref, `${ref} ${"é".repeat(this.#journey.random() * 80)}`);
    this.#repeat(ref);
  }

  #repeat(ref: string): void {
    this.#send({ type: "chat", payload: this.#said.get(ref), ref });
  }

  #receive(data: string): void {
    try {
      const events: Event[] = JSON.parse(data);
      for (const event of events) this.#hear(event);
    } catch (thrown) {
      this.#failure ??= thrown;
      this.#over?.();
    }
  }

  #hear(event: Event): void {
    this.#expectSomething();
    if (event.type === "welcome") {
      assert(this.#id === "" || event.user.id === this.#id, "the token is another's");
      [this.#token, this.#id] = [event.token, event.user.id];
    } else if (event.type === "joined") this.#joined(event.epoch, event.recovered);
    else if (event.type === "chat") this.#chat(event);
    else if (event.type === "error") this.#error(event.code, event.ref);
    else if (event.type === "bye") this.#over?.();
  }

  #joined(epoch: string, recovered: boolean): void {
    this.#checker.met(epoch);
    if (recovered) return assertEquals(epoch, this.#epoch);
    assert(this.#cursor === undefined || epoch !== this.#epoch, `${this.#name} was not recovered`);
    [this.#epoch, this.#cursor] = [epoch, undefined];
  }

  #chat(message: ChatEvent): void {
    const { seq, from, ref, payload } = message;
    this.#checker.saw(this.#epoch, message);
    const isMine = from.id === this.#id && ref !== undefined;
    if (this.#cursor !== undefined && seq <= this.#cursor) {
      assert(isMine, `${this.#name} was sent ${seq} twice`); // a retry is answered out of turn
    } else {
      if (this.#cursor !== undefined) assertEquals(seq, this.#cursor + 1, this.#name);
      // The answer to a retry may be an old message, and then says nothing of what follows.
      if (this.#cursor !== undefined || !isMine || !this.#retried.has(ref)) this.#cursor = seq;
    }
    if (!isMine) return;
    assertEquals(payload, this.#said.get(ref));
    if (this.#echoed.has(ref)) return;
    this.#echoed.set(ref, seq);
    this.#checker.echoes++;
    const here = this.#socket;
    this.#later(this.#journey.thinkMs, () => this.#socket === here && this.#sayNext());
    if (this.isDone || !this.#stays && this.#journey.random() < 0.03) this.#over?.();
  }

  #error(code: string, ref: string | undefined): void {
    assertEquals(code, "unavailable");
    this.#checker.unavailable++;
    if (ref === undefined) return this.#over?.(); // it was not let in
    // What this node cannot do another may.
    if (this.#journey.random() < 0.2) return this.#over?.();
    const socket = this.#socket;
    this.#later(300, () => {
      if (this.#socket !== socket || this.#echoed.has(ref)) return;
      this.#retried.add(ref);
      this.#repeat(ref);
    });
  }

  #later(milliseconds: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, milliseconds * (0.5 + this.#journey.random()));
    this.#timers.add(timer);
  }
}

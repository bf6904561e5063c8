/**
 * Clients who talk without pause, are thrown out or leave without a word, and turn up again, on
 * another node if there is one: they resume, say again what has not come back, and believe nothing.
 *
 * @module
 */
import type { Event } from "../../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { type Checker, textsOf, type View } from "./checker.ts";
import { patiently } from "./harness.ts";

/** What all wanderers have in common. */
export interface Journey {
  /** Where they may go; whoever finds nobody there goes on. */
  readonly nodes: readonly { readonly url: string }[];
  readonly random: () => number;
  /** Messages that each of them says; by default as many as it can, until {@linkcode Wanderer.finish}. */
  readonly messages?: number;
  /** Between an echo and the next message, about so long. */
  readonly thinkMs: number;
  /** Messages of each of them on their way at once. @default 3 */
  readonly inFlight?: number;
  /** How often an echo makes one of them leave without a word. @default 0.03 */
  readonly leaving?: number;
  /** Whether one who is sent away with `bye` stays away as long as it says. @default at once elsewhere */
  readonly waitsAfterBye?: boolean;
  /** Is called when one of them has come in. */
  readonly admitted?: () => void;
  /** Is called when a handshake was refused, or nobody was there. One without an answer is given up. */
  readonly refused?: () => void;
}

/** One who hears nothing for so long goes elsewhere: the node may be stopped. */
const QUIET_MS = 4_000;
const IN_FLIGHT = 3;
const LEAVING = 0.03;

export class Wanderer {
  readonly #journey: Journey;
  readonly #checker: Checker;
  readonly #view: View;
  readonly #closings = new Set<Promise<void>>();
  #messages: number;
  #socket: WebSocket | undefined;
  #token: string | undefined;
  #failure: unknown;
  #over: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** Set when it only listens any more: until it was shown this. */
  #goal: number | undefined;
  #isGone = false;
  /** Whether the server did not let it in on this connection. */
  #isRefused = false;
  /** How long it was told to stay away. */
  #awayMs = 0;
  /** Pings heard so far. */
  pings = 0;

  constructor(name: string, journey: Journey, checker: Checker) {
    this.#journey = journey;
    this.#checker = checker;
    this.#view = checker.view(name);
    this.#messages = journey.messages ?? Infinity;
  }

  /** Wanders until all of its messages have come back. */
  async wander(): Promise<void> {
    while (!this.#isDone && !this.#isGone) await this.#visit();
  }

  /** Says nothing new. */
  finish(): void {
    this.#messages = this.#view.saidCount;
    if (this.#isDone) this.#over?.();
  }

  /** Comes back until it was shown everything up to there. */
  async reach(seq: number): Promise<void> {
    this.#goal = seq;
    while (this.#view.cursor < seq) await patiently(this.#visit(), `${this.#view.name} to reach`);
  }

  /** Is gone; all its connections have ended when this settles. */
  async leave(): Promise<void> {
    this.#isGone = true;
    this.#over?.();
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#closings);
  }

  get #isDone(): boolean {
    const { saidCount, open } = this.#view;
    return saidCount >= this.#messages && open.length === 0;
  }

  async #visit(): Promise<void> {
    const { nodes, random } = this.#journey;
    const { url } = nodes[Math.floor(random() * nodes.length)] ?? { url: "" };
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, "parley.v1.batched");
    this.#socket = socket;
    let [cameIn, isRefused] = [false, false];
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#over = resolve;
    const closing = new Promise<void>((closed) => {
      socket.onclose = () => {
        isRefused = !cameIn && this.#socket === socket;
        resolve();
        closed();
      };
    });
    this.#closings.add(closing);
    void closing.then(() => this.#closings.delete(closing));
    socket.onopen = () => {
      cameIn = true;
      this.#journey.admitted?.();
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
    if (isRefused && !this.#isGone) this.#journey.refused?.();
    if (!cameIn) await new Promise<void>((resolve) => this.#later(100, resolve));
    const awayMs = this.#awayMs;
    this.#awayMs = 0;
    if (awayMs > 0) await new Promise<void>((resolve) => setTimeout(resolve, awayMs));
  }

  #expectSomething(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#over?.(), QUIET_MS);
  }

  #greet(): void {
    const { since, name } = this.#view;
    this.#view.entered();
    this.#isRefused = false;
    this.#send({ type: "hello", name, ...(this.#token && { token: this.#token }) });
    this.#send({ type: "join", ...(since && { since }) });
    // Without a token it might come back as another guest, and say everything once more in that name.
    if (this.#token !== undefined) this.#speak();
  }

  #speak(): void {
    const { open, lastEchoed } = this.#view;
    // What was not echoed, and one that was: it must be found, and not be stored again.
    for (const ref of [...open, ...(lastEchoed ? [lastEchoed] : [])]) this.#repeat(ref);
    const { inFlight = IN_FLIGHT } = this.#journey;
    for (let i = open.length; i < inFlight; i++) this.#sayNext();
  }

  #send(command: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
  }

  #sayNext(): void {
    const { name, saidCount } = this.#view;
    if (saidCount >= this.#messages) return;
    const ref = `${name}-${saidCount}`;
    this.#send(this.#view.says(ref, `${ref} ${"é".repeat(this.#journey.random() * 80)}`));
  }

  #repeat(ref: string): void {
    this.#send(this.#view.repeats(ref));
  }

  #receive(data: string): void {
    try {
      for (const text of textsOf(data)) this.#hear(JSON.parse(text), text);
    } catch (thrown) {
      this.#failure ??= thrown;
      this.#over?.();
    }
  }

  #hear(event: Event, text: string): void {
    this.#expectSomething();
    if (event.type === "welcome") {
      const isNew = this.#token === undefined;
      this.#token = event.token;
      this.#view.welcomed(event.user.id);
      if (isNew) this.#speak();
    } else if (event.type === "joined") this.#view.joined(event);
    else if (event.type === "chat") this.#chat(text);
    else if (event.type === "error") this.#error(event);
    else if (event.type === "ping") this.pings++;
    else if (event.type === "bye") {
      if (this.#journey.waitsAfterBye) this.#awayMs = event.retryAfterMs;
      this.#over?.();
    }
    if (this.#goal !== undefined && this.#view.cursor >= this.#goal) this.#over?.();
  }

  #chat(text: string): void {
    if (this.#view.heard(text) === undefined) return;
    const here = this.#socket;
    this.#later(this.#journey.thinkMs, () => this.#socket === here && this.#sayNext());
    const { random, leaving = LEAVING } = this.#journey;
    if (this.#isDone || random() < leaving) this.#over?.();
  }

  #error({ code, ref, retryAfterMs }: Extract<Event, { type: "error" }>): void {
    if (code === "unauthorized") {
      this.#view.forgotten();
      this.#token = undefined;
      return this.#over?.();
    }
    // What it said before it heard that it was not let in.
    if (code === "not_in_room" && this.#isRefused) return;
    assertEquals(code, "unavailable");
    assert((retryAfterMs ?? 0) > 0, "it does not say when to come again");
    this.#checker.unavailable++;
    if (ref === undefined) { // it was not let in
      this.#isRefused = true;
      return this.#over?.();
    }
    // What this node cannot do another may.
    if (this.#journey.random() < 0.2) return this.#over?.();
    const socket = this.#socket;
    this.#later(300, () => {
      if (this.#socket === socket && !this.#view.isEchoed(ref)) this.#repeat(ref);
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

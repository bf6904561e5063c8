/**
 * A crowd of light clients that come back when they are told to, believe nothing, and say a little.
 * They are much less than the client library, so that a test can have thousands.
 *
 * @module
 */
import type { ByeEvent, ChatEvent, Event, JoinedEvent } from "../../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";

/** How long one waits who found nobody, in milliseconds. */
const AGAIN_MS = 200;

export class Member {
  readonly #url: string;
  readonly #name: string;
  readonly #said = new Set<string>();
  /** What came back, by its ref. */
  readonly echoed = new Map<string, number>();
  /** What it was told when it came in, each time. */
  readonly joins: JoinedEvent[] = [];
  readonly byes: ByeEvent[] = [];
  /** When it came in last. */
  joinedAt = 0;
  failure: unknown;
  #token = "";
  #id = "";
  #epoch = "";
  #cursor = -1;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(url: string, name: string) {
    this.#url = `${url.replace("http", "ws")}/ws`;
    this.#name = name;
  }

  get isIn(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN && this.joins.length > this.byes.length;
  }

  get cursor(): number {
    return this.#cursor;
  }

  get isEchoed(): boolean {
    return this.echoed.size === this.#said.size;
  }

  come(): void {
    if (this.#isOver) return;
    const socket = this.#socket = new WebSocket(this.#url, "parley.v1.batched");
    const before = this.byes.length;
    socket.onopen = () => this.#greet();
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onerror = (event) => event.preventDefault();
    socket.onclose = () => {
      if (this.#isOver) return;
      const bye = this.byes[before];
      this.#timer = setTimeout(() => this.come(), bye?.retryAfterMs ?? AGAIN_MS);
    };
  }

  /** Says something, now or when it is in again, until it has come back. */
  say(): void {
    const ref = `${this.#name}-${this.#said.size}`;
    this.#said.add(ref);
    if (this.isIn) this.#send({ type: "chat", payload: ref, ref });
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  }

  #greet(): void {
    const since = { epoch: this.#epoch, seq: this.#cursor };
    this.#send(
      { type: "hello", name: this.#name, ...(this.#token && { token: this.#token }) },
      { type: "join", ...(this.#cursor >= 0 && { since }) },
    );
  }

  #receive(events: readonly Event[]): void {
    try {
      for (const event of events) this.#hear(event);
    } catch (thrown) {
      this.failure ??= thrown;
    }
  }

  #hear(event: Event): void {
    switch (event.type) {
      case "welcome":
        assert(this.#id === "" || this.#id === event.user.id);
        [this.#id, this.#token] = [event.user.id, event.token ?? ""];
        return;
      case "joined":
        this.joins.push(event);
        this.joinedAt = performance.now();
        this.#epoch = event.epoch;
        if (!event.recovered) this.#cursor = event.seq;
        for (const ref of this.#said) {
          if (!this.echoed.has(ref)) this.#send({ type: "chat", payload: ref, ref });
        }
        return;
      case "chat":
        return this.#chat(event);
      case "bye":
        this.byes.push(event);
        return;
      case "error":
        assertEquals(event.code, "unavailable"); // the server is going; said again when it is back
    }
  }

  #chat({ seq, ref, from }: ChatEvent): void {
    const isOwn = from.id === this.#id && ref !== undefined;
    if (isOwn) {
      assertEquals(this.echoed.get(ref) ?? seq, seq, "a repeated ref got another number");
      this.echoed.set(ref, seq);
    }
    // The answer to what was said again comes out of turn.
    if (isOwn && seq <= this.#cursor) return;
    assertEquals(seq, this.#cursor + 1, this.#name);
    this.#cursor = seq;
  }

  #send(...commands: unknown[]): void {
    this.#socket?.send(JSON.stringify(commands));
  }
}

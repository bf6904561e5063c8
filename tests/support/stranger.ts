/**
 * One stranger who tries every door at once, and what it got: counted from outside, by what was
 * answered.
 *
 * @module
 */
import type { Event } from "../../server/mod.ts";

/** What it says: nearly the most that fits into a frame. */
const LONG = "x".repeat(16_000);
/** As in `server/access/allowances.ts`, written down a second time on purpose. */
const UNITS = { connection: 5, welcome: 5, joined: 3, page: 5, stream: 5, refusedToken: 1 };

type Counted = keyof typeof UNITS | "stored" | "turnedAway";

export class Stranger {
  readonly #url: string;
  readonly #headers: () => Record<string, string>;
  readonly #isOver: () => boolean;
  readonly got: Record<Counted, number> = {
    ...{ connection: 0, welcome: 0, joined: 0, page: 0, stream: 0, refusedToken: 0 },
    ...{ stored: 0, turnedAway: 0 },
  };

  /** @param headers those of each request: an address may be written in many ways. */
  constructor(url: string, headers: () => Record<string, string>, isOver: () => boolean) {
    this.#url = url;
    this.#headers = headers;
    this.#isOver = isOver;
  }

  /** At least so many units of its allowance: what was refused late may have cost more. */
  get units(): number {
    const { stored } = this.got;
    const things = Object.entries(UNITS) as [keyof typeof UNITS, number][];
    return things.reduce(
      (sum, [what, units]) => sum + units * this.got[what],
      stored * (1 + LONG.length / 1024),
    );
  }

  /** Tries every door, each `atOnce` times, until it is over. */
  async run(atOnce: number): Promise<void> {
    const doors = [
      () => this.#tokens(),
      () => this.#sockets(),
      () => this.#rooms(),
      () => this.#pages(),
      () => this.#streams(),
      () => this.#badTokens(),
      () => this.#hellos(),
    ];
    await Promise.all(
      doors.flatMap((door) => Array.from({ length: atOnce }, () => this.#again(door))),
    );
  }

  async #again(door: () => Promise<void>): Promise<void> {
    while (!this.#isOver()) await door();
  }

  async #tokens(): Promise<void> {
    const hello = await this.#post("/hello", {});
    if (!this.#count("welcome", hello.status === 200)) return;
    const { token } = JSON.parse(hello.text);
    for (let n = 0; n < 30 && !this.#isOver(); n++) {
      const headers = { authorization: `Bearer ${token}` };
      const { status } = await this.#post("/rooms/lobby/messages", { payload: LONG }, headers);
      this.#count("stored", status === 201);
    }
  }

  async #badTokens(): Promise<void> {
    const headers = { authorization: "Bearer nobody" };
    const { status } = await this.#post("/rooms/lobby/messages", { payload: LONG }, headers);
    this.#count("refusedToken", status === 401);
  }

  async #pages(): Promise<void> {
    const { status } = await this.#ask("/rooms/lobby/messages?limit=200", {});
    this.#count("page", status === 200);
  }

  async #streams(): Promise<void> {
    const response = await fetch(`${this.#url}/rooms/lobby/events`, { headers: this.#headers() });
    this.#count("stream", response.headers.get("content-type") === "text/event-stream");
    await response.body?.cancel();
  }

  /** Sockets that join, say as much as a user may, and go. */
  async #sockets(): Promise<void> {
    const said = Array.from({ length: 29 }, () => ({ type: "chat", payload: LONG }));
    await this.#converse([{ type: "join" }, ...said]);
  }

  /** Sockets that open as many rooms as they may. */
  async #rooms(): Promise<void> {
    const room = () => crypto.randomUUID();
    await this.#converse(Array.from({ length: 30 }, () => ({ type: "join", room: room() })));
  }

  async #hellos(): Promise<void> {
    await this.#converse([{ type: "hello" }]);
  }

  /** Says all of it at once, waits for an answer to each, and goes. */
  #converse(commands: readonly Record<string, unknown>[]): Promise<void> {
    const own = new Map(commands.map((command) => [crypto.randomUUID() as string, command]));
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = new WebSocket(`${this.#url.replace("http", "ws")}/ws`, {
      protocols: ["parley.v1"],
      headers: this.#headers(),
    });
    let isOpen = false;
    socket.onopen = () => {
      isOpen = this.#count("connection", true);
      for (const [ref, command] of own) socket.send(JSON.stringify({ ...command, ref }));
    };
    socket.onmessage = ({ data }) => {
      const event: Event = JSON.parse(data);
      if (event.type === "joined" || event.type === "welcome") {
        this.got[event.type]++;
        own.delete([...own].find(([, { type }]) => type !== "chat")?.[0] ?? "");
      } else if ("ref" in event && own.delete(event.ref ?? "")) {
        this.#count("stored", event.type === "chat");
      }
      if (own.size === 0 || this.#isOver()) socket.close();
    };
    socket.onclose = () => {
      if (!isOpen) this.got.turnedAway++;
      resolve();
    };
    socket.onerror = () => {
      if (socket.readyState === WebSocket.CLOSED) socket.onclose?.(new CloseEvent("close"));
    };
    return promise;
  }

  #count(what: Counted, isGot: boolean): boolean {
    this.got[isGot ? what : "turnedAway"]++;
    return isGot;
  }

  #post(path: string, body: unknown, headers: Record<string, string> = {}) {
    const type = { "content-type": "application/json" };
    const init = { method: "POST", body: JSON.stringify(body), headers: { ...type, ...headers } };
    return this.#ask(path, init);
  }

  async #ask(path: string, { headers = {}, ...init }: RequestInit & { headers?: object }) {
    const all = { ...this.#headers(), ...headers };
    const response = await fetch(this.#url + path, { ...init, headers: all });
    return { status: response.status, text: await response.text() };
  }
}

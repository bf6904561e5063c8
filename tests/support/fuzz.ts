/**
 * What all fuzzers share: a seed, a budget, a server with an honest bystander in it, and what must
 * hold when they are done.
 *
 *     SEED=7 FUZZ=20 deno task test   # repeats a run; twenty times the usual budget
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Ajv2020 } from "npm:ajv@8.20.0/dist/2020.js";
import { nameOf, SCHEMAS } from "../../server/http/documents/schemas.ts";
import { EVENTS } from "../../server/protocol/events.ts";
import { reference } from "../../server/protocol/rules.ts";
import {
  createServer,
  type Event,
  type Log,
  type Message,
  type Options,
  type Server,
} from "../../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { type Client, member, until } from "./harness.ts";
import { ask } from "./http.ts";

/** So many runs, or `FUZZ` times as many. */
export function budget(runs: number): number {
  return Math.ceil(runs * Number(Deno.env.get("FUZZ") ?? 1));
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** What is held, in bytes. */
function heapAfterCollection(): number {
  collect();
  return Deno.memoryUsage().heapUsed;
}

/** What is published of events, with nothing allowed that is not in it. */
const isDocumented = (() => {
  const schemas = Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => [
      name,
      "properties" in schema ? { ...schema, additionalProperties: false } : schema,
    ]),
  );
  const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
  ajv.addKeyword("components");
  const anyOf = Object.keys(EVENTS).map((type) => reference(nameOf(type, "Event")));
  return ajv.compile({ anyOf, components: { schemas } });
})();

export function mustBeDocumented(events: readonly unknown[]): void {
  for (const event of events) assert(isDocumented(event), `undocumented: ${JSON.stringify(event)}`);
}

const ROOMY: Partial<Options> = {
  port: 0,
  db: ":memory:",
  rate: 0,
  addressRate: 0,
  badCommands: 0,
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
  graceSeconds: 0,
  // The runtime's idle timers hold a closed socket until they run out: half of idleTimeout.
  heartbeatSeconds: 2,
};

/** Bytes: what the server and the runtime keep in bounded caches, once those are full. */
const LEEWAY = 4_000_000;

/** A server under attack, and somebody in a room of his own who must notice nothing of it. */
export class Ground implements AsyncDisposable {
  readonly server: Server;
  readonly #bystander: Client;
  readonly #faults: string[];
  #breath = Promise.resolve();
  #said = 0;
  #heap = Infinity;

  private constructor(server: Server, bystander: Client, faults: string[]) {
    this.server = server;
    this.#bystander = bystander;
    this.#faults = faults;
  }

  static async open(options: Partial<Options> = {}): Promise<Ground> {
    const faults: string[] = [];
    const note = (event: string, facts = {}) => faults.push(`${event} ${JSON.stringify(facts)}`);
    // A refused origin or host is worth a line, and no fault.
    const warn: Log["warn"] = (event, facts) => {
      if (!/ refused$|^forwarded header/.test(event)) note(event, facts);
    };
    const log: Log = { info() {}, warn, error: note };
    const server = await createServer({ ...ROOMY, ...options }, { log });
    server.listen();
    const bystander = await member(server, { name: "Bystander", room: "quiet" });
    return new Ground(server, bystander, faults);
  }

  /** The bystander says something and hears it, next in order, and nothing else said. */
  breathe(): Promise<void> {
    return this.#breath = this.#breath.then(() => this.#breathe());
  }

  async #breathe(): Promise<void> {
    const payload = `calm ${++this.#said}`;
    this.#bystander.send({ type: "chat", room: "quiet", payload });
    await this.#bystander.next("chat");
    const events: Event[] = this.#bystander.frames.splice(0).map((frame) => JSON.parse(frame));
    mustBeDocumented(events);
    const chats = events.filter((event) => event.type === "chat");
    assertEquals(chats.map((chat) => [chat.seq, chat.payload]), [[this.#said, payload]]);
    assertEquals(events.filter(({ type }) => type === "error"), []);
  }

  /** What is held by now is what is held for good. */
  warm(): void {
    this.#heap = heapAfterCollection();
  }

  /**
   * All others have gone, and the server is what it was.
   *
   * @param leeway bytes by which the heap may have grown since {@linkcode warm}.
   */
  async settled(leeway = LEEWAY): Promise<void> {
    const { server } = this;
    await until(() => server.connectionCount === 1, "the connections to be gone");
    await until(() => server.roomCount === 1, "their rooms to be gone");
    await this.breathe();
    // Nothing but refusals was thrown, and no promise was left alone.
    assertEquals(this.#faults, []);
    await until(() => heapAfterCollection() - this.#heap < leeway, "the heap to be what it was");
  }

  /** A room's log from there on: documented, in order, and without holes. */
  async log(room: string, after = 0): Promise<Message[]> {
    const all: Message[] = [];
    for (;;) {
      const seen = after + all.length;
      const path = `/rooms/${encodeURIComponent(room)}/messages?limit=200&after=${seen}`;
      const { json: { messages, head } } = await ask(this.server, path);
      assertEquals(messages.map(({ seq }) => seq), messages.map((_, index) => seen + index + 1));
      all.push(...messages);
      if (after + all.length >= head) break;
    }
    mustBeDocumented(all);
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bystander.close();
    await this.server.stop();
  }
}

/** Several at a time, so many in all. */
export async function parallel(
  count: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

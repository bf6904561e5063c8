/**
 * The property of revisions: whoever has heard up to a place holds the same as whoever reads afresh.
 * Random conversations in which messages are edited, deleted and reacted to, by readers of every kind
 * who join at any moment, are slow, and come back from any place that they ever were at.
 *
 * @module
 */
import type { Event, Hooks, Message, Options, Server } from "../../server/mod.ts";
import { assertEquals } from "./assert.ts";
import { type Client, connect, until } from "./harness.ts";
import { Dice } from "./random.ts";
import { Stream } from "./stream.ts";

/** What a client makes of the events of a room: what PROTOCOL.md says that it should. */
interface View {
  readonly epoch: string;
  readonly seq: number;
  readonly rev: number;
  readonly messages: ReadonlyMap<number, Message>;
}

const RECENT = 8;
/**
 * So little is queued before a connection is behind that most are, again and again; but what one frame
 * asks for is answered.
 */
export const NARROW: Partial<Options> = {
  recentMessages: RECENT,
  highWaterBytes: 16_384,
  lowWaterBytes: 4096,
  tailBytes: 4096,
  graceSeconds: 0,
  returnSeconds: 0,
  badCommands: 0,
  maxRoomsPerConnection: 0,
};

/** Users who may revise anything. Guests may not. */
export const MANAGERS: Hooks = {
  authenticate: ({ token }) => token === undefined ? undefined : { id: token },
  authorize: ({ guest }) => guest ? undefined : "manage",
};

export function viewOf(events: readonly Event[]): View | undefined {
  let view: View | undefined;
  const messages = new Map<number, Message>();
  for (const event of events) {
    if (event.type === "joined") {
      const { epoch, seq, rev, recovered } = event;
      if (!recovered) messages.clear();
      view = recovered && view !== undefined
        ? { ...view, epoch }
        : { epoch, seq: Math.max(0, seq - RECENT), rev, messages };
    } else if (view !== undefined && event.type === "revised") {
      const known = messages.get(event.message.seq);
      if (known !== undefined) keep(messages, event.message);
      view = { ...view, rev: Math.max(view.rev, event.rev) };
    } else if (view !== undefined && "seq" in event && "at" in event) {
      keep(messages, event as Message); // a cast: nothing else has both
      view = { ...view, seq: Math.max(view.seq, event.seq ?? 0) };
    }
  }
  return view;
}

function keep(messages: Map<number, Message>, message: Message): void {
  const known = messages.get(message.seq);
  if (known === undefined || (known.rev ?? 0) <= (message.rev ?? 0)) {
    messages.set(message.seq, message);
  }
}

const KINDS = ["parley.v1", "parley.v1.batched", "stream"] as const;

/** A reader, over all of its connections. */
class Reader {
  readonly #room: string;
  readonly #kind: (typeof KINDS)[number];
  /** What it had heard when its present connection began. */
  #before: readonly Event[] = [];
  #client: Client | undefined;
  #stream: Stream | undefined;

  constructor(room: string, kind: (typeof KINDS)[number]) {
    this.#room = room;
    this.#kind = kind;
  }

  /** Everything that it has heard since it last started, in order. */
  get events(): readonly Event[] {
    const frames = this.#client?.frames.flatMap((frame): Event[] => {
      const value: Event | Event[] = JSON.parse(frame);
      return Array.isArray(value) ? value : [value];
    });
    const blocks = this.#stream?.blocks.flatMap(({ data }): Event[] =>
      data === undefined ? [] : [JSON.parse(data)]
    );
    return [...this.#before, ...frames ?? [], ...blocks ?? []];
  }

  async cut(): Promise<void> {
    const { events } = this;
    await this.#client?.close();
    await this.#stream?.[Symbol.asyncDispose]();
    this.#client = this.#stream = undefined;
    this.#before = events;
  }

  /** Comes back from where it was after so many of its events. */
  async comeBack(server: Server, count: number): Promise<void> {
    this.#before = this.#before.slice(0, count);
    const view = viewOf(this.#before);
    const { epoch, seq, rev } = view ?? {};
    if (this.#kind === "stream") {
      const lastEventId = view && `${epoch}:${seq}${rev === 0 ? "" : `:${rev}`}`;
      this.#stream = await Stream.open(server, { room: this.#room, lastEventId });
      return;
    }
    this.#client = await connect(server, { protocol: this.#kind });
    const since = view && { epoch, seq, rev };
    this.#client.send({ type: "join", room: this.#room, ...(since && { since }) });
  }
}

/** The whole log of a room, as it is now. */
async function readAfresh(server: Server, room: string) {
  const messages: Message[] = [];
  for (let after = 0;;) {
    const page = await server.history(room, { after, limit: 200 });
    messages.push(...page.messages);
    const last = page.messages.at(-1);
    if (last === undefined) return { head: page.head, rev: page.rev, messages };
    after = last.seq;
  }
}

interface Plan {
  /** Opens a server on the same log, where everybody may manage. */
  readonly open: () => Promise<Server>;
  /**
   * How many servers there are on that log. Everybody is on any of them.
   *
   * @default {1}
   */
  readonly nodes?: number;
  readonly steps: number;
  /** Whether the server is stopped and started in between, and stopped at the end. */
  readonly restarts: boolean;
}

/** One conversation. It throws if anybody holds what others do not. */
export async function converse(
  seed: number,
  { open, nodes = 1, steps, restarts }: Plan,
): Promise<void> {
  const dice = new Dice(seed);
  const room = `room ${seed}`;
  const openAll = () => Promise.all(Array.from({ length: nodes }, open));
  let servers: readonly Server[] = await openAll();
  let writers: Client[] = [];
  const readers: Reader[] = [];
  let head = 0;
  const enter = async () => {
    writers = await Promise.all(
      [1, 2].map(() => connect(dice.pick(servers), { protocol: "parley.v1.batched" })),
    );
    for (const [n, writer] of writers.entries()) {
      writer.send({ type: "hello", token: `writer-${n}` }, { type: "join", room });
    }
  };
  const anySeq = () => 1 + dice.below(Math.max(1, head + 1));
  const text = () => `${dice.below(1000)}${"é".repeat(dice.below(dice.chance(0.3) ? 3000 : 9))}`;
  const command = () => {
    if (head === 0 || dice.chance(0.4)) {
      head++;
      return { type: "chat", room, payload: text() };
    }
    const seq = anySeq();
    if (dice.chance(0.15)) return { type: "delete", room, seq };
    if (dice.chance(0.5)) return { type: "edit", room, seq, payload: text() };
    return {
      type: "react",
      room,
      seq,
      payload: dice.pick(["👍", "x", "❤️"]),
      on: dice.chance(0.7),
    };
  };
  const comeBack = async (reader: Reader) => {
    await reader.cut();
    await reader.comeBack(dice.pick(servers), dice.below(reader.events.length + 1));
  };
  try {
    await enter();
    for (let step = 0; step < steps; step++) {
      if (dice.chance(0.7)) {
        const commands = Array.from({ length: 1 + dice.below(4) }, command);
        dice.pick(writers).send(dice.chance(0.5) ? commands : commands[0]);
        if (dice.chance(0.3)) await dice.pick(servers).history(room, { limit: 1 });
      } else if (readers.length < 5 && dice.chance(0.5)) {
        const reader = new Reader(room, dice.pick(KINDS));
        readers.push(reader);
        await reader.comeBack(dice.pick(servers), 0);
      } else if (readers.length > 0) {
        await comeBack(dice.pick(readers));
      }
      if (restarts && dice.chance(0.03)) {
        await Promise.all(servers.map((server) => server.stop()));
        for (
          const client of [
            ...writers,
            ...readers.map((reader) => ({ close: () => reader.cut() })),
          ]
        ) {
          await client.close();
        }
        servers = await openAll();
        await enter();
        for (const reader of readers) {
          await reader.comeBack(dice.pick(servers), dice.below(reader.events.length + 1));
        }
      }
    }
    // What was sent before the close is still carried out.
    for (const writer of writers) await writer.close();
    await Promise.all(readers.map((reader) => mustHoldTheSame(dice.pick(servers), room, reader)));
  } finally {
    await Promise.all(writers.map((writer) => writer.close()));
    await Promise.all(readers.map((reader) => reader.cut()));
    if (restarts) await Promise.all(servers.map((server) => server.stop()));
  }
}

async function mustHoldTheSame(server: Server, room: string, reader: Reader): Promise<void> {
  // Commits may be in flight.
  let view: View | undefined;
  let afresh = await readAfresh(server, room);
  await until(async () => {
    view = viewOf(reader.events);
    afresh = await readAfresh(server, room);
    return view?.seq === afresh.head && view.rev === afresh.rev;
  }, `a reader to hear up to the end of ${room}`);
  const held = [...view?.messages.values() ?? []].sort((a, b) => a.seq - b.seq);
  const first = held[0]?.seq ?? Infinity;
  assertEquals(held, afresh.messages.filter(({ seq }) => seq >= first));
  assertEquals(held.length >= Math.min(RECENT, afresh.head), true);
}

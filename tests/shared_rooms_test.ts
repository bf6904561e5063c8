/**
 * Clients that share a connection, in random rooms at random times, while their holder goes and the
 * network is cut. They say, edit, delete and react, and each must have what the log has. They are in one
 * process: Deno has Web Locks and `BroadcastChannel` too.
 *
 * @module
 */
import { Client, ClientError, type Message } from "../static/client/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { BlockingProxy, type Mode } from "./support/blocking_proxy.ts";
import { serve, until } from "./support/harness.ts";
import { Dice, SEED } from "./support/random.ts";

const RUNS = 10;
const STEPS = 60;
const MAX_TABS = 8;
const ROOMS = ["red", "green", "blue"];
const REACTIONS = ["👍", "🎉"];

/** Storage that the tabs of a browser have in common. */
function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

/** A client as in a tab, which holds what it is told against what it was told before. */
class Tab {
  readonly name: string;
  readonly client: Client;
  /** What it was told of the rooms that it is in. */
  readonly seen = new Map<string, Message[]>();
  /** The last revision that it was told of, by room. */
  readonly revs = new Map<string, number>();
  /** What must not happen. */
  readonly faults: string[] = [];
  #said = 0;

  constructor(url: string, name: string, identity: ReturnType<typeof memory>) {
    this.name = name;
    const backoffMs = { min: 5, max: 50 };
    this.client = new Client(url, { shared: true, identity, outbox: memory(), backoffMs });
    this.client.on("joined", ({ room, recovered, rev }) => {
      if (recovered) return;
      this.revs.set(room, rev);
      if (this.seen.get(room)?.length) this.faults.push(`began anew in ${room}`);
      this.seen.set(room, []);
    });
    this.client.on("chat", (message) => {
      const { room, seq } = message;
      const last = this.seen.get(room)?.at(-1)?.seq ?? seq - 1;
      if (seq !== last + 1) this.faults.push(`${seq} after ${last} in ${room}`);
      this.seen.get(room)?.push(message);
    });
    this.client.on("revised", ({ room, rev, message }) => {
      const last = this.revs.get(room) ?? 0;
      if (rev <= last) this.faults.push(`revision ${rev} after ${last} in ${room}`);
      this.revs.set(room, rev);
      const seen = this.seen.get(room) ?? [];
      const index = message.seq - (seen[0]?.seq ?? Infinity);
      if (rev > (seen[index]?.rev ?? (index in seen ? 0 : rev))) seen[index] = message;
    });
  }

  join(room: string): void {
    if (this.seen.has(room)) return;
    this.seen.set(room, []);
    this.client.join(room).catch(ignoreEnd);
  }

  leave(room: string): void {
    if (this.seen.delete(room)) this.client.leave(room);
  }

  /** Edits, deletes or reacts to a message that it has. All tabs are one user, who may. */
  revise(dice: Dice): void {
    const [room, seen = []] = dice.pick([...this.seen, ["", []] as const]);
    const message = seen[dice.below(seen.length)];
    if (!message) return;
    const { seq, payload } = message;
    const answer = dice.chance(0.1)
      ? this.client.remove(room, seq)
      : dice.chance(0.5)
      ? this.client.edit(room, seq, `${payload}, edited`)
      : this.client.react(room, seq, dice.pick(REACTIONS), dice.chance(0.7));
    answer.catch(ignoreEnd);
  }

  say(count: number): void {
    for (const room of this.seen.keys()) {
      for (let n = 0; n < count; n++) {
        this.client.send(room, `${this.name}: ${this.#said++}`).catch(ignoreEnd);
      }
    }
  }
}

/** A tab that leaves or closes does not wait for what it said, and another one may have deleted a message. */
function ignoreEnd(error: unknown): void {
  const codes = ["left", "closed", "conflict"];
  if (!(error instanceof ClientError) || !codes.includes(error.code)) throw error;
}

for (const mode of ["open", "refuse"] satisfies Mode[]) {
  Deno.test(`tabs that share a connection in random rooms agree, WebSocket ${mode}, seed ${SEED}`, async () => {
    const dice = new Dice(SEED);
    for (let run = 0; run < RUNS; run++) await converse(dice, mode);
  });
}

async function converse(dice: Dice, mode: Mode): Promise<void> {
  await using server = await serve({ recentMessages: dice.pick([0, 3, 50]) });
  await using proxy = new BlockingProxy(server.url, mode);
  // Deno forgets a channel that is made while the last one is being closed, so there is one throughout.
  const kept = new BroadcastChannel("kept");
  const identity = memory();
  const all: Tab[] = [];
  const open = () => {
    all.push(new Tab(proxy.url, `tab ${all.length}`, identity));
    return all.length - 1;
  };
  const living = new Set([open(), open(), open()]);
  try {
    for (let step = 0; step < STEPS; step++) {
      const index = dice.pick([...living]);
      const tab = all[index];
      const act = dice.below(20);
      if (act < 3) tab?.join(dice.pick(ROOMS));
      else if (act < 5) tab?.leave(dice.pick(ROOMS));
      else if (act < 10) tab?.say(1 + dice.below(10));
      else if (act < 12) tab?.revise(dice);
      else if (act < 14 && living.size < MAX_TABS) living.add(open());
      else if (act < 15 && living.size > 1) {
        living.delete(index);
        tab?.client.close();
      } else if (act < 16) proxy.cut();
      else await new Promise((resolve) => setTimeout(resolve, dice.below(20)));
    }
    const tabs = all.filter((_, index) => living.has(index));
    await until(() => tabs.every(({ client }) => client.unsent.length === 0), "all to be stored");
    for (const room of ROOMS) {
      // A tab that closed may have said something that is not stored yet.
      const isUpToDate = async () => {
        const { head, rev } = await server.history(room, { limit: 1 });
        return tabs.every(({ seen, revs }) =>
          !seen.get(room)?.length || seen.get(room)?.at(-1)?.seq === head && revs.get(room) === rev
        );
      };
      await until(isUpToDate, `all to have what was said in ${room}`);
      const log: Message[] = [];
      for (;;) {
        const { messages } = await server.history(room, { after: log.length });
        if (messages.length === 0) break;
        log.push(...messages);
      }
      for (const { seen } of tabs) {
        const [first] = seen.get(room) ?? [];
        if (first) assertEquals(seen.get(room), log.slice(first.seq - 1));
      }
      for (const { name } of all) {
        const own = log.map(({ payload }) => String(payload)).filter((it) =>
          it.startsWith(`${name}:`)
        );
        const numbers = own.map((text) => Number(text.match(/: (\d+)/)?.[1]));
        assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b), `${name} in ${room}`);
      }
    }
    assertEquals(all.flatMap(({ faults }) => faults), []);
  } finally {
    for (const { client } of all) client.close();
    kept.close();
  }
}

/**
 * Clients that share a connection, in random rooms at random times, while their holder goes and the
 * network is cut. They are in one process: Deno has Web Locks and `BroadcastChannel` too.
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
  /** What must not happen. */
  readonly faults: string[] = [];
  #said = 0;

  constructor(url: string, name: string, identity: ReturnType<typeof memory>) {
    this.name = name;
    const backoffMs = { min: 5, max: 50 };
    this.client = new Client(url, { shared: true, identity, outbox: memory(), backoffMs });
    this.client.on("joined", ({ room, recovered }) => {
      if (recovered) return;
      if (this.seen.get(room)?.length) this.faults.push(`began anew in ${room}`);
      this.seen.set(room, []);
    });
    this.client.on("chat", (message) => {
      const { room, seq } = message;
      const last = this.seen.get(room)?.at(-1)?.seq ?? seq - 1;
      if (seq !== last + 1) this.faults.push(`${seq} after ${last} in ${room}`);
      this.seen.get(room)?.push(message);
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

  say(count: number): void {
    for (const room of this.seen.keys()) {
      for (let n = 0; n < count; n++) {
        this.client.send(room, `${this.name}: ${this.#said++}`).catch(ignoreEnd);
      }
    }
  }
}

/** A tab that leaves or closes does not wait for what it said. */
function ignoreEnd(error: unknown): void {
  if (!(error instanceof ClientError) || !["left", "closed"].includes(error.code)) throw error;
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
      else if (act < 12) tab?.say(1 + dice.below(10));
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
        const { head } = await server.history(room, { limit: 1 });
        return tabs.every(({ seen }) => (seen.get(room)?.at(-1)?.seq ?? head) === head);
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
        const numbers = own.map((text) => Number(text.split(" ").at(-1)));
        assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b), `${name} in ${room}`);
      }
    }
    assertEquals(all.flatMap(({ faults }) => faults), []);
  } finally {
    for (const { client } of all) client.close();
    kept.close();
  }
}

/**
 * Conversations made from a grammar, checked against a small model: every command takes effect, or
 * gets exactly one error that says what is wrong with it; what was refused is nowhere to be seen. And
 * texts that are only nearly commands, by the hundred thousand.
 *
 * @module
 */
import fc from "npm:fast-check@4.10.2";
import type { Message } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { budget, Ground, mustBeDocumented, parallel } from "./support/fuzz.ts";
import { Actor, MOST_ROOMS, numberOf } from "./support/fuzz_actor.ts";
import { CLIENTS, conversation, type Expected, ROOMS } from "./support/grammar.ts";
import { connect, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { Dice, SEED } from "./support/random.ts";
import { frameOf, OPCODES, RawSocket } from "./support/raw_socket.ts";

const RECENT = 50;
const OPTIONS = {
  maxRoomsPerConnection: MOST_ROOMS,
  recentMessages: RECENT,
  frameBytes: 1 << 16,
  retainMessages: 400,
};

/** All begin in one room, or little would be said to anybody. */
const JOIN = { value: { type: "join" }, wrong: undefined };

const runs = budget(80);

Deno.test(`${runs} conversations go as the model says, seed ${SEED}`, async () => {
  await using ground = await Ground.open(OPTIONS);
  let count = 0;
  await fc.assert(
    fc.asyncProperty(conversation, async (steps) => {
      if (++count === Math.ceil(runs / 3)) ground.warm();
      const stage = await Stage.open(ground);
      try {
        for (let client = 0; client < CLIENTS; client++) stage.actor(client).say(JOIN);
        for (const { client, frame } of steps) stage.actor(client).say(frame);
        await stage.mustBeRight();
      } finally {
        await stage.close();
      }
      await ground.breathe();
    }),
    { seed: SEED, numRuns: runs },
  );
  await ground.settled();
});

// --- texts that are nearly commands ----------------------------------------------------------------

/** Clients, and what each of them sends. */
const attackers = budget(2000);
const TEXTS_EACH = 50;
/** Some of the texts are lawful messages: what may be kept of them is little. */
const KEPT = { retainMessages: 100, dedupeMessages: 100, tailBytes: 10_000 };
const LEEWAY_BYTES = 600_000;

Deno.test(`${attackers * TEXTS_EACH} texts that are nearly commands cost nobody else anything, seed ${SEED}`, async () => {
  await using ground = await Ground.open(KEPT);
  const warmth = Math.floor(attackers / 10);
  await parallel(warmth, (run) => harass(ground, run));
  ground.warm();
  await parallel(attackers - warmth, (run) => harass(ground, warmth + run));
  await ground.settled(LEEWAY_BYTES);
});

const SEEDLINGS = [
  '{"type":"hello","name":"Ann"}',
  '{"type":"join","room":"r1","since":{"epoch":"e","seq":1}}',
  '{"type":"leave","room":"r1"}',
  '{"type":"chat","room":"r1","payload":"hello","ref":"r"}',
  '{"type":"custom","room":"r1","name":"x","payload":[1,{"a":null}],"durable":true}',
  '{"type":"edit","room":"r1","seq":1,"payload":"x"}',
  '{"type":"react","room":"r1","seq":1,"payload":"x","on":false}',
  '{"type":"typing","room":"r1","payload":true}',
  '{"type":"rename","name":"Bob"}',
  '[{"type":"join"},{"type":"chat","payload":"x"}]',
].map((text) => new TextEncoder().encode(text));

/** One connection: it sends its texts, all of which are read, and then a frame that is broken. */
async function harass(ground: Ground, run: number): Promise<void> {
  const dice = new Dice(SEED + run);
  using socket = await RawSocket.open(ground.server, { protocol: "parley.v1.batched" });
  for (let sent = 0; sent < TEXTS_EACH; sent++) await socket.bytes(frameOf(nearlyCommand(dice)));
  await socket.frame("", { opcode: OPCODES.ping });
  for (;;) {
    const answer = await socket.next();
    assert(answer !== undefined, `run ${run}: a frame that is only text has ended the connection`);
    if (answer.opcode === OPCODES.pong) break;
    if (answer.opcode === OPCODES.ping) continue; // a heartbeat
    if (run % 20 === 0) mustBeDocumented(JSON.parse(new TextDecoder().decode(answer.payload)));
  }
  await socket.bytes(brokenFrame(dice));
  if (run % 20 === 0) await ground.breathe();
}

/** A text that is nearly a command, or nearly JSON, or neither. */
function nearlyCommand(dice: Dice): Uint8Array {
  const text = Uint8Array.from(dice.pick(SEEDLINGS));
  const printable = () => 32 + dice.below(95);
  if (dice.chance(0.2)) return text.map(printable);
  if (dice.chance(0.4)) return text.map((byte) => dice.chance(0.05) ? dice.below(128) : byte);
  for (let left = dice.below(4); left > 0; left--) text[dice.below(text.length)] = printable();
  return dice.chance(0.8) ? text : text.subarray(0, dice.below(text.length));
}

/** A frame that is broken, or announces what never comes. */
function brokenFrame(dice: Dice): Uint8Array {
  const text = dice.pick(SEEDLINGS);
  if (dice.chance(0.5)) {
    const [opcode, reserved] = [dice.below(16), dice.below(8)];
    return frameOf(text, { opcode, reserved, fin: dice.chance(0.5) });
  }
  const bytes = frameOf(text);
  for (let left = 3; left > 0; left--) bytes[dice.below(8)] = dice.below(256);
  return bytes;
}

// --- conversations ---------------------------------------------------------------------------------

/** What was said in passing in all conversations: a room may still retain it. */
const everPassed = new Set<number>();

/** The clients of one conversation, and the logs that they write to. */
class Stage {
  readonly #ground: Ground;
  readonly #actors: readonly Actor[];
  /** Where each log stood before. */
  readonly #heads: ReadonlyMap<string, number>;

  private constructor(
    ground: Ground,
    actors: readonly Actor[],
    heads: ReadonlyMap<string, number>,
  ) {
    this.#ground = ground;
    this.#actors = actors;
    this.#heads = heads;
  }

  static async open(ground: Ground): Promise<Stage> {
    const { epoch } = (await ask(ground.server, pathOf("lobby"))).json;
    const heads = new Map<string, number>();
    for (const room of ROOMS) heads.set(room, (await ask(ground.server, pathOf(room))).json.head);
    const actors: Actor[] = [];
    for (let index = 0; index < CLIENTS; index++) {
      const protocol = ["parley.v1.batched", "parley.v1"][index];
      const client = await connect(ground.server, protocol === undefined ? {} : { protocol });
      client.send({ type: "hello" });
      const { user, token } = await client.next("welcome");
      actors.push(new Actor(client, { id: user.id, token, epoch }, index));
    }
    return new Stage(ground, actors, heads);
  }

  actor(index: number): Actor {
    const actor = this.#actors[index];
    assert(actor !== undefined);
    return actor;
  }

  async close(): Promise<void> {
    for (const { client } of this.#actors) await client.close();
  }

  async mustBeRight(): Promise<void> {
    for (const { client } of this.#actors) {
      client.send({ type: "leave", room: "nowhere", ref: "end" });
      await client.next("error", ({ ref }) => ref === "end");
    }
    for (const actor of this.#actors) await this.#mustHaveErrors(actor);
    for (const room of ROOMS) await this.#mustHaveLog(room);
    const passing = new Set(this.#actors.flatMap((actor) => [...actor.passing]));
    for (const number of passing) everPassed.add(number);
    for (const { events } of this.#actors) {
      mustBeDocumented(events);
      for (const event of events) {
        if (event.type !== "custom" || event.seq !== undefined) continue;
        const known = event.retained ? everPassed : passing;
        assert(known.has(numberOf(event)), `refused, and seen: ${JSON.stringify(event)}`);
      }
    }
  }

  async #mustHaveErrors(actor: Actor): Promise<void> {
    const isLate = ({ code }: Expected) => code === "conflict" || code === "not_found";
    const seen = (late: boolean) =>
      actor.events
        .filter((event) => event.type === "error" && event.ref !== "end")
        .map((event): Expected => JSON.parse(JSON.stringify(event, ["code", "field", "ref"])))
        .filter((error) => isLate(error) === late);
    assertEquals(seen(false), actor.errors);
    const { conflicts } = actor;
    await until(() => seen(true).length >= conflicts.length, "the conflicts");
    // What is said while a room is being entered waits there: rooms may overtake each other.
    const sorted = (errors: readonly Expected[]) => errors.map((e) => JSON.stringify(e)).sort();
    assertEquals(sorted(seen(true)), sorted(conflicts));
  }

  async #mustHaveLog(room: string): Promise<void> {
    const { server } = this.#ground;
    const before = this.#heads.get(room) ?? 0;
    const expected = this.#actors.map(({ stored }) => stored.get(room) ?? []);
    const head = before + expected.reduce((sum, { length }) => sum + length, 0);
    await until(
      async () => (await ask(server, pathOf(room))).json.head >= head,
      `${head} messages in ${room}`,
    );
    const log = await this.#ground.log(room, before);
    this.#actors.forEach(({ id }, index) => {
      const own = log.filter(({ from }) => from.id === id).map(numberOf);
      assertEquals(own, expected[index]?.map(({ number }) => number));
    });
    assertEquals(log.length, head - before);
    for (const actor of this.#actors) {
      await until(
        () => !actor.rooms.has(room) || lastSeen(actor, room) === head,
        `message ${head} of ${room}`,
      );
      mustFollow(actor, room, new Map(log.map((message) => [message.seq, message])));
    }
  }
}

function pathOf(room: string): string {
  return `/rooms/${encodeURIComponent(room)}/messages?limit=1`;
}

/** How far a client has come in a room. */
function lastSeen({ events }: Actor, room: string): number {
  let last = -1;
  for (const event of events) {
    if (!("seq" in event) || event.seq === undefined || event.room !== room) continue;
    if (event.type === "read") continue;
    if (event.type !== "joined") last = Math.max(last, event.seq);
    else last = event.recovered ? Math.min(event.seq, 1) : Math.max(0, event.seq - RECENT);
  }
  return last;
}

/** Without hole or repeat from where it was told that it is, and the very text of the log. */
function mustFollow({ id, events }: Actor, room: string, log: ReadonlyMap<number, Message>): void {
  let next: number | undefined;
  for (const event of events) {
    if (!("seq" in event) || event.seq === undefined || event.room !== room) continue;
    if (event.type === "read") continue;
    if (event.type === "joined") {
      next = event.recovered ? undefined : Math.max(0, event.seq - RECENT) + 1;
      continue;
    }
    const stored = log.get(event.seq);
    if (stored !== undefined) assertEquals(event, stored);
    if (event.from.id === id && event.ref !== undefined && event.seq < (next ?? 0)) continue;
    // Only a cursor at 0 or 1 can have been recovered: no other was given with the right epoch.
    assert(next === undefined ? event.seq <= 2 : event.seq === next, `${event.seq} after ${next}`);
    next = event.seq + 1;
  }
}

/**
 * What any broker must do to delete for good.
 *
 * @module
 */
import type { Broker, LogState } from "../../server/broker/broker.ts";
import { epochOf } from "../../server/broker/epoch.ts";
import { ERASED_USER } from "../../server/broker/eraser.ts";
import type { RetainedChange } from "../../server/broker/retained.ts";
import type { ChatEvent } from "../../server/protocol/messages.ts";
import { assert, assertEquals } from "./assert.ts";
import { draft, type Store, textsOf } from "./broker_suite.ts";
import { until } from "./harness.ts";
import { mark } from "./marks_suite.ts";
import { react, remove } from "./revision_suite.ts";

/** Registers a test of one behaviour. */
type Test = (behaviour: string, act: (store: Store) => Promise<void>) => void;

/** Listens to what becomes of the lobby, and opens it. */
async function follow(broker: Broker) {
  const states: LogState[] = [];
  const retained: RetainedChange[] = [];
  broker.listen({
    committed() {},
    signalled() {},
    logReplaced: (_, state) => void states.push(state),
    retainedChanged: (_, change) => void retained.push(change),
  });
  const before = await broker.open("lobby");
  return { before, states, retained };
}

function isRemoval(change: RetainedChange | undefined): boolean {
  return change?.kind === "one" && change.isRemoval;
}

async function messagesOf(broker: Broker, room = "lobby"): Promise<ChatEvent[]> {
  const page = await broker.read(room, { limit: 1e6 });
  return page?.batch.events.map((event) => JSON.parse(event)) ?? [];
}

/** Retains an event in the lobby, in a user's name. */
async function retainAs(broker: Broker, id: string, name: string): Promise<void> {
  const from = { id, name: `Name of ${id}` };
  const event = JSON.stringify({ type: "custom", room: "lobby", name, from, payload: `by ${id}` });
  await broker.retain("lobby", { name, event, isRemoval: false });
}

/** The whole epoch of the lobby, as cursors carry it, in two parts. */
async function epochParts(broker: Broker): Promise<string[]> {
  return epochOf(await broker.state("lobby"), "lobby").split(".");
}

export function testErasing(test: Test): void {
  test("a room that was erased begins again at 1, in another epoch, and others stay", async (store) => {
    await using broker = await store.open();
    const { before, states, retained } = await follow(broker);
    await broker.publish([draft("a", { ref: "r" }), draft("b"), draft("c", { room: "other" })]);
    await broker.publish([react(1, "x", { user: "ada" })]);
    await retainAs(broker, "ada", "topic");
    await broker.marks.write([mark(2), mark(1, { room: "other" })]);
    await broker.eraser.room("lobby");
    await until(() => states.length === 1, "the log to be replaced");
    await until(() => isRemoval(retained.at(-1)), "the retained event to be removed");
    const [after] = states;
    assertEquals([after?.head, after?.rev], [0, 0]);
    assert(after !== undefined && epochOf(after, "lobby") !== epochOf(before, "lobby"));
    assertEquals(await broker.read("lobby", { limit: 10 }), undefined);
    assertEquals(await broker.marks.get("ada", "lobby"), undefined);
    assertEquals((await broker.marks.get("ada", "other"))?.seq, 1);
    assertEquals(await textsOf(broker, "other"), ["c"]);
    await broker.publish([draft("a", { ref: "r" })]);
    assertEquals(await textsOf(broker), ["a"]);
    assertEquals((await broker.revisedSince("lobby", { after: 0, limit: 10 })).length, 0);
  });

  test("a room without members is erased, and one that was never there is too", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("a"), draft("b", { room: "other" })]);
    for (const room of ["lobby", "nothing"]) await broker.eraser.room(room);
    assertEquals((await broker.open("lobby")).head, 0);
    await broker.publish([draft("c")]);
    assertEquals([await textsOf(broker), await textsOf(broker, "other")], [["c"], ["b"]]);
  });

  test("of a user's messages the places stay, and the room gets another mark", async (store) => {
    await using broker = await store.open();
    const { before, states } = await follow(broker);
    await broker.publish([
      draft("a", { user: "ada", ref: "1" }),
      draft("b", { user: "bob" }),
      draft("c", { user: "ada" }),
      draft("d", { user: "bob", room: "other" }),
    ]);
    await broker.publish([react(1, "x", { user: "bob" }), react(2, "x", { user: "ada" })]);
    const [digest, oldMark = ""] = await epochParts(broker);
    await broker.eraser.user({ userId: "ada", isWhole: false });
    await until(() => states.length === 1, "the log to be replaced");
    assertEquals([states[0]?.epoch, states[0]?.head], [before.epoch, 3]);
    const [sameDigest, newMark = ""] = await epochParts(broker);
    assertEquals([sameDigest === digest, newMark === oldMark], [true, false]);
    for (const seq of [0, 1, 3]) {
      assertEquals(await broker.canResume?.("lobby", oldMark, seq), false);
    }
    assertEquals(
      (await messagesOf(broker)).map(({ from, payload, deleted, reactions, ref }) => [
        ...[from.id, payload, deleted, reactions, ref],
      ]),
      [
        ["ada", "", true, undefined, "1"],
        ["bob", "b", undefined, { x: 1 }, undefined],
        ["ada", "", true, undefined, undefined],
      ],
    );
    assertEquals((await messagesOf(broker, "other")).length, 1);
    const [again] = await broker.publish([draft("a", { user: "ada", ref: "1" })]);
    assertEquals([again?.seq, again?.repeated], [1, true]);
    assertEquals((await broker.reactionsOf("lobby", "bob", { after: 0, limit: 9 })).size, 0);
    await broker.publish([draft("e"), react(2, "y", { user: "bob" })]);
    assertEquals((await messagesOf(broker)).map(({ seq }) => seq), [1, 2, 3, 4]);
  });

  test("a user who was erased is in no message, reaction, retained event or mark", async (store) => {
    await using broker = await store.open();
    const { states, retained } = await follow(broker);
    await broker.publish([
      draft("a", { user: "ada", ref: "1" }),
      draft("b", { user: "bob", ref: "2" }),
      draft("c", { user: "ada" }),
    ]);
    await broker.publish([
      ...["ada", "bob"].map((user) => react(2, "x", { user })),
      react(2, "z", { user: "ada" }),
      remove(3, { user: "ada" }),
    ]);
    await retainAs(broker, "ada", "hers");
    await retainAs(broker, "bob", "his");
    await broker.marks.write([mark(2), mark(2, { userId: "bob" })]);
    await broker.eraser.user({ userId: "ada", isWhole: true });
    await until(() => states.length === 1, "the log to be replaced");
    const messages = await messagesOf(broker);
    assert(!JSON.stringify(messages).includes("ada"));
    assertEquals(messages.map(({ from }) => from.id), [ERASED_USER.id, "bob", ERASED_USER.id]);
    assertEquals(messages[1]?.reactions, { x: 1 });
    assertEquals((await broker.reactionsOf("lobby", "ada", { after: 0, limit: 9 })).size, 0);
    assertEquals((await broker.reactionsOf("lobby", "bob", { after: 0, limit: 9 })).size, 1);
    assertEquals(await broker.marks.all("ada"), []);
    assertEquals((await broker.marks.all("bob")).length, 1);
    await until(() => isRemoval(retained.at(-1)), "the retained event to be removed");
    const last = retained.at(-1);
    assert(last?.kind === "one" && last.name === "hers" && last.isRemoval);
    assert(!last.event.includes("ada"));
    const receipts = await broker.publish([
      draft("b", { user: "bob", ref: "2" }),
      draft("a", { user: "ada", ref: "1", receipt: true }),
    ]);
    assertEquals(receipts.map(({ seq, repeated }) => [seq, repeated]), [[2, true], [4, false]]);
  });

  test("a user is erased from a long room, once, and can be erased again", async (store) => {
    await using broker = await store.open();
    const { states } = await follow(broker);
    for (let round = 0; round < 150; round++) {
      const users = round % 10 === 0 ? ["ada", "bob"] : ["bob"];
      await broker.publish(users.map((user) => draft(`${user} said ${round}`, { user })));
    }
    await broker.eraser.user({ userId: "ada", isWhole: true });
    await until(() => states.length === 1, "the log to be replaced");
    const texts = await textsOf(broker);
    assertEquals(texts.length, 165);
    assertEquals(texts.filter((text) => text === "").length, 15);
    assert(!texts.join().includes("ada"));
    await broker.eraser.user({ userId: "ada", isWhole: true });
    assertEquals([states.length, (await textsOf(broker)).join()], [1, texts.join()]);
    assertEquals((await broker.state("lobby")).head, 165);
  });

  test("what was erased is so after a restart, and the new cursors are good", async (store) => {
    let marked = "";
    {
      await using broker = await store.open();
      await broker.publish([draft("a", { user: "ada" }), draft("b"), draft("c", { room: "gone" })]);
      await broker.eraser.user({ userId: "ada", isWhole: false });
      await broker.eraser.room("gone");
      [, marked = ""] = epochOf(await broker.open("lobby"), "lobby").split(".");
    }
    await using broker = await store.open();
    await broker.open("lobby");
    assertEquals([await textsOf(broker), await textsOf(broker, "gone")], [["", "b"], []]);
    const [, now = ""] = await epochParts(broker);
    const isGood = now === marked || await broker.canResume?.("lobby", marked, 2);
    assertEquals(isGood, true);
  });
}

/**
 * What any broker must do with revisions: edits, deletions and reactions.
 *
 * @module
 */
import { type Broker, isSameMessage, type Receipt } from "../../server/broker/broker.ts";
import {
  type RevisedMessage,
  type RevisionDraft,
  revisionDraft,
} from "../../server/broker/revisions.ts";
import type { Revision } from "../../server/protocol/encode.ts";
import type { ChatEvent } from "../../server/protocol/messages.ts";
import { MAX_REACTIONS } from "../../server/protocol/tables.ts";
import { assert, assertEquals } from "./assert.ts";
import { draft, linesOf, type Store, textsOf } from "./broker_suite.ts";

interface Asker {
  readonly room?: string;
  readonly user?: string;
  readonly isManager?: boolean;
  readonly maxAgeMs?: number;
  readonly ref?: string;
}

function revision(
  what: { kind: "edit"; seq: number; payload: string } | { kind: "delete"; seq: number } | {
    kind: "react";
    seq: number;
    payload: string;
    on: boolean;
  },
  { room = "lobby", user = "u1", isManager = false, maxAgeMs = Infinity, ref }: Asker,
): RevisionDraft {
  const revision: Revision = what.kind === "react"
    ? { ...what, isManager }
    : { ...what, isManager, maxAgeMs };
  return revisionDraft(room, user, revision, ref);
}

export const edit = (seq: number, payload: string, who: Asker = {}): RevisionDraft =>
  revision({ kind: "edit", seq, payload }, who);
export const remove = (seq: number, who: Asker = {}): RevisionDraft =>
  revision({ kind: "delete", seq }, who);
export const react = (seq: number, payload: string, who: Asker = {}): RevisionDraft =>
  revision({ kind: "react", seq, payload, on: true }, who);
export const unreact = (seq: number, payload: string, who: Asker = {}): RevisionDraft =>
  revision({ kind: "react", seq, payload, on: false }, who);

/** Reads a message as it is now. */
async function messageAt(broker: Broker, seq: number, room = "lobby"): Promise<ChatEvent> {
  const page = await broker.read(room, { after: seq - 1, limit: 1 });
  return JSON.parse(page?.batch.events[0] ?? "null");
}

/** Says how each revision ended: `ok`, `same` if it changed nothing, or the code of its refusal. */
function outcomes(receipts: readonly Receipt<RevisionDraft>[]): string[] {
  return receipts.map(({ refusal, repeated }) => refusal?.code ?? (repeated ? "same" : "ok"));
}

/** Opens a room, and keeps what is called back of its revisions. */
async function listening(broker: Broker, room = "lobby"): Promise<RevisedMessage[]> {
  const heard: RevisedMessage[] = [];
  broker.listen({
    committed() {},
    signalled() {},
    revised: (_room, messages) => heard.push(...messages),
  });
  await broker.open(room);
  return heard;
}

/** Registers the tests. */
export function testRevisions(
  test: (behaviour: string, act: (store: Store) => Promise<void>) => void,
): void {
  test("an edit changes the stored text, and gives the message the room's next rev", async (store) => {
    await using broker = await store.open();
    const heard = await listening(broker);
    await broker.publish([draft("one"), draft("two", { ref: "r" }), draft("three")]);
    const [receipt] = await broker.publish([edit(2, "deux")]);
    const message = await messageAt(broker, 2);
    assert(message.edited !== undefined && message.edited >= message.at);
    assertEquals([message.payload, message.ref, message.rev], ["deux", "r", 1]);
    assertEquals(heard, [{ seq: 2, rev: 1, message: JSON.stringify(message) }]);
    assertEquals(
      [receipt?.seq, receipt?.repeated, JSON.parse(receipt?.event ?? "null"), receipt?.mine],
      [2, false, { type: "revised", room: "lobby", rev: 1, message }, []],
    );
    await broker.publish([edit(1, "un"), edit(3, "trois"), draft("four")]);
    assertEquals(await textsOf(broker), ["un", "deux", "trois", "four"]);
    assertEquals(heard.map(({ rev }) => rev), [1, 2, 3]);
    assertEquals((await broker.state("lobby")).rev, 3);
    assertEquals((await broker.open("lobby")).rev, 3);
  });

  test("a deletion leaves the place, the sender and the ref of a message", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("secret", { ref: "r" }), draft("next")]);
    await broker.publish([react(1, "👍"), edit(1, "secret too")]);
    assertEquals(outcomes(await broker.publish([remove(1), remove(1)])), ["ok", "same"]);
    const { at, ...message } = await messageAt(broker, 1);
    assert(at > 0);
    assertEquals(message, {
      type: "chat",
      room: "lobby",
      seq: 1,
      from: { id: "u1", name: "N" },
      payload: "",
      ref: "r",
      deleted: true,
      rev: 2,
    });
    const refused = await broker.publish([edit(1, "x"), react(1, "👍"), unreact(1, "👍")]);
    assertEquals(outcomes(refused), ["conflict", "conflict", "conflict"]);
    assertEquals((await broker.reactionsOf("lobby", "u1", { after: 0, limit: 9 })).size, 0);
  });

  test("a ref is recognised after an edit and a deletion, and the text is not compared", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("a", { ref: "edited" }), draft("b", { ref: "deleted" })]);
    await broker.publish([edit(1, "A"), remove(2)]);
    const again = await broker.publish([draft("a", { ref: "edited" })]);
    const other = await broker.publish([draft("other", { ref: "deleted" })]);
    for (const { event, draft, repeated } of [...again, ...other]) {
      assertEquals([repeated, isSameMessage(event, draft)], [true, true]);
    }
    assertEquals([again.length, other.length], [1, 1]);
    assertEquals(JSON.parse(again[0]?.event ?? "null").payload, "A");
    assertEquals(await textsOf(broker), ["A", ""]);
  });

  test("a reaction does not keep a ref's texts from being compared", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("a", { ref: "r" })]);
    await broker.publish([react(1, "👍")]);
    const [same, other] = [draft("a", { ref: "r" }), draft("b", { ref: "r" })];
    const verdicts = [];
    for (const retry of [same, other]) {
      const [receipt] = await broker.publish([retry]);
      verdicts.push(receipt && isSameMessage(receipt.event, receipt.draft));
    }
    assertEquals(verdicts, [true, false]);
  });

  test("reactions are counted, once a user, and each user's own are known", async (store) => {
    await using broker = await store.open();
    const heard = await listening(broker);
    await broker.publish([draft("one"), draft("two")]);
    const batch = ["u1", "u2", "u3"].map((user) => react(1, "👍", { user }));
    const receipts = await broker.publish([...batch, react(1, "🎉"), react(1, "🎉")]);
    assertEquals(outcomes(receipts), ["ok", "ok", "ok", "ok", "same"]);
    assertEquals(receipts.map(({ mine }) => mine), [
      ["🎉", "👍"].toSorted(),
      ["👍"],
      ["👍"],
      ["🎉", "👍"].toSorted(),
      ["🎉", "👍"].toSorted(),
    ]);
    assertEquals((await messageAt(broker, 1)).reactions, { "👍": 3, "🎉": 1 });
    assertEquals(heard.length, 1); // one for the message and the commit
    await broker.publish([unreact(1, "👍"), unreact(1, "🎉"), unreact(1, "🎉"), react(2, "x")]);
    assertEquals((await messageAt(broker, 1)).reactions, { "👍": 2 });
    const own = (user: string) => broker.reactionsOf("lobby", user, { after: 0, limit: 9 });
    assertEquals([...await own("u1")], [[2, ["x"]]]);
    assertEquals([...await own("u2")], [[1, ["👍"]]]);
    assertEquals(outcomes(await broker.publish([unreact(1, "nobody's")])), ["same"]);
    await broker.publish([unreact(2, "x")]);
    const { reactions } = await messageAt(broker, 2);
    assertEquals(reactions, undefined);
  });

  test("a reaction may be any text, also the name of what every object has", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("one")]);
    const names = ["__proto__", "constructor", "1", "toString", '"\\', "👩‍💻", "é"];
    const receipts = await broker.publish(names.map((name) => react(1, name)));
    assertEquals(outcomes(receipts), names.map(() => "ok"));
    const reactions = (await messageAt(broker, 1)).reactions ?? {};
    assertEquals(Object.entries(reactions).toSorted(), names.map((name) => [name, 1]).toSorted());
    assertEquals(receipts[0]?.mine?.toSorted(), names.toSorted());
  });

  test(`a message has at most ${MAX_REACTIONS} different reactions`, async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("one")]);
    const many = Array.from({ length: MAX_REACTIONS }, (_, n) => react(1, `r${n}`));
    assertEquals(new Set(outcomes(await broker.publish(many))), new Set(["ok"]));
    const more = [react(1, "more"), react(1, "r0", { user: "u2" }), unreact(1, "r1")];
    assertEquals(outcomes(await broker.publish(more)), ["conflict", "ok", "ok"]);
    assertEquals(outcomes(await broker.publish([react(1, "more")])), ["ok"]);
  });

  test("only one's own messages may be changed, for so long, or anyone's by a manager", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("mine"), draft("old"), draft("any")]);
    const other = { user: "u2" };
    const late = { maxAgeMs: -1 };
    const receipts = await broker.publish([
      ...[edit(1, "x", other), remove(1, other), react(1, "👍", other)],
      ...[edit(2, "x", late), remove(2, late), react(2, "👍", late)],
      ...[edit(3, "x", { ...other, ...late, isManager: true }), remove(9), edit(9, "x")],
      react(9, "👍", { isManager: true }),
    ]);
    assertEquals(outcomes(receipts), [
      ...["forbidden", "forbidden", "ok", "forbidden", "forbidden", "ok"],
      ...["ok", "not_found", "not_found", "not_found"],
    ]);
    assertEquals(await textsOf(broker), ["mine", "old", "x"]);
    assertEquals(outcomes(await broker.publish([remove(1, { room: "nowhere" })])), ["not_found"]);
    assertEquals((await broker.state("nowhere")).head, 0);
  });

  test("a stored event of an application is deleted and reacted to, but not edited", async (store) => {
    await using broker = await store.open();
    const rest = `"name":"n","from":{"id":"u1","name":"N"},"payload":{"1":"é","0":[1e21]}}`;
    const head = `{"type":"custom","room":"lobby","seq":`;
    await broker.publish([{ ...draft(""), head, rest }]);
    const { batch } = await broker.read("lobby", { limit: 1 }) ?? {};
    const before = JSON.parse(batch?.events[0] ?? "null");
    assertEquals(outcomes(await broker.publish([edit(1, "x"), react(1, "👍")])), [
      "conflict",
      "ok",
    ]);
    assertEquals<unknown>(await messageAt(broker, 1), {
      ...before,
      reactions: { "👍": 1 },
      rev: 1,
    });
    await broker.publish([remove(1)]);
    assertEquals<unknown>(await messageAt(broker, 1), {
      ...before,
      payload: null,
      deleted: true,
      rev: 2,
    });
  });

  test("an edit to the same text stores nothing, and is answered with the message as it is", async (store) => {
    await using broker = await store.open();
    const heard = await listening(broker);
    await broker.publish([draft("same")]);
    const [receipt] = await broker.publish([edit(1, "same")]);
    const message = await messageAt(broker, 1);
    assertEquals(message.rev, undefined);
    assertEquals(
      [receipt?.repeated, JSON.parse(receipt?.event ?? "null")],
      [true, { type: "revised", room: "lobby", rev: 0, message }],
    );
    assertEquals([heard, (await broker.state("lobby")).rev], [[], 0]);
  });

  test("a revision that comes again, and late, undoes nothing", async (store) => {
    await using broker = await store.open();
    const heard = await listening(broker);
    await broker.publish([draft("one"), draft("two")]);
    const told = async (...revisions: RevisionDraft[]) => outcomes(await broker.publish(revisions));
    const first = () => edit(1, "uno", { ref: "a" });
    assertEquals(await told(first()), ["ok"]);
    assertEquals(await told(edit(1, "eins", { ref: "b" }), react(1, "x", { ref: "on" })), [
      "ok",
      "ok",
    ]);
    assertEquals(await told(unreact(1, "x", { ref: "off" })), ["ok"]);
    const late = await broker.publish([first(), react(1, "x", { ref: "on" })]);
    assertEquals(outcomes(late), ["same", "same"]);
    const message = await messageAt(broker, 1);
    assertEquals([message.payload, message.reactions, message.rev], ["eins", undefined, 3]);
    assertEquals(late.map(({ event, mine }) => [JSON.parse(event).message, mine]), [
      [message, []],
      [message, []],
    ]);
    assertEquals(heard.map(({ rev }) => rev), [1, 2, 3]);
    const again = [edit(2, "A", { ref: "c" }), edit(2, "B"), edit(2, "A", { ref: "c" })];
    assertEquals(await told(...again), ["ok", "ok", "same"]);
    assertEquals(await told(edit(2, "B", { ref: "nothing" }), edit(2, "C")), ["same", "ok"]);
    assertEquals(await told(edit(2, "B", { ref: "nothing" })), ["same"]);
    assertEquals(await textsOf(broker), ["eins", "C"]);
    await broker.publish([remove(2)]);
    assertEquals(await told(edit(2, "A", { ref: "c" })), ["same"]);
  });

  test("a ref names one revision of a user in a room, and no message", async (store) => {
    await using broker = await store.open();
    const ref = "r";
    const elsewhere = { room: "elsewhere", ref };
    await broker.publish([draft("one", { ref }), draft("one", { room: "elsewhere" })]);
    const told = async (...revisions: RevisionDraft[]) => outcomes(await broker.publish(revisions));
    assertEquals(await told(edit(1, "uno", { ref })), ["ok"]);
    const others = [edit(1, "eins", { ref }), remove(1, { ref }), react(1, "uno", { ref })];
    assertEquals(await told(...others), ["conflict", "conflict", "conflict"]);
    assertEquals(await told(edit(1, "uno", elsewhere)), ["ok"]);
    assertEquals(await told(edit(1, "eins", { ref, user: "u2", isManager: true })), ["ok"]);
    assertEquals(await told(edit(9, "refused", { ref: "s" }), edit(1, "x", { ref: "s" })), [
      "not_found",
      "ok",
    ]);
    assertEquals(await textsOf(broker), ["x"]);
  });

  test("a revision is recognised among the newest dedupeMessages at the least", async (store) => {
    await using broker = await store.open({ dedupeMessages: 20 });
    await broker.publish([draft("one")]);
    const first = () => edit(1, "first", { ref: "first" });
    await broker.publish([first()]);
    for (let n = 0; n < 19; n++) await broker.publish([edit(1, `${n}`, { ref: `${n}` })]);
    const last = () => edit(1, "18", { ref: "18" });
    for (let n = 0; n < 30; n++) await broker.publish([last(), last()]); // they push no other out
    assertEquals(outcomes(await broker.publish([first()])), ["same"]);
    for (let n = 19; n < 60; n++) await broker.publish([edit(1, `${n}`, { ref: `${n}` })]);
    assertEquals(outcomes(await broker.publish([first()])), ["ok"]);
  });

  test("messages and revisions of one batch take effect in their order", async (store) => {
    await using broker = await store.open();
    const heard = await listening(broker);
    const receipts = await broker.publish([
      ...[edit(1, "too early"), draft("a"), edit(1, "b"), draft("c", { ref: "r" })],
      ...[edit(1, "d"), remove(2), draft("c", { ref: "r" }), edit(3, "too early")],
    ]);
    const ofRevisions = receipts.filter(({ draft }) => draft.revision !== undefined);
    assertEquals(outcomes(ofRevisions as Receipt<RevisionDraft>[]), [
      ...["not_found", "ok", "ok", "ok", "not_found"],
    ]);
    assertEquals(await textsOf(broker), ["d", ""]);
    assertEquals(heard.map(({ seq, rev }) => [seq, rev]), [[1, 1], [2, 2]]);
    const repeated = receipts.find(({ draft }) => draft.ref === "r");
    assertEquals([repeated?.seq, JSON.parse(repeated?.event ?? "null").deleted], [2, true]);
  });

  test("revisedSince() gives each revised message once, in the order of rev", async (store) => {
    await using broker = await store.open();
    await broker.publish([1, 2, 3, 4].map((n) => draft(`${n}`)));
    for (const seq of [3, 1, 4, 3]) {
      await broker.publish([react(seq, crypto.randomUUID().slice(9))]);
    }
    const seqs = async (range: { after: number; upToSeq?: number; limit?: number }) =>
      (await broker.revisedSince("lobby", { limit: 9, ...range })).map((
        { seq, rev },
      ) => [seq, rev]);
    assertEquals(await seqs({ after: 0 }), [[1, 2], [4, 3], [3, 4]]);
    assertEquals(await seqs({ after: 2 }), [[4, 3], [3, 4]]);
    assertEquals(await seqs({ after: 0, upToSeq: 3 }), [[1, 2], [3, 4]]);
    assertEquals(await seqs({ after: 0, limit: 2 }), [[1, 2], [4, 3]]);
    assertEquals(await seqs({ after: 4 }), []);
    assertEquals(await broker.revisedSince("nowhere", { after: 0, limit: 9 }), []);
    const few = await broker.revisedSince("lobby", { after: 0, limit: 9, chars: 1 });
    assertEquals(few.map(({ rev }) => rev), [2]);
    const [first] = await broker.revisedSince("lobby", { after: 0, limit: 1 });
    assertEquals(JSON.parse(first?.message ?? "null"), await messageAt(broker, 1));
  });

  test("reactionsOf() gives a user's own, the newest messages first", async (store) => {
    await using broker = await store.open();
    await broker.publish([1, 2, 3, 4].map((n) => draft(`${n}`)));
    await broker.publish([1, 2, 3, 4].flatMap((seq) => [react(seq, "b"), react(seq, "a")]));
    await broker.publish([react(2, "a", { user: "u2" }), react(2, "a", { user: "u11" })]);
    const own = async (range: { after: number; upTo?: number; limit?: number }) =>
      [
        ...await broker.reactionsOf("lobby", "u1", { limit: 99, ...range }),
      ].toSorted(([a], [b]) => a - b);
    assertEquals(await own({ after: 1, upTo: 3 }), [[2, ["a", "b"]], [3, ["a", "b"]]]);
    assertEquals((await own({ after: 0, limit: 3 })).map(([seq]) => seq), [3, 4]);
    assertEquals(await own({ after: 4 }), []);
    assertEquals((await broker.reactionsOf("nowhere", "u1", { after: 0, limit: 9 })).size, 0);
  });

  test("revisions are kept over a restart, and numbering goes on", async (store) => {
    {
      await using broker = await store.open();
      await broker.publish([draft("a"), draft("b")]);
      await broker.publish([edit(1, "A"), react(2, "👍")]);
    }
    await using broker = await store.open();
    assertEquals((await broker.open("lobby")).rev, 2);
    assertEquals(outcomes(await broker.publish([react(2, "👍"), remove(2)])), ["same", "ok"]);
    assertEquals(
      (await broker.revisedSince("lobby", { after: 0, limit: 9 })).map(({ rev }) => rev),
      [
        ...[1, 3],
      ],
    );
    assertEquals(await textsOf(broker), ["A", ""]);
  });

  test("revisions and reactions go with their message when it is pruned, and rev goes on", async (store) => {
    await using broker = await store.open({ retainMessages: 10 });
    await broker.publish([draft("old")]);
    await broker.publish([react(1, "👍"), edit(1, "older")]);
    await broker.open("lobby");
    for (let n = 0; n < 400; n++) await broker.publish([draft(`${n}`)]);
    assertEquals(await broker.revisedSince("lobby", { after: 0, limit: 9 }), []);
    assertEquals((await broker.reactionsOf("lobby", "u1", { after: 0, limit: 9 })).size, 0);
    const [pruned, kept] = await broker.publish([edit(1, "x"), edit(401, "x")]);
    assertEquals([pruned?.refusal?.code, kept?.repeated], ["not_found", false]);
    assertEquals((await broker.state("lobby")).rev, 2);
  });

  test("long messages are revised in place, and pages stay whole", async (store) => {
    await using broker = await store.open();
    const texts = Array.from({ length: 90 }, (_, n) => `${n}${"x".repeat(2000)}`);
    await broker.publish(texts.map((text) => draft(text)));
    await broker.publish([1, 40, 90].map((seq) => edit(seq, "y".repeat(seq * 100))));
    for (const seq of [1, 40, 90]) texts[seq - 1] = "y".repeat(seq * 100);
    assertEquals(await textsOf(broker), texts);
    const page = await broker.read("lobby", { after: 0, limit: 99 });
    assertEquals(linesOf(page).length, 90);
  });
}

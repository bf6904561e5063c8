/**
 * What any broker must do. The function takes the way to make one, so that each implementation is
 * put through the same tests.
 *
 * @module
 */
import fc from "npm:fast-check@4.10.2";
import { type Broker, isSameMessage, type Range } from "../../server/broker/broker.ts";
import type { Page } from "../../server/broker/page.ts";
import { type Draft, messageHead } from "../../server/protocol/encode.ts";
import { assert, assertEquals } from "./assert.ts";
import { SEED } from "./random.ts";
import { testErasing } from "./erase_suite.ts";
import { testMarks } from "./marks_suite.ts";
import { testRevisions } from "./revision_suite.ts";
import { testState } from "./state_suite.ts";

/** How a suite gets its brokers. */
export interface Factory {
  /** What to call it in the tests' names. */
  readonly name: string;
  /** An empty store for one test, gone when it is disposed of. */
  make(): Promise<Store>;
  /** What it needs is not installed here. */
  readonly ignore?: boolean;
}

/** One store, on which brokers are opened one after the other. */
export interface Store extends AsyncDisposable {
  open(options?: StoreOptions): Promise<Broker>;
}

export interface StoreOptions {
  readonly retainMessages?: number;
  readonly dedupeMessages?: number;
}

export interface TestDraft extends Draft {
  readonly text: string;
}

interface DraftOptions {
  readonly room?: string;
  readonly user?: string;
  readonly ref?: string;
  readonly receipt?: boolean;
}

/** A draft of a chat message. */
export function draft(text: string, more: DraftOptions = {}): TestDraft {
  const { room = "lobby", user = "u1", ref, receipt = false } = more;
  const tail = ref === undefined ? "" : `,"ref":${JSON.stringify(ref)}`;
  return {
    room,
    userId: user,
    ref,
    receipt,
    text,
    head: messageHead("chat", room),
    rest: `"from":{"id":"${user}","name":"N"},"payload":${JSON.stringify(text)}${tail}}`,
  };
}

interface Line {
  readonly seq: number;
  readonly payload: string;
}

export function linesOf(page: Page | undefined): Line[] {
  if (page === undefined) return [];
  const lines: Line[] = page.batch.events.map((event) => JSON.parse(event));
  assertEquals(lines.map(({ seq }) => seq), numbers(page.first, page.last));
  assertEquals(JSON.parse(page.batch.array), lines);
  return lines;
}

export async function textsOf(broker: Broker, room = "lobby"): Promise<string[]> {
  return linesOf(await broker.read(room, { limit: 1e6 })).map(({ payload }) => payload);
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Registers the tests. */
export function testBroker(
  { name, make, ignore = false }: Factory,
): void {
  const test = (behaviour: string, act: (store: Store) => Promise<void>) =>
    Deno.test({
      name: `${name}: ${behaviour}`,
      ignore,
      fn: async () => {
        await using store = await make();
        await act(store);
      },
    });

  test("publish() numbers each room's messages from 1", async (store) => {
    await using broker = await store.open();
    assertEquals((await broker.open("a")).head, 0);
    await broker.publish([
      draft("one", { room: "a" }),
      draft("uno", { room: "b" }),
      draft("two", { room: "a" }),
    ]);
    await broker.publish([draft("three", { room: "a" })]);
    assertEquals(await textsOf(broker, "a"), ["one", "two", "three"]);
    assertEquals(await textsOf(broker, "b"), ["uno"]);
    assertEquals((await broker.open("a")).head, 3);
  });

  test("publish() calls back what it committed, in order, before it answers", async (store) => {
    await using broker = await store.open();
    const heard: string[] = [];
    broker.listen({
      committed: (room, page) => heard.push(...linesOf(page).map(({ seq }) => `${room}${seq}`)),
      signalled() {},
    });
    for (const room of ["a", "b"]) await broker.open(room);
    await broker.publish([draft("1", { room: "a" }), draft("2", { room: "b" })]);
    assertEquals(heard.toSorted(), ["a1", "b1"]);
    await broker.publish([draft("3", { room: "a" }), draft("4", { room: "a" })]);
    assertEquals(heard.slice(2), ["a2", "a3"]);
  });

  test("publish() stores what is called back, to the byte", async (store) => {
    await using broker = await store.open();
    let live = "";
    broker.listen({ committed: (_, page) => live += page.batch.array, signalled() {} });
    await broker.open("lobby");
    await broker.publish([draft('😀 \u2028 é \\ " ,\n[{}]'), draft("\u{10ffff}")]);
    assertEquals((await broker.read("lobby", { after: 0, limit: 10 }))?.batch.array, live);
  });

  test("publish() takes an empty batch", async (store) => {
    await using broker = await store.open();
    assertEquals((await broker.publish([])).length, 0);
  });

  test("publish() takes a batch of very many rooms, twice in each", async (store) => {
    await using broker = await store.open();
    const rooms = numbers(1, 600).map((number) => `room ${number}`);
    const batch = [...rooms, ...rooms].map((room) =>
      draft("x", { room, ref: crypto.randomUUID() })
    );
    await broker.publish(batch);
    await broker.publish(batch.map(({ room }) => draft("y", { room })));
    for (const room of rooms) assertEquals(await textsOf(broker, room), ["x", "x", "y", "y"]);
  });

  test("publish() stores a repeated ref once and answers with the original", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("first", { ref: "r" }), draft("between")]);
    const [again] = await broker.publish([draft("second", { ref: "r" })]);
    assert(again !== undefined);
    assertEquals([again.seq, again.draft.text, again.repeated], [1, "second", true]);
    assertEquals(JSON.parse(again.event).payload, "first");
    assertEquals(isSameMessage(again.event, again.draft), false); // the hub refuses it
    const [same] = await broker.publish([draft("first", { ref: "r" })]);
    assertEquals(same && isSameMessage(same.event, same.draft), true);
    assertEquals(await textsOf(broker), ["first", "between"]);
  });

  test("publish() never takes another message for the original of a ref", async (store) => {
    await using broker = await store.open({ retainMessages: 10, dedupeMessages: 1000 });
    await broker.publish([draft("original", { ref: "r" })]);
    for (let i = 0; i < 100; i++) await broker.publish([draft(`${i}`)]);
    const [receipt] = await broker.publish([draft("again", { ref: "r", receipt: true })]);
    assertEquals([receipt?.repeated, receipt?.seq], [false, 102]); // the original is not kept
    const [repeated] = await broker.publish([draft("once more", { ref: "r" })]);
    assertEquals(JSON.parse(repeated?.event ?? "null").payload, "again");
  });

  test("publish() recognises a ref that is repeated within one batch", async (store) => {
    await using broker = await store.open();
    const batch = ["a", "b", "c"].map((text) => draft(text, { ref: "r" }));
    const answers = await broker.publish([...batch, draft("d")]);
    assertEquals(answers.map(({ seq, draft }) => [seq, draft.text]), [[1, "b"], [1, "c"]]);
    assertEquals(await textsOf(broker), ["a", "d"]);
  });

  test("publish() tells those who ask where their message is", async (store) => {
    await using broker = await store.open();
    const batch = [
      draft("a"),
      draft("b", { receipt: true }),
      draft("c", { receipt: true, ref: "r" }),
    ];
    const receipts = await broker.publish([...batch, draft("d", { receipt: true, ref: "r" })]);
    assertEquals(
      receipts.map(({ draft, seq, repeated }) => [draft.text, seq, repeated]),
      [["b", 2, false], ["c", 3, false], ["d", 3, true]],
    );
    const page = await broker.read("lobby", { after: 1, limit: 2 });
    assertEquals(receipts.slice(0, 2).map(({ event }) => event), [...page?.batch.events ?? []]);
  });

  test("publish() tells the same ref of other people and in other rooms apart", async (store) => {
    await using broker = await store.open();
    const answers = await broker.publish([
      draft("a", { ref: "r" }),
      draft("b", { ref: "r", user: "u2" }),
      draft("c", { ref: "r", room: "x" }),
      draft("d", { ref: "r r", user: "u1" }),
      draft("e", { ref: "r", user: "u1 r" }),
    ]);
    assertEquals(answers.length, 0);
  });

  test("publish() recognises a repeated ref after a restart", async (store) => {
    {
      await using broker = await store.open();
      await broker.publish([draft("a"), draft("b", { ref: "r" })]);
    }
    await using broker = await store.open();
    const [again] = await broker.publish([draft("c", { ref: "r" })]);
    assertEquals(again?.seq, 2);
  });

  test("publish() recognises a ref among the newest dedupeMessages at the least", async (store) => {
    const options = { dedupeMessages: 50 };
    await using broker = await store.open(options);
    await broker.publish([draft("old", { ref: "old" })]);
    for (let i = 0; i < 49; i++) await broker.publish([draft("x", { ref: `r${i}` })]);
    assertEquals((await broker.publish([draft("again", { ref: "old" })])).length, 1);
    for (let i = 0; i < 200; i++) await broker.publish([draft("x", { ref: `s${i}` })]);
    assertEquals((await broker.publish([draft("again", { ref: "old" })])).length, 0);
  });

  test("canResume() after a restart is true for what was stored before it, and for nothing else", async (store) => {
    const marks: string[] = [];
    for (const text of ["a", "b", "c"]) {
      await using broker = await store.open();
      const { mark = "" } = await broker.open("lobby");
      marks.push(mark);
      await broker.publish([draft(text)]);
    }
    await using broker = await store.open();
    // Over Redis it is Redis's starts that leave marks: see redis_put_back_test.ts.
    if (broker.canResume === undefined || new Set(marks).size < marks.length) return;
    const [first = "", second = ""] = marks;
    const answers = await Promise.all([
      ...[broker.canResume("lobby", first, 0), broker.canResume("lobby", first, 1)],
      ...[broker.canResume("lobby", second, 1), broker.canResume("lobby", second, 2)],
      ...[broker.canResume("lobby", first, 2), broker.canResume("lobby", second, 3)],
      ...[broker.canResume("lobby", "another", 1), broker.canResume("lobby", "", 0)],
    ]);
    assertEquals(answers, [true, true, true, true, false, false, false, false]);
  });

  test("epoch and secret are kept over a restart, and are others in another store", async (store) => {
    const identityOf = async (store: Store) => {
      await using broker = await store.open();
      return [(await broker.open("lobby")).epoch, broker.secret.join()];
    };
    const first = await identityOf(store);
    assertEquals(await identityOf(store), first);
    await using other = await make();
    const [epoch, secret] = await identityOf(other);
    assert(epoch !== first[0] && secret !== first[1]);
    assert(String(secret).split(",").length >= 32);
  });

  test("state() says where a log stands, of a room that is open and of one that is not", async (store) => {
    await using broker = await store.open();
    await broker.publish([draft("a")]);
    assertEquals(await broker.state("lobby"), await broker.open("lobby"));
    assertEquals((await broker.state("nowhere")).head, 0);
  });

  test("numbering goes on after a restart", async (store) => {
    {
      await using broker = await store.open();
      await broker.publish([draft("a"), draft("b")]);
    }
    await using broker = await store.open();
    assertEquals((await broker.open("lobby")).head, 2);
    await broker.publish([draft("c")]);
    assertEquals(await textsOf(broker), ["a", "b", "c"]);
  });

  test(`read() pages both ways as a plain list would, seed ${SEED}`, async (store) => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
    const place = fc.oneof(
      fc.integer({ min: -1, max: 110 }),
      fc.constantFrom(2 ** 32, Number.MAX_SAFE_INTEGER),
    );
    const ranges = fc.array(
      fc.tuple(
        fc.constantFrom("after", "before", "newest"),
        place,
        fc.integer({ min: 0, max: 30 }),
      ),
      { minLength: 20, maxLength: 20 },
    );
    await using broker = await store.open();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(sizes, ranges, async (sizes, ranges) => {
        const room = `room ${run++}`;
        const model: number[] = [];
        for (const size of sizes) {
          await broker.publish(numbers(1, size).map((n) => draft(`m${n}`, { room })));
          model.push(...numbers(model.length + 1, model.length + size));
        }
        for (const [way, place, limit] of ranges) {
          const range: Range = way === "newest" ? { limit } : { [way]: place, limit };
          const expected = way === "after"
            ? model.filter((seq) => seq > place).slice(0, limit)
            : model.filter((seq) => way === "newest" || seq < place).slice(
              limit ? -limit : Infinity,
            );
          const seqs = linesOf(await broker.read(room, range)).map(({ seq }) => seq);
          assertEquals(seqs, expected, JSON.stringify([room, range]));
        }
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  test("read() gives not much more text than it is asked for, and at least one", async (store) => {
    await using broker = await store.open();
    for (let i = 0; i < 50; i++) await broker.publish([draft("x".repeat(1000))]);
    const forward = await broker.read("lobby", { after: 0, limit: 1000, chars: 5000 });
    assert(forward?.first === 1 && forward.last < 10);
    const back = await broker.read("lobby", { before: 51, limit: 1000, chars: 5000 });
    assert(back?.last === 50 && back.first > 40);
  });

  test("read() counts no text that it does not give: a page over the end of a long one is whole", async (store) => {
    await using broker = await store.open();
    for (const first of [1, 426]) {
      const some = numbers(first, first + 424);
      await broker.publish(some.map((n) => draft(`${n}${"x".repeat(200)}`)));
    }
    for (let place = 50; place <= 800; place += 50) {
      for (const range of [{ before: place + 1 }, { after: place }]) {
        const page = await broker.read("lobby", { ...range, limit: 50, chars: 65_536 });
        const first = "after" in range ? place + 1 : place - 49;
        assertEquals([page?.first, page?.last], [first, first + 49]);
      }
    }
  });

  test("read() pages through a batch larger than a page without holes", async (store) => {
    await using broker = await store.open();
    await broker.publish(numbers(1, 300).map((n) => draft(`${n}${"x".repeat(2000)}`)));
    const seen: number[] = [];
    for (let after = 0;;) {
      const page = await broker.read("lobby", { after, limit: 256, chars: 65_536 });
      if (page === undefined) break;
      assertEquals(page.first, after + 1);
      seen.push(...linesOf(page).map(({ seq }) => seq));
      after = page.last;
    }
    assertEquals(seen, numbers(1, 300));
  });

  test("read() finds nothing in a room that nobody wrote to", async (store) => {
    await using broker = await store.open();
    assertEquals(await broker.read("nowhere", { after: 0, limit: 10 }), undefined);
    assertEquals(await broker.read("nowhere", { limit: 10 }), undefined);
  });

  test("retention by count keeps the newest, without holes, and goes on counting", async (store) => {
    await using broker = await store.open({ retainMessages: 100 });
    for (let i = 0; i < 1000; i += 4) {
      await broker.publish(numbers(i + 1, i + 4).map((n) => draft(`${n}`)));
    }
    const texts = await textsOf(broker);
    assert(texts.length >= 100 && texts.length <= 200, `${texts.length} are kept`);
    assertEquals(texts.at(-1), "1000");
    assertEquals((await broker.open("lobby")).head, 1000);
    assert((await broker.read("lobby", { after: 0, limit: 5 }))?.first !== 1);
  });

  test("signal() reaches the rooms that are open, and stores nothing", async (store) => {
    await using broker = await store.open();
    const heard = Promise.withResolvers<string>();
    broker.listen({
      committed() {},
      signalled: (room, signal) => heard.resolve(`${room} ${signal.event} ${signal.exceptUserId}`),
    });
    await broker.open("a");
    broker.signal("b", { event: "{}" });
    broker.signal("a", { event: '{"x":1}', exceptUserId: "u" });
    assertEquals(await heard.promise, 'a {"x":1} u');
    assertEquals(await broker.read("a", { limit: 1 }), undefined);
  });

  testState(test);
  testMarks(test);
  testErasing(test);
  testRevisions(test);
}

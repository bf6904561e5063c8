/**
 * What any broker must do with read marks.
 *
 * @module
 */
import { type Mark, MAX_MARKS, type UserMark } from "../../server/broker/marks.ts";
import { assertEquals } from "./assert.ts";
import type { Store } from "./broker_suite.ts";

/** Registers a test of one behaviour. */
type Test = (behaviour: string, act: (store: Store) => Promise<void>) => void;

export function mark(seq: number, more: Partial<UserMark> = {}): UserMark {
  return { userId: "ada", room: "lobby", log: "log", seq, ...more };
}

export function byRoom(marks: readonly Mark[]): Record<string, number> {
  return Object.fromEntries(marks.map(({ room, seq }) => [room, seq]));
}

export function testMarks(test: Test): void {
  test("marks are kept for each user and room, over a restart, and only grow", async (store) => {
    {
      await using broker = await store.open();
      assertEquals(await broker.marks.get("ada", "lobby"), undefined);
      await broker.marks.write([mark(7), mark(1, { room: "é {} %" }), mark(2, { userId: "bob" })]);
      await broker.marks.write([mark(5), mark(3, { room: "é {} %" })]);
      await Promise.all([8, 9, 6].map((seq) => broker.marks.write([mark(seq, { room: "c" })])));
    }
    await using broker = await store.open();
    const { marks } = broker;
    assertEquals(byRoom(await marks.all("ada")), { lobby: 7, "é {} %": 3, c: 9 });
    assertEquals(await marks.get("ada", "lobby"), { room: "lobby", log: "log", seq: 7 });
    assertEquals(byRoom(await marks.all("bob")), { lobby: 2 });
    assertEquals(await marks.all("nobody"), []);
  });

  test("the mark of another log takes the place of the one before, also if it is lower", async (store) => {
    await using broker = await store.open();
    await broker.marks.write([mark(7)]);
    await broker.marks.write([mark(0, { log: "another" })]);
    assertEquals(await broker.marks.get("ada", "lobby"), { room: "lobby", log: "another", seq: 0 });
  });

  test("a user has 200 marks: those that moved longest ago are forgotten", async (store) => {
    await using broker = await store.open();
    const { marks } = broker;
    const rooms = Array.from({ length: MAX_MARKS }, (_, index) => `r${index}`);
    await marks.write([mark(1, { userId: "bob" }), ...rooms.map((room) => mark(1, { room }))]);
    await marks.write([mark(2, { room: "r0" })]);
    await marks.write([mark(1, { room: "more" }), mark(1, { room: "and more" })]);
    const kept = byRoom(await marks.all("ada"));
    const gone = rooms.filter((room) => !(room in kept));
    assertEquals([gone, Object.keys(kept).length], [["r1", "r2"], MAX_MARKS]);
    assertEquals([kept.r0, kept["and more"]], [2, 1]);
    assertEquals(byRoom(await marks.all("bob")), { lobby: 1 });
  });

  test("each draft that was stored has its seq, and no other", async (store) => {
    await using broker = await store.open();
    const { draft } = await import("./broker_suite.ts");
    const batch = [draft("a", { ref: "1" }), draft("b"), draft("c", { room: "other" })];
    await broker.publish(batch);
    const again = [draft("a", { ref: "1" }), draft("d")];
    await broker.publish(again);
    assertEquals([...batch, ...again].map(({ seq }) => seq), [1, 2, 1, undefined, 3]);
  });
}

/**
 * The newest messages of a room, which are kept in memory for those who join or are behind.
 *
 * @module
 */
import { Batch, type Page } from "../server/broker/page.ts";
import { Tail } from "../server/rooms/tail.ts";
import { assert, assertEquals } from "./support/assert.ts";

const EVENT = JSON.stringify({ payload: "x".repeat(80) });
const SIZE = Batch.of(EVENT).size;
/** How much of the log one answer holds: three messages. */
const CHARS = 3 * SIZE - 1;

function tailOf({ messages, maxBytes }: { messages: number; maxBytes: number }): Tail {
  const tail = new Tail(maxBytes);
  for (let seq = 1; seq <= messages; seq++) tail.push(page(seq));
  return tail;
}

function page(seq: number): Page {
  return { first: seq, last: seq, batch: Batch.of(EVENT) };
}

/** Reads to the head, as a subscriber does. */
function read(tail: Tail, after = 0): Page[] {
  const pages: Page[] = [];
  for (;;) {
    const page = tail.after(pages.at(-1)?.last ?? after, CHARS);
    if (page === undefined) return pages;
    pages.push(page);
  }
}

/** How many pages of two readings are the same objects. What is written to a client is made once for each. */
function countShared(some: readonly Page[], others: readonly Page[]): number {
  return some.filter((page) => others.includes(page)).length;
}

Deno.test("subscribers who read the same pages, one subscriber after the other, share all of them", () => {
  const tail = tailOf({ messages: 12, maxBytes: 12 * SIZE });
  const first = read(tail);
  assertEquals(first.map(({ first, last }) => [first, last]), [[1, 3], [4, 6], [7, 9], [10, 12]]);
  assertEquals(countShared(first, read(tail)), 4);
});

Deno.test("a new message is read by those who have read before it, and by those who have not", () => {
  const tail = tailOf({ messages: 4, maxBytes: 100 * SIZE });
  read(tail);
  tail.push(page(5));
  assertEquals(read(tail).map(({ first, last }) => [first, last]), [[1, 3], [4, 5]]);
  assertEquals(read(tail, 4).map(({ first, last }) => [first, last]), [[5, 5]]);
});

Deno.test("what subscribers share is no longer than the tail, however many cursors they come with", () => {
  const tail = tailOf({ messages: 12, maxBytes: 12 * SIZE });
  const [oldest] = read(tail);
  for (let after = 1; after < 9; after++) tail.after(after, CHARS); // three messages each
  assert(tail.after(0, CHARS) !== oldest, "the first answer is still kept");
  const again = read(tail);
  assertEquals(countShared(again, read(tail)), 4);
});

/**
 * The rooms of the connection that tabs share, as its holder keeps them: from which cursor it joins, and who
 * has to resume for itself because a revision would pass it by.
 *
 * @module
 */
import type { Command, Cursor, Event } from "../server/protocol/messages.ts";
import { heldRooms } from "../static/client/held_rooms.ts";
import { assertEquals } from "./support/assert.ts";
import { chat, joined as joinedAt, room } from "./support/scripted_client.ts";

/** Rooms of a holder, what it says to the server, and which tabs it has begin anew. */
function held() {
  const said: Command[] = [];
  const reopened: string[] = [];
  const rooms = heldRooms((command) => said.push(command), (tabs) => reopened.push(...tabs));
  return {
    said,
    reopened,
    join: (tab: string, since?: Cursor) =>
      rooms.join({ tab, command: { type: "join", room, ref: tab, ...(since && { since }) } }),
    leaveAll: rooms.leaveAll,
    /** Receives events, and returns which tabs each is for. */
    received: (...events: Event[]) =>
      events.flatMap((event) => rooms.routed(event)).map(([, to]) => to),
    /** Receives the answer to a request over HTTP. */
    answered: (event: Event) => rooms.routed(event, true).map(([, to]) => to),
    /** The cursor of the last `join`. */
    get since() {
      const last = said.at(-1);
      return last?.type === "join" ? last.since : undefined;
    },
  };
}

const at = (seq: number, rev: number): Cursor => ({ epoch: "e", seq, rev });
const joined = (seq: number, rev: number, recovered = true) =>
  ({ ...joinedAt(seq, recovered), rev }) as Event; // a cast: `joined` makes one
const revised = (seq: number, rev: number) =>
  ({ type: "revised", room, rev, message: chat(seq) }) as Event; // a cast: `chat` makes one

Deno.test("after a takeover the room is joined from the earliest seq and rev of its tabs", () => {
  const it = held();
  it.join("a", at(9, 5));
  it.join("b", at(9, 3));
  it.join("c", at(9, 4));
  assertEquals(it.since, at(9, 5)); // b and c come in one more, when the server has answered
  assertEquals(it.received(joined(9, 5)), [["a"]]);
  assertEquals(it.since, at(9, 3));
  assertEquals(it.received(joined(9, 5)), [["b", "c"]]);
  assertEquals(it.reopened, []);
});

Deno.test("a tab that comes later is given what was revised since the connection's cursor", () => {
  const it = held();
  it.join("a");
  it.received(joined(3, 2, false), chat(3));
  assertEquals(it.received(revised(1, 3), revised(2, 4)), ["all", "all"]);
  it.join("b", at(3, 4));
  assertEquals(it.since, at(3, 4));
  it.received(joined(3, 4));
  it.join("c", at(3, 1));
  assertEquals(it.since, at(3, 1));
  it.received(joined(3, 4), revised(1, 3), revised(2, 4));
  it.join("d", at(3, 9));
  assertEquals([it.since, it.reopened], [at(3, 4), []]);
});

Deno.test("a tab that is ahead of the cursor asked for resumes for itself after a revision", () => {
  const it = held();
  it.join("ahead", at(20, 9));
  it.received(joined(20, 9));
  it.join("behind", at(10, 5));
  assertEquals(it.since, at(10, 5));
  // Message 15 is revision 10: it comes as it is now, and the tab that has it passes over it.
  assertEquals(it.received(joined(20, 10)), [["behind"]]);
  assertEquals(it.reopened, ["ahead"]);
});

Deno.test("of tabs with different cursors that come together, one resumes for itself after a revision", () => {
  const it = held();
  it.join("x", at(1, 0));
  it.join("ahead", at(20, 9));
  it.join("behind", at(10, 5));
  it.leaveAll("x");
  it.received(joined(20, 12));
  assertEquals(it.since, at(10, 5));
  assertEquals(it.received(joined(20, 12)), [["behind"]]);
  assertEquals(it.reopened, ["ahead"]);
});

Deno.test("without a revision all stay as they are, whatever their cursors", () => {
  const it = held();
  it.join("ahead", at(20, 9));
  it.received(joined(20, 9));
  it.join("behind", at(10, 5));
  it.received(joined(20, 9), revised(3, 9));
  it.join("new");
  assertEquals(it.received(joined(20, 9, false)), [["new"]]);
  assertEquals(it.reopened, []);
});

Deno.test("a tab in the room resumes for itself if a newcomer's recent messages hide a revision from it", () => {
  const it = held();
  it.join("a", at(20, 9));
  it.received(joined(20, 9));
  it.join("new");
  assertEquals(it.received(joined(20, 10, false)), [["new"]]);
  assertEquals(it.reopened, ["a"]);
});

Deno.test("an answer over HTTP is for its sender; all get the message from the stream, in its order", () => {
  const it = held();
  it.join("a", at(1, 0));
  it.received(joined(1, 0));
  it.join("new");
  it.received(joined(1, 0, false));
  assertEquals(it.answered(chat(2)), ["sender"]);
  assertEquals(it.received(chat(1), chat(2)), ["all", "all"]);
});

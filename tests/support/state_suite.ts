/**
 * What any broker must do with what it keeps besides messages: retained events and sanctions.
 *
 * @module
 */
import type { Broker } from "../../server/broker/broker.ts";
import {
  addressSubject,
  type Order,
  type Sanction,
  userSubject,
} from "../../server/broker/orders.ts";
import {
  MAX_RETAINED,
  MAX_RETAINED_BYTES,
  RetainedBoundError,
} from "../../server/broker/retained.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import type { Store } from "./broker_suite.ts";
import { until } from "./harness.ts";

/** Registers a test of one behaviour. */
type Test = (behaviour: string, act: (store: Store) => Promise<void>) => void;

/** The text of an event that is retained. */
function eventOf(name: string, payload: unknown): string {
  return JSON.stringify({ type: "custom", room: "lobby", name, payload });
}

/** Retains a value, or removes it with `null`. */
export async function retain(
  broker: Broker,
  name: string,
  payload: unknown,
  room = "lobby",
): Promise<void> {
  await broker.retain(room, { name, event: eventOf(name, payload), isRemoval: payload === null });
}

/** What a node has heard of retained events, as text. */
export class Heard {
  /** `name=payload` for each change; `name=payload,…` in brackets for a whole room. */
  readonly changes: string[] = [];
  readonly orders: Order[] = [];
  readonly replaced: (readonly Sanction[])[] = [];

  constructor(broker: Broker) {
    const text = (event: string) => {
      const { name, payload } = JSON.parse(event);
      return `${name}=${payload}`;
    };
    broker.listen({
      committed() {},
      signalled() {},
      retainedChanged: (_, change) =>
        this.changes.push(
          change.kind === "one"
            ? text(change.event)
            : `[${[...change.events.values()].map(text).sort().join()}]`,
        ),
      ordered: (order) => this.orders.push(order),
      sanctionsReplaced: (sanctions) => this.replaced.push(sanctions),
    });
  }
}

/** What a room retains, as a node that opens it now is told. */
export async function retained(broker: Broker, room = "lobby"): Promise<string> {
  const heard = new Heard(broker);
  await broker.open(room);
  broker.close(room);
  return heard.changes.join(" ") || "[]";
}

export const BAN: Sanction = {
  kind: "ban",
  room: "lobby",
  subject: userSubject("u1"),
  until: null,
};

export function testState(test: Test): void {
  test("retain() keeps the newest event of each name and room, over a restart", async (store) => {
    {
      await using broker = await store.open();
      await retain(broker, "a", 1);
      await Promise.all([retain(broker, "a", 2), retain(broker, "b", 3), retain(broker, "b", 4)]);
      await retain(broker, "a", 5, "other");
      assertEquals(await retained(broker), "[a=2,b=4]");
    }
    await using broker = await store.open();
    assertEquals(await retained(broker), "[a=2,b=4]");
    assertEquals(await retained(broker, "other"), "[a=5]");
    assertEquals((await broker.state("lobby")).head, 0);
  });

  test("retain() calls back what it stored, in order, where the room is open", async (store) => {
    await using broker = await store.open();
    const { changes } = new Heard(broker);
    await retain(broker, "a", 1);
    await broker.open("lobby");
    const writes = [2, 3, null, 4].map((value) => retain(broker, "a", value));
    await Promise.all([...writes, retain(broker, "x", 1, "other")]);
    await retain(broker, "none", null);
    const expected = ["[a=1]", "a=2", "a=3", "a=null", "a=4", "none=null"];
    await until(() => changes.length >= expected.length, "the changes");
    assertEquals(changes, expected);
    broker.close("lobby");
    assertEquals(await retained(broker), "[a=4]");
  });

  test("retain() with a removal forgets the event", async (store) => {
    await using broker = await store.open();
    await retain(broker, "a", 1);
    await retain(broker, "b", 2);
    await retain(broker, "a", null);
    assertEquals(await retained(broker), "[b=2]");
    await retain(broker, "b", null);
    assertEquals(await retained(broker), "[]");
    await retain(broker, "b", 3);
    assertEquals(await retained(broker), "[b=3]");
  });

  test("retain() refuses more events than a room keeps, and keeps those that it has", async (store) => {
    await using broker = await store.open();
    const names = Array.from({ length: MAX_RETAINED }, (_, index) => `n${index}`);
    await Promise.all(names.map((name) => retain(broker, name, 1)));
    await assertRejects(() => retain(broker, "more", 1), RetainedBoundError, "100 events");
    await retain(broker, "more", 1, "other");
    await retain(broker, "n0", 2); // a new value for a name that is there
    await retain(broker, "n1", null);
    await retain(broker, "more", 1);
    const all = await retained(broker);
    assertEquals(all.split(",").length, MAX_RETAINED);
    assert(all.includes("n0=2") && all.includes("more=1") && !all.includes("n1="));
  });

  test("retain() refuses more bytes than a room keeps, and counts bytes of UTF-8", async (store) => {
    await using broker = await store.open();
    await retain(broker, "half", "é".repeat(MAX_RETAINED_BYTES / 4));
    const half = "x".repeat(MAX_RETAINED_BYTES / 2);
    await assertRejects(() => retain(broker, "other", half), RetainedBoundError, "bytes");
    await retain(broker, "half", "small");
    await retain(broker, "other", half);
    await assertRejects(() => retain(broker, "large", half + half), RetainedBoundError);
    assertEquals(await retained(broker), `[half=small,other=${half}]`);
  });

  test("order() keeps bans and mutes, over a restart, until they are lifted", async (store) => {
    const sanctions: readonly Sanction[] = [
      BAN,
      { ...BAN, kind: "mute", until: Date.now() + 3_600_000 },
      { ...BAN, room: "é {} \n", subject: addressSubject("2001:db8::/64"), guestId: "u1" },
    ];
    const sorted = (list: readonly Sanction[]) => list.map((one) => JSON.stringify(one)).toSorted();
    {
      await using broker = await store.open();
      await Promise.all(sanctions.map((one) => broker.order(one)));
      await broker.order({ ...BAN, until: 1, payload: "instead" });
      await broker.order(BAN); // instead of the one before
      assertEquals(sorted(broker.sanctions()), sorted(sanctions));
    }
    {
      await using broker = await store.open();
      assertEquals(sorted(broker.sanctions()), sorted(sanctions));
      await broker.order({ kind: "unban", room: BAN.room, subject: BAN.subject });
      await broker.order({ kind: "unban", room: "nowhere", subject: BAN.subject });
      assertEquals(sorted(broker.sanctions()), sorted(sanctions.slice(1)));
    }
    await using broker = await store.open();
    assertEquals(sorted(broker.sanctions()), sorted(sanctions.slice(1)));
  });

  test("order() calls back each order before it answers, and keeps none that only happens", async (store) => {
    await using broker = await store.open();
    const { orders } = new Heard(broker);
    const given: readonly Order[] = [
      { ...BAN, payload: "Enough. 😀" },
      { kind: "unban", room: BAN.room, subject: BAN.subject },
      { kind: "remove", room: "lobby", userId: "u1", payload: "Out." },
      { kind: "disconnect", userId: "u1" },
      { kind: "refresh", userId: "u1" },
    ];
    for (const [index, order] of given.entries()) {
      await broker.order(order);
      assertEquals(orders.length, index + 1);
    }
    assertEquals(orders, given);
    assertEquals(broker.sanctions(), []);
  });

  test("sanctions() leaves out what has ended", async (store) => {
    await using broker = await store.open();
    await broker.order({ ...BAN, until: Date.now() - 60_000 }); // the store's clock may be behind
    assertEquals(broker.sanctions(), []);
  });
}

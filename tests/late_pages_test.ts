/**
 * A node to which the pages of a room come late, as over a slow network: no client is sent a message or an
 * answer before the messages that precede it in the log.
 *
 * @module
 */
import type { Page } from "../server/broker/page.ts";
import { Batch } from "../server/broker/page.ts";
import { type LogPosition, ReplicatedRoom } from "../server/broker/replicated_room.ts";
import { assertEquals, assertRejects } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { member, told, until } from "./support/harness.ts";

Deno.test("a message that is sent again is not answered before the messages that come before it", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using ada = await member(server);
  await using ben = await member(server);
  const release = broker.holdPages();
  const said = { type: "chat", room: "lobby", payload: "hello", ref: "one" } as const;
  ben.send({ type: "chat", room: "lobby", payload: "first" });
  await told(ben);
  ada.send(said);
  await told(ada);
  ada.send(said); // it is stored already
  assertEquals((await told(ada)).filter(({ type }) => type === "chat"), []);
  release();
  assertEquals((await ada.take("chat", 2)).map(({ seq }) => seq), [1, 2]);
  assertEquals((await told(ada)).filter(({ type }) => type === "chat"), []);
});

/** A log that grows when the test says so, and answers when it says so. */
class SlowLog {
  head = 1;
  readonly asked: ((isThere: boolean) => void)[] = [];

  position(): Promise<LogPosition> {
    const { head } = this;
    const { promise, resolve, reject } = Promise.withResolvers<LogPosition>();
    this.asked.push((isThere) => {
      if (!isThere) return reject(new Error("as it was told to"));
      resolve({ epoch: "e", head, tip: "", rev: 0, revRunId: "r", runId: "r" });
    });
    return promise;
  }

  read(_room: string, { after = 0 }: { readonly after?: number }): Promise<Page> {
    return Promise.resolve(page(after + 1));
  }

  revisedSince(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }
}

function page(seq: number) {
  return { first: seq, last: seq, batch: Batch.of(`{"seq":${seq}}`), epoch: "e", tip: "" };
}

/** Opens a room, and has a gap be filled: the fill has asked for the position, and is not answered yet. */
async function filling(): Promise<{ log: SlowLog; room: ReplicatedRoom }> {
  const log = new SlowLog();
  const room = new ReplicatedRoom("lobby", log, { committed() {}, signalled() {} });
  const opened = room.open();
  log.asked.shift()?.(true);
  await opened;
  log.head = 3;
  room.receive(page(3));
  return { log, room };
}

/** Waits as well for a message that was stored after the fill began. */
async function waiting(): Promise<{ log: SlowLog; room: ReplicatedRoom; arrived: Promise<void> }> {
  const { log, room } = await filling();
  log.head = 4;
  const arrived = room.waitFor("e", { seq: 4 }, 0);
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve)); // it is over
  return { log, room, arrived };
}

Deno.test("what was stored while a gap is filled has arrived when it is said to", async () => {
  const { log, room, arrived } = await waiting();
  log.asked.shift()?.(true);
  let isOver = false;
  const over = arrived.then(() => isOver = true);
  while (!isOver && log.asked.length === 0) await new Promise((resolve) => setTimeout(resolve));
  assertEquals([isOver, room.known?.head], [false, 3]);
  log.asked.shift()?.(true);
  await over;
  assertEquals(room.known?.head, 4);
  room.close();
});

Deno.test("what is missing before a page that arrives while a gap is filled is read too", async () => {
  const { log, room } = await filling();
  log.head = 5;
  room.receive(page(5)); // 4 was lost on its way
  await until(() => {
    log.asked.shift()?.(true);
    return room.known?.head === 5;
  }, "the last page");
  room.close();
});

Deno.test("what can neither arrive nor be read is not said to have arrived", async () => {
  const { log, room, arrived } = await waiting();
  log.asked.shift()?.(false);
  await assertRejects(() => arrived, Error, "as it was told to");
  room.close();
});

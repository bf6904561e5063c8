/**
 * A room's log where another thread or machine stores: what is revised between a question and its answer.
 *
 * @module
 */
import { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { messageHeads, type Revision } from "../server/protocol/encode.ts";
import { revisionDraft } from "../server/broker/revisions.ts";
import { RoomLog } from "../server/rooms/room_log.ts";
import { assertEquals } from "./support/assert.ts";

const ROOM = "lobby";
const OPTIONS = { path: ":memory:", retainMessages: 0, retainDays: 0, dedupeMessages: 100 };

Deno.test("missedSince() leaves out what was revised after it was asked, which comes later", async () => {
  await using broker = await SqliteBroker.open(OPTIONS);
  broker.listen({ committed() {}, signalled() {} });
  const log = new RoomLog(ROOM, broker, 0);
  const revise = (seq: number, payload: string) => {
    const revision: Revision = { kind: "react", seq, isManager: false, payload, on: true };
    return broker.publish([revisionDraft(ROOM, "ada", revision, undefined)]);
  };
  const head = messageHeads(ROOM).chat;
  await broker.publish([1, 2].map(() => (
    { room: ROOM, userId: "ada", head, rest: '"payload":"x"}', ref: undefined }
  )));
  await revise(1, "a");
  await revise(2, "a");
  await log.open();
  assertEquals(log.rev, 2);
  // Nobody has told the log of these yet, as if they were on their way.
  await revise(2, "b");
  await revise(1, "b");
  const { epoch } = log;
  assertEquals(await log.missedSince({ epoch, seq: 2, rev: 0 }), []);
});

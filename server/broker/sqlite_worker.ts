/**
 * The worker's end of the thread that waits for the disk: one request after the other, each answered.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { BrokerError } from "./broker.ts";
import { SqliteStore } from "./sqlite_store.ts";
import type { Answer, Request } from "./sqlite_messages.ts";

let store: SqliteStore | undefined;

function carryOut(request: Request): unknown {
  if (request.call === "open") {
    store = new SqliteStore(request.options);
    return { epoch: store.epoch, secret: store.secret };
  }
  if (store === undefined) throw new BrokerError("The database is not open.");
  switch (request.call) {
    case "head":
      return store.head(request.room);
    case "append":
      return store.append(request.rows);
    case "read":
      return store.read(request.room, request.range);
    case "prune":
      return store.prune(request.now);
    case "close":
      return store.close();
  }
}

self.onmessage = ({ data }: MessageEvent<Request>) => {
  let answer: Answer;
  try {
    answer = { value: carryOut(data) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    answer = { error: message, isOurs: thrown instanceof BrokerError };
  }
  self.postMessage(answer);
};

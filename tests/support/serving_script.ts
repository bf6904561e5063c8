/**
 * A thread that serves nobody: it is connected to a storing thread, does what it is told, and tells what it
 * hears.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { ThreadBroker } from "../../server/broker/threads/thread_broker.ts";
import { draft } from "./broker_suite.ts";

/** What the thread is told to do, one after the other. */
export type Deed =
  | { readonly connect: MessagePort }
  | { readonly open: string }
  | { readonly enter: string; readonly id: string }
  /** Publishes so many batches of messages, one after the other. */
  | { readonly say: string; readonly batches: number }
  | { readonly backup: true }
  /** Stands still until this is not 0. */
  | { readonly standUntil: Int32Array };

let broker: ThreadBroker | undefined;
let heard = "";

async function act(deed: Deed): Promise<string> {
  if ("connect" in deed) {
    broker = await ThreadBroker.open(deed.connect);
    broker.listen({
      committed: (room, { batch }) => heard += `${room}${batch.array}`,
      leftOut: (room, head) => heard += `${room} up to ${head}`,
      signalled: (_, { event }) => heard += event,
    });
  }
  if ("open" in deed) await broker?.open(deed.open);
  if ("enter" in deed) broker?.members.enter(deed.enter, { id: deed.id, name: deed.id });
  if ("backup" in deed) await broker?.backups?.make();
  if ("standUntil" in deed) Atomics.wait(deed.standUntil, 0, 0);
  if (!("say" in deed)) return "";
  for (let n = 0; n < deed.batches; n++) {
    await broker?.publish([draft(`${deed.say} ${n}a`), draft(`${deed.say} ${n}b`)]);
  }
  await broker?.catchUpTo("lobby"); // so that what others have said until then is in, too
  return heard;
}

self.onmessage = async ({ data }: MessageEvent<Deed>) => self.postMessage(await act(data));

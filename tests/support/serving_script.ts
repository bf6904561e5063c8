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
  | { readonly backup: true };

let broker: ThreadBroker | undefined;
let heard = "";

async function act(deed: Deed): Promise<string> {
  if ("connect" in deed) {
    broker = await ThreadBroker.open(deed.connect);
    broker.listen({
      committed: (room, { batch }) => heard += `${room}${batch.array}`,
      signalled() {},
    });
  }
  if ("open" in deed) await broker?.open(deed.open);
  if ("enter" in deed) broker?.members.enter(deed.enter, { id: deed.id, name: deed.id });
  if ("backup" in deed) await broker?.backups?.make();
  if (!("say" in deed)) return "";
  for (let n = 0; n < deed.batches; n++) {
    await broker?.publish([draft(`${deed.say} ${n}a`), draft(`${deed.say} ${n}b`)]);
  }
  await broker?.catchUpTo("lobby"); // so that what others have said until then is in, too
  return heard;
}

self.onmessage = async ({ data }: MessageEvent<Deed>) => self.postMessage(await act(data));

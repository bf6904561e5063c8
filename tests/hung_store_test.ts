/**
 * What waits on a serving thread for a storing thread that answers nothing, as while its disk hangs: it is
 * bounded, and when the disk is back all is as it was said last.
 *
 * @module
 */
import { FullError } from "../server/broker/broker.ts";
import { AskedMembers, type Asking } from "../server/broker/threads/asked.ts";
import type { CallName, Calls } from "../server/broker/threads/exchange.ts";
import { retainBy } from "../server/broker/threads/asked_retention.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";

/** Stands for a storing thread that answers when the test says so. */
class HungStore implements Asking {
  /** What it was told and asked. */
  readonly heard: string[] = [];
  readonly #unanswered: (() => void)[] = [];

  readonly port: Asking["port"] = {
    say: (name, ...args) => void this.heard.push(JSON.stringify([name, ...args])),
  };

  call<K extends CallName>(name: K, ...args: Parameters<Calls[K]>): ReturnType<Calls[K]> {
    this.heard.push(JSON.stringify([name, ...args]));
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#unanswered.push(() => resolve(undefined));
    return promise as ReturnType<Calls[K]>; // A cast: what is tested here asks for no value.
  }

  /** Answers all that it was asked, and what it is asked then. */
  async goOn(): Promise<void> {
    while (this.#unanswered.length > 0) {
      for (const answer of this.#unanswered.splice(0)) answer();
      await new Promise((resolve) => setTimeout(resolve, 0)); // those who have waited go on
    }
  }

  take(): string[] {
    return this.heard.splice(0);
  }
}

const named = (name: string) => ({ id: "u1", name });
const renamed = (room: string, name: string) => JSON.stringify(["renameIn", room, named(name)]);

Deno.test("of many renames while the disk hangs, a room is told the first and the last", async () => {
  const store = new HungStore();
  const members = new AskedMembers(store);
  for (let n = 1; n <= 1000; n++) {
    for (const room of ["tea", "rum"]) members.rename(room, named(`${n}`));
  }
  assertEquals(store.take(), [renamed("tea", "1"), renamed("rum", "1")]);
  await store.goOn();
  assertEquals(store.take(), [renamed("tea", "1000"), renamed("rum", "1000")]);
  members.rename("tea", named("after"));
  assertEquals(store.take(), [renamed("tea", "after")]);
  await store.goOn();
  assertEquals(store.take(), []);
});

Deno.test("a rename that waits is told before the member leaves, who may still be there on another thread", async () => {
  const store = new HungStore();
  const members = new AskedMembers(store);
  for (const name of ["a", "b"]) members.rename("tea", named(name));
  store.take();
  members.leave("tea", named("b"));
  assertEquals(store.take(), [
    renamed("tea", "b"),
    JSON.stringify(["leaveRoom", "tea", named("b")]),
  ]);
  members.enter("tea", named("c"));
  store.take();
  await store.goOn();
  assertEquals(store.take(), []);
});

Deno.test("retained events that are too much for a disk that hangs are refused, and taken when it is back", async () => {
  const store = new HungStore();
  const retain = retainBy(store);
  const event = { name: "topic", event: "x".repeat(1_000_000), isRemoval: false };
  const retained = [1, 2, 3, 4].map(() => retain("tea", event));
  await assertRejects(() => retain("tea", event), FullError, "Too much waits for the disk");
  assertEquals(store.take().length, 4);
  await store.goOn();
  await Promise.all(retained);
  const again = retain("tea", event);
  assert(store.take().length === 1);
  await store.goOn();
  await again;
  const huge = retain("tea", { ...event, event: "x".repeat(5_000_000) });
  assert(store.take().length === 1); // the storing thread says that it is too large
  await store.goOn();
  await huge;
});

/**
 * `GroupCommit`: what arrives together is committed together, and one batch cannot fail another.
 *
 * @module
 */
import type { Receipt } from "../server/broker/broker.ts";
import { Backlog, charsOf } from "../server/broker/threads/backlog.ts";
import { Gathering } from "../server/broker/threads/gathering.ts";
import { GroupCommit, type GroupContext } from "../server/broker/threads/group_commit.ts";
import {
  receiveBatch,
  type ReceivedDraft,
  sendBatch,
} from "../server/broker/threads/sent_batch.ts";
import { receiveOutcome, sendOutcome } from "../server/broker/threads/sent_outcome.ts";
import type { Draft } from "../server/protocol/encode.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { draft } from "./support/broker_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";
import { react } from "./support/revision_suite.ts";

/** A store that counts its transactions, and refuses a batch with the text "bad". */
class Transactions {
  readonly sizes: number[] = [];
  #seq = 0;
  #hold: Promise<void> = Promise.resolve();

  publish = async <D extends Draft>(batch: readonly D[]): Promise<readonly Receipt<D>[]> => {
    this.sizes.push(batch.length);
    await this.#hold;
    if (batch.some(({ rest }) => rest.includes('"bad"'))) throw new Error("bad");
    return batch.map((draft) => {
      draft.seq = ++this.#seq;
      return { draft, seq: draft.seq, event: "", repeated: false };
    });
  };

  /** Keeps the next transactions in flight. @returns a function that lets them end. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hold = promise;
    return resolve;
  }
}

/** Commits to a store, and waits for nothing else. */
function commitTo(broker: GroupContext["broker"], answered = () => {}): GroupCommit {
  return new GroupCommit({ broker, ready: () => undefined, answered });
}

function add(commits: GroupCommit, ...texts: readonly string[]): Promise<readonly number[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
  const drafts = receiveBatch(sendBatch(texts.map((text) => draft(text))), {});
  commits.add({
    thread: {},
    pauseMs: 0,
    drafts,
    committed: (receipts) => resolve(receipts.map(({ seq }) => seq)),
    failed: reject,
  });
  return promise;
}

Deno.test("batches that arrive in one turn are one transaction, and each gets its own answer", async () => {
  const store = new Transactions();
  let answers = 0;
  const commits = commitTo(store, () => void answers++);
  const all = [add(commits, "a", "b"), add(commits, "c"), add(commits), add(commits, "d")];
  assertEquals(await Promise.all(all), [[1, 2], [3], [], [4]]);
  assertEquals([store.sizes, answers], [[4], 1]);
});

Deno.test("while a commit is in flight the next batches gather, and keep their order", async () => {
  const store = new Transactions();
  const commits = commitTo(store);
  const release = store.hold();
  const first = add(commits, "a");
  while (store.sizes.length === 0) await new Promise((resolve) => setTimeout(resolve));
  const others = ["b", "c", "d"].map((text) => add(commits, text));
  release();
  assertEquals(await Promise.all([first, ...others]), [[1], [2], [3], [4]]);
  assertEquals(store.sizes, [1, 3]);
});

Deno.test("settled() waits for what was added before, also if that fails, and for nothing else", async () => {
  const store = new Transactions();
  const commits = commitTo(store);
  await commits.settled();
  const release = store.hold();
  const done: string[] = [];
  const note = (what: string) => () => void done.push(what);
  const first = add(commits, "a").then(note("a"));
  while (store.sizes.length === 0) await new Promise((resolve) => setTimeout(resolve));
  const bad = add(commits, "bad").catch(note("bad"));
  const settled = commits.settled().then(note("settled"));
  release();
  await Promise.all([first, bad, settled]);
  assertEquals(done, ["a", "bad", "settled"]);
});

Deno.test("batches that cannot be committed together are committed one by one", async () => {
  const store = new Transactions();
  const commits = commitTo(store);
  const bad = add(commits, "b", "bad");
  const good = [add(commits, "a"), add(commits, "c", "d")];
  await assertRejects(() => bad, Error, "bad");
  assertEquals(await Promise.all(good), [[1], [2, 3]]);
  assertEquals(store.sizes, [5, 2, 1, 2]);
});

Deno.test("commits wait for a thread that has too much to take", async () => {
  const slow = {};
  const backlog = new Backlog(600_000);
  const store = new Transactions();
  const commits = new GroupCommit({ broker: store, ready: () => backlog.wait(), answered() {} });
  backlog.sent(slow, 16_000_000); // pages
  backlog.sent(slow, charsOf([{ seq: 1, rev: 1, message: "x".repeat(1_000_000) }])); // revisions
  const waiting = add(commits, "a");
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setTimeout(resolve));
  backlog.took(slow, 200_000);
  assertEquals(store.sizes, []);
  backlog.took(slow, 800_000);
  assertEquals(await waiting, [1]);
});

Deno.test("commits do not wait for long for a thread that takes nothing, nor for one that is gone", async () => {
  const stuck = {};
  const backlog = new Backlog(1);
  const store = new Transactions();
  const commits = new GroupCommit({ broker: store, ready: () => backlog.wait(), answered() {} });
  backlog.sent(stuck, 17_000_000);
  assertEquals(await add(commits, "a"), [1]);
  backlog.forget(stuck);
  assertEquals(backlog.wait(), undefined);
});

Deno.test("a slow transaction waits for the threads that will be there in a moment, and for no others", async () => {
  let now = 0;
  const gathering = new Gathering(() => now);
  const [a, b, slow, silent] = [{}, {}, {}, {}];
  const begin = (commitMs: number) => {
    for (const [thread, pauseMs] of [[a, 2], [b, 2], [slow, 30], [silent, 2]] as const) {
      gathering.arrived(thread, pauseMs);
    }
    gathering.committed([a, b, slow], commitMs);
    gathering.arrived(a, 1);
  };
  begin(0.5);
  assertEquals(gathering.wait(), undefined); // the commit is as quick as a timer
  begin(3);
  assertEquals(gathering.wait(), undefined); // waiting would take longer than it saves
  begin(50);
  const waiting = gathering.wait();
  assert(waiting !== undefined);
  gathering.arrived(b, 1);
  await waiting;
  begin(50);
  now += 4;
  assertEquals(gathering.wait(), undefined); // it is late, and so may not come at all
  begin(50);
  await gathering.wait(); // it does not come
});

Deno.test("close() commits what has arrived, and refuses what comes later", async () => {
  const store = new Transactions();
  const commits = commitTo(store);
  const early = add(commits, "a");
  const closed = commits.close();
  await assertRejects(() => add(commits, "late"), Error, "closed");
  await closed;
  assertEquals(await early, [1]);
});

Deno.test("batches of two threads, committed together, come to what one batch of both comes to", async () => {
  await using directory = new Directory();
  await using alone = await directory.open({ path: ":memory:", now: () => 1 });
  await using together = await directory.open({ path: ":memory:", now: () => 1 });
  const commits = commitTo(together);
  const rounds: readonly (readonly (readonly Draft[])[])[] = [
    [[draft("a", { ref: "r" }), draft("b", { room: "x", receipt: true })], [draft("c")]],
    [[draft("a", { ref: "r" })], [draft("d", { ref: "r", receipt: true }), react(1, "👍")]],
    [[react(9, "no such message")], [draft("e\n\u2028", { user: "u2", ref: "r" })]],
  ];
  for (const batches of rounds) {
    const expected = await alone.publish(batches.flat().map((one) => ({ ...one })));
    const answers = await Promise.all(batches.map((batch) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly Receipt<Draft>[]>();
      const drafts: readonly ReceivedDraft[] = receiveBatch(sendBatch(batch), {});
      const committed = (receipts: readonly Receipt<ReceivedDraft>[]) =>
        resolve(receiveOutcome(batch, structuredClone(sendOutcome(drafts, receipts))));
      commits.add({ thread: {}, pauseMs: 0, drafts, committed, failed: reject });
      return promise;
    }));
    const plain = ({ draft, refusal, ...rest }: Receipt<Draft>) =>
      [draft.rest, draft.seq ?? 0, refusal?.event(), rest] as const;
    assertEquals(answers.flat().map(plain), expected.map(plain));
  }
});

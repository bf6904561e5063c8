/**
 * Guarantees 1 to 4 of the README, against a real process that is killed under load: what was echoed
 * is in the log once, the numbers have no holes, a client resumes exactly, a retried message is the
 * same message.
 *
 * @module
 */
import type { ChatEvent } from "../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { type Client, connect, until } from "./harness.ts";
import { Program } from "./program.ts";

const ROUNDS = 4;
const WRITERS = 6;
const IN_FLIGHT = 8;

/** Somebody who talks without pause, comes back after each crash, and believes nothing. */
class Writer {
  /** What was said, by its ref. */
  readonly said = new Map<string, string>();
  /** What came back, by its ref. */
  readonly echoed = new Map<string, number>();
  #token: string | undefined;
  #id = "";
  #epoch = "";
  #cursor = 0;
  readonly #name: string;
  readonly #total: number;

  constructor(name: string, total: number) {
    this.#name = name;
    this.#total = total;
  }

  get isDone(): boolean {
    return this.echoed.size === this.#total;
  }

  /** Connects, retries what was not echoed, and goes on until all is said or the server is gone. */
  async talk(program: Program): Promise<void> {
    const client = await connect(program, { protocol: "parley.v1.batched" });
    try {
      await this.#enter(client);
      const open = [...this.said.keys()].filter((ref) => !this.echoed.has(ref));
      // One that was echoed too: the server must find it, and not store it again.
      const known = [...this.echoed.keys()].at(-1);
      this.#send(client, known === undefined ? open : [...open, known]);
      for (let i = open.length; i < IN_FLIGHT; i++) this.#sayNext(client);
      while (!this.isDone) this.#hear(client, await client.next("chat"));
    } catch (thrown) {
      if (!String(thrown).includes("Closed (")) throw thrown;
    } finally {
      await client.close();
    }
  }

  async #enter(client: Client): Promise<void> {
    const since = { epoch: this.#epoch, seq: this.#cursor };
    client.send({ type: "hello", ...(this.#token && { token: this.#token }) });
    client.send({ type: "join", ...(this.#epoch && { since }) });
    const { token, user } = await client.next("welcome");
    const { epoch, recovered } = await client.next("joined");
    assert(this.#epoch === "" || recovered && epoch === this.#epoch && user.id === this.#id);
    [this.#token, this.#id, this.#epoch] = [token, user.id, epoch];
  }

  #hear(client: Client, { seq, from, ref, payload }: ChatEvent): void {
    const isMine = from.id === this.#id && ref !== undefined;
    if (seq <= this.#cursor) {
      assert(isMine, `${this.#name} was sent ${seq} twice`); // a retry is answered out of turn
    } else {
      if (this.#cursor > 0) assertEquals(seq, this.#cursor + 1, this.#name);
      this.#cursor = seq;
    }
    if (!isMine) return;
    assertEquals(payload, this.said.get(ref));
    const before = this.echoed.get(ref);
    assertEquals(before ?? seq, seq, "a retried message got another number");
    this.echoed.set(ref, seq);
    if (before === undefined) this.#sayNext(client);
  }

  #sayNext(client: Client): void {
    if (this.said.size >= this.#total) return;
    const ref = `${this.#name}-${this.said.size}`;
    this.said.set(ref, `${ref} ${"x".repeat(Math.floor(Math.random() * 500))}`);
    this.#send(client, [ref]);
  }

  #send(client: Client, refs: readonly string[]): void {
    for (const ref of refs) client.send({ type: "chat", payload: this.said.get(ref), ref });
  }
}

async function readAll(program: Program): Promise<{ epoch: string; log: ChatEvent[] }> {
  await using client = await connect(program, { protocol: "parley.v1" });
  client.send({ type: "join" });
  const { epoch } = await client.next("joined");
  client.send({ type: "join", since: { epoch, seq: 0 } });
  const { seq } = await client.next("joined", ({ recovered }) => recovered);
  return { epoch, log: await client.take("chat", seq) };
}

function verify(log: readonly ChatEvent[], writers: readonly Writer[]): void {
  assertEquals(log.map(({ seq }) => seq), log.map((_, index) => index + 1));
  const refs = log.map(({ ref }) => ref);
  assertEquals(new Set(refs).size, refs.length, "a message is in the log twice");
  for (const { echoed, said } of writers) {
    for (const [ref, seq] of echoed) {
      assertEquals([log[seq - 1]?.ref, log[seq - 1]?.payload], [ref, said.get(ref)]);
    }
  }
}

Deno.test("a server that is killed under load loses nothing that it has echoed", async () => {
  const folder = await Deno.makeTempDir();
  const args = ["--db", `${folder}/parley.db`, "--recent-messages", "0"];
  const total = 400;
  const writers = Array.from({ length: WRITERS }, (_, index) => new Writer(`w${index}`, total));
  const echoed = () => writers.reduce((sum, writer) => sum + writer.echoed.size, 0);
  let first = "";
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await using program = await Program.start(args);
      const { epoch, log } = await readAll(program);
      first ||= epoch;
      assertEquals(epoch, first);
      verify(log, writers);
      const talking = Promise.all(writers.map((writer) => writer.talk(program)));
      const aim = echoed() + 20 + Math.floor(Math.random() * 300);
      await Promise.race([until(() => echoed() >= aim, `${aim} echoes`), talking]);
      program.signal("SIGKILL");
      assertEquals((await program.ended()).signal, "SIGKILL");
      await talking;
    }
    await using program = await Program.start(args);
    await Promise.all(writers.map((writer) => writer.talk(program)));
    const { epoch, log } = await readAll(program);
    assertEquals([epoch, log.length], [first, WRITERS * total]);
    verify(log, writers);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/**
 * A restart with a crowd connected, as at a deployment: everybody is told a moment of their own, comes
 * back then, and has lost and doubled nothing. `STORM=1` is 2,000 clients over the default window, and
 * says how busy the new process was.
 *
 * @module
 */
import type { ChatEvent } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { Member } from "./support/flock.ts";
import { freePort } from "./support/child.ts";
import { type Client, connect, until } from "./support/harness.ts";
import { Program } from "./support/program.ts";
import { RawSocket } from "./support/raw_socket.ts";

const IS_LONG = Deno.env.get("STORM") !== undefined;
const CROWD = IS_LONG ? 2000 : 300;
const RETURN_SECONDS = IS_LONG ? 10 : 2;
const SPEAKERS = 50;

class Deployment implements AsyncDisposable {
  readonly #folder: string;
  readonly #port = freePort();
  program: Program;

  private constructor(folder: string, program: Program) {
    this.#folder = folder;
    this.program = program;
  }

  static async make(): Promise<Deployment> {
    const deployment = new Deployment(await Deno.makeTempDir(), await Program.run(["--help"]));
    await deployment.program.ended();
    await deployment.start();
    return deployment;
  }

  async start(): Promise<void> {
    this.program = await Program.start([
      ...["--port", String(this.#port), "--db", `${this.#folder}/parley.db`],
      ...["--max-connections-per-address", "0", "--recent-messages", "0"],
      ...["--return-seconds", String(RETURN_SECONDS)],
    ]);
  }

  /** SIGTERM, and a new one as soon as the old one has gone: within five seconds, or it leaves with 1. */
  async restart(): Promise<void> {
    this.program.signal("SIGTERM");
    assertEquals((await this.program.ended()).code, 0);
    await this.start();
  }

  async log(): Promise<ChatEvent[]> {
    const log: ChatEvent[] = [];
    for (;;) {
      const query = `after=${log.length}&limit=200`;
      const response = await fetch(`${this.program.url}/rooms/lobby/messages?${query}`);
      const { messages } = await response.json();
      if (messages.length === 0) return log;
      log.push(...messages);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The log is whole, and every echo is in it, once. */
function verify(log: readonly ChatEvent[], echoes: ReadonlyMap<string, number>): void {
  assertEquals(log.map(({ seq }) => seq), log.map((_, index) => index + 1));
  const refs = log.map(({ ref }) => ref);
  assertEquals(new Set(refs).size, refs.length, "a message is in the log twice");
  for (const [ref, seq] of echoes) assertEquals(log[seq - 1]?.ref, ref);
}

Deno.test(`after a restart ${CROWD} clients come back, each at its own moment, and nothing is lost`, async () => {
  await using deployment = await Deployment.make();
  const crowd = Array.from(
    { length: CROWD },
    (_, index) => new Member(deployment.program.url, `m${index}`),
  );
  const all = (holds: (member: Member) => boolean) => () => {
    for (const { failure } of crowd) if (failure !== undefined) throw failure;
    return crowd.every(holds);
  };
  const speakers = crowd.slice(0, SPEAKERS);
  try {
    for (let i = 0; i < CROWD; i += 100) {
      const some = crowd.slice(i, i + 100);
      for (const member of some) member.come();
      await until(() => some.every(({ isIn }) => isIn), "them to come in");
    }
    for (const member of speakers) member.say();
    await until(all(({ cursor }) => cursor === SPEAKERS), "all to hear all");
    for (const member of speakers) for (let i = 0; i < 3; i++) member.say(); // on its way meanwhile
    await deployment.restart();
    const begin = performance.now();
    const watching = IS_LONG ? busyness(deployment.program.pid) : undefined;
    await until(all(({ joins }) => joins.length === 2), "all to be back");
    await until(all(({ isEchoed }) => isEchoed), "what was said to be stored");
    for (const member of speakers) member.say();
    await until(all(({ cursor }) => cursor === 5 * SPEAKERS), "all to have heard all");
    watching?.stop();
    for (const { joins, byes } of crowd) {
      assertEquals([joins[1]?.recovered, byes.length], [true, 1]);
    }
    spread(crowd.map(({ byes }) => byes[0]?.retryAfterMs ?? 0));
    verify(await deployment.log(), new Map(speakers.flatMap(({ echoed }) => [...echoed])));
    if (IS_LONG) report(crowd.map(({ joinedAt }) => joinedAt - begin), watching?.shares ?? []);
  } finally {
    await Promise.all(crowd.map((member) => member.leave()));
  }
});

/** Each was told another moment, and in no tenth of the window is there a rush. */
function spread(delays: readonly number[]): void {
  const tenths = new Map<number, number>();
  for (const delay of delays) {
    assert(delay >= 500 && delay <= 500 + RETURN_SECONDS * 1000, `${delay} ms`);
    const tenth = Math.min(9, Math.floor((delay - 500) / (RETURN_SECONDS * 100)));
    tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
  }
  assertEquals(tenths.size, 10);
  // Six times the standard deviation, and more.
  const most = CROWD / 10 + 6 * Math.sqrt(CROWD / 10);
  assert(Math.max(...tenths.values()) < most, `in tenths: ${[...tenths.values()]}`);
}

/** The share of a processor that a process used in each second. */
function busyness(pid: number): { readonly shares: number[]; stop(): void } {
  const ticks = () => {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // proc(5)
    return Number(fields[11]) + Number(fields[12]);
  };
  const shares: number[] = [];
  let before = ticks();
  const timer = setInterval(() => {
    const now = ticks();
    shares.push(now - before);
    before = now;
  }, 1000);
  return { shares, stop: () => clearInterval(timer) };
}

function report(joinedAfter: readonly number[], shares: readonly number[]): void {
  const seconds: number[] = [];
  for (const ms of joinedAfter) {
    const second = Math.floor(ms / 1000);
    seconds[second] = (seconds[second] ?? 0) + 1;
  }
  // deno-lint-ignore no-console
  console.log(`joined in each second: ${seconds}\nprocessor in each second, %: ${shares}`);
}

Deno.test("SIGTERM under load with a stuck peer: the program ends in time, and every echo is in the log", async () => {
  await using deployment = await Deployment.make();
  using stuck = await RawSocket.open(deployment.program, { protocol: "parley.v1.batched" });
  await stuck.send({ type: "join" });
  await stuck.events();
  const writers: Client[] = [];
  for (let i = 0; i < 4; i++) {
    const writer = await connect(deployment.program, { protocol: "parley.v1.batched" });
    writer.send({ type: "join" });
    await writer.next("joined");
    writers.push(writer);
  }
  let said = 0;
  const talking = setInterval(() => {
    for (const { socket } of writers) {
      if (socket.readyState !== WebSocket.OPEN) continue;
      for (let i = 0; i < 30; i++) {
        const payload = "x".repeat(10_000);
        socket.send(JSON.stringify({ type: "chat", payload, ref: `r${said++}` }));
      }
    }
  }, 10);
  const echoes = new Map<string, number>();
  try {
    await until(() => writers.every(({ pending }) => pending.length > 1500), "much to be said");
    await deployment.restart();
    // Who goes on talking is cut off without a close frame, as the runtime does, and may miss `bye`.
    for (const writer of writers) assert([0, 1006, 1012].includes((await writer.closed).code));
  } finally {
    clearInterval(talking);
  }
  for (const { pending } of writers) {
    for (const event of pending) {
      if (event.type === "chat" && event.ref !== undefined) echoes.set(event.ref, event.seq);
    }
  }
  assert(echoes.size > 100);
  verify(await deployment.log(), echoes);
});

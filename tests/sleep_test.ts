/**
 * Those who fall silent without a word: a client that is stopped as a laptop is when it is closed, a
 * server that is stopped, a network that swallows everything. Each is noticed by the other side, and
 * what comes of it is one resume with nothing lost or doubled. `STORM=1` sleeps for a minute, with
 * the default heartbeat.
 *
 * @module
 */
import type { Event, Message } from "../server/mod.ts";
import { type Client, type ClientState, connect } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { member, serve, until } from "./support/harness.ts";
import { LineProcess } from "./support/line_process.ts";
import { faultProxy } from "./support/proxy.ts";
import { ServerProcess } from "./support/server_process.ts";

const IS_LONG = Deno.env.get("STORM") !== undefined;
const HEARTBEAT_SECONDS = IS_LONG ? 25 : 1;
const OPTIONS = { heartbeatSeconds: HEARTBEAT_SECONDS, graceSeconds: 0 };
const SLEEP_MS = IS_LONG ? 60_000 : 0;
/** Two, the one that was on its way, and one for the road. */
const HEARTBEATS = 4;

type Told = ({ type: "state" } & ClientState) | Extract<Event, { type: "joined" | "chat" }>;

/** What somebody has seen, whether here or in a process of its own. */
class Seen {
  readonly messages: string[] = [];
  readonly seqs: number[] = [];
  recovered: boolean[] = [];
  opened = 0;

  hear(told: Told): void {
    if (told.type === "state" && told.status === "open") this.opened++;
    if (told.type === "joined") this.recovered.push(told.recovered);
    if (told.type !== "chat") return;
    this.messages.push(told.payload);
    this.seqs.push(told.seq);
  }

  /** It has been away once, was brought up to date, and has seen all of it once. */
  resumedOnce(messages: readonly string[]): void {
    assertEquals([this.opened, this.recovered.length], [2, 2], "times it came in");
    assertEquals(this.recovered[1], true);
    assertEquals(this.messages.toSorted(), messages.toSorted());
    assertEquals(this.seqs, messages.map((_, index) => index + 1));
  }
}

/** A client here. */
class Here implements Disposable {
  readonly seen = new Seen();
  readonly client: Client;

  constructor(url: string) {
    this.client = connect(`${url}/ws`, { backoffMs: { min: 50, max: 500 } });
    for (const type of ["state", "joined", "chat"] as const) {
      this.client.addEventListener(type, ({ detail }) => {
        this.seen.hear({ type, ...detail } as Told);
      });
    }
    void this.client.join("lobby");
  }

  say(payload: string): Promise<Message> {
    return this.client.send("lobby", payload);
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** A client in a process of its own. */
class Elsewhere implements AsyncDisposable {
  readonly seen = new Seen();
  readonly process: LineProcess;
  readonly #hearing: Promise<void>;

  constructor(url: string) {
    this.process = new LineProcess(["-A", "tests/support/talking_client.ts", `${url}/ws`]);
    this.#hearing = this.#hear();
  }

  async #hear(): Promise<void> {
    for (let told; (told = await this.process.next<Told>()) !== undefined;) this.seen.hear(told);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.signal("SIGCONT");
    await this.process[Symbol.asyncDispose]();
    await this.#hearing;
  }
}

async function sleep(milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 100));
}

/** As `until`, but with the patience of two minutes. */
async function longUntil(holds: () => boolean, what: string): Promise<void> {
  await sleep(IS_LONG ? 65_000 : 0);
  await until(holds, what);
}

async function peopleOf(url: string): Promise<number> {
  const { rooms } = await (await fetch(`${url}/rooms`)).json();
  return rooms[0]?.memberCount ?? 0;
}

/** Far more, in a busy room, than the system keeps for one who does not read. */
const WHILE_ASLEEP = {
  quiet: ["meanwhile"],
  busy: Array.from({ length: 1500 }, (_, index) => `${index} ${"x".repeat(15_000)}`),
};

for (const how of ["quiet", "busy"] as const) {
  Deno.test(`a client that is stopped in a ${how} room leaves it, and resumes once`, async () => {
    const stallSeconds = IS_LONG ? 30 : 1;
    await using server = await serve({ ...OPTIONS, stallSeconds });
    await using alice = await member(server, { protocol: "parley.v1.batched" });
    const all: string[] = [];
    const say = async (...texts: string[]) => {
      all.push(...texts);
      for (const payload of texts) alice.send({ type: "chat", payload });
      await alice.take("chat", texts.length);
    };
    await using sleeper = new Elsewhere(server.url);
    await until(() => sleeper.seen.recovered.length === 1, "the sleeper to come in");
    await say("before");
    await sleeper.process.tell("and I");
    all.push("and I");
    await until(() => sleeper.seen.messages.length === 2, "the sleeper to speak");
    await alice.next("chat");
    let pings = -1;
    sleeper.process.signal("SIGSTOP");
    alice.frames.length = 0;
    await say(...WHILE_ASLEEP[how]);
    await longUntil(() => {
      pings = alice.frames.filter((frame) => frame.includes('"type":"ping"')).length;
      return server.connectionCount === 1;
    }, "the sleeper to be missed");
    if (how === "quiet") assert(pings <= HEARTBEATS, `${pings} heartbeats until it was missed`);
    await until(async () => await peopleOf(server.url) === 1, "the room to forget it");
    await say("gone");
    sleeper.process.signal("SIGCONT");
    await until(() => sleeper.seen.messages.length >= all.length, "the sleeper to catch up");
    await say("after");
    await until(() => sleeper.seen.messages.includes("after"), "the sleeper to be live");
    sleeper.seen.resumedOnce(all);
    assertEquals(await peopleOf(server.url), 2);
  });
}

Deno.test("clients notice a server that is stopped, and resume once when it goes on", async () => {
  await using server = await ServerProcess.start({
    PARLEY_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
    PARLEY_GRACE_SECONDS: "0",
  });
  using alice = new Here(server.url);
  using bob = new Here(server.url);
  await alice.say("one");
  await bob.say("two");
  await until(() => alice.seen.opened + bob.seen.opened === 2, "both to be in");
  server.signal("SIGSTOP");
  try {
    const sent = [alice.say("three"), bob.say("four")];
    await sleep(SLEEP_MS);
    await until(() => alice.client.state.status !== "open", "Alice to miss it");
    await until(() => bob.client.state.status !== "open", "Bob to miss it");
    server.signal("SIGCONT");
    await Promise.all(sent);
  } finally {
    server.signal("SIGCONT");
  }
  await alice.say("five");
  for (const { seen } of [alice, bob]) {
    await until(() => seen.messages.length >= 5, "the five messages");
    seen.resumedOnce(["one", "two", "three", "four", "five"]);
  }
  await until(async () => await peopleOf(server.url) === 2, "no ghosts");
});

Deno.test("both ends notice a network that swallows everything, and the client resumes once", async () => {
  await using server = await serve(OPTIONS);
  await using proxy = faultProxy(server.url);
  using alice = new Here(proxy.url);
  using bob = new Here(server.url);
  await alice.say("one");
  await bob.say("two");
  await until(() => alice.seen.messages.length + bob.seen.messages.length === 4, "both");
  proxy.silence();
  const unheard = alice.say("three");
  await bob.say("four");
  await unheard;
  await longUntil(() => server.connectionCount === 2, "the server to miss the old connection");
  await until(async () => await peopleOf(server.url) === 2, "no ghosts");
  await bob.say("five");
  await until(() => alice.seen.messages.length >= 5, "the five messages");
  alice.seen.resumedOnce(["one", "two", "three", "four", "five"]);
  assertEquals([bob.seen.opened, bob.seen.messages.length], [1, 5]);
});

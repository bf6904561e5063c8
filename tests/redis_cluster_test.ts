/**
 * A Redis Cluster of one shard, which refuses whatever would not work with several, and one of two,
 * which is refused.
 *
 * @module
 */
import { BrokerError } from "../server/broker/broker.ts";
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { bearer, say } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const POLICY = { retainMessages: 10, retainDays: 1, dedupeMessages: 2 };

/** A node of a cluster, that has those slots. */
async function shard(first: number, last: number): Promise<RedisProcess> {
  const more = ["--cluster-enabled", "yes", "--cluster-port", `${freePort()}`];
  const node = await RedisProcess.start("nothing", ...more);
  await node.ask("CLUSTER", "ADDSLOTSRANGE", String(first), String(last));
  return node;
}

const isOk = async (node: RedisProcess, size: number) => {
  const info = await node.ask("CLUSTER", "INFO");
  return info.includes("cluster_state:ok") && info.includes(`cluster_size:${size}\r`);
};

/** Every command that Redis carries out: who sent it, `lua` for a script, and its words. */
class Monitor implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  readonly commands: { readonly by: string; readonly words: readonly string[] }[] = [];

  constructor({ port }: RedisProcess) {
    this.#process = new Deno.Command("redis-cli", {
      args: ["-p", String(port), "MONITOR"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    let text = "";
    for await (const piece of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + piece).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const [, by, rest] = /^[\d.]+ \[\d+ (\S+)\] (.*)$/.exec(line) ?? [];
        if (by === undefined || rest === undefined) continue;
        const words = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
        this.commands.push({ by, words });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#reading;
  }
}

/** Commands that name no key, or a channel, which all nodes of a cluster hear. */
const KEYLESS =
  /^(TIME|PUBLISH|SUBSCRIBE|UNSUBSCRIBE|PING|INFO|CLUSTER|SCRIPT|CLIENT|HELLO|COMMAND)$/i;
/** Commands of which every word is a key. */
const KEYS_ONLY = /^(EXISTS|DEL|UNLINK|RENAME)$/i;

function keysOf([name = "", ...rest]: readonly string[]): readonly string[] {
  if (KEYLESS.test(name)) return [];
  if (/^EVAL/i.test(name)) return rest.slice(2, 2 + Number(rest[1]));
  return KEYS_ONLY.test(name) ? rest : rest.slice(0, 1);
}

Deno.test({
  name:
    "cluster: one shard accepts every script, and each script touches only the keys that it names",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using redis = await shard(0, 16383);
    await until(() => isOk(redis, 1), "the cluster to be ready");
    await using monitor = new Monitor(redis);
    const ping = async () => await redis.ask("PING") === "PONG" && monitor.commands.length > 0;
    await until(ping, "the monitor to listen");
    {
      const options = { ...POLICY, redis: redis.url, rate: 1e6, burst: 1e6, graceSeconds: 0 };
      await using a = await serve(options);
      await using b = await serve(options);
      await using alice = await connect(a, { protocol: "parley.v1" });
      await using bob = await member(b, { name: "Bob", room: "other" });
      alice.send({ type: "hello", name: "Alice" });
      const { token, user } = await alice.next("welcome");
      for (const room of ["lobby", "{", "é", "other"]) {
        alice.send({ type: "join", room });
        await alice.next("joined");
        for (let n = 0; n < 25; n++) {
          const ref = `${n >> 1}`;
          alice.send({ type: "chat", room, payload: ref, ref });
          await alice.next("chat", (event) => event.room === room && event.ref === ref);
        }
      }
      assertEquals((await bob.take("chat", 13)).at(-1)?.seq, 13);
      for (const kind of ["react", "edit", "react", "delete"]) {
        const text = kind !== "delete" && { payload: kind };
        alice.send({ type: kind, room: "other", seq: 12, ref: `${kind}!`, ...text });
        await alice.next("revised", ({ ref }) => ref === `${kind}!`);
      }
      const { epoch } = await (await fetch(`${b.url}/rooms/other/messages`)).json();
      await using carol = await connect(b, { protocol: "parley.v1" });
      carol.send({ type: "join", room: "other", since: { epoch, seq: 13, rev: 0 } });
      assertEquals((await carol.next("revised")).message.deleted, true);
      alice.send({ type: "typing", room: "other", payload: true }, {
        type: "rename",
        name: "Alicia",
      });
      assertEquals((await bob.next("typing")).from.id, user.id);
      await bob.next("system", ({ kind }) => kind === "renamed");
      alice.send({ type: "read", room: "other", seq: 13 });
      await alice.next("read", ({ ref, room }) => ref === undefined && room === "other");
      assertEquals((await say(b, "hi", {}, bearer(token))).json.from.id, user.id);
      const { rooms } = await (await fetch(`${a.url}/rooms`)).json();
      assertEquals(rooms.length, 4);
      const page = await (await fetch(`${b.url}/rooms/other/messages?before=9&limit=2`)).json();
      assertEquals(page.messages.length, 2);
      assertEquals(await redis.ask("DEL", "parley:{other}:entries"), "1");
      alice.send({ type: "chat", room: "other", payload: "anew" });
      assertEquals((await bob.next("joined")).recovered, false);
      await bob.next("chat", ({ payload }) => payload === "anew");
      alice.send({ type: "leave", room: "other" });
      await bob.next("system", ({ kind }) => kind === "left");
    }
    let named: readonly string[] = [];
    const scripts = new Set<string>();
    for (const { by, words } of monitor.commands) {
      const keys = keysOf(words);
      const slots = new Set(keys.map((key) => /\{(.*)\}/.exec(key)?.[1] ?? key));
      assert(slots.size <= 1, words.join(" "));
      if (/^EVAL/i.test(words[0] ?? "")) {
        named = keys;
        scripts.add(words[1] ?? "");
      }
      if (by === "lua") { for (const key of keys) assert(named.includes(key), words.join(" ")); }
    }
    assertEquals(scripts.size, 8);
    assert(monitor.commands.some(({ by, words }) => by === "lua" && words[0] === "RENAME"));
  },
});

Deno.test({
  name: "cluster: one of two shards is refused in one line",
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using one = await shard(0, 8191);
    await using other = await shard(8192, 16383);
    const info = await other.ask("CONFIG", "GET", "cluster-port");
    const busPort = info.split("\n").at(-1) ?? "";
    await one.ask("CLUSTER", "MEET", "127.0.0.1", String(other.port), busPort);
    await until(() => isOk(one, 2), "the shards to meet");
    const opening = () => RedisBroker.open({ url: one.url, ...POLICY });
    const { message } = await assertRejects(opening, BrokerError);
    assertStringIncludes(message, "one of 2 shards");
    assert(!message.includes("\n"));
  },
});

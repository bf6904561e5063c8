/**
 * The metrics: a public parser reads them, and each number is what the test did. Nobody without a key, or
 * without a way to this machine's own port, gets them.
 *
 * @module
 */
import { type Hooks, type Options, type Server, silentLog } from "../server/mod.ts";
import { prometheusName } from "../server/monitoring/prometheus.ts";
import { METRIC_NAMES, METRIC_ROWS, type MetricName } from "../server/monitoring/table.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { type Client, connect, member, serve, until } from "./support/harness.ts";
import { ask, bearer, say } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { KEY, Scrape } from "./support/scrape.ts";
import { Stream } from "./support/stream.ts";
import { Receiver, SECRET } from "./support/webhook_receiver.ts";

/** A figure, and what makes it grow by so much. */
interface Case {
  readonly series: string;
  readonly by: number;
  readonly options?: Partial<Options>;
  readonly hooks?: Hooks;
  readonly broker?: true;
  /** What is there before the first look. @returns what is used afterwards. */
  readonly before?: (server: Server) => Promise<Client[]>;
  readonly act: (server: Server, clients: Client[], broker?: FaultyBroker) => Promise<unknown>;
}

/** Opens so many members of the lobby, all of whom have heard of each other. */
function members(count: number) {
  return async (server: Server): Promise<Client[]> => {
    const clients: Client[] = [];
    for (let index = 0; index < count; index++) {
      clients.push(await member(server, { name: `M${index}` }));
    }
    for (const [index, client] of clients.entries()) {
      await client.take("system", count - 1 - index);
    }
    return clients;
  };
}

/** Sends commands and waits for as many errors. */
async function refused(client: Client | undefined, ...commands: object[]): Promise<void> {
  client?.send(...commands);
  await client?.take("error", commands.length);
}

async function echoed(client: Client | undefined, ...payloads: string[]): Promise<void> {
  for (const payload of payloads) client?.send({ type: "chat", payload });
  await client?.take("chat", payloads.length);
}

const TWO = { type: "chat", payload: "two" };
const CASES: readonly Case[] = [
  { series: 'parley_connections_open{kind="websocket"}', by: 3, act: members(3) },
  {
    series: 'parley_connections_open{kind="stream"}',
    by: 1,
    act: (server) => Stream.open(server),
  },
  { series: 'parley_connections_opened_total{kind="websocket"}', by: 2, act: members(2) },
  {
    series: 'parley_connections_ended_total{kind="websocket",outcome="left"}',
    by: 1,
    before: members(2),
    act: async (_, [client]) => await client?.close(),
  },
  {
    series: 'parley_connections_ended_total{kind="websocket",outcome="policy"}',
    by: 1,
    options: { badCommands: 2 },
    before: members(1),
    act: (_, [client]) => refused(client, { type: "x" }, { type: "x" }, { type: "x" }),
  },
  {
    series: 'parley_connections_ended_total{kind="websocket",outcome="binary_frame"}',
    by: 1,
    before: members(1),
    act: async (_, [client]) => {
      client?.raw(new Uint8Array(3));
      await client?.closed;
    },
  },
  {
    series: 'parley_connections_refused_total{kind="websocket"}',
    by: 2,
    options: { maxConnections: 1 },
    before: members(1),
    act: async (server) => {
      for (let n = 0; n < 2; n++) {
        const socket = await RawSocket.dial(server);
        await socket.request(server, {});
        socket[Symbol.dispose]();
      }
    },
  },
  {
    series: 'parley_connections_refused_total{kind="stream"}',
    by: 1,
    options: { maxConnections: 1 },
    before: members(1),
    act: (server) => ask(server, "/rooms/lobby/events"),
  },
  {
    series: "parley_rooms",
    by: 2,
    act: async (server) => [
      await member(server, { room: "a" }),
      await member(server, { room: "b" }),
      await member(server, { room: "b" }),
    ],
  },
  { series: "parley_users", by: 2, act: members(2) },
  { series: 'parley_subscribers{state="live"}', by: 2, act: members(2) },
  {
    series: 'parley_subscribers{state="behind"}',
    by: 1,
    broker: true,
    act: async (server, _, broker) => {
      broker?.holdCalls();
      return [await connect(server)];
    },
  },
  { series: 'parley_catch_ups_total{cause="join"}', by: 2, act: members(2) },
  {
    series: 'parley_commands_total{verdict="accepted",type="chat"}',
    by: 2,
    before: members(1),
    act: (_, [client]) => echoed(client, "one", "two"),
  },
  {
    series: 'parley_commands_total{verdict="refused",type="chat"}',
    by: 2,
    before: members(1),
    act: (_, [client]) => refused(client, { type: "chat" }, { type: "chat", room: "elsewhere" }),
  },
  {
    series: 'parley_commands_total{verdict="refused",type="invalid"}',
    by: 2,
    before: members(1),
    act: (_, [client]) => refused(client, { type: "nothing" }, [1]),
  },
  {
    series: 'parley_refusals_total{reason="bad_field"}',
    by: 2,
    before: members(1),
    act: async (server, [client]) => {
      await refused(client, { type: "chat", payload: 7 });
      await ask(server, "/rooms/lobby/messages?limit=0");
    },
  },
  {
    series: 'parley_limit_refusals_total{limit="rate"}',
    by: 1,
    options: { rate: 0.001, burst: 2 }, // one is for the hello of a member, one for its join
    before: members(1),
    act: (_, [client]) => refused(client, TWO),
  },
  {
    series: 'parley_limit_refusals_total{limit="rule_rate"}',
    by: 1,
    hooks: { rules: [{ match: "*", rate: 0.001 }] },
    before: members(1),
    act: async (_, [client]) => {
      await echoed(client, "one");
      await refused(client, TWO);
    },
  },
  {
    series: 'parley_limit_refusals_total{limit="slow_seconds"}',
    by: 1,
    hooks: { rules: [{ match: "*", slowSeconds: 60 }] },
    before: members(1),
    act: async (_, [client]) => {
      await echoed(client, "one");
      await refused(client, TWO);
    },
  },
  {
    series: 'parley_limit_refusals_total{limit="address_rate"}',
    by: 1,
    options: { addressRate: 0.001, addressBurst: 20 },
    before: members(1),
    act: (_, [client]) => refused(client, { type: "chat", payload: "x".repeat(12_000) }),
  },
  {
    series: 'parley_limit_refusals_total{limit="max_connections"}',
    by: 1,
    options: { maxConnections: 1 },
    before: members(1),
    act: (server) => ask(server, "/rooms/lobby/events"),
  },
  {
    series: 'parley_limit_refusals_total{limit="max_connections_per_address"}',
    by: 1,
    options: { maxConnectionsPerAddress: 1 },
    before: members(1),
    act: (server) => ask(server, "/rooms/lobby/events"),
  },
  {
    series: 'parley_limit_refusals_total{limit="max_rooms"}',
    by: 1,
    options: { maxRooms: 1 },
    before: members(1),
    act: (_, [client]) => refused(client, { type: "join", room: "b" }),
  },
  {
    series: 'parley_limit_refusals_total{limit="max_rooms_per_connection"}',
    by: 1,
    options: { maxRoomsPerConnection: 1 },
    before: members(1),
    act: (_, [client]) => refused(client, { type: "join", room: "b" }),
  },
  {
    series: 'parley_limit_refusals_total{limit="max_members_per_room"}',
    by: 1,
    options: { maxMembersPerRoom: 1 },
    before: members(1),
    act: async (server) => {
      const client = await connect(server);
      await client.next("error");
      return [client];
    },
  },
  {
    series: 'parley_http_responses_total{status="4xx"}',
    by: 2,
    act: async (server) => {
      await ask(server, "/nowhere");
      await ask(server, "/elsewhere");
    },
  },
  {
    series: "parley_messages_total",
    by: 3,
    before: members(1),
    act: async (server, [client]) => {
      await echoed(client, "one", "two");
      const message = { type: "chat", payload: "three", ref: "r" };
      client?.send(message, message); // stored once
      await client?.take("chat", 2);
      await refused(client, { type: "edit", seq: 99, payload: "x" });
      await ask(server, "/rooms/lobby/messages");
    },
  },
  {
    series: "parley_revisions_total",
    by: 2,
    before: members(1),
    act: async (_, [client]) => {
      await echoed(client, "one");
      client?.send({ type: "edit", seq: 1, payload: "1" }, { type: "react", seq: 1, payload: "x" });
      await client?.next("revised", ({ message }) => message.reactions !== undefined);
      await refused(client, { type: "edit", seq: 99, payload: "x" });
    },
  },
  {
    series: "parley_commits_failed_total",
    by: 1,
    broker: true,
    before: members(1),
    act: async (_, [client], broker) => {
      broker?.failingOnce.add("publish");
      await refused(client, TWO);
    },
  },
  {
    series: "parley_commit_size_sum",
    by: 5,
    before: members(1),
    act: (_, [client]) => echoed(client, "1", "2", "3", "4", "5"),
  },
  {
    series: "parley_commit_duration_seconds_count",
    by: 2,
    before: members(1),
    act: async (_, [client]) => {
      await echoed(client, "one");
      await echoed(client, "two");
    },
  },
  {
    series: "parley_deliveries_total",
    by: 2 * 3, // and nothing else is told
    before: members(3),
    act: (_, [client]) => echoed(client, "one", "two"),
  },
  {
    series: 'parley_webhook_requests_total{outcome="taken"}',
    by: 1,
    act: (server) => say(server, "x"),
  },
];

for (const { series, by, options, hooks, broker, before, act } of CASES) {
  Deno.test(`metrics: ${series} grows by ${by}`, async () => {
    await using receiver = new Receiver();
    const faulty = broker && await FaultyBroker.make(); // the server disposes of it
    const hook = series.includes("webhook") ? { webhook: receiver.url, webhookSecret: SECRET } : {};
    await using server = faulty === undefined
      ? await serve({ apiKeys: KEY, ...hook, ...options }, { log: silentLog, ...hooks })
      : await serveOn(faulty, options);
    const read = async () => new Scrape(await server.metrics()).get(series);
    const clients = await before?.(server) ?? [];
    const first = await read();
    const made = await act(server, clients, faulty);
    await until(async () => await read() === first + by, `${first} + ${by}`);
    await server.stop();
    const streams = made instanceof Stream ? [made] : [];
    for (const stream of streams) await stream[Symbol.asyncDispose]();
    for (const client of [...clients, ...(Array.isArray(made) ? made : [])]) await client.close();
  });
}

Deno.test("metrics: the bytes that were sent are the bytes that came", async () => {
  await using server = await serve();
  await using client = await connect(server, { protocol: "parley.v1.batched" });
  client.send({ type: "join" });
  await client.next("joined");
  client.send({ type: "chat", payload: "☃ and a 🦊" });
  await client.next("chat");
  const series = 'parley_sent_bytes_total{kind="websocket"}';
  const came = new TextEncoder().encode(client.frames.join("")).byteLength;
  assertEquals(new Scrape(await server.metrics()).get(series), came);

  await using stream = await Stream.open(server);
  await stream.next("joined");
  const sent = new Scrape(await server.metrics()).get('parley_sent_bytes_total{kind="stream"}');
  assert(sent > 0);
});

Deno.test("metrics: a peer that reads nothing is behind, once, and its bytes are queued", async () => {
  await using server = await serve({ highWaterBytes: 20_000, lowWaterBytes: 10_000 });
  using mute = await RawSocket.open(server, { protocol: "parley.v1.batched" });
  await mute.send({ type: "join" });
  await mute.events();
  await using talker = await member(server);
  const of = async (series: string) => new Scrape(await server.metrics()).get(series);
  await until(async () => {
    await echoed(talker, ...Array.from({ length: 20 }, () => "x".repeat(10_000)));
    talker.frames.length = 0;
    return await of('parley_subscribers{state="behind"}') === 1;
  }, "the peer to be behind");
  assertEquals(await of('parley_subscribers{state="live"}'), 1);
  assert(await of('parley_catch_ups_total{cause="slow"}') >= 1);
  await until(async () => await of("parley_queued_bytes") > 10_000, "bytes to be queued");
});

Deno.test("metrics: a loop that was busy is seen, and the database's size grows", async () => {
  await using server = await serve({ apiKeys: KEY });
  await using client = await member(server);
  const scrape = async () => new Scrape(await server.metrics());
  const size = (await scrape()).get("parley_store_size_bytes");
  assert(size > 0);
  await echoed(client, ...Array.from({ length: 20 }, () => "x".repeat(10_000)));
  const late = async () => {
    const now = await scrape();
    const quick = now.get('parley_loop_delay_seconds_bucket{le="0.1"}');
    return now.get("parley_loop_delay_seconds_count") - quick;
  };
  const before = await late();
  const end = performance.now() + 250; // a timer that is due every 100 ms is then late
  while (performance.now() < end);
  await until(async () => await late() > before, "the loop to be seen late");
  const now = await scrape();
  assert(now.get("parley_store_size_bytes") >= size + 200_000);
  assert(now.get("process_memory_usage_bytes") > 10_000_000);
});

Deno.test("metrics: the storing thread says how long it was busy, and no other", async () => {
  await using alone = await serve();
  assert(!(await alone.metrics()).includes("parley_store_busy_seconds_total"));
  await using server = await serve({ workers: 1 });
  const busy = async () =>
    new Scrape(await server.metrics()).get("parley_store_busy_seconds_total");
  const before = await busy();
  await using client = await member(server);
  await until(async () => {
    await echoed(client, "x");
    return await busy() > before;
  }, "the thread to say it");
});

Deno.test("metrics: the parser finds every metric of the table that applies, with its help and type", async () => {
  await using receiver = new Receiver();
  await using server = await serve({
    apiKeys: KEY,
    workers: 1,
    webhook: receiver.url,
    webhookSecret: SECRET,
  });
  const { families } = await Scrape.of(`${server.url}/metrics`, KEY);
  const expected = METRIC_NAMES.filter((name) => name !== "parley.redis.up");
  assertEquals(
    families.map(({ name, help, type }) => [name, help, type]),
    expected.map((name) => {
      const { help, kind } = METRIC_ROWS[name];
      return [prometheusName(name), help, kind.toUpperCase()];
    }),
  );
  // The rules of names (https://prometheus.io/docs/practices/naming/) and of the text format.
  for (const { name, type, metrics } of families) {
    assert(/^[a-z][a-z0-9_]*$/.test(name), name);
    assertEquals(name.endsWith("_total"), type === "COUNTER", name);
    for (const { buckets, count } of metrics) {
      if (buckets === undefined) continue;
      // An object has the bucket "1" before all that are no whole numbers.
      const bound = (le: string) => le === "+Inf" ? Infinity : Number(le);
      const counts = Object.entries(buckets).toSorted(([a], [b]) => bound(a) - bound(b))
        .map(([, count]) => Number(count));
      assertEquals(counts, counts.toSorted((a, b) => a - b), name);
      assertEquals(buckets["+Inf"], count, name);
    }
  }
});

Deno.test("metrics: no label holds a room, a user or an address, whatever comes", async () => {
  await using server = await serve({ apiKeys: KEY });
  const [quiet, busy] = [new Set<string>(), new Set<string>()];
  const seriesInto = async (all: Set<string>) => {
    for (const line of (await server.metrics()).split("\n")) all.add(line.replace(/ [^ ]*$/, ""));
  };
  await seriesInto(quiet);
  await using client = await member(server, { name: "Ada", room: "secret-room" });
  client.send({ type: "secret", room: "secret-room" }, { type: "__proto__" }, { type: "chat" });
  await client.take("error", 3);
  for (const path of ["/secret", "/rooms/%00/messages", "/users/secret/connections"]) {
    await ask(server, path, { method: "DELETE" });
  }
  await seriesInto(busy);
  assertEquals([...busy.difference(quiet)], []);
});

Deno.test("metrics: two servers in one process count for themselves", async () => {
  await using one = await serve();
  await using other = await serve();
  await say(one, "x");
  const messages = async (server: Server) =>
    new Scrape(await server.metrics()).get("parley_messages_total");
  assertEquals([await messages(one), await messages(other)], [1, 0]);
});

Deno.test("metrics: they need an API key, or the port on the loopback address", async () => {
  const port = freePort();
  await using server = await serve({ apiKeys: KEY, metricsPort: port });
  for (const path of ["/metrics", "/status/events"]) {
    assertEquals((await ask(server, path)).status, 401, path);
    const wrong = { headers: bearer("x".repeat(32)) };
    assertEquals((await ask(server, path, wrong)).status, 401, path);
  }
  assertEquals((await ask(server, `/metrics?token=${KEY}`)).status, 401);
  await Scrape.of(`${server.url}/metrics`, KEY);
  await Scrape.of(`http://127.0.0.1:${port}/metrics`);

  const own = { url: `http://127.0.0.1:${port}` };
  using socket = await RawSocket.dial(own);
  const headers = { host: "evil.example", connection: "keep-alive", upgrade: null };
  assertEquals((await socket.request(own, { path: "/metrics", headers })).status, 421);
  for (const path of ["/", "/rooms", "/hello", "/status/x"]) {
    assertEquals((await ask(own, path)).status, 404, path);
  }
  assertEquals((await ask(own, "/metrics", { method: "POST", body: {} })).status, 405);
});

Deno.test("metrics: each has a test of its number", async () => {
  const elsewhere: MetricName[] = ["parley.not_ready"]; // readiness_test.ts
  const own = await Deno.readTextFile(new URL(import.meta.url));
  const readiness = await Deno.readTextFile(new URL("readiness_test.ts", import.meta.url));
  const untried = METRIC_NAMES.filter((name) =>
    !elsewhere.includes(name) && !(own + readiness).includes(prometheusName(name))
  );
  assertEquals(untried, []);
});

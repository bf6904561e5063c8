/**
 * Streams that end, or go slowly: what they are told, what they cost, and that nothing is missed.
 *
 * @module
 */
import { LOCAL } from "../server/access/address.ts";
import { guestIdentity } from "../server/access/identity.ts";
import { Rules } from "../server/access/rules.ts";
import { Sources } from "../server/access/source.ts";
import { SqliteBroker } from "../server/broker/sqlite/sqlite_broker.ts";
import { EventStreamConnection } from "../server/connections/event_stream.ts";
import { DrainMonitor } from "../server/connections/drain_monitor.ts";
import { silentLog } from "../server/log.ts";
import { Metrics } from "../server/metrics.ts";
import { completeOptions } from "../server/options.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import { parsePublication } from "../server/protocol/publications.ts";
import { Hub } from "../server/rooms/hub.ts";
import { publish } from "../server/rooms/publish.ts";
import {
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertRejects,
} from "./support/assert.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { fill, say } from "./support/http.ts";
import { faultProxy } from "./support/proxy.ts";
import { Stream } from "./support/stream.ts";

const EVENTS = "/rooms/lobby/events";

Deno.test("on shutdown each stream gets its own delay and ends, and no other is opened", async () => {
  const server = await serve();
  const streams = await Promise.all(Array.from({ length: 10 }, () => Stream.open(server)));
  for (const stream of streams) await stream.next("joined");
  const stopped = server.stop();
  const late = await server.fetch(new Request(server.url + EVENTS), {
    remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    completed: Promise.resolve(),
  });
  assertEquals(late.status, 503);
  for (const stream of streams) {
    const { retryAfterMs } = await stream.next("bye");
    assertEquals(stream.retry, retryAfterMs + 5000); // a browser must not come back too soon
    assertEquals(await stream.event(), undefined);
  }
  await stopped;
  assertGreater(new Set(streams.map(({ retry }) => retry)).size, 1);
  for (const stream of streams) await stream[Symbol.asyncDispose]();
});

/** Long enough that what the system itself buffers for a connection is soon full. */
const LONG = "x".repeat(8000);

Deno.test("a slow stream is caught up when it reads again, and goes live", async () => {
  await using server = await serve({ heartbeatSeconds: 3600 });
  await using proxy = faultProxy(server.url);
  await using slow = await Stream.open(proxy);
  await slow.next("joined");
  await using quick = await Stream.open(server);
  await quick.next("joined");
  proxy.stall("down");
  await fill(server, 2500, LONG);
  assertEquals((await quick.take("chat", 2500)).at(-1)?.seq, 2500);
  proxy.flow();
  const seqs = (await slow.take("chat", 2500)).map(({ seq }) => seq);
  assertEquals(seqs, Array.from({ length: 2500 }, (_, n) => n + 1));
  await say(server, "live again");
  assertEquals((await slow.next("chat")).payload, "live again");
});

Deno.test("a stream that is not read holds no more than the high-water mark and one page", async () => {
  const options = completeOptions({ db: ":memory:" });
  await using broker = await SqliteBroker.open({ ...options, path: ":memory:" });
  const now = () => performance.now();
  const hub = new Hub({
    broker,
    options,
    metrics: new Metrics(),
    rules: new Rules(),
    log: silentLog,
    now,
  });
  const drainMonitor = new DrainMonitor(options, now);
  const connection = new EventStreamConnection(
    [{ room: "lobby", since: undefined }],
    new Promise(() => {}),
    {
      hub,
      nextId: () => "1",
      drainMonitor,
      ended() {},
      released() {},
    },
    new Sources(options, silentLog, now).of(LOCAL),
  );
  const identity = guestIdentity(hub.guests.newGuest());
  await connection.open({ identity, name: undefined, seconds: undefined });
  let most = 0;
  for (let n = 0; n < 200; n++) {
    await publish(hub, "lobby", parsePublication({ payload: LONG }));
    most = Math.max(most, connection.queuedBytes);
  }
  assertGreater(most, options.highWaterBytes - LONG.length - 1000);
  assertLess(most, options.highWaterBytes + 65_536 + LONG.length);
  // And when it is given up on, what it did not take is let go of at once.
  connection.close(1013);
  assertEquals(connection.queuedBytes, 0);
  await assertRejects(() => connection.body.getReader().read(), Refusal, "too slow");
  drainMonitor.stop();
  hub.close();
});

Deno.test("a stream that reads nothing is dropped, and resumes with the rest", async () => {
  await using server = await serve({ stallSeconds: 0.3, heartbeatSeconds: 3600 });
  await using proxy = faultProxy(server.url);
  await using stuck = await Stream.open(proxy);
  await stuck.next("joined");
  proxy.stall("down");
  await fill(server, 2500, LONG);
  await until(() => server.connectionCount === 0, "the stuck stream to be dropped");
  proxy.flow();
  await until(() => stuck.ended, "the stuck stream to notice");
  const got = stuck.blocks.filter(({ id }) => id !== undefined).length - 1;
  await using back = await Stream.open(proxy, { lastEventId: stuck.lastEventId });
  assertEquals((await back.next("joined")).recovered, true);
  const rest = await back.take("chat", 2500 - got);
  assertEquals([rest.at(0)?.seq, rest.at(-1)?.seq], [got + 1, 2500]);
});

Deno.test("an EventSource needs the address and nothing else, and comes back by itself", async () => {
  await using server = await serve({ recentMessages: 0 });
  await using proxy = faultProxy(server.url);
  const source = new EventSource(proxy.url + EVENTS);
  const seqs: number[] = [];
  source.onmessage = ({ data, lastEventId }) => {
    const event = JSON.parse(data);
    if (event.type !== "chat") return;
    seqs.push(event.seq);
    assertMatch(lastEventId, new RegExp(`:${event.seq}$`));
  };
  try {
    await until(() => server.connectionCount === 1, "the source to connect");
    await fill(server, 10);
    await until(() => seqs.length === 10, "what is said");
    proxy.cut();
    await fill(server, 10);
    await until(() => seqs.length === 20, "what was missed");
    assertEquals(seqs, Array.from({ length: 20 }, (_, n) => n + 1));
  } finally {
    source.close();
  }
  await patiently(until(() => server.connectionCount === 0, "no stream"), "the source to be gone");
});

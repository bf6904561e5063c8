/**
 * Streams on a bad network: whatever is cut, and however often, each message is read once and in
 * order. The client here is an `EventSource` without its wait: it comes back at once, with the last
 * `id` that it saw.
 *
 * @module
 */
import type { ChatEvent } from "../server/mod.ts";
import { assertEquals, assertGreater } from "./support/assert.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { faultProxy } from "./support/proxy.ts";
import { seeded } from "./support/random.ts";
import { Stream } from "./support/stream.ts";

const MESSAGES = 10_000;
const CUTS = 100;

/** Says everything, a little at a time, with something in between. */
async function flow(
  server: { readonly url: string },
  between: (said: number) => Promise<void>,
): Promise<void> {
  await using sender = await member(server, { protocol: "parley.v1.batched", name: "Sender" });
  const step = MESSAGES / CUTS;
  for (let said = 0; said < MESSAGES; said += step) {
    for (let n = 1; n <= step; n++) sender.send({ type: "chat", payload: `m${said + n}` });
    await between(said);
    await sender.next("chat", ({ seq }) => seq === said + step);
  }
}

function assertAll(seen: readonly ChatEvent[]): void {
  assertEquals(seen.map(({ seq }) => seq), Array.from({ length: MESSAGES }, (_, n) => n + 1));
  assertEquals(seen.map(({ payload }) => payload), seen.map(({ seq }) => `m${seq}`));
}

const seed = Math.floor(Math.random() * 2 ** 32);

Deno.test(`a stream cut ${CUTS} times reads all once and in order, seed ${seed}`, async () => {
  const random = seeded(seed);
  await using server = await serve();
  await using proxy = faultProxy(server.url, seed);
  proxy.pass({ pieceBytes: 3000 });
  const seen: ChatEvent[] = [];
  let stream = await Stream.open(proxy);
  await stream.next("joined");
  let streams = 1;

  /** Reads one event, or comes back if there are no more. */
  async function readOn(): Promise<void> {
    const event = await stream.event();
    if (event?.type === "chat") seen.push(event);
    if (event?.type === "joined") assertEquals(event.recovered, true);
    if (event !== undefined) return;
    stream = await Stream.open(proxy, { lastEventId: stream.lastEventId });
    streams++;
  }

  await flow(server, async (said) => {
    // What was read when the cut came is anything from nothing of this step to most of it.
    const count = said + random() * MESSAGES / CUTS;
    while (stream.ended || seen.length < count) await readOn();
    proxy.cut();
    await until(() => stream.ended, "the cut to be noticed");
  });
  while (seen.length < MESSAGES) await readOn();
  await stream[Symbol.asyncDispose]();
  assertAll(seen);
  assertGreater(streams, CUTS - 1); // the last cut may have come after the last message
});

Deno.test(`a client that goes from socket to stream and back misses nothing, seed ${seed}`, async () => {
  const random = seeded(seed);
  await using server = await serve();
  const seen: ChatEvent[] = [];
  let epoch = "";

  const since = () => ({ epoch, seq: seen.length });
  async function bySocket(count: number): Promise<void> {
    await using socket = await connect(server, { protocol: "parley.v1" });
    socket.send({ type: "join", room: "lobby", ...(epoch !== "" && { since: since() }) });
    const joined = await socket.next("joined");
    assertEquals(joined.recovered, epoch !== "");
    epoch = joined.epoch;
    while (seen.length < count) seen.push(await socket.next("chat"));
  }
  async function byStream(count: number): Promise<void> {
    await using stream = await Stream.open(server, {
      query: { after: `${epoch}:${seen.length}` },
    });
    assertEquals((await stream.next("joined")).recovered, true);
    while (seen.length < count) seen.push(await stream.next("chat"));
  }

  await bySocket(0);
  let turn = 0;
  await flow(server, async (said) => {
    const count = Math.max(seen.length, said + Math.floor(random() * MESSAGES / CUTS));
    await (turn++ % 2 === 0 ? byStream(count) : bySocket(count));
  });
  await byStream(MESSAGES);
  assertAll(seen);
});

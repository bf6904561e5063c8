/**
 * Readers that are slow, or read nothing at all: they cost no more memory than the mark says, they
 * get everything in the end, and nobody else notices.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client, member, serve, until } from "./support/harness.ts";
import { RawSocket } from "./support/raw_socket.ts";

/** Much more than the system's own buffers hold between two sockets. */
const MESSAGES = 2500;
const TEXT = "x".repeat(10_000);
const MARKS = { highWaterBytes: 100_000, lowWaterBytes: 50_000, tailBytes: 500_000 };

/** The runtime's end of every WebSocket that is accepted while this lives. */
class ServerSockets implements Disposable {
  readonly #upgrade = Deno.upgradeWebSocket;
  readonly #sockets: WebSocket[] = [];

  constructor() {
    Deno.upgradeWebSocket = (request, options) => {
      const upgrade = this.#upgrade(request, options);
      this.#sockets.push(upgrade.socket);
      return upgrade;
    };
  }

  get queuedBytes(): number {
    return this.#sockets.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0);
  }

  [Symbol.dispose](): void {
    Deno.upgradeWebSocket = this.#upgrade;
  }
}

async function mute(server: Server): Promise<RawSocket> {
  const socket = await RawSocket.open(server, { protocol: "parley.v1.batched" });
  await socket.send({ type: "join" });
  await socket.events();
  return socket;
}

/** Says much, and hears all of it itself: the others are not held up. */
async function flood(talker: Client, count = MESSAGES): Promise<void> {
  for (let said = 0; said < count; said += 50) {
    for (let i = 0; i < 50; i++) talker.send({ type: "chat", payload: TEXT });
    await talker.take("chat", 50);
    talker.frames.length = 0;
  }
}

/** The `seq` of every message that a socket is sent up to that one. */
async function readUpTo(socket: RawSocket, last: number): Promise<number[]> {
  const seqs: number[] = [];
  while (seqs.at(-1) !== last) {
    for (const event of await socket.events()) if (event.type === "chat") seqs.push(event.seq);
  }
  return seqs;
}

Deno.test("a reader that stops catches up from the log when it reads again, without gap or repeat", async () => {
  using sockets = new ServerSockets();
  await using server = await serve({ ...MARKS, stallSeconds: 3600 });
  using slow = await mute(server);
  await using talker = await member(server);
  let most = 0;
  for (let said = 0; said < MESSAGES; said += 50) {
    await flood(talker, 50);
    most = Math.max(most, sockets.queuedBytes);
  }
  // The mark, one batch that began below it, and what is on its way to the talker.
  assert(
    most > MARKS.lowWaterBytes && most < 6 * MARKS.highWaterBytes,
    `${most} bytes were queued`,
  );
  assertEquals(
    await readUpTo(slow, MESSAGES),
    Array.from({ length: MESSAGES }, (_, index) => index + 1),
  );
  talker.send({ type: "chat", payload: "live again" });
  assertEquals(await readUpTo(slow, MESSAGES + 1), [MESSAGES + 1]);
});

Deno.test("a reader that takes nothing for stallSeconds is dropped, and the others go on", async () => {
  await using server = await serve({ ...MARKS, stallSeconds: 0.3 });
  using _stuck = await mute(server);
  await using talker = await member(server);
  await using listener = await member(server, { name: "Bob" });
  const listening = listener.take("chat", MESSAGES);
  await flood(talker);
  await until(() => server.connectionCount === 2, "the stuck one to be dropped");
  const chats = await listening;
  assertEquals(chats.map(({ seq }) => seq), chats.map((_, index) => index + 1));
  talker.send({ type: "chat", payload: "still here" });
  await listener.next("chat", ({ payload }) => payload === "still here");
});

Deno.test("a reader that is behind is not sent what is ephemeral", async () => {
  await using server = await serve({ ...MARKS, stallSeconds: 3600 });
  using slow = await mute(server);
  await using talker = await member(server);
  await flood(talker);
  for (let i = 0; i < 20; i++) talker.send({ type: "custom", name: "x", payload: TEXT });
  await talker.next("custom");
  talker.send({ type: "chat", payload: "end" });
  const types = new Set<string>();
  for (let ended = false; !ended;) {
    for (const event of await slow.events()) {
      types.add(event.type);
      ended = event.type === "chat" && event.payload === "end";
    }
  }
  assert(!types.has("custom"));
});

Deno.test("a reader so slow that the log was pruned past it gets recovered: false", async () => {
  const retainMessages = 100;
  await using server = await serve({
    ...MARKS,
    stallSeconds: 3600,
    retainMessages,
    recentMessages: 5,
  });
  using slow = await mute(server);
  await using talker = await member(server);
  await flood(talker);
  let last = 0;
  let restarts = 0;
  while (last < MESSAGES) {
    for (const event of await slow.events()) {
      if (event.type === "joined") {
        assertEquals([event.recovered, event.seq], [false, MESSAGES]);
        restarts++;
        last = MESSAGES - 5;
      } else if (event.type === "chat") {
        assertEquals(event.seq, last + 1);
        last = event.seq;
      }
    }
  }
  assertEquals(restarts, 1);
});

Deno.test("a client that sends without reading the answers is dropped", async () => {
  await using server = await serve({ ...MARKS, burst: 0, badCommands: 0, stallSeconds: 3600 });
  using greedy = await mute(server);
  await using other = await member(server, { name: "Bob" });
  const asking = (async () => {
    for (;;) await greedy.send({ type: "hello" });
  })().catch(() => {}); // its socket is closed in the end
  await until(() => server.connectionCount === 1, "the greedy one to be dropped");
  greedy[Symbol.dispose]();
  await asking;
  other.send({ type: "chat", payload: "still here" });
  await other.next("chat");
});

Deno.test("a reader that has yet to take one message of a megabyte is still answered", async () => {
  using sockets = new ServerSockets();
  const marks = { highWaterBytes: 10_000, lowWaterBytes: 5_000 };
  await using server = await serve({ ...marks, stallSeconds: 3600 });
  using slow = await mute(server);
  await using listener = await member(server, { name: "Bob" });
  const text = "x".repeat(1_000_000);
  const count = 30; // much more than the system's buffers hold
  for (let n = 0; n < count; n++) await server.publish("lobby", text);
  await listener.take("chat", count);
  await until(() => sockets.queuedBytes > 2 * marks.highWaterBytes, "one message to be stuck");
  await slow.send({ type: "leave", room: "nowhere", ref: "r" });
  const seqs: number[] = [];
  let isAnswered = false;
  while (!isAnswered || seqs.length < count) {
    for (const event of await slow.events()) {
      isAnswered ||= event.type === "error" && event.ref === "r";
      if (event.type === "chat") seqs.push(event.seq);
    }
  }
  assertEquals(seqs, seqs.map((_, index) => index + 1));
});

/**
 * Peers that go while they are written to: a stream is then cancelled from inside its own write. That
 * costs this stream its life, and neither the server nor anybody else anything.
 *
 * @module
 */
import { LOCAL } from "../server/access/address.ts";
import { Rules } from "../server/access/rules.ts";
import { Sources } from "../server/access/source.ts";
import { Batch } from "../server/broker/page.ts";
import { Connection, type ConnectionContext } from "../server/connections/connection.ts";
import { Heartbeat } from "../server/connections/heartbeat.ts";
import { DrainMonitor } from "../server/connections/drain_monitor.ts";
import { type Log, silentLog } from "../server/log.ts";
import { Metrics } from "../server/metrics.ts";
import { completeOptions } from "../server/options.ts";
import { parsePublication } from "../server/protocol/publications.ts";
import { Hub } from "../server/rooms/hub.ts";
import { publish } from "../server/rooms/publish.ts";
import { Session } from "../server/rooms/session.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { FaultyBroker } from "./support/faulty_broker.ts";
import { member, serve, until } from "./support/harness.ts";
import { fill } from "./support/http.ts";
import { seeded } from "./support/random.ts";

const seed = Math.floor(Math.random() * 2 ** 32);

for (const [count, length] of [[10, 16_000], [50, 1_500]] as const) {
  const what = `${count} messages of ${length} characters, seed ${seed}`;
  Deno.test(`streams that are closed 0 to 4 ms after the request disturb no other client: ${what}`, async () => {
    const random = seeded(seed);
    await using server = await serve({ graceSeconds: 0 });
    await fill(server, count, "x".repeat(length));
    await using bystander = await member(server);
    await bystander.take("chat", count);
    const { hostname, port } = new URL(server.url);
    const request = new TextEncoder().encode(
      `GET /rooms/lobby/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`,
    );
    for (let n = 1; n <= 300; n++) {
      using connection = await Deno.connect({ hostname, port: Number(port) });
      await connection.write(request);
      const leaveMs = random() * 4;
      await new Promise((resolve) => setTimeout(resolve, leaveMs));
      if (n % 10 === 0) bystander.send({ type: "chat", payload: `said ${n / 10}` });
    }
    const heard = await bystander.take("chat", 30);
    assertEquals(heard.map(({ seq }) => seq), Array.from({ length: 30 }, (_, n) => count + n + 1));
    await until(() => server.connectionCount === 1, "the streams to be cleaned up");
  });
}

/** What a hostile connection throws from. */
type Door = "write" | "shut" | "queued";

class HostileConnection extends Connection {
  override readonly kind = "websocket";
  protected override readonly session: Session;
  readonly throwing = new Set<Door>();
  readonly written: string[] = [];
  shuts = 0;

  constructor(context: ConnectionContext) {
    super(context);
    const { options, log, now } = context.hub.context;
    this.session = new Session(context.hub, this, new Sources(options, log, now).of(LOCAL));
    this.session.join("lobby");
  }

  protected override readQueuedBytes(): number {
    return this.#through("queued", () => 0);
  }

  protected override write(frame: Batch): boolean {
    return this.#through("write", () => {
      this.written.push(...frame.events);
      return false;
    });
  }

  protected override shut(): void {
    this.#through("shut", () => this.shuts++);
  }

  #through<T>(door: Door, act: () => T): T {
    if (this.throwing.has(door)) throw new TypeError(`${door} throws, as it was told to`);
    return act();
  }
}

/** A hub with three connections, of which the second may be made to throw. */
async function withThree(
  act: (
    hub: Hub,
    connections: readonly [HostileConnection, HostileConnection, HostileConnection],
    seen: { readonly logged: string[]; readonly ended: Connection[] },
    broker: FaultyBroker,
  ) => Promise<void>,
): Promise<void> {
  const options = completeOptions({ db: ":memory:" });
  await using broker = await FaultyBroker.make();
  const now = () => performance.now();
  const seen = { logged: [] as string[], ended: [] as Connection[] };
  const note = (event: string) => void seen.logged.push(event);
  const log: Log = { ...silentLog, warn: note, error: note };
  const hub = new Hub({ broker, options, metrics: new Metrics(), rules: new Rules(), log, now });
  const drainMonitor = new DrainMonitor(options, now);
  const ended = (connection: Connection) => void seen.ended.push(connection);
  const make = () =>
    new HostileConnection({ hub, nextId: () => "1", drainMonitor, ended, released() {} });
  const three = [make(), make(), make()] as const;
  await until(() => three.every(({ written }) => written.length > 0), "all to have joined");
  try {
    await act(hub, three, seen, broker);
  } finally {
    drainMonitor.stop();
    hub.close();
  }
}

function say(hub: Hub, payload: string): Promise<unknown> {
  return publish(hub, "lobby", parsePublication({ payload }));
}

for (const door of ["write", "queued"] as const) {
  Deno.test(`a connection whose "${door}" throws is ended, and the others get everything`, async () => {
    await withThree(async (hub, [first, hostile, last], seen) => {
      hostile.throwing.add(door);
      // Enough that each connection asks the runtime how much is queued.
      const said = Array.from({ length: 60 }, (_, n) => `${n}${"x".repeat(8000)}`);
      for (const payload of said) await say(hub, payload);
      for (const { written } of [first, last]) {
        const heard = () => written.filter((event) => event.startsWith('{"type":"chat"')).length;
        await until(() => heard() === said.length, "all that was said");
      }
      assertEquals(seen.ended, [hostile]);
      assertEquals(seen.logged, ["connection failed"]);
      assertEquals(hostile.shuts, 1);
    });
  });
}

Deno.test("a connection whose close throws is ended all the same", async () => {
  await withThree((_hub, connections, seen) => {
    for (const door of ["write", "shut"] as const) connections[1].throwing.add(door);
    for (const connection of connections) connection.close(1012);
    assertEquals(seen.ended.length, 3);
    assertEquals(connections.map(({ shuts }) => shuts), [1, 0, 1]);
    return Promise.resolve();
  });
});

Deno.test("a connection that throws when it is pinged or looked at leaves the loop running", async () => {
  await withThree(async (_hub, connections) => {
    using disposables = new DisposableStack();
    const heartbeat = new Heartbeat(0.05);
    disposables.defer(() => heartbeat.stop());
    connections[1].throwing.add("queued").add("shut");
    for (const connection of connections) heartbeat.add(connection);
    const pings = ({ written }: HostileConnection) =>
      written.filter((event) => event.startsWith('{"type":"ping"')).length;
    await until(() => pings(connections[0]) > 2 && pings(connections[2]) > 2, "pings");
    assertEquals(pings(connections[1]), 0);
  });
});

Deno.test("a connection that is found to be gone while a message is delivered leaves its room", async () => {
  await withThree(async (hub, [first, hostile], _seen, broker) => {
    await say(hub, "before");
    const room = hub.rooms.get("lobby");
    const page = await broker.read("lobby", { after: 0, limit: 1, chars: 1000 });
    assert(room !== undefined && page !== undefined);
    await until(() => first.written.some((event) => event.includes("before")), "the message");
    // Above the high-water mark, so that it is asked how much is queued.
    hostile.send(Batch.of("x".repeat(300_000)));
    hostile.throwing.add("queued");
    room.feed.deliver({ ...page, first: 2, last: 2 });
    assertEquals([hostile.ready, room.feed.size], [false, 2]);
  });
});

Deno.test("a tick survives a broker and a sender that throw", async () => {
  await withThree(async (hub, [first], seen, broker) => {
    const publish = broker.publish.bind(broker);
    // Not asynchronously, as its interface would have it.
    broker.publish = () => {
      throw new Error("thrown at once");
    };
    const outcome = await say(hub, "lost").then(() => "stored", () => "refused");
    assertEquals(outcome, "refused");
    broker.publish = publish;
    const prepare = broker.prepare.bind(broker);
    broker.prepare = () => {
      throw new Error("thrown while the room was prepared");
    };
    assertEquals(await say(hub, "lost too").then(() => "stored", () => "refused"), "refused");
    broker.prepare = prepare;
    const person = hub.users.hold({ id: "bob", name: "Bob" });
    const sender = {
      user: person,
      stored() {
        throw new Error("thrown by the sender");
      },
      revised() {},
      refuse() {},
    };
    const rest = `"from":${person.json},"payload":"x"`;
    const head = '{"type":"chat","room":"lobby","seq":';
    hub.tick.queue({
      room: "lobby",
      userId: "bob",
      ref: undefined,
      head,
      rest,
      sender,
      receipt: true,
      movesMark: false,
    });
    await say(hub, "after that");
    await until(() => first.written.some((event) => event.includes("after that")), "the message");
    assert(!first.written.some((event) => event.includes("lost")));
    assertEquals(seen.logged, ["commit failed", "commit failed", "delivery failed"]);
  });
});

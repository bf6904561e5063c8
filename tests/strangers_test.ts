/**
 * One address is never the whole server: what it may use, over all doors; and others notice nothing.
 *
 * @module
 */
import { parseAddress } from "../server/access/address.ts";
import { COSTS } from "../server/access/allowances.ts";
import { Sources } from "../server/access/source.ts";
import { type Options, silentLog } from "../server/mod.ts";
import { completeOptions } from "../server/options.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import { assert, assertEquals, assertGreater, assertThrows } from "./support/assert.ts";
import { EXAMPLES } from "./support/examples.ts";
import { type Client, connect, member, serve, until } from "./support/harness.ts";
import { ask, JSON_TYPE } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { Stranger } from "./support/stranger.ts";
import { serveWith } from "./support/threads.ts";
import { named, WORKERS } from "./support/workers.ts";

const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
/** Nothing comes back to a bucket while a test runs. */
const EMPTY: Partial<Options> = { trustProxies: 1, addressRate: 0.001 };
const STRANGER = from("203.0.113.7");
const OTHER = from("198.51.100.1");

Deno.test("an address without allowance is refused every command, and others are not", async () => {
  await using server = await serve({ ...EMPTY, addressBurst: 14 });
  await using client = await member(server, STRANGER); // connection, hello, join: 13 and a little
  client.send(...Array.from({ length: 10 }, () => ({ type: "pong" }))); // and the rest
  await using other = await connect(server, OTHER);
  for (const { type, ...fields } of EXAMPLES) {
    client.send({ type, ...fields, ref: type });
    const error = await client.next("error", ({ ref }) => ref === type);
    assertEquals(error.code, "rate_limited", type);
    assert(error.payload.includes("203.0.113.7") && error.payload.includes("--address-rate"));
    assert(!error.payload.includes("--trust-proxies"));
    assert(Number.isInteger(error.retryAfterMs) && (error.retryAfterMs ?? 0) > 2000);
  }
  other.send({ type: "chat", payload: "calm", ref: "r" });
  assertEquals((await other.next("chat")).seq, 1); // nothing else was stored
});

/** What anybody may always have: a refusal would cost as much. */
const FREE = ["/asyncapi.json", "/openapi.json", "/healthz", "/readyz"];

Deno.test("an address without allowance is refused at every door of HTTP, before work is done", async () => {
  await using server = await serve({ ...EMPTY, addressBurst: 5 });
  await using _client = await connect(server, { protocol: "parley.v1", ...STRANGER });
  const { paths }: { paths: Record<string, object> } = await (await fetch(
    `${server.url}/openapi.json`,
  )).json();
  const tried: string[] = [];
  for (const [path, methods] of Object.entries(paths)) {
    if (FREE.includes(path)) continue;
    for (
      const method of Object.keys(methods).filter((name) =>
        /^(get|post|put|patch|delete)$/.test(name)
      )
    ) {
      const room = path.replace("{room}", "lobby").replace("{seq}", "1").replace("{emoji}", "x");
      const answer = await ask(server, room, {
        method: method.toUpperCase(),
        ...(/^p(ost|atch)$/.test(method) && { body: "{" }), // that it is not JSON is not even looked at
        headers: { ...STRANGER.headers, ...JSON_TYPE, authorization: "Bearer nobody" },
      });
      tried.push(`${method} ${path}`);
      assertEquals([answer.status, answer.json.code], [429, "rate_limited"], tried.at(-1));
      assertGreater(Number(answer.headers.get("retry-after")), 1);
    }
  }
  assertGreater(tried.length, 5);
  const socket = await RawSocket.dial(server);
  const { status, body, headers } = await socket.request(server, STRANGER);
  socket[Symbol.dispose]();
  assertEquals([status, JSON.parse(body).code], [429, "rate_limited"]);
  assertGreater(Number(headers.get("retry-after")), 1);
  for (const path of ["/", "/app.js", "/nothing", ...FREE]) {
    const response = await fetch(server.url + path, STRANGER);
    await response.body?.cancel();
    assert(response.status !== 429, path);
  }
});

/** 4 KiB of UTF-8, in half as many characters. */
const WIDE = "é".repeat(2048);

Deno.test("a command costs its address by its bytes", async () => {
  // A connection, a hello and a join; a command of 4 KiB and a little; and not enough for another.
  await using server = await serve({ ...EMPTY, addressBurst: 13 + 6 });
  await using client = await member(server, STRANGER);
  client.send({ type: "chat", payload: WIDE }, { type: "chat", payload: "short", ref: "r" });
  // It is refused at once; what was accepted is committed first.
  await client.next("error", ({ code, ref }) => code === "rate_limited" && ref === "r");
  await client.next("chat");
});

for (const isAnnounced of [true, false]) {
  Deno.test(`a body costs its address by its bytes, ${isAnnounced ? "" : "not "}announced`, async () => {
    await using server = await serve({ ...EMPTY, addressBurst: 6 });
    const post = async (body: BodyInit) => {
      const headers = { ...STRANGER.headers, ...JSON_TYPE };
      const url = `${server.url}/rooms/lobby/messages`;
      const response = await fetch(url, { method: "POST", body, headers });
      return (await response.json()).code ?? "stored";
    };
    const text = JSON.stringify({ payload: WIDE });
    assertEquals(await post(isAnnounced ? text : new Blob([text]).stream()), "stored");
    assertEquals(await post(JSON.stringify({ payload: "short" })), "rate_limited");
  });
}

/** So many sockets of one address try to open so many rooms each. @returns how many they opened. */
async function openRooms(clients: readonly Client[], each: number): Promise<number> {
  let opened = 0;
  await Promise.all(clients.map(async (client) => {
    const rooms = Array.from({ length: each }, () => crypto.randomUUID());
    client.send(...rooms.map((room) => ({ type: "join", room, ref: room })));
    for (const room of rooms) {
      const answer = () =>
        client.pending.find((event) =>
          event.type === "joined"
            ? event.room === room
            : event.type === "error" && event.ref === room
        );
      while (answer() === undefined) await client.arrival();
      const event = answer();
      if (event?.type === "joined") opened++;
      else if (event?.type === "error") {
        assertEquals([event.code, event.field], ["too_many_rooms", "room"]);
        assert(event.payload.includes("--max-rooms"), event.payload);
      }
    }
  }));
  return opened;
}

async function sockets(server: { url: string }, count: number, address: string): Promise<Client[]> {
  const opening = Array.from({ length: count }, () => {
    return connect(server, { protocol: "parley.v1", ...from(address) });
  });
  return await Promise.all(opening);
}

Deno.test("an address has its share of the rooms, and the default room can always be entered", async () => {
  const options = { trustProxies: 1, maxRooms: 100, maxRoomsPerConnection: 5, graceSeconds: 0 };
  await using server = await serve(options);
  const all: Client[] = [];
  for (let n = 0; n < 10; n++) {
    const clients = await sockets(server, 4, `203.0.113.${n}:${n}`);
    all.push(...clients);
    assertEquals(await openRooms(clients, 5), 10); // not all that they may be in
  }
  assertEquals(server.roomCount, 100);
  await using late = await member(server, OTHER); // in the lobby
  late.send({ type: "join", room: "one more", ref: "r" });
  const { code, payload } = await late.next("error", ({ ref }) => ref === "r");
  assertEquals(code, "too_many_rooms");
  assert(payload.includes("--max-rooms") && !payload.includes("198.51.100.1"));
  await Promise.all(all.splice(0, 4).map((client) => client.close()));
  await until(() => server.roomCount === 91, "their rooms to be gone");
  late.send({ type: "join", room: "one more" });
  await late.next("joined", ({ room }) => room === "one more");
  const again = await sockets(server, 2, "203.0.113.0");
  assertEquals(await openRooms(again, 5), 8); // all that are free again
  await Promise.all([...all, ...again].map((client) => client.close()));
});

Deno.test("two hundred sockets that open fifty rooms each leave nine tenths to others", async () => {
  await using server = await serve({ trustProxies: 1, badCommands: 0 });
  const clients = await sockets(server, 200, "203.0.113.7");
  assertEquals(await openRooms(clients, 50), 1000);
  await using late = await member(server, { ...OTHER, room: "somewhere" });
  late.send({ type: "join", room: "lobby" });
  await late.next("joined");
  await Promise.all(clients.map((client) => client.close()));
});

for (const workers of WORKERS) {
  Deno.test(`one address that tries every door at once gets no more than its allowance${named(workers)}`, async () => {
    const options = { trustProxies: 1, rate: 10, addressRate: 200, addressBurst: 400 };
    await using server = await serveWith(workers, { ...options, graceSeconds: 0 });
    const spellings = ["203.0.113.7", "203.0.113.7:1", "[::ffff:203.0.113.7]:2", "203.000.113.007"];
    let n = 0;
    const spelling = () => ({
      "x-forwarded-for": `8.8.8.${n}, ${spellings[n++ % spellings.length]}`,
    });
    const begin = performance.now();
    // A slow machine needs longer to try more than it may.
    const stranger: Stranger = new Stranger(server.url, spelling, () => {
      const { units, got: { turnedAway } } = stranger;
      const hasTried = units > options.addressBurst && turnedAway > 0;
      return performance.now() > begin + (hasTried ? 2500 : 30_000);
    });
    const attack = stranger.run(2);
    let echoes = 0;
    let over = false;
    const finished = attack.then(() => over = true);
    await using bystander = await member(server, { ...OTHER, name: "Bystander" });
    while (!over) {
      bystander.send({ type: "typing", payload: true }, {
        type: "chat",
        payload: "?",
        ref: `${echoes}`,
      });
      await bystander.next("chat", ({ ref }) => ref === `${echoes}`);
      echoes++;
      await new Promise((resolve) => setTimeout(resolve, 100)); // as people pause
    }
    await finished;
    const seconds = (performance.now() - begin) / 1000;
    // Each thread keeps allowances of its own.
    const most = Math.max(1, workers) * (options.addressRate * seconds + options.addressBurst);
    const { got, units } = stranger;
    assert(units <= most, `${units} units of ${most}: ${JSON.stringify(got)}`);
    assertGreater(units, options.addressBurst); // it did try
    for (const what of ["connection", "stored", "page", "stream", "turnedAway"] as const) {
      assertGreater(got[what], 0, `${what}: ${JSON.stringify(got)}`);
    }
    const stored = (await ask(server, "/rooms/lobby/messages?limit=1", OTHER)).json.head;
    assert(stored - echoes >= got.stored && stored - echoes < got.stored + 60);
    assert(!bystander.frames.some((frame) => frame.includes('"type":"error"')));
  });
}

const PEOPLE = 200;

Deno.test("an office of 200 comes, types and chats behind one address, and nobody is refused", async () => {
  const { rate, burst, addressRate, addressBurst, maxConnectionsPerAddress } = completeOptions();
  const limits = { rate, burst, addressRate, addressBurst, maxConnectionsPerAddress };
  await using server = await serve(limits);
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, (_, n) => member(server, { name: `Colleague ${n}` })),
  );
  for (const [n, person] of people.entries()) {
    person.send({ type: "typing", payload: true }, { type: "typing", payload: false });
    person.send({ type: "chat", payload: `Good morning, says colleague ${n}.`, ref: `${n}` });
  }
  for (const [n, person] of people.entries()) {
    await person.next("chat", ({ ref }) => ref === `${n}`);
    assert(!person.frames.some((frame) => frame.includes('"type":"error"')));
  }
  await Promise.all(people.map((person) => person.close()));
});

Deno.test("an office's hour fits into the default allowance, with a restart and a crash in it", () => {
  let now = 0;
  const sources = new Sources(completeOptions(), silentLog, () => now);
  const office = parseAddress("203.0.113.7");
  assert(office !== undefined);
  const source = sources.of(office);
  /** What happens when, in milliseconds. */
  const events: (readonly [at: number, units: number])[] = [];
  const comeWithin = (begin: number, spanMs: number) => {
    for (let n = 0; n < PEOPLE; n++) {
      const at = begin + n / PEOPLE * spanMs;
      events.push([at, COSTS.connection], [at + 50, COSTS.hello]);
      for (let room = 0; room < 3; room++) events.push([at + 100, COSTS.join]);
    }
  };
  comeWithin(0, 60_000);
  comeWithin(20 * 60_000, 10_000); // a restart: each is told its own moment
  comeWithin(40 * 60_000, 3_000); // a crash
  for (let n = 0; n < PEOPLE; n++) {
    // Each says 200 characters every 20 s, types for 10 s of them, and looks back once a minute.
    for (let at = n * 100; at < 3_600_000; at += 20_000) {
      for (let second = 0; second < 10; second++) events.push([at + second * 1000, COSTS.signal]);
      events.push([at + 10_000, COSTS.command + COSTS.kib * 260 / 1024]);
    }
    for (let at = n * 300; at < 3_600_000; at += 60_000) events.push([at, COSTS.page]);
  }
  events.sort(([a], [b]) => a - b);
  for (const [at, units] of events) {
    now = at;
    source.spend(units);
  }
});

Deno.test("Sources keeps an address that is in use, however many others come", () => {
  const options = { addressRate: 1, addressBurst: 10, trustProxies: 0 };
  const sources = new Sources(options, silentLog, () => 0);
  const of = (text: string) => {
    const address = parseAddress(text);
    assert(address !== undefined, text);
    return sources.of(address);
  };
  const talker = of("203.0.113.7");
  talker.spend(10);
  for (const usage of talker.usages) usage.connections++;
  for (let n = 0; n < 70_000; n++) of(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`).spend(1);
  assert(sources.size <= 65_536);
  assertEquals(of("203.0.113.7").usages, talker.usages);
});

Deno.test("a refusal of the /48 takes nothing from the /64", () => {
  let now = 0;
  const options = { addressRate: 1, addressBurst: 10, trustProxies: 0 };
  const sources = new Sources(options, silentLog, () => now);
  const of = (network: number) => {
    const address = parseAddress(`2001:db8:1:${network}::1`);
    assert(address !== undefined);
    return sources.of(address);
  };
  for (let network = 0; network < 16; network++) of(network).spend(10);
  for (let n = 0; n < 20; n++) assertThrows(() => of(16).spend(5), Refusal, "2001:db8:1::/48");
  now = 10_000; // the /48 has its 160 again, the /64 never had less than its 10
  of(16).spend(10);
  assertThrows(() => of(16).spend(1), Refusal, "2001:db8:1:16::/64");
});

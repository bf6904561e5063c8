/**
 * Tabs that share a connection within the limits of one: a server with the limits of every day keeps it open,
 * and each tab's messages stay in order. Also a machine that is too busy, tokens that end, tabs of another user,
 * payloads that cannot be cloned, and a page without channels.
 * They are in one process: Deno has Web Locks and `BroadcastChannel` too.
 *
 * @module
 */
import { connect } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { MovedClock } from "./support/moved_clock.ts";
import { tabs } from "./support/tabs.ts";
import { claimsOf, SECRET, tokenFor } from "./support/tokens.ts";

Deno.test("twenty tabs that send more than the server allows one connection keep it, and their order", async () => {
  await using server = await serve({ rate: 400, burst: 30, badCommands: 20 });
  using shared = await tabs(server.url, 20);
  const { clients } = shared;
  const states: string[] = [];
  clients.forEach((client, index) => {
    client.on("state", ({ status }) => states.push(status));
    for (let n = 0; n < 20; n++) void client.send("lobby", `${index}: ${n}`);
  });
  await until(() => clients.every(({ unsent }) => unsent.length === 0), "all to be stored");
  assertEquals([states, server.connectionCount], [[], 1]);
  const log: string[] = [];
  while (log.length < 400) {
    const { messages } = await server.history("lobby", { after: log.length });
    log.push(...messages.map(({ payload }) => String(payload)));
  }
  clients.forEach((_, index) => {
    const own = log.filter((text) => text.startsWith(`${index}: `));
    assertEquals(own, Array.from({ length: 20 }, (_, n) => `${index}: ${n}`));
  });
});

/** Has each channel hear everything so much later, as where the machine is too busy. */
class SlowChannels implements Disposable {
  readonly #native = globalThis.BroadcastChannel;
  #underWay = 0;

  constructor(milliseconds: number) {
    // deno-lint-ignore no-this-alias
    const slow = this;
    globalThis.BroadcastChannel = class extends this.#native {
      #isClosed = false;

      constructor(name: string) {
        super(name);
        const set = (listener: (event: MessageEvent) => void) =>
          this.addEventListener("message", (event) => {
            slow.#underWay++;
            setTimeout(() => {
              slow.#underWay--;
              if (!this.#isClosed) listener(event);
            }, milliseconds);
          });
        Object.defineProperty(this, "onmessage", { set });
      }

      override close(): void {
        this.#isClosed = true;
        super.close();
      }
    };
  }

  /** Whether nothing is still to be heard. */
  get isQuiet(): boolean {
    return this.#underWay === 0;
  }

  [Symbol.dispose](): void {
    globalThis.BroadcastChannel = this.#native;
  }
}

Deno.test("tabs on a machine too busy to answer in time rob each other no more after a while", async () => {
  await using server = await serve();
  using channels = new SlowChannels(500); // there and back takes longer than a holder may be silent
  {
    using shared = await tabs(server.url, 20);
    let changes = 0;
    let before = -1;
    for (const client of shared.clients) client.on("state", () => changes++);
    while (changes !== before) {
      before = changes;
      const sent = shared.clients.map((client) => client.send("lobby", "hello"));
      await patiently(Promise.all(sent), "the messages");
    }
    assertEquals(server.connectionCount, 1);
  }
  await until(() => channels.isQuiet, "the last to be heard");
});

Deno.test("a payload that cannot be cloned is sent through the holder as JSON", async () => {
  await using server = await serve();
  using shared = await tabs(server.url, 2);
  const [, client] = shared.clients;
  assert(client);
  const payload = new Proxy({ x: 1 }, {}); // what Vue and MobX hand out
  const stored = client.emit("lobby", "cursor", payload, { durable: true });
  assertEquals((await patiently(stored, "the event")).payload, { x: 1 });
});

Deno.test("a page whose browser refuses channels has a connection of its own", async () => {
  await using server = await serve();
  const { BroadcastChannel } = globalThis;
  globalThis.BroadcastChannel = class extends BroadcastChannel {
    constructor(name: string) {
      super(name);
      this.close();
      throw new DOMException("denied", "SecurityError");
    }
  };
  const client = connect(server.url, { shared: true });
  try {
    await patiently(client.join("lobby"), "the room");
    assertEquals(server.connectionCount, 1);
  } finally {
    client.close();
    globalThis.BroadcastChannel = BroadcastChannel;
  }
});

Deno.test("a message may have the ref of the hello that the holder says", async () => {
  await using server = await serve();
  using shared = await tabs(server.url, 2);
  const [, client] = shared.clients;
  const edited = client?.edit("lobby", 9, "x").catch(({ code }) => code);
  const sent = client?.send("lobby", "\0", "hello").catch(({ code }) => code);
  assertEquals(await patiently(Promise.all([edited, sent]), "the refusals"), [
    "not_found",
    "bad_field",
  ]);
});

const tokenOf = (sub: string) => tokenFor(claimsOf({ sub, name: sub }));

Deno.test("a token that ends is renewed in every tab, over the connection that they share", async () => {
  using clock = new MovedClock();
  await using server = await serve({ jwtSecret: SECRET });
  let asked = 0;
  const token = () => {
    asked++;
    return tokenOf("ada");
  };
  using shared = await tabs(server.url, 3, { token });
  const { clients } = shared;
  const states: string[] = [];
  for (const client of clients) client.on("state", ({ status }) => states.push(status));
  const before = asked;
  clock.pass(3_600_000);
  await until(() => asked === before + 3, "each to ask for a token");
  await patiently(Promise.all(clients.map((client) => client.send("lobby", "hi"))), "the messages");
  assertEquals([states, server.connectionCount], [[], 1]);
});

Deno.test("a tab of another user is closed, and does not speak for the user of the others", async () => {
  await using server = await serve({ jwtSecret: SECRET });
  using shared = await tabs(server.url, 2, { token: await tokenOf("ada") });
  const stranger = connect(server.url, { shared: true, token: await tokenOf("eve") });
  try {
    const refused = stranger.join("lobby").catch(({ code }) => code);
    assertEquals(await patiently(refused, "the refusal"), "closed");
    const { from } = await patiently(
      Promise.resolve(shared.clients[1]?.send("lobby", "hi")),
      "the message",
    ) ?? {};
    assertEquals([from?.id, server.connectionCount], ["ada", 1]);
  } finally {
    stranger.close();
  }
});

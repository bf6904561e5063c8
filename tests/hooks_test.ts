/**
 * Hooks: an embedding program that changes and refuses messages, and is told what was stored and who came
 * and left.
 *
 * @module
 */
import {
  createServer,
  type Hooks,
  type IncomingMessage,
  type Log,
  type Message,
  OptionError,
  type Options,
  Refusal,
  type RevisedEvent,
  silentLog,
} from "../server/mod.ts";
import { assertEquals, assertRejects } from "./support/assert.ts";
import { type Client, connect, member, patiently, serve, told, until } from "./support/harness.ts";
import { ask, bearer, MESSAGES, say } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** The names of the hooks that have failed. */
class Failures implements Log {
  readonly names: unknown[] = [];
  info() {}
  warn() {}
  error(event: string, facts: { readonly function?: string; readonly reason?: string } = {}) {
    if (event === "application failed") this.names.push(facts.function);
  }
}

/** The payloads of the lobby's log. */
async function stored(server: { readonly url: string }): Promise<unknown[]> {
  const { json } = await ask(server, MESSAGES);
  return json.messages.map(({ payload }) => payload);
}

/** Changes text to capitals, and any other payload to a list with it. */
function shout({ payload }: IncomingMessage) {
  return { payload: typeof payload === "string" ? payload.toUpperCase() : [payload] };
}

for (const isAsync of [false, true]) {
  const onMessage = isAsync ? (message: IncomingMessage) => Promise.resolve(shout(message)) : shout;
  const how = isAsync ? "with a promise" : "at once";

  Deno.test(`onMessage() changes what sockets and requests say, ${how}`, async () => {
    await using server = await serve({ recentMessages: 0 }, { onMessage });
    await using bob = await member(server, { name: "Bob" });
    for (const protocol of [undefined, "parley.v1", "parley.v1.batched"]) {
      const options = { name: "Ada", room: "lobby", ...(protocol && { protocol }) };
      await using ada = await (protocol ? member : connect)(server, options);
      const hear = async (type: "chat" | "custom", fields: object, payload: unknown) => {
        ada.send({ type, ...fields });
        for (const client of [ada, bob]) {
          const event: { payload: unknown } = await client.next(type);
          assertEquals(event.payload, payload);
        }
      };
      await hear("chat", { payload: "hi", ref: "1" }, "HI");
      await hear("custom", { name: "move", payload: 1, durable: true }, [1]);
      await hear("custom", { name: "move", payload: { x: 1 } }, [{ x: 1 }]);
    }
    const { status, json } = await say(server, "posted");
    assertEquals([status, json.payload], [201, "POSTED"]);
    assertEquals((await bob.next("chat", ({ ref }) => ref === undefined)).payload, "POSTED");
    assertEquals((await stored(server)).slice(-3), ["HI", [1], "POSTED"]);
  });
}

Deno.test("onMessage() is given the whole message and its sender", async () => {
  const seen: IncomingMessage[] = [];
  await using server = await serve({}, { onMessage: (message) => void seen.push(message) });
  await using ada = await member(server, { name: "Ada" });
  const chat = { type: "chat", room: "lobby", payload: "hi", ref: "1" };
  const custom = { type: "custom", room: "lobby", name: "n", payload: null, durable: true };
  ada.send(chat, custom);
  const { from } = await ada.next("chat");
  await ada.next("custom");
  await say(server, "posted", { name: "Eve", ref: "2" });
  const [one, two, three] = seen;
  assertEquals([one, two], [{ ...chat, from }, { ...custom, from }] as IncomingMessage[]);
  assertEquals(
    three,
    { ...chat, payload: "posted", ref: "2", from: three?.from } as IncomingMessage,
  );
  assertEquals([from.name, three?.from.name], ["Ada", "Eve"]);
  assertEquals(await stored(server), ["hi", null, "posted"]);
});

/** Refuses by word. */
async function censor({ payload }: IncomingMessage): Promise<void> {
  if (payload === "later") await Promise.resolve();
  if (payload === "rude" || payload === "later") {
    throw new Refusal("forbidden", "Be polite.", { field: "payload" });
  }
  if (payload === "broken") throw new Error("out of order");
}

Deno.test("what onMessage() throws refuses that message alone", async () => {
  const log = new Failures();
  const onMessage = (message: IncomingMessage) =>
    message.payload === "rude at once"
      ? (() => {
        throw new Refusal("forbidden", "Be polite.", { field: "payload" });
      })()
      : censor(message);
  await using server = await serve({}, { onMessage, log });
  await using ada = await member(server);
  const payloads = ["1", "rude", "2", "rude at once", "3", "later", "4", "broken", "5"];
  for (const payload of payloads) ada.send({ type: "chat", payload, ref: payload });
  await ada.next("chat", ({ payload }) => payload === "5");
  assertEquals(await stored(server), ["1", "2", "3", "4", "5"]);
  await using bob = await member(server);
  for (const ref of ["rude", "rude at once", "later", "broken"]) {
    bob.send({ type: "chat", payload: ref, ref });
    const { code, payload, field } = await bob.next("error", (event) => event.ref === ref);
    const isBroken = ref === "broken";
    assertEquals([code, field], isBroken ? ["unavailable", undefined] : ["forbidden", "payload"]);
    assertEquals(payload === "Be polite.", !isBroken);
  }
  assertEquals(log.names, ["onMessage", "onMessage"]);
  const refused = await say(server, "rude");
  assertEquals([refused.status, refused.json.code, refused.json.field], [
    403,
    "forbidden",
    "payload",
  ]);
  assertEquals((await say(server, "broken")).status, 503);
});

Deno.test("a wrong answer of onMessage() is a failure of the application", async () => {
  const answers: unknown[] = [null, "x", {}, { payload: 7 }, { payload: "\0" }, {
    payload: "\ud800",
  }];
  const log = new Failures();
  const onMessage = (() => Promise.resolve(answers[0])) as Hooks["onMessage"];
  await using server = await serve({}, { ...(onMessage && { onMessage }), log });
  await using ada = await member(server);
  for (const count = answers.length; answers.length > 0; answers.shift()) {
    ada.send({ type: "chat", payload: "hi" });
    assertEquals((await ada.next("error")).code, "unavailable", `${count}`);
  }
  assertEquals(log.names, Array(6).fill("onMessage"));
  assertEquals(await stored(server), []);
});

Deno.test("while onMessage() takes its time, that sender's commands wait in order, and others go on", async () => {
  const answers = new Map<unknown, PromiseWithResolvers<void>>();
  const onMessage = async ({ payload, from }: IncomingMessage) => {
    if (from.name !== "Ada") return;
    const answer = Promise.withResolvers<void>();
    answers.set(payload, answer);
    await answer.promise;
  };
  await using server = await serve({}, { onMessage });
  await using ada = await member(server, { name: "Ada" });
  await using bob = await member(server, { name: "Bob" });
  ada.send(
    { type: "chat", payload: "1" },
    { type: "custom", name: "c", payload: "2" },
    { type: "chat", payload: "3" },
    { type: "typing", payload: true },
    { type: "leave", room: "lobby" },
  );
  await until(() => answers.has("1"), "the first question");
  bob.send({ type: "chat", payload: "Bob's" });
  assertEquals((await bob.next("chat")).payload, "Bob's");
  assertEquals(await told(bob), []);
  for (const payload of ["1", "2", "3"]) {
    await until(() => answers.has(payload), "the next question");
    assertEquals(answers.size, Number(payload));
    answers.get(payload)?.resolve();
  }
  await bob.next("chat", ({ payload }) => payload === "3");
  assertEquals(await stored(server), ["Bob's", "1", "3"]);
});

/** A hook that waits until the test lets it answer. */
function waiting() {
  const asked = Promise.withResolvers<string>();
  const answer = Promise.withResolvers<void>();
  const onMessage = async ({ from }: IncomingMessage) => {
    asked.resolve(from.id);
    await answer.promise;
  };
  return { asked: patiently(asked.promise, "the question"), answer: answer.resolve, onMessage };
}

Deno.test("a message is not stored if its sender is gone when onMessage() answers", async () => {
  const { asked, answer, onMessage } = waiting();
  await using server = await serve({ graceSeconds: 0 }, { onMessage });
  {
    await using ada = await member(server);
    ada.send({ type: "chat", payload: "hi" });
    await asked;
  }
  await until(() => server.connectionCount === 0, "the end of the connection");
  answer();
  await using bob = await member(server);
  assertEquals(await told(bob), []);
  assertEquals(await stored(server), []);
});

Deno.test("a message is refused if onMessage() itself removes its sender, and does not wait for that", async () => {
  await using server = await serve({}, {
    onMessage: ({ room, from }) => void server.remove(room, from.id),
  });
  await using ada = await member(server);
  ada.send({ type: "chat", payload: "hi" });
  assertEquals((await ada.next("right")).right, "none");
  assertEquals((await ada.next("error")).code, "not_in_room");
  assertEquals(await stored(server), []);
});

Deno.test("a message is refused if its sender was muted before onMessage() answers", async () => {
  for (const by of ["socket", "post"]) {
    const { asked, answer, onMessage } = waiting();
    await using server = await serve({}, { onMessage });
    await using ada = await member(server);
    ada.send({ type: "hello" });
    const { token } = await ada.next("welcome");
    const posting = by === "post" ? say(server, "hi", {}, bearer(token)) : undefined;
    if (by === "socket") ada.send({ type: "chat", payload: "hi" });
    await server.mute("lobby", await asked);
    answer();
    const code = (await posting)?.json.code ?? (await ada.next("error")).code;
    assertEquals([by, code], [by, "forbidden"]);
    assertEquals(await stored(server), []);
  }
});

Deno.test("the application's own voice is not asked about, and told of when it is stored", async () => {
  const seen: unknown[] = [];
  const onMessage = () => {
    throw new Refusal("forbidden", "No.");
  };
  const hooks: Hooks = { onMessage, onStored: (event) => void seen.push(payloadOf(event)) };
  await using server = await serve({}, hooks);
  await using ada = await member(server);
  await server.publish("lobby", "from the server");
  await server.emit("lobby", "n", "not stored");
  await server.emit("lobby", "n", "stored", { durable: true });
  await ada.next("custom", ({ seq }) => seq === 2);
  assertEquals(seen, ["from the server", "stored"]);
});

Deno.test("onMessage() that does not answer in 10 seconds refuses the message, and the next one is asked about", async () => {
  const hanging = Promise.withResolvers<void>();
  const onMessage = ({ payload }: IncomingMessage) =>
    payload === "hang" ? hanging.promise : undefined;
  const log = new Failures();
  await using server = await serve({}, { onMessage, log });
  await using ada = await member(server);
  using _quick = hurried(10_000);
  ada.send({ type: "chat", payload: "hang", ref: "1" }, { type: "chat", payload: "next" });
  const { code, ref } = await ada.next("error");
  assertEquals([code, ref, log.names], ["unavailable", "1", ["onMessage"]]);
  assertEquals((await ada.next("chat")).payload, "next");
});

/** Lets timers of that length end at once, until it is disposed of. */
function hurried(milliseconds: number): Disposable {
  const real = globalThis.setTimeout;
  globalThis.setTimeout =
    ((act: () => void, delay = 0) =>
      real(act, delay === milliseconds ? 0 : delay)) as typeof setTimeout;
  return { [Symbol.dispose]: () => void (globalThis.setTimeout = real) };
}

Deno.test("onMessage() is not asked about what is refused anyway", async () => {
  const seen: unknown[] = [];
  const hooks: Hooks = {
    onMessage: ({ payload }) => void seen.push(payload),
    authorize: (_, room) => room === "quiet" ? "read" : "write",
    rules: [{ match: "forgetful", store: false }],
  };
  await using server = await serve({ rate: 0.001, burst: 8, frameBytes: 8192 }, hooks);
  await using ada = await member(server, { room: "quiet" });
  const commands = [
    { type: "chat", room: "quiet", payload: "may not" },
    { type: "chat", room: "elsewhere", payload: "not there" },
    { type: "chat", payload: 7 },
    { type: "join", room: "forgetful" },
    { type: "chat", room: "forgetful", payload: "not kept" },
    { type: "join", room: "lobby" },
    { type: "chat", payload: "last" },
    { type: "chat", payload: "too many" },
  ];
  for (const command of commands) ada.send(command);
  await ada.next("error", ({ code }) => code === "rate_limited");
  assertEquals((await say(server, "posted")).status, 201);
  const refused = await ask(server, "/rooms/quiet/messages", {
    method: "POST",
    body: { payload: "x" },
  });
  assertEquals(refused.status, 403);
  const body = { payload: "x" };
  const unkept = await ask(server, "/rooms/forgetful/messages", { method: "POST", body });
  assertEquals(unkept.json.code, "forbidden");
  assertEquals(seen, ["last", "posted"]);
});

Deno.test("a message that is sent again with its ref is changed again, and stored once", async () => {
  await using server = await serve({}, { onMessage: shout });
  await using ada = await member(server);
  for (let n = 0; n < 2; n++) {
    ada.send({ type: "chat", payload: "hi", ref: "1" });
    assertEquals((await ada.next("chat")).seq, 1);
  }
  assertEquals(await stored(server), ["HI"]);
});

Deno.test("onStored() is told of each stored message once, when members were sent it", async () => {
  const seen: (Message | RevisedEvent)[] = [];
  const log = new Failures();
  const onStored = (event: Message | RevisedEvent): Promise<void> | undefined => {
    seen.push(event);
    if (payloadOf(event) === "throws") throw new Error("out of order");
    return payloadOf(event) === "rejects" ? Promise.reject(new Error("no")) : undefined;
  };
  await using server = await serve({}, { onStored, log });
  await using ada = await member(server);
  const events: Message[] = [];
  const speak = async (command: Record<string, unknown>) => {
    ada.send(command);
    const event = await ada.next(command.type === "chat" ? "chat" : "custom");
    if (event.seq !== undefined) events.push(event as Message); // a cast: stored ones have `at` too
  };
  await speak({ type: "chat", payload: "throws", ref: "1" });
  await speak({ type: "custom", name: "n", payload: "rejects", durable: true });
  await speak({ type: "custom", name: "n", payload: "signal" });
  ada.send({ type: "chat", payload: "throws", ref: "1" });
  assertEquals((await ada.next("chat")).seq, 1);
  const { json } = await say(server, "posted", { ref: "9" });
  assertEquals((await say(server, "posted", { ref: "9" })).status, 200);
  assertEquals((await ada.next("chat")).seq, 3);
  assertEquals(await told(ada), []); // nothing came twice
  assertEquals(seen, [...events, json as Message]);
  assertEquals(log.names, ["onStored", "onStored"]);
});

Deno.test("onJoin() and onLeave() tell of members, not of connections", async () => {
  const seen: string[] = [];
  const log = new Failures();
  const note = (what: string): Hooks["onJoin"] => (room, { name }) => {
    seen.push(`${name} ${what} ${room}`);
    if (name === "Bad") throw new Error("out of order");
  };
  const hooks = { onJoin: note("joins"), onLeave: note("leaves"), log } as Hooks;
  await using server = await serve({ graceSeconds: 0.05 }, hooks);
  const ada = await connect(server, { protocol: "parley.v1" });
  ada.send({ type: "hello", name: "Ada" }, { type: "join", room: "lobby" });
  const { token } = await ada.next("welcome");
  await ada.next("joined");
  await using second = await connect(server, { protocol: "parley.v1" });
  second.send({ type: "hello", token }, { type: "join", room: "lobby" });
  await second.next("joined");
  await ada.close();
  await until(() => server.connectionCount === 1, "the end of the first connection");
  second.send({ type: "join", room: "two" }, { type: "leave", room: "two" });
  await told(second);
  assertEquals(seen, ["Ada joins lobby", "Ada joins two", "Ada leaves two"]);
  await second.close();
  await until(() => seen.length === 4, "the end of the grace");
  await using bad = await member(server, { name: "Bad" });
  assertEquals(await told(bad), []);
  assertEquals(seen.slice(3), ["Ada leaves lobby", "Bad joins lobby"]);
  assertEquals(log.names, ["onJoin"]);
});

Deno.test("a member who comes back within the grace has not left, and nobody leaves when the server stops", async () => {
  const seen: string[] = [];
  const hooks: Hooks = {
    onJoin: (room) => void seen.push(`joins ${room}`),
    onLeave: (room) => void seen.push(`leaves ${room}`),
  };
  {
    await using server = await serve({ graceSeconds: 60 }, hooks);
    const ada = await connect(server, { protocol: "parley.v1" });
    ada.send({ type: "hello" }, { type: "join", room: "lobby" });
    const { token } = await ada.next("welcome");
    await ada.next("joined");
    await ada.close();
    await until(() => server.connectionCount === 0, "the end of the connection");
    await using again = await connect(server, { protocol: "parley.v1" });
    again.send({ type: "hello", token }, { type: "join", room: "lobby" });
    await again.next("joined");
  }
  assertEquals(seen, ["joins lobby"]);
});

Deno.test("hooks may be an object of a class", async () => {
  class Application implements Hooks {
    readonly log = silentLog;
    readonly seen: string[] = [];
    authorize() {
      this.seen.push("authorize");
      return "write" as const;
    }
    onMessage({ payload }: IncomingMessage) {
      this.seen.push(`onMessage ${payload}`);
    }
    onStored(event: Message | RevisedEvent) {
      this.seen.push(`onStored ${payloadOf(event)}`);
    }
    onJoin(room: string) {
      this.seen.push(`onJoin ${room}`);
    }
  }
  const application = new Application();
  const options: Partial<Options> = { port: 0, db: ":memory:" };
  await using server = await createServer(options, application);
  server.listen();
  await using ada = await member(server);
  ada.send({ type: "chat", payload: "hi" });
  await ada.next("chat");
  await told(ada);
  assertEquals(application.seen, ["authorize", "onJoin lobby", "onMessage hi", "onStored hi"]);
});

Deno.test({
  name: "with two nodes, each tells of what it stored and of its own connections",
  ignore: WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    const seen: string[] = [];
    const node = (name: string) =>
      serve({ redis: redis.url }, {
        onMessage: ({ payload }) => ({ payload: `${payload} by ${name}` }),
        onStored: (event) => void seen.push(`${payloadOf(event)} at ${name}`),
        onJoin: (_, user) => void seen.push(`${user.name} joins at ${name}`),
      });
    await using one = await node("one");
    await using two = await node("two");
    await using ada = await member(one, { name: "Ada" });
    await using bob = await member(two, { name: "Bob" });
    const hear = async (client: Client, payload: string) => {
      await client.next("chat", (event) => event.payload === payload);
    };
    ada.send({ type: "chat", payload: "hi" });
    await hear(bob, "hi by one");
    await hear(ada, "hi by one");
    bob.send({ type: "chat", payload: "ho" });
    await hear(ada, "ho by two");
    await hear(bob, "ho by two");
    await told(bob);
    assertEquals(seen, [
      "Ada joins at one",
      "Bob joins at two",
      "hi by one at one",
      "ho by two at two",
    ]);
  },
});

function payloadOf(event: Message | RevisedEvent): unknown {
  return event.type === "revised" ? undefined : event.payload;
}

for (
  const [options, hooks, sentence] of [
    [{ authorize: () => "read" }, {}, '"authorize" is a hook'],
    [{ rules: [{ match: "*" }] }, {}, "A list of rules is a hook"],
    [{}, { onMessage: "shout" }, 'The hook "onMessage" must be a function.'],
    [{}, { authorise: () => "read" }, 'There is no hook "authorise".'],
  ] as const
) {
  Deno.test(`createServer() of a program without types says what is wrong: ${sentence}`, async () => {
    await assertRejects(
      // A cast: JavaScript has no types that would find it.
      () => createServer(options as Partial<Options>, hooks as Hooks),
      OptionError,
      sentence,
    );
  });
}

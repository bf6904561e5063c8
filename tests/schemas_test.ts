/**
 * The published schemas against the parser and against what really goes over the wire, so that they
 * cannot drift from either.
 *
 * @module
 */
import { Ajv2020 } from "npm:ajv@8.20.0/dist/2020.js";
import fc from "npm:fast-check@4.10.2";
import { nameOf, SCHEMAS } from "../server/http/documents/schemas.ts";
import { COMMANDS } from "../server/protocol/commands.ts";
import { EVENTS } from "../server/protocol/events.ts";
import type { Event } from "../server/protocol/messages.ts";
import { MAX_DEPTH } from "../server/protocol/tables.ts";
import { parseCommand } from "../server/protocol/parse.ts";
import { parsePublication } from "../server/protocol/publications.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import { reference, type Rule, type Schema } from "../server/protocol/rules.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { STORED_EXAMPLES } from "./support/examples.ts";
import { connect, member, patiently, serve } from "./support/harness.ts";
import { ask, bearer, MESSAGES, say, tokenOf } from "./support/http.ts";
import { Stream } from "./support/stream.ts";

const commandNames = Object.keys(COMMANDS).map((type) => nameOf(type, "Command"));
const eventNames = Object.keys(EVENTS).map((type) => nameOf(type, "Event"));

/** A validator of any of these, where references lead into a document's components. */
function validatorOf(names: readonly string[], schemas: Readonly<Record<string, Schema>>) {
  const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
  ajv.addKeyword("components");
  return ajv.compile({ anyOf: names.map(reference), components: { schemas } });
}

/** What is published, but with nothing allowed that is not in it. */
const CLOSED = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [
    name,
    "properties" in schema ? { ...schema, additionalProperties: false } : schema,
  ]),
);

const acceptsCommand = validatorOf(commandNames, SCHEMAS);

function isParsed(value: unknown): boolean {
  return !isRefused(() => parseCommand(structuredClone(value)));
}

function isRefused(act: () => void): boolean {
  try {
    act();
    return false;
  } catch (thrown) {
    if (thrown instanceof Refusal) return true;
    throw thrown;
  }
}

/** A pattern cannot speak of Unicode's normal forms: names and reactions are told to be in NFC in words only. */
function isNormal(value: unknown): boolean {
  const { type, name = "", room = "", payload = "" } = Object(value);
  const texts = [name, room, type === "react" ? payload : ""];
  return texts.every((text) => typeof text !== "string" || text === text.normalize());
}

function assertSameVerdict(value: unknown): void {
  const parsed = isParsed(value);
  if (!parsed && !isNormal(value)) return;
  assertEquals(
    acceptsCommand(value),
    parsed,
    `the parser says ${parsed}: ${JSON.stringify(value)}`,
  );
}

// --- commands ------------------------------------------------------------------------------------

/** Values that are good for some field and bad for others, around every bound. */
const KNOWN: readonly unknown[] = [
  "",
  " ",
  "x",
  "é".repeat(64),
  "x".repeat(64),
  "x".repeat(65),
  "😀".repeat(64),
  "😀".repeat(65),
  "\0",
  "a\0b",
  "a\nb",
  "\u202e",
  "\u2028",
  "\ud800",
  "x\udfff",
  "a.b-c_9",
  "a b",
  "a  b",
  " a",
  "a ",
  ".",
  "..",
  "...",
  "a\u00a0b",
  "\u3164",
  "a\u200db",
  "👩‍💻",
  "❤️",
  "علی‌رضا",
  "क्‍ष",
  "\u0301",
  "e\u0301",
  "é",
  "٣",
  true,
  false,
  null,
  0,
  1,
  -1,
  1.5,
  1e999,
  [],
  {},
  [[]],
  { a: ["\0"] },
  { "\0": 1 },
  { "\ud800": 1 },
  { epoch: "e", seq: 0 },
  { epoch: "e", seq: 1.5 },
  { epoch: "e", seq: -1 },
  { epoch: "", seq: 1 },
  { epoch: "e" },
  { epoch: "e", seq: 1, more: 1 },
  { epoch: "e", seq: 1, rev: 0 },
  { epoch: "e", seq: 1, rev: -1 },
  { epoch: "e", seq: 1, rev: "1" },
  "👍",
  "👩🏽‍💻",
  "x".repeat(32),
  "x".repeat(33),
  "\u200d",
  "a\u200b",
  { epoch: "e", seq: 2 ** 53 },
  { epoch: "e", seq: 2 ** 53 - 1 },
];

const VALUES = fc.oneof(
  fc.constantFrom(...KNOWN),
  fc.string({ unit: "binary", maxLength: 70 }),
  fc.jsonValue({ maxDepth: 4 }),
);

const FIELDS = [...new Set(Object.values(COMMANDS).flatMap(({ fields }) => Object.keys(fields)))];

/** A command of a known type whose fields are each left out, good, or anything. */
const COMMAND = fc.constantFrom(...Object.entries(COMMANDS)).chain(([type, row]) => {
  const valueOf = ({ accepts }: Rule) =>
    fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...KNOWN.filter(accepts)) }, VALUES);
  const own = Object.entries<Rule>(row.fields).map(([name, field]) => [name, valueOf(field)]);
  return fc.tuple(
    fc.record(Object.fromEntries(own), { requiredKeys: [] }),
    fc.option(fc.tuple(fc.constantFrom(...FIELDS, "__proto__", "extra"), VALUES), { freq: 5 }),
  ).map(([record, more]) =>
    Object.fromEntries([["type", type], ...Object.entries(record), ...(more ? [more] : [])])
  );
});

const seed = Math.floor(Math.random() * 2 ** 31);
const RUNS = { numRuns: 5000, seed };

Deno.test(`a command's schema accepts what the parser accepts, seed ${seed}`, () => {
  let accepted = 0;
  fc.assert(
    fc.property(COMMAND, (command) => {
      assertSameVerdict(command);
      if (isParsed(command)) accepted++;
    }),
    RUNS,
  );
  // Or all of them were refused, and nothing was shown.
  assert(accepted > RUNS.numRuns / 10, `only ${accepted} of ${RUNS.numRuns} were good`);
});

Deno.test(`no schema accepts what is no command, seed ${seed}`, () => {
  fc.assert(fc.property(fc.jsonValue(), assertSameVerdict), RUNS);
});

Deno.test("schema and parser agree on every value in every field", () => {
  const good: Record<string, unknown> = { name: "x", payload: "x", seq: 1 };
  for (const value of fc.sample(VALUES, { numRuns: 300, seed })) {
    for (const [type, { fields }] of Object.entries(COMMANDS)) {
      const base = Object.fromEntries(
        Object.keys(good).filter((name) => name in fields).map((name) => [name, good[name]]),
      );
      const boolean = type === "typing" ? { payload: true } : {};
      for (const name of FIELDS) assertSameVerdict({ type, ...base, ...boolean, [name]: value });
    }
  }
});

Deno.test("schema and parser differ only in how deep a payload may be", () => {
  const nested = (depth: number): unknown => depth === 0 ? 1 : [nested(depth - 1)];
  const custom = (depth: number) => ({ type: "custom", name: "x", payload: nested(depth) });
  assertSameVerdict(custom(MAX_DEPTH));
  assertEquals([acceptsCommand(custom(MAX_DEPTH + 1)), isParsed(custom(MAX_DEPTH + 1))], [
    true,
    false,
  ]);
});

// --- publications --------------------------------------------------------------------------------

const acceptsPublication = validatorOf(["PublicationRequest"], SCHEMAS);

/** What is good for the fields of a publication, and what is not. */
const PARTS: Readonly<Record<string, readonly unknown[]>> = {
  type: ["chat", "custom", "typing", 1],
  payload: ["x", "\0", 1, null, { a: [] }],
  name: ["x", " ", 1],
  durable: [true, false, "yes"],
  retain: [true, false, 0],
  ref: ["r", ""],
  from: [
    { id: "x", name: "x" },
    { id: "x", name: "x", info: [1], guest: true },
    { id: "x" },
    { id: "", name: "x" },
    { id: "x", name: "x", guest: false },
    { id: "x", name: "x", more: 1 },
    "x",
  ],
  more: [1],
};

Deno.test(`a publication's schema accepts what the parser accepts, seed ${seed}`, () => {
  const base = fc.constantFrom({ payload: "x" }, { type: "custom", name: "x", payload: 1 });
  const change = fc.constantFrom(...Object.entries(PARTS))
    .chain(([name, values]) => fc.tuple(fc.constant(name), fc.constantFrom(...values)));
  const publication = fc.tuple(base, fc.array(change, { maxLength: 3 }))
    .map(([fields, changes]) => ({ ...fields, ...Object.fromEntries(changes) }));
  const verdicts = { true: 0, false: 0 };
  fc.assert(
    fc.property(publication, (value) => {
      const parsed = !isRefused(() => parsePublication(structuredClone(value)));
      assertEquals(acceptsPublication(value), parsed, JSON.stringify(value));
      verdicts[`${parsed}`]++;
    }),
    RUNS,
  );
  assert(verdicts.true > 50 && verdicts.false > 50, JSON.stringify(verdicts));
});

// --- events --------------------------------------------------------------------------------------

Deno.test("every event on the wire has exactly the fields of its schema", async () => {
  const seen = new Map<string, number>();
  const accepts = validatorOf(eventNames, CLOSED);
  const hold = (event: Event) => {
    assert(accepts(event), `${JSON.stringify(event)} ${JSON.stringify(accepts.errors)}`);
    seen.set(event.type, (seen.get(event.type) ?? 0) + 1);
  };

  let isMuted = false;
  const server = await serve({ heartbeatSeconds: 0.05, graceSeconds: 0, dedupeMessages: 100 }, {
    authenticate: ({ token }) =>
      token === "cy" ? { id: "cy", name: "Cy", info: { team: 7 } } : undefined,
    authorize: ({ id }) => id === "cy" && isMuted ? "read" : "write",
  });
  const stream = await Stream.open(server, { query: { name: "Streamer" } });
  await using alice = await member(server, { protocol: "parley.v1.batched" });
  const bob = await connect(server, { name: "Bob" });
  bob.send(
    { type: "chat", payload: "plain" },
    ...STORED_EXAMPLES,
    { type: "chat", payload: "", ref: "r" },
    { type: "chat", payload: "again", ref: "r" },
    { type: "custom", name: "kept", payload: { deep: [null, 1.5, "\u2028"] }, durable: true },
    { type: "custom", name: "passing", payload: false, ref: "p" },
    { type: "typing", payload: true },
    { type: "react", seq: 1, payload: "x", ref: "v" },
    { type: "edit", seq: 1, payload: "revised" },
    { type: "delete", seq: 2 },
    { type: "rename", name: "Robert" },
    { type: "chat" },
    { type: "nonsense", ref: "q" },
    { type: "hello", token: "forged" },
    { type: "read", seq: 1, ref: "m" },
    { type: "leave", room: "elsewhere" },
  );
  bob.raw("no JSON");
  await alice.next("system", ({ kind }) => kind === "renamed");
  await alice.next("ping");
  await say(server, "by HTTP", { ref: "h" });
  await stream.next("chat", ({ payload }) => payload === "by HTTP");
  await using cy = await member(server, { protocol: "parley.v1" });
  cy.send({ type: "hello", token: "cy" });
  await cy.next("welcome");
  isMuted = true;
  cy.send({ type: "hello", token: "cy" });
  await cy.next("right");
  await bob.close();
  await alice.next("system", ({ kind }) => kind === "left");
  await stream.next("system", ({ kind }) => kind === "left");
  const stopped = server.stop();
  await patiently(Promise.all([alice.closed, stopped]), "the server to stop");
  await stream[Symbol.asyncDispose]();

  const frames = [
    ...alice.frames,
    ...bob.frames,
    ...cy.frames,
    ...stream.blocks.map(({ data }) => data ?? "[]"),
  ];
  for (const event of frames.flatMap((frame): Event[] => [JSON.parse(frame)].flat())) hold(event);
  assertEquals([...seen.keys()].sort(), Object.keys(EVENTS).sort());
});

Deno.test("every answer over HTTP has exactly the fields of its schema", async () => {
  const key = "k".repeat(32);
  await using server = await serve({ apiKeys: key });
  await using _alice = await member(server);
  const holds = async (name: string, path: string, request = {}) => {
    const { json } = await ask(server, path, request);
    const accepts = validatorOf([name], CLOSED);
    assert(accepts(json), `${JSON.stringify(json)} ${JSON.stringify(accepts.errors)}`);
  };
  await holds("ChatEvent", MESSAGES, { method: "POST", body: { payload: "x", ref: "r" } });
  await holds("ChatEvent", MESSAGES, { method: "POST", body: { payload: "x", ref: "r" } });
  await holds("WelcomeEvent", "/hello", { method: "POST", body: {} });
  await holds("RoomList", "/rooms");
  const { token } = await tokenOf(server, "Ada");
  const ada = { method: "POST", body: { seq: 1 }, headers: bearer(token) };
  await holds("ReadEvent", "/rooms/lobby/read", ada);
  await holds("MyRoomList", "/me/rooms", { headers: bearer(token) });
  const ours = (body: unknown) => ({ method: "POST", body, headers: bearer(key) });
  await holds("ChatEvent", MESSAGES, ours({ payload: "x", from: { id: "a", name: "A", info: 1 } }));
  await holds(
    "CustomEvent",
    MESSAGES,
    ours({ type: "custom", name: "x", payload: 1, durable: true }),
  );
  await holds("PublishResult", "/publish", ours({ rooms: ["a", "b"], payload: "x", ref: "r" }));
  await holds("PublishResult", "/publish", ours({ rooms: ["a", "c"], payload: "x", ref: "r" }));
  await holds("PublishResult", "/publish", ours({ rooms: ["a", "d"], payload: "y", ref: "r" }));
  await holds("MemberList", "/rooms/lobby/members");
  await holds("Message", `${MESSAGES}/1`, { ...ours({ payload: "y" }), method: "PATCH" });
  await holds("Message", `${MESSAGES}/1/reactions/x`, { method: "PUT", headers: bearer(key) });
  await holds("Message", `${MESSAGES}/3`, { method: "DELETE", headers: bearer(key) });
  await holds("Page", MESSAGES);
  await holds("Page", "/rooms/empty/messages");
  await holds("Problem", `${MESSAGES}?limit=0`);
  await holds("Problem", MESSAGES, { method: "DELETE" });
  await holds("Problem", MESSAGES, { method: "POST", body: {} });
  await holds("Problem", "/nowhere");
});

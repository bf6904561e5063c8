/**
 * The wire, without a wire: what is accepted, what is refused and by which name.
 *
 * @module
 */
import fc from "npm:fast-check@4.10.2";
import { chatRest, encode, messageHead, numbered } from "../server/protocol/encode.ts";
import { CLOSE_CODES, ERRORS, MAX_DEPTH } from "../server/protocol/tables.ts";
import type { Command, Json } from "../server/protocol/messages.ts";
import { COMMANDS } from "../server/protocol/commands.ts";
import { NAME } from "../server/protocol/names.ts";
import { parseCommand, parseJson, parseRequest, refOf } from "../server/protocol/parse.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import { assert, assertEquals, assertThrows } from "./support/assert.ts";
import { SEED } from "./support/random.ts";

const NAME_64 = "é".repeat(64);

/** What is said, and the command that it is. */
const ACCEPTED: readonly (readonly [said: string, command: Command])[] = [
  ['{"type":"hello"}', { type: "hello" }],
  ['{"type":"hello","name":"Ann","token":"a1.b-_"}', {
    type: "hello",
    name: "Ann",
    token: "a1.b-_",
  }],
  ['{"type":"join"}', { type: "join", room: "lobby" }],
  ['{"type":"join","room":"a b","since":{"epoch":"e","seq":0}}', {
    type: "join",
    room: "a b",
    since: { epoch: "e", seq: 0 },
  }],
  ['{"type":"leave","room":"x"}', { type: "leave", room: "x" }],
  ['{"type":"chat","payload":""}', { type: "chat", room: "lobby", payload: "" }],
  ['{"payload":"👩‍👩‍👧\\n","type":"chat","ref":"1"}', {
    type: "chat",
    room: "lobby",
    payload: "👩‍👩‍👧\n",
    ref: "1",
  }],
  ['{"type":"custom","name":"move","payload":[1,null,{"a":true}],"durable":true}', {
    type: "custom",
    room: "lobby",
    name: "move",
    payload: [1, null, { a: true }],
    durable: true,
  }],
  ['{"type":"typing","payload":true}', { type: "typing", room: "lobby", payload: true }],
  [`{"type":"rename","name":"${NAME_64}"}`, { type: "rename", name: NAME_64 }],
  ['{"type":"pong","at":1.5}', { type: "pong", at: 1.5 }],
];

for (const [said, command] of ACCEPTED) {
  Deno.test(`parseCommand() accepts ${said.slice(0, 80)}`, () => {
    assertEquals(parseCommand(parseJson(said)), command);
  });
}

/** What is said, and how it is refused. */
const REFUSED: readonly (readonly [said: string, code: string, field?: string])[] = [
  ["", "bad_json"],
  ["{", "bad_json"],
  ["hello", "bad_json"],
  ['{"type":"chat",}', "bad_json"],
  ["null", "bad_command"],
  ["7", "bad_command"],
  ['"chat"', "bad_command"],
  ["[]", "bad_command"],
  ['[{"type":"chat","payload":"x"}]', "bad_command"],
  ["{}", "bad_command", "type"],
  ['{"type":7}', "bad_command", "type"],
  ['{"type":"shout"}', "bad_command", "type"],
  ['{"type":"Chat","payload":"x"}', "bad_command", "type"],
  ['{"type":"constructor"}', "bad_command", "type"],
  ['{"type":"__proto__"}', "bad_command", "type"],
  ['{"type":"welcome"}', "bad_command", "type"],
  ['{"__proto__":{"type":"chat"},"payload":"x"}', "bad_command", "type"],
  ['{"type":"chat"}', "bad_field", "payload"],
  ['{"type":"chat","payload":7}', "bad_field", "payload"],
  ['{"type":"chat","payload":null}', "bad_field", "payload"],
  ['{"type":"chat","payload":"a\\u0000b"}', "bad_field", "payload"],
  ['{"type":"chat","payload":"\\ud800"}', "bad_field", "payload"],
  ['{"type":"chat","payload":"\\udc00\\ud800"}', "bad_field", "payload"],
  ['{"type":"chat","payload":"x","room":""}', "bad_field", "room"],
  ['{"type":"chat","payload":"x","room":" \\t"}', "bad_field", "room"],
  ['{"type":"chat","payload":"x","room":" "}', "bad_field", "room"],
  ['{"type":"chat","payload":"x","room":null}', "bad_field", "room"],
  [`{"type":"join","room":"${"r".repeat(65)}"}`, "bad_field", "room"],
  ['{"type":"join","room":"a\\nb"}', "bad_field", "room"],
  ['{"type":"join","room":"a\\u0085b"}', "bad_field", "room"],
  ['{"type":"join","room":"a\\u2028b"}', "bad_field", "room"],
  ['{"type":"join","room":"a\\u202eb"}', "bad_field", "room"],
  ['{"type":"join","room":"a\\u2066b"}', "bad_field", "room"],
  ['{"type":"join","room":"\\u200b\\u200d"}', "bad_field", "room"],
  ['{"type":"join","room":"\\ud83d"}', "bad_field", "room"],
  ['{"type":"chat","payload":"x","ref":""}', "bad_field", "ref"],
  ['{"type":"chat","payload":"x","ref":7}', "bad_field", "ref"],
  [`{"type":"chat","payload":"x","ref":"${"r".repeat(65)}"}`, "bad_field", "ref"],
  ['{"type":"chat","payload":"x","colour":"red"}', "bad_field", "colour"],
  ['{"type":"chat","payload":"x","__proto__":{"room":"x"}}', "bad_field", "__proto__"],
  ['{"type":"chat","payload":"x","toString":1}', "bad_field", "toString"],
  ['{"type":"join","since":{}}', "bad_field", "since"],
  ['{"type":"join","since":[]}', "bad_field", "since"],
  ['{"type":"join","since":{"epoch":"e","seq":-1}}', "bad_field", "since"],
  ['{"type":"join","since":{"epoch":"e","seq":1.5}}', "bad_field", "since"],
  ['{"type":"join","since":{"epoch":"e","seq":9007199254740992}}', "bad_field", "since"],
  ['{"type":"join","since":{"epoch":"e","seq":"1"}}', "bad_field", "since"],
  ['{"type":"join","since":{"epoch":"e","seq":1,"x":1}}', "bad_field", "since"],
  ['{"type":"join","since":{"epoch":"e","__proto__":{"seq":1}}}', "bad_field", "since"],
  ['{"type":"custom","payload":1}', "bad_field", "name"],
  ['{"type":"custom","name":"x"}', "bad_field", "payload"],
  ['{"type":"custom","name":"","payload":1}', "bad_field", "name"],
  ['{"type":"custom","name":"x","payload":1,"durable":"yes"}', "bad_field", "durable"],
  ['{"type":"custom","name":"x","payload":1e999}', "bad_field", "payload"],
  ['{"type":"custom","name":"x","payload":{"a":["\\ud800"]}}', "bad_field", "payload"],
  ['{"type":"custom","name":"x","payload":{"\\u0000":1}}', "bad_field", "payload"],
  ['{"type":"typing","payload":"true"}', "bad_field", "payload"],
  ['{"type":"rename"}', "bad_field", "name"],
  ['{"type":"rename","name":"\\u0007"}', "bad_field", "name"],
  ['{"type":"hello","token":"not a token"}', "bad_field", "token"],
  ['{"type":"pong","at":"now"}', "bad_field", "at"],
  ['{"type":"pong","at":1e999}', "bad_field", "at"],
];

for (const [said, code, field] of REFUSED) {
  Deno.test(`parseCommand() refuses ${said.slice(0, 80)} as ${code} ${field ?? ""}`, () => {
    const refusal = assertThrows(() => parseCommand(parseJson(said)), Refusal);
    assertEquals([refusal.code, refusal.field], [code, field]);
  });
}

Deno.test("parseCommand() accepts a custom payload as deep as MAX_DEPTH, and none deeper", () => {
  const nested = (depth: number) => parseJson("[".repeat(depth) + "]".repeat(depth));
  const command = (payload: unknown) => parseCommand({ type: "custom", name: "x", payload });
  command(nested(MAX_DEPTH));
  assertThrows(() => command(nested(MAX_DEPTH + 1)), Refusal, "nested at most");
  assertThrows(() => command(nested(1_000_000)), Refusal, "nested at most");
});

/** Whole numbers that come out as they went in, and some that would not. */
const EXACT = ["9007199254740992", "-31819295862060710", `1${"0".repeat(300)}`, "1e300"];
const INEXACT = ["9007199254740993", "-12345678901234567890", "31819295862060712", "1".repeat(400)];

Deno.test("parseJson() keeps every number that is exact, and long digits elsewhere", () => {
  const others = ["0.12345678901234567890", "1.5e-1234567890123456", '"12345678901234567890"'];
  for (const said of [...EXACT, ...others, '"\\\\\\"1234567890123456789"']) {
    const text = `{"type":"custom","name":"x","payload":{"12345678901234567890":[${said}]}}`;
    assertEquals(parseJson(text), JSON.parse(text));
    parseCommand(parseJson(text));
  }
});

for (const said of INEXACT) {
  Deno.test(`a payload with ${said.slice(0, 30)} is refused, for it would become another number`, () => {
    const custom = `{"type":"custom","name":"x","payload":{"id":${said}},"ref":"r"}`;
    const { code, field } = assertThrows(() => parseCommand(parseJson(custom)), Refusal);
    assertEquals([code, field], ["bad_field", "payload"]);
    const array = parseJson(`[${custom}, {"type":"chat","payload":"${said}"}]`);
    assert(Array.isArray(array) && refOf(array[0]) === "r" && parseCommand(array[1]));
    assertThrows(() => parseCommand(array[0]), Refusal, '"payload"');
    const info = `{"payload":"x","from":{"id":"a","name":"a","info":${said}}}`;
    assertThrows(() => parseRequest("publication", parseJson(info)), Refusal, '"from"');
  });
}

Deno.test("parseCommand() counts a name in characters, not in UTF-16 units", () => {
  const rename = (name: string) => parseCommand({ type: "rename", name });
  rename("😀".repeat(64));
  assertThrows(() => rename("😀".repeat(65)), Refusal);
});

Deno.test("parseCommand() quotes only a little of what it refuses", () => {
  const long = "\u202e<script>".repeat(1000);
  for (const value of [{ type: long }, { type: "chat", payload: "x", [long]: 1 }]) {
    const event = encode(assertThrows(() => parseCommand(value), Refusal).event());
    assert(event.length < 500, event);
  }
});

Deno.test("refOf() finds only a ref that could have been accepted", () => {
  assertEquals(refOf({ ref: "a" }), "a");
  for (const value of [null, 1, [], {}, { ref: 1 }, { ref: "" }, { ref: "\ud800" }]) {
    assertEquals(refOf(value), undefined);
  }
});

Deno.test("numbered() writes what encode() would", () => {
  const from = { id: "1", name: "A" };
  const draft = {
    room: 'a"b',
    userId: "1",
    ref: "r",
    head: messageHead("chat", 'a"b'),
    rest: `"from":${JSON.stringify(from)},"payload":"hi","ref":"r"}`,
  };
  assertEquals(
    numbered(draft, 7, 8),
    encode({ type: "chat", room: 'a"b', seq: 7, at: 8, from, payload: "hi", ref: "r" }),
  );
});

Deno.test("ERRORS has a status of 4xx or 5xx in every row, and CLOSE_CODES a short reason", () => {
  for (const { status } of Object.values(ERRORS)) assert(status >= 400 && status < 600);
  for (const { reason } of Object.values(CLOSE_CODES)) {
    assert(new TextEncoder().encode(reason).length <= 123); // RFC 6455 §5.5
  }
});

// Properties. A failure prints the seed and the shrunken example; SEED repeats a run.
const parameters = { seed: SEED, numRuns: 2000 };

const words = fc.constantFrom(
  "type",
  ...Object.keys(COMMANDS),
  ...new Set(Object.values(COMMANDS).flatMap(({ fields }) => Object.keys(fields))),
  "lobby",
  "__proto__",
  "constructor",
);
const text = fc.oneof(words, fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));
const anything = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(text, fc.oneof(fc.jsonValue(), text, fc.constant({ epoch: "e", seq: 1 })), {
    maxKeys: 6,
  }).chain((rest) => words.map((type) => ({ ...rest, type }))),
);

Deno.test(`parseCommand() throws nothing but a Refusal that names a field, seed ${SEED}`, () => {
  fc.assert(
    fc.property(anything, (value) => {
      const said = JSON.stringify(value);
      try {
        const command = parseCommand(parseJson(said));
        assertEquals(parseCommand(parseJson(JSON.stringify(command))), command);
      } catch (thrown) {
        assert(thrown instanceof Refusal, String(thrown));
        assert(["bad_command", "bad_field"].includes(thrown.code));
        if (thrown.code === "bad_field") assert(thrown.field !== undefined);
        assertEquals(JSON.parse(encode(thrown.event("r"))).ref, "r");
      }
    }),
    parameters,
  );
});

Deno.test(`parseJson() throws nothing but a Refusal, seed ${SEED}`, () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (said) => {
      try {
        parseJson(said);
      } catch (thrown) {
        assert(thrown instanceof Refusal && thrown.code === "bad_json");
      }
    }),
    parameters,
  );
});

const good = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((name) => NAME.accepts(name));
const ref = fc.option(fc.string({ minLength: 1, maxLength: 64 }), { nil: undefined });
const payload = fc.jsonValue({ maxDepth: 5, stringUnit: "grapheme" })
  .map((value): Json => JSON.parse(JSON.stringify(value).replaceAll("\\u0000", "")));
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant("chat"), room: good, payload: good }, { noNullPrototype: true }),
  fc.record({
    type: fc.constant("custom"),
    room: good,
    name: good,
    payload,
    durable: fc.boolean(),
  }, { noNullPrototype: true }),
  fc.record({
    type: fc.constant("join"),
    room: good,
    since: fc.record({ epoch: good, seq: fc.maxSafeNat() }, { noNullPrototype: true }),
  }, { noNullPrototype: true }),
  fc.record({ type: fc.constant("rename"), name: good }, { noNullPrototype: true }),
);

Deno.test(`parseCommand() returns an accepted command unchanged, seed ${SEED}`, () => {
  fc.assert(
    fc.property(command, ref, (command, ref) => {
      const said = ref === undefined ? command : { ...command, ref };
      const text = JSON.stringify(said);
      assertEquals(JSON.stringify(parseCommand(parseJson(text))), text);
    }),
    parameters,
  );
});

Deno.test("chatRest() writes every character as JSON does", () => {
  for (let unit = 0; unit < 0x10000; unit++) {
    const text = `a${String.fromCharCode(unit)}z`;
    const written = chatRest('{"id":"i"}', text, text);
    assertEquals(`{${written}`, JSON.stringify({ from: { id: "i" }, payload: text, ref: text }));
  }
});

/**
 * The names of people, rooms and custom events: what can be seen and told apart is a name, in every
 * script, and what cannot is refused by every door before anything is stored.
 *
 * @module
 */
import { NAME } from "../server/protocol/names.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { member, serve } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";

const NAMES: readonly string[] = [
  "Ada",
  "Ada Lovelace",
  "O'Neil-Smith, Jr.",
  "Zoë",
  "Nguyễn Thị Ánh",
  "李小龍",
  "ศรีสุวรรณ",
  "שלום",
  "علی‌رضا", // a non-joiner between two letters that would join
  "क्‍ष", // a joiner after a virama
  "അരുണ്‍",
  "👩‍💻",
  "🕵🏽‍♂️ Bob",
  "🏳️‍⚧️",
  "❤️ 1️⃣ ⚡️",
  "🇩🇪",
  "...",
  "../x",
  "😀".repeat(64),
];

const NO_NAMES: readonly (readonly [what: string, name: string])[] = [
  ["nothing", ""],
  ["a step in a path", "."],
  ["a step up in a path", ".."],
  ["a space before", " Ada"],
  ["a space after", "Ada "],
  ["two spaces", "Ada  L"],
  ["a no-break space", "Ada\u00a0L"],
  ["a thin space", "Ada\u2009L"],
  ["an ideographic space", "\u3000"],
  ["a Hangul filler", "\u3164"],
  ["a Hangul choseong filler", "\u115f"],
  ["a Hangul jungseong filler", "A\u1160"],
  ["a halfwidth Hangul filler", "\uffa0"],
  ["a braille blank", "\u2800"],
  ["a space of no width", "Ad\u200ba"],
  ["a joiner between Latin letters", "Ad\u200da"],
  ["a non-joiner after a letter that does not join", "ا\u200cب"],
  ["a joiner after an emoji", "😀\u200d"],
  ["a mark of direction", "Ada\u200f"],
  ["an override of direction", "\u202eadA"],
  ["a word joiner", "Ad\u2060a"],
  ["a byte order mark", "\ufeffAda"],
  ["a soft hyphen", "Ad\u00ada"],
  ["a grapheme joiner", "Ad\u034fa"],
  ["a Mongolian vowel separator", "Ad\u180ea"],
  ["a tag", "Ada\u{e0041}"],
  ["a variation selector on a letter", "Ada\ufe0f"],
  ["a variation selector on a digit", "1\ufe0f"],
  ["a variation selector alone", "\ufe0f"],
  ["an ideographic variation selector", "葛\u{e0100}"],
  ["a mark alone", "\u0301"],
  ["a mark after a space", "a \u0301b"],
  ["a form that is not NFC", "Zoe\u0308"],
  ["a sign of one's own", "\ue000"],
  ["no character at all", "\uffff"],
  ["the sign of a missing object", "\ufffc"],
  ["a line feed", "a\nb"],
  ["65 characters", "x".repeat(65)],
];

for (const name of NAMES) {
  Deno.test(`NAME accepts ${name.slice(0, 20)}`, () => assert(NAME.accepts(name)));
}

for (const [what, name] of NO_NAMES) {
  Deno.test(`NAME refuses ${what}`, () => assert(!NAME.accepts(name)));
}

Deno.test("NAME refuses every single character that Unicode says to show nothing for", () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const text = String.fromCodePoint(code);
    if (!/^[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]$/u.test(text)) continue;
    assert(!NAME.accepts(text) && !NAME.accepts(`a${text}b`) || text === " ", code.toString(16));
  }
});

Deno.test("every door hands on every name as it was given", async () => {
  await using server = await serve();
  await using witness = await member(server);
  for (const name of NAMES) {
    await using speaker = await member(server, { name, room: name });
    speaker.send({ type: "custom", room: name, name, payload: 1 });
    assertEquals((await speaker.next("custom")).name, name);
    const path = `/rooms/${encodeURIComponent(name)}/messages`;
    const { status, json } = await ask(server, path, {
      method: "POST",
      body: { payload: "x", name },
    });
    assertEquals([status, json.room, json.from.name], [201, name, name]);
  }
  assertEquals(witness.frames.filter((frame) => frame.includes('"chat"')), []);
});

Deno.test("every door refuses what is no name, and names the field", async () => {
  await using server = await serve({ badCommands: 0 });
  await using client = await member(server);
  for (const [, name] of NO_NAMES.slice(1)) {
    const commands = [
      ["name", { type: "rename", name }],
      ["name", { type: "hello", name }],
      ["room", { type: "join", room: name }],
      ["name", { type: "custom", name, payload: 1, durable: true }],
    ] as const;
    for (const [field, command] of commands) {
      client.send(command);
      const error = await client.next("error");
      assertEquals([error.code, error.field], ["bad_field", field]);
    }
    const query = new URLSearchParams({ name });
    const answers = [
      await ask(server, MESSAGES, { method: "POST", body: { payload: "x", name } }),
      await ask(server, "/hello", { method: "POST", body: { name } }),
      await ask(server, "/rooms/lobby/typing", { method: "POST", body: { payload: true, name } }),
      await ask(server, `/rooms/lobby/events?${query}`),
    ];
    for (const { status, json } of answers) {
      assertEquals([status, json.code, json.field], [400, "bad_field", "name"]);
    }
    for (const field of ["name", "room"]) {
      using socket = await RawSocket.dial(server);
      const path = `/ws?${new URLSearchParams({ [field]: name })}`;
      const { status, body } = await socket.request(server, { path });
      assertEquals([status, JSON.parse(body).field], [400, field]);
    }
  }
  assertEquals((await ask(server, MESSAGES)).json.head, 0);
});

/**
 * Rules for the rooms whose names match a pattern: how patterns match, and how rules are read and checked.
 * `room_rules_test.ts` says what they do.
 *
 * @module
 */
import { matches } from "../server/protocol/pattern.ts";
import { Rules } from "../server/access/rules.ts";
import { createServer, OptionError } from "../server/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./support/assert.ts";
import { Dice, SEED } from "./support/random.ts";

// Patterns

const MATCHES: readonly (readonly [pattern: string, yes: string[], no: string[]])[] = [
  ["lobby", ["lobby"], ["Lobby", "lobby2", "the lobby", "lobb"]],
  ["team-*", ["team-42", "team-"], ["team", "Team-42", "a team-42"]],
  ["*-private", ["a-private", "-private"], ["a-private-", "private"]],
  ["*", ["a", "any room", "*"], []],
  ["a*a", ["aa", "aba", "aaa"], ["a", "ab", "ba"]],
  ["ab*bc", ["abbc", "abxbc"], ["abc"]],
  ["*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a", "b"]],
  ["a**b", ["ab", "axb"], ["a", "ba"]],
  ["a.c", ["a.c"], ["abc"]],
  ["[ab]?", ["[ab]?"], ["a", "ab"]],
  ["👍*", ["👍", "👍🏽"], ["👎"]],
];

Deno.test("matches() takes * for any characters, and everything else literally", () => {
  for (const [pattern, yes, no] of MATCHES) {
    for (const name of yes) assert(matches(pattern, name), `${pattern} should match ${name}`);
    for (const name of no) assert(!matches(pattern, name), `${pattern} should not match ${name}`);
  }
});

Deno.test(`matches() agrees with the definition on short texts, seed ${SEED}`, () => {
  const isMatch = (pattern: string, name: string): boolean => {
    if (pattern === "") return name === "";
    if (pattern[0] !== "*") {
      return pattern[0] === name[0] && isMatch(pattern.slice(1), name.slice(1));
    }
    return isMatch(pattern.slice(1), name) || name !== "" && isMatch(pattern, name.slice(1));
  };
  const dice = new Dice(SEED);
  const text = (alphabet: string, max: number) =>
    Array.from({ length: dice.below(max + 1) }, () => dice.pick([...alphabet])).join("");
  for (let i = 0; i < 20_000; i++) {
    const [pattern, name] = [text("ab*", 7), text("ab", 8)];
    assertEquals(matches(pattern, name), isMatch(pattern, name), `${pattern} and ${name}`);
  }
});

Deno.test("matches() answers at once for a pattern that would have a regular expression try for ever", () => {
  assert(!matches("*a".repeat(40) + "*b", "a".repeat(60)));
  assert(!matches("*a*".repeat(1000) + "b", "a".repeat(4000)));
});

// Reading

/** What is wrong, and what the one line must name. */
const WRONG: readonly (readonly [rules: unknown, ...names: string[]])[] = [
  [{ match: "*" }, "list"],
  ["*", "list"],
  [Array(1001).fill({ match: "a" }), "1000"],
  [[null], "rule 1", "object"],
  [[{ match: "a" }, []], "rule 2", "object"],
  [[{}], "rule 1", '"match"'],
  [[{ match: "" }], '"match"'],
  [[{ match: "a\nb" }], '"match"', '"a\\nb"'],
  [[{ match: " a" }], '"match"'],
  [[{ match: "a".repeat(65) }], '"match"'],
  [[{ match: 7 }], '"match"', "7"],
  [[{ match: "a", everyone: "all" }], '"everyone"', "none, read, write or manage", '"all"'],
  [[{ match: "a" }, { match: "b", guests: true }], "rule 2", '"guests"', "true"],
  [[{ match: "a", guests: null }], '"guests"', "null"],
  [[{ match: "a", slowSeconds: -1 }], '"slowSeconds"', "0 to 86400", "-1"],
  [[{ match: "a", slowSeconds: "5" }], '"slowSeconds"', '"5"'],
  [[{ match: "a", rate: Infinity }], '"rate"', "Infinity"],
  [[{ match: "a", rate: NaN }], '"rate"', "NaN"],
  [[{ match: "a", signalRate: [1] }], '"signalRate"', "a list"],
  [[{ match: "a", retainDays: 36_501 }], '"retainDays"', "36500"],
  [[{ match: "a", store: "no" }], '"store"', "true or false"],
  [[{ match: "a", slow: 5 }], '"slow"'],
  [[{ match: "a", "x\ny": 5 }], '"x\\ny"'],
  [[{ match: "a" }, { match: "a" }], "rule 2", "rule 1"],
  [[{ match: "b" }, { match: "*" }, { match: "team-*" }], "rule 3", 'rule 2, "*"'],
  [[{ match: "a*" }, { match: "*a" }, { match: "a*a" }], "rule 3", 'rule 1, "a*"'],
];

for (const [rules, ...names] of WRONG) {
  const shown = JSON.stringify(rules).slice(0, 60);
  Deno.test(`Rules refuses ${shown} in one line that names ${names.join(", ")}`, () => {
    const { message } = assertThrows(() => new Rules(rules, "rules.json"), OptionError);
    assert(message.startsWith("rules.json"), message);
    assert(!message.includes("\n") && message.endsWith("."), message);
    for (const name of names) assert(message.includes(name), message);
  });
}

Deno.test("createServer() reads rules from a file, and says in one line what is wrong with it", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  const refused = async (text: string) => {
    await Deno.writeTextFile(path, text);
    const create = () => createServer({ db: ":memory:", rules: path });
    const { message } = await assertRejects(create, OptionError);
    assert(message.includes(path) && !message.includes("\n"), message);
  };
  try {
    await refused('[{ "match": "a",\n\n }]');
    await refused('[{ "match": "a", "rate": -1 }]');
    await Deno.writeTextFile(path, '[{ "match": "a", "store": false }]');
    await using server = await createServer({ db: ":memory:", rules: path });
    const both = () => createServer({ db: ":memory:", rules: path }, { rules: [] });
    await assertRejects(both, OptionError, "not from both");
    assert(server);
  } finally {
    await Deno.remove(path);
  }
  const create = () => createServer({ db: ":memory:", rules: path });
  await assertRejects(create, OptionError, "Cannot read the rules");
});

Deno.test("Rules.of() returns the first rule that matches, and remembers the rooms of a bounded number", () => {
  const rules = new Rules([{ match: "team-1" }, { match: "team-*", rate: 1 }, {
    match: "x",
    rate: 2,
  }]);
  const check = () => {
    assertEquals(rules.of("team-1"), { match: "team-1" });
    assertEquals(rules.of("team-2"), { match: "team-*", rate: 1 });
    assertEquals(rules.of("lobby"), undefined);
  };
  check();
  for (let n = 0; n < 25_000; n++) assertEquals(rules.of(`stranger ${n}`), undefined);
  assertEquals(rules.rememberedRooms, 10_000);
  check();
  assertEquals(new Rules().of("lobby"), undefined);
});

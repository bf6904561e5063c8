/**
 * How the page reads what is typed: what is markup and what is not, that no character is lost, and that no
 * text takes more than a few steps a character. Without a browser.
 *
 * @module
 */
import { parseText } from "../static/page/parse_text.ts";
import { isPart, type Piece, shownText } from "../static/page/text_tree.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { Dice, SEED } from "./support/random.ts";

/** Writes pieces as `<strong>bold</strong>`, without the markers. */
function written(pieces: readonly Piece[]): string {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    if (!isPart(piece)) return "";
    const { kind, value } = piece;
    return `<${kind}${value === undefined ? "" : ` ${value}`}>${written(piece.pieces)}</${kind}>`;
  }).join("");
}

function source(pieces: readonly Piece[]): string {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    return isPart(piece) ? source(piece.pieces) : piece.text;
  }).join("");
}

const nameAt = (text: string, index: number) =>
  ["Ada Lovelace", "Ada", "小明"].find((name) => text.startsWith(name, index))?.length ?? 0;

/** What is typed, and what it is read as. */
const READ: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "emphasis": {
    "**bold** *it* _it_ `co*de*`":
      "<strong>bold</strong> <em>it</em> <em>it</em> <code>co*de*</code>",
    "***both***": "<em><strong>both</strong></em>",
    "***a** b* ***a* b**": "<em><strong>a</strong> b</em> <strong><em>a</em> b</strong>",
    "**a *b***": "<strong>a <em>b</em></strong>",
    '**Note**: (*a*), "_b_"': '<strong>Note</strong>: (<em>a</em>), "<em>b</em>"',
    "这是**重点**内容": "这是<strong>重点</strong>内容",
    "`` `a` `` and ```b c``` here": "<code>`a`</code> and <code>b c</code> here",
    "see (https://a.b/c_d_e) **https://x.y/** _https://q.r_":
      "see (<link>https://a.b/c_d_e</link>) <strong><link>https://x.y/</link></strong> " +
      "<em><link>https://q.r</link></em>",
  },
  "lists, quotes and blocks of code": {
    "- a\n- b\n  - c\n- d\nend": "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>end",
    "x:\n\n- a\n\n* b\n\ny": "x:\n\n<ul><li>a\n\n</li><li>b</li></ul>\ny",
    "1. a\n2. b\n5. c": "<ol><li 1>a</li><li 2>b</li><li 5>c</li></ol>",
    "> q\n> - a\n>> deep\nreply": "<quote>q<ul><li>a</li></ul><quote>deep</quote></quote>reply",
    "```js\nlet **x**\n\n``` thanks": "<pre>let **x**\n</pre> thanks",
    "```one line```": "<pre>one line</pre>",
    "look: ```\ncode\n```": "look: <pre>code</pre>",
    "```hello\nworld```": "<pre>hello\nworld</pre>",
    "> ```\n> a\n> ```\nb": "<quote><pre>a</pre></quote>b",
  },
  "mentions": {
    "@Ada Lovelace, @Ada's (@Ada) _@Ada_ @小明你好":
      "<mention>@Ada Lovelace</mention>, <mention>@Ada</mention>'s (<mention>@Ada</mention>) " +
      "<em><mention>@Ada</mention></em> <mention>@小明</mention>你好",
    "ada@Ada.org @Bob `@Ada` \\@x": "ada@Ada.org @Bob <code>@Ada</code> \\@x",
  },
  "what is escaped": {
    "\\*no\\* \\_no\\_ \\`no\\`": "*no* _no_ `no`",
    "\\\\*yes*": "\\<em>yes</em>",
    "\\- no\n1\\. no\n\\> no\n\\```\nno\n\\```": "- no\n1. no\n> no\n```\nno\n```",
  },
};

/** What is no markup: each is shown as it was typed. */
const PLAIN = [
  "snake_case_name 2*3*4 2 * 3 * 4 a**b**c __init__",
  "f(*args, **kwargs) int *p, *q; */5 * * * * (*) note (*)",
  "C:\\temp \\\\server\\share ¯\\_(ツ)_/¯ \\d+ \\",
  ">.< >:( >100 ->",
  "- \n-5 degrees\n---\n* * *\n> \n>\n007. Bond\n1.5",
  "```\nnot ended\n",
  "**not ended* _either `or",
  "*b\nc* d *\n*",
  "` ` `` **** __ ````",
  "[a](https://",
];

for (const [what, pairs] of Object.entries(READ)) {
  Deno.test(`parseText() reads ${what}`, () => {
    for (const [typed, read] of Object.entries(pairs)) {
      const pieces = parseText(typed, nameAt);
      assertEquals(written(pieces), read);
      assertEquals(source(pieces), typed);
    }
  });
}

Deno.test("parseText() leaves alone what is no markup", () => {
  for (const text of PLAIN) assertEquals(written(parseText(text)), text);
});

Deno.test("parseText() leaves a plain text in one piece", () => {
  const text = "Good. Then the piano (and its stool) can come over - 5 of us?\n\nAt 6.30!";
  assertEquals(parseText(text), [text]);
});

const SCRAPS = [
  ..."*_`>-\\@#()[]{}.,:;!? \n\n\n",
  ..."ab1é字😀",
  "**",
  "***",
  "```",
  "> ",
  "- ",
  "1. ",
  "  ",
  "\t",
  "\r\n",
  "https://a.b/",
  "@Ada Lovelace",
  "word",
  "\ud800",
];

Deno.test(`parseText() loses no character of a random text, seed ${SEED}`, () => {
  const dice = new Dice(SEED);
  for (let i = 0; i < 4_000; i++) {
    const text = Array.from({ length: dice.below(40) }, () => dice.pick(SCRAPS)).join("");
    const pieces = parseText(text, nameAt);
    assertEquals(source(pieces), text);
    // Of what can be seen something is, and letters always are.
    const shown = shownText(pieces);
    assertEquals(shown.trim() === "", text.trim() === "", JSON.stringify(text));
    const letters = (of: string) => of.replaceAll(/[^é字😀]/gu, "");
    assertEquals(letters(shown), letters(text));
    assert(depthOf(pieces) <= 12, JSON.stringify(text));
  }
});

function depthOf(pieces: readonly Piece[]): number {
  return Math.max(0, ...pieces.filter(isPart).map((part) => 1 + depthOf(part.pieces)));
}

/** How many characters a function looks at, as the methods of strings and expressions tell. */
function stepsOf(run: () => void): number {
  let steps = 0;
  const undo: (() => void)[] = [];
  function count<T, K extends string & keyof T>(
    prototype: T,
    name: K,
    cost: (self: string, result: unknown, argument: unknown) => number,
  ): void {
    const original = prototype[name];
    if (typeof original !== "function") throw new TypeError(name);
    const counted = {
      [name](this: unknown, ...args: unknown[]) {
        const result: unknown = original.apply(this, args);
        steps += cost(String(this), result, args[0]);
        return result;
      },
    };
    Object.assign(prototype as object, counted);
    undo.push(() => Object.assign(prototype as object, { [name]: original }));
  }
  const all = (self: string) => self.length + 1;
  const found = (self: string, at: unknown) =>
    (typeof at === "number" && at >= 0 ? at : self.length) + 1;
  count(String.prototype, "slice", (_, result) => String(result).length + 1);
  count(String.prototype, "charCodeAt", () => 1);
  count(String.prototype, "charAt", () => 1);
  count(String.prototype, "codePointAt", () => 1);
  count(String.prototype, "startsWith", (_, __, text) => String(text).length);
  for (const name of ["trim", "trimEnd", "split", "includes"] as const) {
    count(String.prototype, name, all);
  }
  count(String.prototype, "indexOf", found);
  const { exec } = RegExp.prototype;
  RegExp.prototype.exec = function (text: string) {
    const from = this.global || this.sticky ? this.lastIndex : 0;
    const match = exec.call(this, text);
    if (match) steps += match.index + match[0].length - from + 1;
    else steps += this.sticky ? 1 : text.length - from + 1;
    return match;
  };
  undo.push(() => {
    RegExp.prototype.exec = exec;
  });
  try {
    run();
  } finally {
    for (const one of undo) one();
  }
  return steps;
}

Deno.test("parseText() takes a few steps a character for what a stranger may write", () => {
  const length = 4_000;
  const hostile = [
    ..."*_`>-@\\([1 \n\t",
    ..."**|* |*a|a*|_a|*a*|**a *b |***|*a_b_|`a|``a`|` ` |```\n|```a\n|a```\n|a ```js\n".split("|"),
    ...">>|> |>\n|> >|> - |- |- - |1. |1. a\n|- a\n|- a\n\n|  - a\n|- a\n  |\n\n|\\*|\\|\\`|\\- a\n"
      .split("|"),
    ..."https://|https://a|https://a)|https://a.|http://[|https://(a|@a|@Ada |@@".split("|"),
    ">".repeat(40) + " a\n",
    "- ".repeat(20) + "a\n",
    "`".repeat(50) + "a",
  ];
  for (const one of hostile) {
    for (const end of ["", "x", "\n```", " `*_"]) {
      const text = one.repeat(length / one.length) + end;
      let asked = 0;
      let pieces: Piece[] = [];
      const steps = stepsOf(() => {
        pieces = parseText(text, (text, index) => {
          asked++;
          return nameAt(text, index);
        });
      });
      const name = JSON.stringify([one, end]);
      assert(steps < 60 * length, `${name} takes ${steps / length} steps a character`);
      assert(asked <= 50, name);
      assert(depthOf(pieces) <= 12, name);
      assertEquals(source(pieces), text);
    }
  }
});

/**
 * The checker of the fault runs is not easily pleased: it is told of every way in which a server could
 * break its word, and complains of each.
 *
 * @module
 */
import { assertEquals, assertThrows } from "./support/assert.ts";
import { Checker, type View } from "./support/checker.ts";

const JOINED = { epoch: "e", seq: 0, recovered: false };

function chat(seq: number, payload: string, { ref = payload, from = "a", at = 7 } = {}): string {
  return JSON.stringify({
    ...{ type: "chat", room: "lobby", seq, at },
    ...{ from: { id: from, name: from }, payload, ref },
  });
}

/** Ann, who said "one" and "two", and Bob, who listens; both have seen both. */
function scene(): { checker: Checker; ann: View; bob: View; log: string[] } {
  const checker = new Checker();
  const [ann, bob] = [checker.view("Ann"), checker.view("Bob")];
  const log = [chat(1, "one"), chat(2, "two")];
  for (const [view, id] of [[ann, "a"], [bob, "b"]] as const) {
    view.entered();
    view.welcomed(id);
    view.joined(JOINED);
  }
  for (const text of ["one", "two"]) ann.says(text, text);
  for (const text of log) for (const view of [ann, bob]) view.heard(text);
  return { checker, ann, bob, log };
}

Deno.test("Checker accepts a run that keeps every guarantee", () => {
  const { checker, ann, bob, log } = scene();
  ann.repeats("two");
  assertEquals(ann.heard(log[1] ?? ""), undefined);
  bob.entered();
  bob.joined({ epoch: "e", seq: 2, recovered: true });
  checker.compare({ epoch: "e", texts: log }, 2);
  checker.converged({ epoch: "e", texts: log });
  assertEquals([checker.echoes, ann.open, ann.lastEchoed], [2, [], "two"]);
});

const WRONGS: readonly (readonly [
  what: string,
  says: string,
  act: (it: ReturnType<typeof scene>) => void,
])[] = [
  ["an echoed message that is not in the log", "the log ends at 1", ({ checker, log }) => {
    checker.compare({ epoch: "e", texts: log.slice(0, 1) }, 2);
  }],
  ["an echoed message whose place in the log is another's", "two messages at 2", (it) => {
    it.checker.compare({ epoch: "e", texts: [it.log[0] ?? "", chat(2, "three")] }, 2);
  }],
  ["a message that is in the log twice", "in the log twice", ({ checker, log }) => {
    checker.compare({ epoch: "e", texts: [...log, chat(3, "two")] }, 2);
  }],
  ["a log with a hole", "a hole", ({ checker, log }) => {
    checker.compare({ epoch: "e", texts: [...log, chat(4, "four")] }, 2);
  }],
  ["messages that are swapped in the log", "two messages at 1", ({ checker }) => {
    checker.compare({ epoch: "e", texts: [chat(1, "two"), chat(2, "one")] }, 2);
  }],
  ["another order for another client", "two messages at 3", ({ ann, bob }) => {
    ann.heard(chat(3, "x", { from: "c" }));
    bob.heard(chat(3, "y", { from: "c" }));
  }],
  ["replayed text that is not the live text to the byte", "two messages at 2", (it) => {
    it.checker.compare({ epoch: "e", texts: [it.log[0] ?? "", chat(2, "two", { at: 8 })] }, 2);
  }],
  ["a hole on a screen", "a hole before 4", ({ bob }) => bob.heard(chat(4, "x"))],
  ["a message that is shown twice", "shown 2 twice", ({ bob, log }) => bob.heard(log[1] ?? "")],
  ["an own message that is shown twice unasked", "shown 2 twice", ({ ann, log }) => {
    ann.repeats("two");
    ann.entered();
    ann.heard(log[1] ?? "");
  }],
  ["a retried message that gets another number", "another number", ({ ann }) => {
    ann.repeats("two");
    ann.heard(chat(3, "two"));
  }],
  ["a message that was changed on its way", "changed on its way", ({ ann }) => {
    ann.says("three", "three");
    ann.heard(chat(3, "thrée", { ref: "three" }));
  }],
  ["a token that is good for somebody else", "somebody else", ({ ann }) => ann.welcomed("b")],
  ["a client whose token is not known any more", "was forgotten", ({ ann }) => ann.forgotten()],
  ["a client that is not recovered, though the log is the same", "not recovered", ({ bob }) => {
    bob.joined({ epoch: "e", seq: 2, recovered: false });
  }],
  ["a client that is recovered in another log", "the epoch became f", ({ bob }) => {
    bob.joined({ epoch: "f", seq: 2, recovered: true });
  }],
  ["a log that is another of a sudden", "the epoch became f", ({ checker }) => {
    checker.compare({ epoch: "f", texts: [] }, 0);
  }],
  ["a client that never sees the last message", "Bob stayed behind", ({ checker, ann, log }) => {
    const third = chat(3, "x", { from: "c" });
    ann.heard(third);
    checker.compare({ epoch: "e", texts: [...log, third] }, 3);
    checker.converged({ epoch: "e", texts: [...log, third] });
  }],
];

for (const [what, says, act] of WRONGS) {
  Deno.test(`Checker reports ${what}`, () => {
    assertThrows(() => act(scene()), Error, says);
  });
}

Deno.test("Checker accepts a lost log where that is allowed, but no lost message of the next log", () => {
  const checker = new Checker({ mayLose: true });
  const ann = checker.view("Ann");
  ann.welcomed("a");
  ann.joined(JOINED);
  ann.says("one", "one");
  ann.heard(chat(1, "one"));
  ann.entered();
  ann.joined({ epoch: "f", seq: 0, recovered: false });
  ann.repeats("one");
  ann.heard(chat(1, "one"));
  checker.compare({ epoch: "f", texts: [chat(1, "one")] }, 1);
  assertEquals(checker.epochs, ["e", "f"]);
  assertThrows(() => checker.compare({ epoch: "f", texts: [] }, 1), Error, "the log ends at 0");
});

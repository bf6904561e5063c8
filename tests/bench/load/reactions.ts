/**
 * A crowd in one room that says one thing each within a second, and then reacts to one message within a
 * second, again and again. The answer is one line of JSON: the server's CPU for each.
 */
import { usageOf } from "./proc.ts";

/** What the server's CPU was for each time that all said something, and that all reacted. */
export interface ReactionsResult {
  readonly chatSeconds: readonly number[];
  readonly reactionSeconds: readonly number[];
}

/** Who comes at once: fewer than a server's backlog holds. */
const AT_ONCE = 250;
/** What follows the last answer: the server has to write it to everybody. */
const SETTLE_MS = 500;

interface Member {
  readonly socket: WebSocket;
  /** What its next frame must hold before `answered` is called. */
  wanted: string;
  answered: () => void;
}

function enter(url: string): Promise<Member> {
  const { promise, resolve, reject } = Promise.withResolvers<Member>();
  const socket = new WebSocket(url.replace("http", "ws"), "parley.v1.batched");
  const member: Member = { socket, wanted: '"type":"joined"', answered: () => resolve(member) };
  socket.onopen = () => socket.send('{"type":"join"}');
  socket.onerror = () => reject(new Error("A member was not let in."));
  socket.onmessage = ({ data }) => {
    if (member.wanted === "" || !String(data).includes(member.wanted)) return;
    member.wanted = "";
    member.answered();
  };
  return promise;
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
}

/** Has every member send a command within a second. Returns the server's CPU for it. */
async function all(
  members: readonly Member[],
  pid: number,
  commandOf: (ref: string, index: number) => object,
): Promise<number> {
  const before = usageOf(pid).cpuSeconds;
  const begin = performance.now();
  const answers: Promise<void>[] = [];
  while (answers.length < members.length) {
    const due = (performance.now() - begin) / 1000 * members.length;
    for (let index = answers.length; index < Math.min(due, members.length); index++) {
      const member = members[index];
      if (member === undefined) break;
      const { promise, resolve } = Promise.withResolvers<void>();
      const ref = crypto.randomUUID();
      member.wanted = `"ref":"${ref}"`;
      member.answered = resolve;
      member.socket.send(JSON.stringify(commandOf(ref, index)));
      answers.push(promise);
    }
    await pause(1);
  }
  await Promise.all(answers);
  await pause(SETTLE_MS);
  return usageOf(pid).cpuSeconds - before;
}

const [url = "", pid = "", count = "", rounds = ""] = Deno.args;
const members: Member[] = [];
while (members.length < Number(count)) {
  const some = Math.min(AT_ONCE, Number(count) - members.length);
  members.push(...await Promise.all(Array.from({ length: some }, () => enter(url))));
}
await pause(SETTLE_MS);
const [chatSeconds, reactionSeconds]: [number[], number[]] = [[], []];
const text = "The quick brown fox jumps over the lazy dog.";
for (let round = 0; round < Number(rounds); round++) {
  chatSeconds.push(
    await all(members, Number(pid), (ref) => ({ type: "chat", payload: text, ref })),
  );
  const seq = round + 1;
  reactionSeconds.push(
    await all(members, Number(pid), (ref) => ({ type: "react", seq, payload: "👍", ref })),
  );
}
const result: ReactionsResult = { chatSeconds, reactionSeconds };
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
Deno.exit(0);

// deno-lint-ignore-file no-console -- it is a program for the terminal
/**
 * How long the page keeps the browser's main thread, in a room of 500 people with 20 messages a second, on a
 * CPU that is four times slower: the longest tasks, and what they consist of. Run it by itself:
 *
 *     deno run --lock=tests/deno.lock --frozen -A tests/bench/page_crowd.ts [seconds] [messages before]
 *
 * The times are of the thread, so other processes do not lengthen them.
 *
 * @module
 */
import { launch } from "../support/browser.ts";
import { connect, serve, until } from "../support/harness.ts";
import { lines, says } from "../support/page.ts";

const PEOPLE = 500;
const RATE = 20;
const SLOWER = 4;
const LONG_MS = 50;
const seconds = Number(Deno.args[0] ?? 20);
const before = Number(Deno.args[1] ?? 0);

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly tid: number;
  readonly pid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

await using server = await serve({ graceSeconds: 0 });
const names = Array.from({ length: PEOPLE }, (_, i) => `Guest number ${i}`);
const people: Awaited<ReturnType<typeof connect>>[] = [];
for (const name of names) people.push(await connect(server, { name }));
await using chrome = await launch();
const page = await chrome.open(server.url, { viewport: { width: 1200, height: 760 } });
await says(page, "#count", `${PEOPLE + 1} people here`);
for (let i = 0; i < before; i++) {
  people[i % PEOPLE]?.send({ type: "chat", payload: `message ${i}` });
  if (i % 100 === 99) await until(async () => await lines(page).count() > i, "the messages");
}
const cdp = await page.context().newCDPSession(page);
await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
const browser = await page.context().browser()?.newBrowserCDPSession();
if (browser === undefined) throw new Error("The browser is gone.");
const trace: TraceEvent[] = [];
browser.on("Tracing.dataCollected", ({ value }) => {
  // A cast: the protocol has the events of a trace as objects of any kind.
  trace.push(...value as unknown as TraceEvent[]);
});
await browser.send("Tracing.start", {
  transferMode: "ReportEvents",
  traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "v8", "blink.user_timing"] },
});

let said = 0;
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    const text = `message ${said}: ${"what people say to each other. ".repeat(said % 5)}`;
    people[said * 37 % PEOPLE]?.send({ type: "chat", payload: text });
    if (said % 10 === 0) people[said % PEOPLE]?.send({ type: "typing", payload: true });
    if (++said < seconds * RATE) return;
    clearInterval(timer);
    resolve();
  }, 1000 / RATE);
});
await until(
  async () => (await lines(page).last().textContent())?.startsWith(`message ${said - 1}:`) ?? false,
  "the messages",
);
const completed = new Promise((resolve) => browser.once("Tracing.tracingComplete", resolve));
await browser.send("Tracing.end");
await completed;

const main = trace.find(({ name, args, pid }) =>
  name === "thread_name" && args.name === "CrRendererMain" &&
  trace.some((other) => other.pid === pid && other.name === "FunctionCall")
);
const onMain = trace.filter(({ pid, tid }) => pid === main?.pid && tid === main.tid);
const isTask = ({ name }: TraceEvent) => name === "ThreadControllerImpl::RunTask";
const tasks = onMain.filter(isTask).sort((one, other) => (other.tdur ?? 0) - (one.tdur ?? 0));
const msOf = ({ tdur = 0 }: TraceEvent) => tdur / 1000;
console.log(`${said} messages, ${tasks.length} tasks`);
console.log(
  `over ${LONG_MS} ms: ${tasks.filter((task) => msOf(task) > LONG_MS).length}; the longest: ` +
    tasks.slice(0, 10).map((task) => msOf(task).toFixed(1)).join(", ") +
    `; all together ${
      (tasks.reduce((sum, task) => sum + msOf(task), 0) / said).toFixed(1)
    } ms a message`,
);
const report: string[] = [];
for (const task of tasks.slice(0, 3)) {
  report.push(`  ${msOf(task).toFixed(1)} ms:`);
  const ends: number[] = [];
  for (const event of onMain.toSorted((one, other) => one.ts - other.ts)) {
    if (event.ph !== "X" || isTask(event) || msOf(event) < 0.7) continue;
    const end = event.ts + (event.dur ?? 0);
    if (event.ts < task.ts || end > task.ts + (task.dur ?? 0)) continue;
    while (ends.length > 0 && (ends.at(-1) ?? 0) <= event.ts) ends.pop();
    report.push(`    ${"  ".repeat(ends.length)}${event.name} ${msOf(event).toFixed(1)}`);
    ends.push(end);
  }
}
console.log(report.join("\n"));
for (const one of people) one.close();

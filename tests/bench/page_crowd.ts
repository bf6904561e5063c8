// deno-lint-ignore-file no-console -- it is a program for the terminal
/**
 * How long the page keeps the browser's main thread in a room of 500 people, on a CPU that is four times
 * slower: while 20 messages a second come, when 200 come at once, when other rooms are opened, and when people
 * come and go. It prints the longest tasks, and what they consist of:
 *
 *     deno run --lock=tests/deno.lock --frozen -A tests/bench/page_crowd.ts [seconds] [messages before]
 *
 * Run it by itself. The times are of the thread, but where other processes take its turn, Chromium takes their
 * time for its own, and lengthens that too.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import { launch } from "../support/browser.ts";
import { connect, serve, until } from "../support/harness.ts";
import { enter, fill, lines, says } from "../support/page.ts";

const PEOPLE = 500;
const RATE = 20;
const BURST = 200;
const SLOWER = 4;
const LONG_MS = 50;
const seconds = Number(Deno.args[0] ?? 20);
const before = Math.ceil(Number(Deno.args[1] ?? 0) / 100) * 100;

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly tid: number;
  readonly pid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string; readonly data?: { readonly functionName?: string } };
}

await using server = await serve({ graceSeconds: 0 });
await fill(server.url, "other", 300);
const people: Awaited<ReturnType<typeof connect>>[] = [];
let said = 0;
for (let i = 0; i < PEOPLE; i++) people.push(await join(i));
await using chrome = await launch();
const page = await chrome.open(server.url, { viewport: { width: 1200, height: 760 } });
await says(page, "#count", `${PEOPLE + 1} people here`);
for (let i = 0; i < before; i += 100) {
  const shown = awaitLine(page, `message ${said + 99}:`);
  for (let j = 0; j < 100; j++) say();
  await shown;
}
const cdp = await page.context().newCDPSession(page);
await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });

await measure(`${RATE} messages a second`, 3, async () => {
  const shown = awaitLine(page, `message ${said + seconds * RATE - 1}:`);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (said % 10 === 0) people[said % PEOPLE]?.send({ type: "typing", payload: true });
      say();
      if (said < before + seconds * RATE) return;
      clearInterval(timer);
      resolve();
    }, 1000 / RATE);
  });
  await shown;
});
await measure(`${BURST} messages at once`, 1, async () => {
  const shown = awaitLine(page, `message ${said + BURST - 1}:`);
  for (let i = 0; i < BURST; i++) say();
  await shown;
});
await enter(page, "other");
await until(async () => await lastLine() === "message 300", "the other room");
await measure("20 times another room", 1, async () => {
  const press = (room: string) => `document.querySelector('[data-room="${room}"] a').click();`;
  await page.evaluate(`(async () => {
    for (let i = 0; i < 10; i++) {
      ${press("lobby")}
      await new Promise((resolve) => setTimeout(resolve, 250));
      ${press("other")}
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    ${press("lobby")}
  })()`);
});
await measure("100 people go and come", 1, async () => {
  for (const one of people.splice(0, 100)) one.close();
  await says(page, "#count", `${PEOPLE - 99} people here`);
  for (let i = 0; i < 100; i++) people.push(await join(i));
  await says(page, "#count", `${PEOPLE + 1} people here`);
});
for (const one of people) one.close();

async function join(i: number): ReturnType<typeof connect> {
  return await connect(server, { name: `Guest number ${i}` });
}

/** Somebody says the next message. */
function say(): void {
  people[said * 37 % PEOPLE]?.send({ type: "chat", payload: messageOf(said++) });
}

function messageOf(i: number): string {
  return `message ${i}: ${"what people say to each other. ".repeat(i % 5)}`;
}

async function lastLine(): Promise<string | null> {
  return await lines(page).last().textContent();
}

/** Waits until a line is shown that begins so. To ask for it again and again would take time of the page's. */
async function awaitLine(page: Page, beginning: string): Promise<void> {
  await page.evaluate(`new Promise((resolve) => {
    const list = document.querySelector(".list:not([hidden])");
    const observer = new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        for (const node of addedNodes) {
          if (!node.textContent.includes(${JSON.stringify(beginning)})) continue;
          observer.disconnect();
          setTimeout(resolve, 500);
        }
      }
    });
    observer.observe(list, { childList: true, subtree: true });
  })`);
}

/** Prints which tasks of the main thread took long while something happened, and what so many consisted of. */
async function measure(what: string, shown: number, run: () => Promise<void>): Promise<void> {
  const browser = await page.context().browser()?.newBrowserCDPSession();
  if (browser === undefined) throw new Error("The browser is gone.");
  const trace: TraceEvent[] = [];
  browser.on("Tracing.dataCollected", ({ value }) => {
    // A cast: the protocol has the events of a trace as objects of any kind.
    for (const event of value as unknown as TraceEvent[]) trace.push(event);
  });
  const includedCategories = ["toplevel", "devtools.timeline", "v8", "blink.user_timing"];
  await browser.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories },
  });
  await run();
  const completed = new Promise((resolve) => browser.once("Tracing.tracingComplete", resolve));
  await browser.send("Tracing.end");
  await completed;
  await browser.detach();

  const main = trace.find(({ name, args, pid }) =>
    name === "thread_name" && args.name === "CrRendererMain" &&
    trace.some((other) => other.pid === pid && other.name === "FunctionCall")
  );
  const onMain = trace.filter(({ pid, tid, ph }) =>
    pid === main?.pid && tid === main.tid && ph === "X"
  ).sort((one, other) => one.ts - other.ts);
  const tasks = onMain.filter(isTask).sort((one, other) => msOf(other) - msOf(one));
  const long = tasks.filter((task) => msOf(task) > LONG_MS).length;
  const longest = tasks.slice(0, 10).map((task) => msOf(task).toFixed(1)).join(", ");
  console.log(
    `${what}: ${long} of ${tasks.length} tasks over ${LONG_MS} ms; the longest: ${longest}`,
  );
  for (const task of tasks.slice(0, shown)) {
    console.log(`  ${msOf(task).toFixed(1)} ms:`);
    const ends: number[] = [];
    for (const event of onMain) {
      if (isTask(event) || msOf(event) < msOf(task) / 50) continue;
      const end = event.ts + (event.dur ?? 0);
      if (event.ts < task.ts || end > task.ts + (task.dur ?? 0)) continue;
      while (ends.length > 0 && (ends.at(-1) ?? 0) <= event.ts) ends.pop();
      const name = [event.name, event.args.data?.functionName ?? ""].join(" ").trim();
      console.log(`    ${"  ".repeat(ends.length)}${name} ${msOf(event).toFixed(1)}`);
      ends.push(end);
    }
  }
}

function isTask({ name }: TraceEvent): boolean {
  return name === "ThreadControllerImpl::RunTask";
}

function msOf({ tdur = 0 }: TraceEvent): number {
  return tdur / 1000;
}

/**
 * Tabs of one browser that share a connection, and go while all of them send.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import type { Server } from "../../server/mod.ts";
import { assert, assertEquals } from "./assert.ts";
import { type Chrome, launch } from "./browser.ts";
import { patiently, serve, until } from "./harness.ts";
import { Dice, SEED } from "./random.ts";
import { known, SCRIPT, type Seen } from "./shared_tab_script.ts";

/** How a tab goes. One that is frozen is told so, and one that is stopped is not; both come back. */
const WAYS = ["closed", "crashed", "frozen", "stopped"] as const;

/** How many tabs are stopped at once. With more, Chromium puts others into their processes. */
const MAX_STOPPED = 3;

/** A tab, and how often it opened a socket. */
export interface Tab {
  readonly name: string;
  readonly rooms: readonly string[];
  readonly page: Page;
  sockets: number;
  openSockets: number;
  isGone: boolean;
  /** Set while it is frozen: brings it back. */
  thaw?: (() => Promise<unknown>) | undefined;
}

/** What happened to the tabs of one browser. */
export interface Takeovers {
  /** How long each took until another tab had a connection, in milliseconds. */
  readonly milliseconds: readonly number[];
  readonly messages: number;
  readonly revisions: number;
}

/** The tabs of one browser. */
export class SharedTabs {
  readonly tabs: Tab[] = [];
  readonly #chrome: Chrome;
  readonly #server: Server;
  readonly #lacking: string | undefined;
  #opened = 0;

  /** @param lacking what the browser does not have. */
  constructor(chrome: Chrome, server: Server, { lacking }: { lacking?: string } = {}) {
    this.#chrome = chrome;
    this.#server = server;
    this.#lacking = lacking;
  }

  /** How many sockets the tabs have opened. */
  get sockets(): number {
    return this.tabs.reduce((sum, { sockets }) => sum + sockets, 0);
  }

  /** Opens a tab, and waits until it is in its rooms. */
  async open(...rooms: string[]): Promise<Tab> {
    const name = `tab ${this.#opened++}`;
    const first = this.tabs[0]?.page;
    const page = first
      ? await this.#chrome.tab(first)
      : await this.#chrome.open(`${this.#server.url}/healthz`, { bypassCSP: true });
    const tab: Tab = { name, rooms, page, sockets: 0, openSockets: 0, isGone: false };
    page.on("websocket", (socket) => {
      tab.sockets++;
      tab.openSockets++;
      socket.on("close", () => tab.openSockets--);
    });
    page.on("crash", () => tab.isGone = true);
    this.tabs.push(tab);
    const [lacking, owner = "globalThis"] = this.#lacking?.split(".").reverse() ?? [];
    if (lacking) {
      await page.evaluate(
        `void Object.defineProperty(${owner}, "${lacking}", { value: undefined })`,
      );
    }
    await page.evaluate(SCRIPT);
    const join = `Promise.all(${JSON.stringify(rooms)}.map((room) => tab.client.join(room)))`;
    await patiently(page.evaluate(join), `${name} to be in its rooms`);
    return tab;
  }

  /** Opens so many tabs, in one room together and in one of two others. */
  async openMany(count: number): Promise<void> {
    await this.open("lobby", "even");
    await Promise.all(
      Array.from({ length: count - 1 }, (_, n) => this.open("lobby", n % 2 ? "even" : "odd")),
    );
  }

  /**
   * Ends the tab with the connection again and again while all send, and opens another in place of
   * each that is gone.
   *
   * @throws {AssertionError} if a message is lost, doubled or out of order, in the log or in a tab.
   */
  async survive(kills: number, dice: Dice): Promise<Takeovers> {
    const milliseconds: number[] = [];
    await Promise.all(this.tabs.map(chatter));
    for (let kill = 0; kill < kills; kill++) {
      await this.#allAcknowledged();
      const holders = () => this.#awake.filter(({ openSockets }) => openSockets > 0);
      await until(() => holders().length === 1, "one tab to have the connection");
      const [holder] = holders();
      assert(holder);
      const before = this.sockets;
      const began = performance.now();
      await end(holder, dice.pick(WAYS));
      await until(() => this.sockets > before, "another tab to connect");
      milliseconds.push(Math.round(performance.now() - began));
      if (holder.isGone) await chatter(await this.open(...holder.rooms));
      await this.#thaw(MAX_STOPPED);
    }
    await this.#thaw(0);
    for (const { page } of this.#awake) await page.evaluate("clearInterval(tab.timer)");
    await this.#allAcknowledged();
    await until(() => this.#server.connectionCount === 1, "one connection");
    return { milliseconds, ...await this.#compare() };
  }

  /** Brings back those that stopped first, until so many are left. */
  async #thaw(left: number): Promise<void> {
    const stopped = this.tabs.filter(({ thaw }) => thaw);
    for (const tab of stopped.slice(0, Math.max(0, stopped.length - left))) {
      await tab.thaw?.();
      tab.thaw = undefined;
    }
  }

  get #awake(): Tab[] {
    return this.tabs.filter(({ isGone, thaw }) => !isGone && !thaw);
  }

  /** Waits until what each tab has said by now is acknowledged. */
  async #allAcknowledged(): Promise<void> {
    await Promise.all(this.#awake.map(async (tab) => {
      const asked = await tab.page.evaluate("tab.asked");
      const isAnswered = async () =>
        await tab.page.evaluate(`tab.acknowledged >= ${asked}`) === true;
      await until(async () => tab.isGone || await isAnswered(), `${tab.name} to be answered`);
    }));
  }

  /** Compares the log with what the tabs were told. Returns how many messages and revisions it has. */
  async #compare(): Promise<{ readonly messages: number; readonly revisions: number }> {
    const rooms = new Set(this.tabs.flatMap(({ rooms }) => rooms));
    const logs = new Map<string, Seen[]>();
    let revisions = 0;
    for (const room of rooms) {
      logs.set(room, await this.#log(room));
      const { rev } = await this.#server.history(room, { limit: 1 });
      revisions += rev;
      for (const tab of this.#awake.filter(({ rooms }) => rooms.includes(room))) {
        const hasAll = async () => (await known(tab)).revs[room] === rev;
        await until(hasAll, `${tab.name} to have all revisions of ${room}`);
      }
    }
    for (const tab of this.#awake) {
      for (const room of tab.rooms) {
        const log = logs.get(room) ?? [];
        const upToDate = async () => (await known(tab)).seen[room]?.at(-1)?.[0] === log.at(-1)?.[0];
        await until(upToDate, `${tab.name} to have all of ${room}`);
        const { seen, refreshed, faults } = await known(tab);
        assertEquals([refreshed, faults], [0, []], `${tab.name} began anew, or was told twice`);
        const first = seen[room]?.[0]?.[0] ?? 1;
        const gap = seen[room]?.findIndex(([seq], index) => seq !== first + index) ?? -1;
        const around = seen[room]?.slice(gap - 2, gap + 1).join(" ");
        assertEquals(gap, -1, `${tab.name} in ${room} has a gap: ${around}`);
        const differs = seen[room]?.find((it, n) => String(it) !== String(log[first - 1 + n]));
        assertEquals(differs, differs && log[differs[0] - 1], `${tab.name} in ${room}`);
        assertEquals(seen[room]?.length, log.length - first + 1, `${tab.name} in ${room}`);
      }
      const own = [...rooms].map((room) => numbersOf(tab, logs.get(room) ?? []));
      const { said } = await known(tab);
      const all = own.flat().sort((a, b) => a - b);
      assertEquals(all, Array.from({ length: said }, (_, n) => n), `what ${tab.name} said`);
    }
    for (const tab of this.tabs) {
      for (const [room, log] of logs) {
        const numbers = numbersOf(tab, log);
        const inOrder = [...new Set(numbers)].sort((a, b) => a - b);
        assertEquals(numbers, inOrder, `what ${tab.name} said in ${room}`);
      }
    }
    return { messages: [...logs.values()].reduce((sum, log) => sum + log.length, 0), revisions };
  }

  async #log(room: string): Promise<Seen[]> {
    const log: Seen[] = [];
    for (;;) {
      const { messages } = await this.#server.history(room, { after: log.length });
      if (messages.length === 0) return log;
      for (const { seq, payload, reactions = {}, rev = 0 } of messages) {
        log.push([seq, payload + JSON.stringify(reactions), rev]);
      }
    }
  }
}

/** The numbers of the messages in a log that a tab said. */
function numbersOf({ name }: Tab, log: readonly Seen[]): number[] {
  return log.flatMap(([, text]) =>
    text.startsWith(`${name}: `) ? Number.parseInt(text.slice(name.length + 2)) : []
  );
}

/** Has a tab send without end, in one of its rooms after the other. */
async function chatter({ page, rooms, name }: Tab): Promise<void> {
  await page.evaluate(`tab.chatter(${JSON.stringify(rooms)}, ${JSON.stringify(name)})`);
}

/** Ends a tab, or stops it for a while. */
export async function end(tab: Tab, way: (typeof WAYS)[number]): Promise<void> {
  const { page } = tab;
  if (way === "closed") {
    tab.isGone = true;
    return await page.close();
  }
  const devTools = await page.context().newCDPSession(page);
  if (way === "crashed") {
    tab.isGone = true;
    const crashed = page.waitForEvent("crash");
    devTools.send("Page.crash").catch(() => {}); // nobody is left to answer
    await crashed;
    return;
  }
  // Playwright keeps every page visible, and Chromium freezes only hidden ones. A debugger stops it too.
  if (way === "frozen") await page.evaluate(`void document.dispatchEvent(new Event("freeze"))`);
  await devTools.send("Debugger.enable");
  await devTools.send("Debugger.pause");
  tab.thaw = () => devTools.send("Debugger.disable");
}

if (import.meta.main) {
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  say(`20 tabs share one socket, and its holder goes 100 times, seed ${SEED}`);
  await using server = await serve();
  await using chrome = await launch();
  const tabs = new SharedTabs(chrome, server);
  await tabs.openMany(20);
  const { milliseconds, messages, revisions } = await tabs.survive(100, new Dice(SEED));
  say(`${messages} messages and ${revisions} revisions, each once and in order`);
  const sorted = milliseconds.toSorted((a, b) => a - b);
  say(`Another tab connected after ${sorted[50]} ms (median), and ${sorted.at(-1)} ms at most;`);
  say(`${sorted.filter((it) => it > 1_000).length} times after more than a second.`);
}

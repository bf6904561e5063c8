/**
 * The rooms of the connection that tabs share: from which cursor it joins, and which tab joins again because
 * something would pass it by. Tabs over a fake connection, and what is sent over it.
 *
 * @module
 */
import type { Command, Cursor, Event } from "../server/protocol/messages.ts";
import { openShared } from "../static/client/shared_transport.ts";
import type { Transport, TransportHandlers } from "../static/client/transport.ts";
import { assertEquals } from "./support/assert.ts";
import { until } from "./support/harness.ts";
import { chat, joined as joinedAt, room, you } from "./support/scripted_client.ts";

const at = (seq: number, rev: number): Cursor => ({ epoch: "e", seq, rev });
const joined = (seq: number, rev: number, recovered = true) =>
  ({ ...joinedAt(seq, recovered), rev }) as Event; // a cast: `joined` makes one
const said = (seq: number, ref?: string) => chat(seq, you, ref) as Event; // a cast: `chat` makes one
const revised = (seq: number, rev: number) =>
  ({ type: "revised", room, rev, message: chat(seq) }) as Event; // a cast: `chat` makes one
const bye: Event = { type: "bye", payload: "", retryAfterMs: 0 };

/** Tabs that share a fake connection. */
class Tabs implements Disposable {
  readonly #tabs: { name: string; told: string[]; transport: Transport }[] = [];
  readonly #opened = new Set<string>();
  // Deno forgets a channel that is made while the last one is being closed, so there is one throughout.
  readonly #kept = new BroadcastChannel("kept");
  #server: TransportHandlers | undefined;
  /** The `join`s that were sent to the server: the tab's name, and the cursor. */
  readonly joins: (readonly [tab: string | undefined, since: Cursor | undefined])[] = [];

  /** Opens tabs, which ask to enter the room from their cursors, one after the other. */
  async join(tabs: Readonly<Record<string, Cursor | undefined>>): Promise<void> {
    for (const [name, since] of Object.entries(tabs)) {
      this.#tabs.push({ name, told: [], transport: this.#open(name) });
      await until(() => this.#opened.has(name), `${name} to be open`);
      this.send(name, { type: "join", room, ref: name, ...(since && { since }) });
    }
    await this.heard();
  }

  #open(name: string): Transport {
    const connect = (_url: string, server: TransportHandlers) => {
      this.#server = server;
      queueMicrotask(server.opened);
      return { close() {}, send: (commands: readonly Command[]) => commands.forEach(this.#sent) };
    };
    return openShared("test", connect, "ws://test/ws", {
      opened: () => void this.#opened.add(name),
      received: (events) => this.#tabOf(name)?.told.push(...events.map(textOf)),
      closed() {},
    });
  }

  #tabOf(name: string) {
    return this.#tabs.find((tab) => tab.name === name);
  }

  readonly #sent = (command: Command): void => {
    if (command.type === "join") this.joins.push([command.ref, command.since]);
    if (command.type === "typing") queueMicrotask(() => this.#server?.received([bye]));
  };

  send(name: string, ...commands: Command[]): void {
    this.#tabOf(name)?.transport.send(commands);
  }

  /** Receives events, and returns what was told to each tab. */
  async received(events: readonly Event[], isAnswer?: boolean): Promise<Record<string, string>> {
    this.#server?.received(events, isAnswer);
    return await this.heard();
  }

  /** Waits until all have heard what was said, in both directions, and returns what was told to each tab. */
  async heard(): Promise<Record<string, string>> {
    for (const { name } of this.#tabs) {
      const byes = () => this.#tabs.map(({ told }) => told.filter((text) => text === "bye").length);
      const before = byes();
      this.send(name, { type: "typing", room, payload: true });
      await until(() => byes().every((count, n) => count > (before[n] ?? 0)), "all to hear");
    }
    const textsOf = (told: string[]) => told.splice(0).filter((text) => text !== "bye").join(", ");
    return Object.fromEntries(this.#tabs.map(({ name, told }) => [name, textsOf(told)]));
  }

  [Symbol.dispose](): void {
    for (const { transport } of this.#tabs) transport.close();
    this.#kept.close();
  }
}

function textOf(event: Event): string {
  const { seq, rev } = { seq: undefined, rev: undefined, ...event };
  return [event.type, event.type === "joined" ? undefined : seq, rev]
    .filter((part) => part !== undefined).join(" ");
}

Deno.test("after a takeover the room is joined once for all tabs that have the same", async () => {
  using tabs = new Tabs();
  await tabs.join({ a: at(9, 5), b: at(9, 3), c: at(9, 5), d: at(9, 3) });
  assertEquals(tabs.joins, [["a", at(9, 5)]]);
  const first = await tabs.received([joined(9, 5)]);
  assertEquals(first, { a: "joined 5", b: "", c: "joined 5", d: "" });
  const second = await tabs.received([joined(9, 5), revised(1, 4), revised(2, 5), said(10)]);
  assertEquals(second.b, "joined 5, revised 4, revised 5, chat 10");
  assertEquals(second.d, second.b);
  assertEquals(tabs.joins, [["a", at(9, 5)], ["b", at(9, 3)]]);
});

Deno.test("a tab that has a message which was revised meanwhile joins again when another begins before it", async () => {
  using tabs = new Tabs();
  await tabs.join({ ahead: at(20, 9) });
  await tabs.received([joined(20, 9)]);
  await tabs.join({ behind: at(10, 5) });
  // Message 15 is revision 10: it comes as it is now, and the tab that has it passes over it.
  const told = await tabs.received([joined(20, 10), said(11), revised(1, 11)]);
  assertEquals(told, { ahead: "", behind: "joined 10, chat 11, revised 11" });
  assertEquals(tabs.joins.slice(1), [["behind", at(10, 5)], ["ahead", at(20, 9)]]);
  const again = await tabs.received([joined(20, 11), revised(15, 10), revised(1, 11)]);
  assertEquals(again.ahead, "joined 11, revised 10, revised 11");
});

Deno.test("without a revision all stay as they are, whatever their cursors", async () => {
  using tabs = new Tabs();
  await tabs.join({ ahead: at(20, 9) });
  await tabs.received([joined(20, 9)]);
  await tabs.join({ behind: at(10, 5) });
  const missed = Array.from({ length: 10 }, (_, n) => said(11 + n));
  await tabs.received([joined(20, 9), revised(3, 9), ...missed]);
  await tabs.join({ newcomer: undefined });
  const told = await tabs.received([joined(20, 9, false), said(20), said(21)]);
  assertEquals(told.newcomer, "joined 9, chat 20, chat 21");
  assertEquals(told.ahead, "chat 20, chat 21"); // its client passes over the first
  assertEquals(tabs.joins.map(([tab]) => tab), ["ahead", "behind", "newcomer"]);
});

Deno.test("a tab joins again if a newcomer's recent messages hide a revision or a message from it", async () => {
  for (const hides of [joined(20, 10, false), joined(21, 9, false)]) {
    using tabs = new Tabs();
    await tabs.join({ a: at(20, 9) });
    await tabs.received([joined(20, 9)]);
    await tabs.join({ newcomer: undefined });
    await tabs.received([hides]);
    assertEquals(tabs.joins.at(-1), ["a", at(20, 9)]);
  }
});

Deno.test("if the join of a tab is refused, it alone is told, and the others join again", async () => {
  using tabs = new Tabs();
  await tabs.join({ a: at(20, 9) });
  await tabs.received([joined(20, 9)]);
  await tabs.join({ b: at(20, 9) });
  const refused = { type: "error", code: "unavailable", payload: "", ref: "b" } as const;
  assertEquals(await tabs.received([refused]), { a: "", b: "error" });
  assertEquals(tabs.joins.at(-1), ["a", at(20, 9)]);
});

Deno.test("an answer over HTTP is for its sender; all get the message from the stream, in its order", async () => {
  using tabs = new Tabs();
  await tabs.join({ a: at(1, 0), b: at(1, 0) });
  await tabs.received([joined(1, 0)]);
  tabs.send("b", { type: "chat", room, payload: "", ref: "r" });
  await tabs.heard();
  assertEquals(await tabs.received([said(3, "r")], true), { a: "", b: "chat 3" });
  const both = "chat 2, chat 3";
  assertEquals(await tabs.received([said(2), said(3, "r")]), { a: both, b: both });
});

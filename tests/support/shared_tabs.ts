/**
 * Tabs of one browser that share a connection, and go while all of them send.
 *
 * @module
 */
import type { CDPSession, Page } from "npm:playwright-core@1.65.1";
import type { Server } from "../../server/mod.ts";
import type { Message } from "../../server/protocol/messages.ts";
import { assert, assertEquals } from "./assert.ts";
import type { Chrome } from "./browser.ts";
import { until } from "./harness.ts";
import type { Dice } from "./random.ts";

/** How a tab goes. One that is frozen or hangs still has its lock. */
const WAYS = ["closed", "crashed", "frozen", "hung"] as const;

/** What runs in a tab: a client that joins the rooms in the address's hash, and keeps what it is told. */
const SCRIPT = `
  const { connect } = await import("/client/mod.ts");
  const client = connect("/", { shared: true });
  const seen = [], acknowledged = [], joined = [];
  client.on("chat", (message) => seen.push(message));
  client.on("joined", ({ room, recovered }) => joined.push([room, recovered]));
  for (const room of JSON.parse(decodeURIComponent(location.hash.slice(1)))) client.join(room);
  let sentCount = 0;
  globalThis.tab = {
    client, seen, joined, acknowledged,
    say(room, text) {
      client.send(room, text).then(({ payload }) => acknowledged.push(payload));
    },
    chatter(room, name) {
      this.timer = setInterval(() => this.say(room, name + " " + sentCount++), 20);
    },
    async settle() {
      clearInterval(this.timer);
      while (acknowledged.length < sentCount) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
`;

/** A tab, and whether it has the socket. */
export interface Tab {
  readonly name: string;
  readonly page: Page;
  sockets: number;
}

/** Opens a tab that joins rooms; in the browser context of another, or in a new one. */
export async function openTab(
  chrome: Chrome,
  url: string,
  name: string,
  rooms: readonly string[],
  beside?: Tab,
): Promise<Tab> {
  throw new Error();
}

/**
 * The script that runs in each of the tabs that share a connection, and what it keeps.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";

/** What runs in a tab: a client, and what it was told. Every fourth time it also edits and reacts. */
export const SCRIPT = `(async () => {
  const { connect } = await import("/client/mod.ts");
  const client = connect("/", { shared: true });
  const tab = globalThis.tab = {
    client, seen: {}, revs: {}, faults: [], refreshed: 0, asked: 0, acknowledged: 0, said: 0,
  };
  client.on("joined", ({ room, recovered, rev }) => {
    if (!recovered && tab.seen[room]) tab.refreshed++;
    if (!recovered) [tab.seen[room], tab.revs[room]] = [[], rev];
  });
  const textOf = ({ payload, reactions }) => payload + JSON.stringify(reactions ?? {});
  client.on("chat", (event) => tab.seen[event.room].push([event.seq, textOf(event), event.rev ?? 0]));
  client.on("revised", ({ room, rev, message }) => {
    if (rev <= tab.revs[room]) tab.faults.push([room, tab.revs[room], rev]);
    tab.revs[room] = rev;
    const [first] = tab.seen[room];
    const known = tab.seen[room][message.seq - first?.[0]];
    if (known && rev > known[2]) known.splice(1, 2, textOf(message), rev);
  });
  const ask = (promise) => {
    tab.asked++;
    promise.then(() => tab.acknowledged++);
  };
  tab.chatter = (rooms, name) => {
    tab.timer = setInterval(() => {
      const n = tab.said++;
      const room = rooms[n % rooms.length];
      ask(client.send(room, name + ": " + n));
      const old = tab.seen[room].at(-1 - n % 5);
      if (n % 4 || !old) return;
      ask(client.edit(room, old[0], old[1].replace(/( [(].*)?{.*/, " (edit " + n + ")")));
      ask(client.react(room, old[0], name.replaceAll(" ", ""), n % 8 === 0));
    }, 200);
  };
})()`;

/** A message as it is now: its text, and its reactions as JSON. */
export type Seen = readonly [seq: number, text: string, rev: number];

/** What a tab knows. */
export interface Known {
  readonly seen: Readonly<Record<string, readonly Seen[]>>;
  /** The last revision of each room, and those that came twice or out of order. */
  readonly revs: Readonly<Record<string, number>>;
  readonly faults: readonly unknown[];
  readonly refreshed: number;
  readonly said: number;
}

/** Returns what a tab knows. */
export async function known({ page }: { readonly page: Page }): Promise<Known> {
  // A cast: it is what the script above keeps.
  return await page.evaluate(
    "({ ...tab, client: undefined, chatter: undefined })",
  ) as Known;
}

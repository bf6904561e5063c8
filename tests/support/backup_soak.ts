/**
 * A busy room with a backup every second, and without, in turns, for `deno task soak`. It says how fast the
 * room was, and leaves with 1 if it was slower by more than a tenth, or if a backup is not a prefix of the log.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { type Client, connect, serve } from "./harness.ts";
import { Directory } from "./sqlite_directory.ts";
import type { Server } from "../../server/mod.ts";

const KEY = "k".repeat(32);
const PAIRS = Number(Deno.args[0] ?? 5);
const SECONDS = 6;
const SENDERS = 20;
const IN_FLIGHT = 8;

/** Has a client keep some messages in flight until the time is over. */
async function talk(client: Client, id: number, until: number): Promise<number> {
  let said = 0;
  const say = () =>
    client.send({
      type: "chat",
      payload: `${id} ${++said} ${"x".repeat(80)}`,
      ref: `${crypto.randomUUID()}`,
    });
  for (let i = 0; i < IN_FLIGHT; i++) say();
  let echoes = 0;
  while (performance.now() < until) {
    await client.next("chat", ({ payload }) => payload.startsWith(`${id} `));
    echoes++;
    say();
  }
  return echoes;
}

async function fetchBackup(server: Server): Promise<Uint8Array> {
  const headers = { authorization: `Bearer ${KEY}` };
  const response = await fetch(`${server.url}/backup`, { headers });
  if (response.status !== 200) throw new Error(await response.text());
  return await response.bytes();
}

/** Checks that a backup holds the beginning of the log. @returns up to which message. */
function check(bytes: Uint8Array, into: Directory): number {
  into.write(bytes);
  using database = new DatabaseSync(into.file, { readOnly: true });
  const { least, most, count } = database.prepare(
    "SELECT min(seq) AS least, max(seq) AS most, count(*) AS count FROM messages",
  ).get() ?? {};
  if (Number(least) !== 1 || Number(most) !== Number(count)) throw new Error("It has holes.");
  return Number(most);
}

async function round(withBackups: boolean): Promise<number> {
  await using at = new Directory();
  await using copy = new Directory();
  await using server = await serve({ db: at.file, apiKeys: KEY, retainMessages: 0 });
  const clients = await Promise.all(
    Array.from({ length: SENDERS }, () => connect(server, { room: "lobby" })),
  );
  const begunAt = performance.now();
  const until = begunAt + SECONDS * 1000;
  const backups: Uint8Array[] = [];
  const backing = (async () => {
    for (let second = 1; withBackups && second < SECONDS; second++) {
      const wait = begunAt + second * 1000 - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      backups.push(await fetchBackup(server));
    }
  })();
  const echoes = await Promise.all(clients.map((client, id) => talk(client, id, until)));
  const rate = echoes.reduce((sum, count) => sum + count, 0) / (performance.now() - begunAt) * 1000;
  await backing;
  for (const client of clients) await client[Symbol.asyncDispose]();
  let last = 0; // they are checked now, because that takes time which the room would miss
  for (const backup of backups) {
    const most = check(backup, copy);
    if (most < last) throw new Error("A later backup holds less.");
    last = most;
  }
  say(
    `${withBackups ? `${backups.length} backups` : "none"}: ${Math.round(rate)} messages a second`,
  );
  return rate;
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

if (import.meta.main) {
  const ratios: number[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const [first, second] = pair % 2 === 0 ? [false, true] : [true, false];
    const rates = new Map([[first, await round(first)]]);
    rates.set(second, await round(second));
    ratios.push((rates.get(true) ?? 0) / (rates.get(false) ?? 1));
  }
  const median = ratios.toSorted((a, b) => a - b)[Math.floor(PAIRS / 2)] ?? 0;
  say(`with backups it is ${(100 * median).toFixed(1)} % as fast (median of ${PAIRS} pairs)`);
  if (median < 0.9) Deno.exit(1);
}

/** What a backup every second costs the busy room, and whether each one holds a prefix of the log. */
import { DatabaseSync } from "node:sqlite";
import { compareAll, type Comparison, ratioBars, tables } from "./comparison.ts";
import type { Plan } from "./plan.ts";
import { type Answer, requests } from "./requests.ts";
import type { Section } from "./section.ts";
import { type Running, SCRATCH, type Side } from "./servers.ts";
import { spread } from "./statistics.ts";
import { workload } from "./workloads.ts";

const KEY = "k".repeat(32);
const KEY_FILE = `${SCRATCH}/backups.key`;
export async function backups(plan: Plan): Promise<Section> {
  await Deno.writeTextFile(KEY_FILE, KEY, { mode: 0o600 });
  const copies = new Map<Running, Answer[]>();
  const other: Side = {
    label: "none",
    kind: "parley",
    options: { flags: ["--api-key-file", KEY_FILE] },
  };
  const ours: Side = {
    ...other,
    label: "one a second",
    beside: async (server, seconds) => {
      const url = `http://127.0.0.1:${server.port}/backup`;
      const headers = { authorization: `Bearer ${KEY}` };
      const fetched = await requests(url, 1, Math.floor(seconds), headers);
      copies.set(server, [...copies.get(server) ?? [], ...fetched]);
    },
  };
  const comparison: Comparison = {
    ...{ title: "(backups)", work: workload("a"), ours, other },
    bars: [{ measure: "by clock", atLeast: 0.9 }],
  };
  // Longer turns, and fewer: a backup falls into each second of them, after half of it.
  const seconds = Math.max(1, Math.round(plan.seconds));
  const turns = Math.ceil(plan.turns * plan.seconds / seconds);
  const { all, failed } = await compareAll([comparison], { ...plan, turns, seconds });
  for (const ofOne of copies.values()) await assertPrefixes(ofOne);
  const each = [...copies.values()].flat();
  const megabytes = each.map(({ body }) => body.length / 1e6);
  const text =
    `${tables("(backups)", all)}\n\n${each.length} copies of ${spread(megabytes, 1)} MB, ` +
    `each a prefix of the log, in ${spread(each.map(({ milliseconds }) => milliseconds), 0)} ms.`;
  return { text, bars: [...ratioBars(all), ...failed] };
}

/**
 * Opens the copies of one server. The room keeps its newest messages only, so a prefix of the log is the
 * messages up to one, without a hole among those that are kept, and never fewer than in the copy before.
 */
async function assertPrefixes(copies: readonly Answer[]): Promise<void> {
  const path = `${SCRATCH}/copy.db`;
  let last = 0;
  for (const { body } of copies) {
    await Deno.writeFile(path, body);
    using database = new DatabaseSync(path);
    const check = database.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
    const rooms = database.prepare(
      "SELECT min(seq) AS least, max(seq) AS most, count(DISTINCT seq) AS count FROM messages GROUP BY room",
    ).all();
    const { least, most, count } = rooms[0] ?? { least: 1, most: 0, count: 0 };
    const isWhole = Number(most) - Number(least) + 1 === Number(count);
    if (check !== "ok" || rooms.length !== 1 || !isWhole || Number(most) < last) {
      throw new Error(`a copy holds ${JSON.stringify({ check, rooms, last })}`);
    }
    last = Number(most);
  }
  await Deno.remove(path);
}

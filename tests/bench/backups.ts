/** What a backup every second costs the busy room, and whether each one holds a prefix of the log. */
import { DatabaseSync } from "node:sqlite";
import { loadavg } from "node:os";
import { output } from "./generator.ts";
import type { BackupsResult } from "./load/backups.ts";
import type { FloodResult } from "./load/job.ts";
import { inPairs } from "./pairs.ts";
import { note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { SCRATCH } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { byCpuEach, byMessages, run } from "./throughput.ts";
import { workload } from "./workloads.ts";

const LOAD = `${import.meta.dirname}/load/backups.ts`;
const KEY_FILE = `${SCRATCH}/backups.key`;
/** The part of its speed that the room must keep. */
const LEAST_RATIO = 0.9;

interface Run extends FloodResult {
  readonly backups: BackupsResult;
}

const NONE: BackupsResult = { copies: 0, milliseconds: [], bytes: 0 };

export async function backups(plan: Plan): Promise<Section> {
  await Deno.writeTextFile(KEY_FILE, "k".repeat(32), { mode: 0o600 });
  const [withBackups, without] = await inPairs(
    plan.rounds,
    [() => runWith(plan, true), () => runWith(plan, false)],
    (pair, backedUp, plain) => {
      const [clock, cpu] = [byMessages, byCpuEach].map((by) => by(backedUp) / by(plain));
      note(
        `(backups) pair ${pair}: clock × ${clock?.toFixed(3)}, CPU × ${cpu?.toFixed(3)}, ` +
          `copied in ${median(backedUp.backups.milliseconds).toFixed(0)} ms, ` +
          `load ${loadavg()[0]?.toFixed(1)}`,
      );
    },
  );
  const clock = ratios(withBackups.map(byMessages), without.map(byMessages));
  const cpu = ratios(withBackups.map(byCpuEach), without.map(byCpuEach));
  const copies = withBackups.flatMap((run) => run.backups.milliseconds);
  const bytes = withBackups.reduce((sum, run) => sum + run.backups.bytes, 0);
  // A slow machine says fewer messages a second, of which a copy then is a greater part.
  const plain = without.map(byCpuEach);
  const cost = withBackups.map((run, pair) =>
    (byCpuEach(run) - (plain[pair] ?? NaN)) * byMessages(run) / 1000
  );
  const row = (label: string, runs: readonly Run[]) => [
    label,
    spread(runs.map(byMessages), 0),
    spread(runs.map(byCpuEach), 2),
    spread(runs.map((run) => run.otherCpuSeconds / run.seconds), 2),
  ];
  const kept = median(clock);
  return {
    text: table(["(backups)", "messages/s", "server CPU µs each", "others' CPU"], [
      row("none", without),
      row("one a second", withBackups),
    ]) + `\n\nIn pairs: messages × ${spread(clock, 3)}, CPU each × ${spread(cpu, 3)}; ` +
      `${spread(cost, 0)} ms of CPU a copy. ` +
      `${copies.length} copies of ${
        (bytes / copies.length / 1e6).toFixed(1)
      } MB, each a prefix of ` +
      `the log, in ${spread(copies, 0)} ms.`,
    bars: [[
      "(backups) messages a second with one every second, of those without",
      `≥ ${LEAST_RATIO}`,
      kept.toFixed(2),
      kept >= LEAST_RATIO ? "yes" : "no",
    ]],
  };
}

async function runWith(plan: Plan, isBackedUp: boolean): Promise<Run> {
  const folder = await Deno.makeTempDir({ dir: SCRATCH });
  let backups = NONE;
  try {
    const result = await run("parley", workload("a"), plan, {
      flags: ["--api-key-file", KEY_FILE],
      beside: async ({ port }) => {
        if (!isBackedUp) return;
        backups = await fetchBackups(port, folder, plan.warmUpSeconds + plan.seconds);
      },
    });
    assertPrefixes(folder, backups.copies);
    return { ...result, backups };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function fetchBackups(port: number, folder: string, seconds: number): Promise<BackupsResult> {
  const text = await output(Deno.execPath(), [
    ...["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--allow-write", LOAD],
    ...[`http://127.0.0.1:${port}`, KEY_FILE, folder, String(seconds)],
  ]);
  return JSON.parse(text);
}

/**
 * Opens each copy. The room keeps its newest messages only, so a prefix of the log is the messages up to
 * one, without a hole among those that are kept, and never fewer than in the copy before. Only before the
 * generator's first message a copy may have no room.
 */
function assertPrefixes(folder: string, copies: number): void {
  let last = 0;
  for (let copy = 1; copy <= copies; copy++) {
    using database = new DatabaseSync(`${folder}/${copy}.db`);
    const check = database.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
    const rooms = database.prepare(
      "SELECT min(seq) AS least, max(seq) AS most, count(DISTINCT seq) AS count FROM messages GROUP BY room",
    ).all();
    const { least, most, count } = rooms[0] ?? { least: 1, most: 0, count: 0 };
    const isWhole = Number(most) - Number(least) + 1 === Number(count);
    if (check !== "ok" || rooms.length > 1 || !isWhole || Number(most) < last) {
      throw new Error(`copy ${copy}: ${JSON.stringify({ check, rooms, last })}`);
    }
    last = Number(most);
  }
  if (copies > 0 && last === 0) throw new Error("no copy has a message");
}

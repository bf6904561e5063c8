/** (a) to (e): deliveries a second, by the clock and by server CPU. */
import { generate } from "./generator.ts";
import type { FloodResult } from "./load/job.ts";
import { faultless, note, type Plan, rotated } from "./plan.ts";
import { type ServerId, SERVERS, start } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { type Bar, type Workload, WORKLOADS } from "./workloads.ts";

const MILLION = 1e6;
const IDS = Object.keys(SERVERS) as ServerId[];

/** Every server's rounds at one workload. */
export type Rounds = Readonly<Record<ServerId, FloodResult[]>>;

/** One run of one server, from its start to its end. */
export async function run(
  id: ServerId,
  workload: Workload,
  plan: Plan,
  more: { rate?: number; flags?: readonly string[]; db?: string; twoNodes?: boolean } = {},
): Promise<FloodResult> {
  const server = await start(id, more);
  const second = more.twoNodes ? await start(id, more) : undefined;
  try {
    const { members, rooms, senders, inFlight } = workload;
    const result = await generate<"flood">({
      kind: "flood",
      port: server.port,
      pid: server.pid,
      ...(second && { second: { port: second.port, pid: second.pid } }),
      dialect: id === "parley" ? workload.dialect : server.dialect,
      members,
      rooms,
      senders,
      inFlight,
      rate: more.rate ?? 0,
      warmUpSeconds: plan.warmUpSeconds,
      seconds: plan.seconds,
    });
    faultless(`${workload.title}, ${SERVERS[id].label}`, result);
    return result;
  } finally {
    await second?.stop();
    await server.stop();
  }
}

/** All rounds of all servers at one workload, interleaved. */
export async function measure(key: string, plan: Plan): Promise<Rounds> {
  const rounds: Rounds = {
    ...{ parley: [], bun: [], deno: [], ws: [], socketio: [], durable: [], batched: [] },
  };
  const workload = WORKLOADS[key];
  if (workload === undefined) throw new Error(`There is no workload ${key}.`);
  for (let round = 0; round < plan.rounds; round++) {
    for (const id of rotated(IDS, round)) {
      const result = await run(id, workload, plan);
      rounds[id].push(result);
      note(`(${key}) round ${round + 1} ${id}: ${(byClock(result) / MILLION).toFixed(3)} M/s`);
    }
  }
  return rounds;
}

export function byClock({ deliveries, seconds }: FloodResult): number {
  return deliveries / seconds;
}

export function byCpu({ deliveries, serverCpuSeconds }: FloodResult): number {
  return deliveries / serverCpuSeconds;
}

/** What was measured. */
export function throughputTable(key: string, rounds: Rounds): string {
  const parley = rounds.parley;
  return table(
    [
      `(${key})`,
      "M deliveries/s",
      "M a server CPU s",
      "Parley's by clock",
      "by CPU",
      "server CPU",
      "generator CPU",
      "others' CPU",
      "bytes each",
      "RSS MB",
    ],
    IDS.map((id) => {
      const own = rounds[id];
      const share = (of: (result: FloodResult) => number) =>
        `${Math.round(100 * median(own.map((result) => of(result) / result.seconds)))} %`;
      return [
        SERVERS[id].label,
        spread(own.map((result) => byClock(result) / MILLION)),
        spread(own.map((result) => byCpu(result) / MILLION)),
        `× ${median(ratios(parley.map(byClock), own.map(byClock))).toFixed(2)}`,
        `× ${median(ratios(parley.map(byCpu), own.map(byCpu))).toFixed(2)}`,
        share((result) => result.serverCpuSeconds),
        share((result) => result.loadCpuSeconds),
        share((result) => result.otherCpuSeconds),
        median(own.map((result) => result.bytes / result.deliveries)).toFixed(0),
        median(own.map((result) => result.rssBytes / MILLION)).toFixed(0),
      ];
    }),
  );
}

/** What it had to be. */
export function barRows(key: string, rounds: Rounds): string[][] {
  const row = (bar: Bar, by: string, wanted: number | undefined, of: typeof byClock) => {
    if (wanted === undefined) return [];
    const reached = median(ratios(rounds.parley.map(of), rounds[bar.peer].map(of)));
    const verdict = reached >= wanted ? "yes" : "no";
    return [[
      `(${key}) ${SERVERS[bar.peer].label}, by ${by}`,
      `≥ ${wanted}`,
      reached.toFixed(2),
      verdict,
    ]];
  };
  return (WORKLOADS[key]?.bars ?? []).flatMap((bar) => [
    ...row(bar, "clock", bar.clock, byClock),
    ...row(bar, "CPU", bar.cpu, byCpu),
  ]);
}

/** The work as a table. */
export function workTable(): string {
  return table(
    ["work", "members", "rooms", "senders a room", "in flight each", "Parley's clients speak"],
    Object.entries(WORKLOADS).map(([key, work]) => {
      const { title, members, rooms, senders, inFlight, dialect } = work;
      const speaks = dialect === "plain" ? "plain" : "parley.v1.batched";
      return [`(${key}) ${title}`, ...[members, rooms, senders, inFlight].map(String), speaks];
    }),
  );
}

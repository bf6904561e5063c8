/** (a) to (e): deliveries a second, by the clock and by server CPU. */
import { generate } from "./generator.ts";
import type { FloodResult } from "./load/job.ts";
import { faultless, note, type Plan, rotated } from "./plan.ts";
import { COMPARED, type ServerId, SERVERS, start, type StartOptions } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { type Bar, type Workload, WORKLOADS } from "./workloads.ts";

const MILLION = 1e6;

/** The rounds of every server that was tried at one workload. */
export type Rounds = ReadonlyMap<ServerId, FloodResult[]>;

/** One run of one server, from its start to its end. */
export async function run(
  id: ServerId,
  workload: Workload,
  plan: Plan,
  more: StartOptions & { rate?: number; twoNodes?: boolean } = {},
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
      dialect: SERVERS[id].dialect === "batched" ? workload.dialect : server.dialect,
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
  const workload = WORKLOADS[key];
  if (workload === undefined) throw new Error(`There is no workload ${key}.`);
  const ids: readonly ServerId[] = [...COMPARED, ...workload.yardsticks];
  const rounds = new Map<ServerId, FloodResult[]>(ids.map((id) => [id, []]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const id of rotated(ids, round)) {
      const result = await run(id, workload, plan);
      rounds.get(id)?.push(result);
      note(`(${key}) round ${round + 1} ${id}: ${(byClock(result) / MILLION).toFixed(3)} M/s`);
    }
  }
  return rounds;
}

/** What one server did. */
export function of(rounds: Rounds, id: ServerId): readonly FloodResult[] {
  return rounds.get(id) ?? [];
}

export function byClock({ deliveries, seconds }: FloodResult): number {
  return deliveries / seconds;
}

export function byCpu({ deliveries, serverCpuSeconds }: FloodResult): number {
  return deliveries / serverCpuSeconds;
}

/** What was measured. */
export function throughputTable(key: string, rounds: Rounds): string {
  const parley = of(rounds, "parley");
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
    [...rounds].map(([id, own]) => {
      const share = (part: (result: FloodResult) => number) =>
        `${Math.round(100 * median(own.map((result) => part(result) / result.seconds)))} %`;
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
  const row = (bar: Bar, by: string, wanted: number | undefined, speed: typeof byClock) => {
    if (wanted === undefined) return [];
    const [ours, theirs] = [of(rounds, "parley"), of(rounds, bar.peer)];
    const reached = median(ratios(ours.map(speed), theirs.map(speed)));
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

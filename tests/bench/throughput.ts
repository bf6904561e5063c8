/** (a) to (e): deliveries a second, by the clock and by server CPU. */
import { generate } from "./generator.ts";
import type { FloodResult } from "./load/job.ts";
import { faultless, note, type Plan, rotated } from "./plan.ts";
import {
  COMPARED,
  kindOf,
  type Running,
  type ServerId,
  type ServerKind,
  SERVERS,
  start,
  type StartOptions,
} from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { type Bar, type Workload, workload, WORKLOADS } from "./workloads.ts";

const MILLION = 1e6;

/** The rounds of every server that was tried at one workload. */
export type Rounds = ReadonlyMap<ServerId, FloodResult[]>;

export interface RunOptions extends StartOptions {
  /** Messages a second in all; 0, as by default, is as fast as echoes come. */
  readonly rate?: number;
  readonly twoNodes?: boolean;
  /** What else goes on meanwhile. */
  readonly beside?: (server: Running) => Promise<void>;
}

/** One run of one server, from its start to its end. */
export async function run(
  which: ServerId | ServerKind,
  work: Workload,
  plan: Plan,
  more: RunOptions = {},
): Promise<FloodResult> {
  const kind = kindOf(which);
  const server = await start(kind, more);
  const second = more.twoNodes ? await start(kind, more) : undefined;
  try {
    const { members, rooms, senders, inFlight } = work;
    const flood = generate<"flood">({
      kind: "flood",
      port: server.port,
      pid: server.pid,
      ...(second && { second: { port: second.port, pid: second.pid } }),
      dialect: kind.dialect === "batched" ? work.dialect : kind.dialect,
      members,
      rooms,
      senders,
      inFlight,
      rate: more.rate ?? 0,
      warmUpSeconds: plan.warmUpSeconds,
      seconds: plan.seconds,
    });
    const [result] = await Promise.all([flood, more.beside?.(server)]);
    faultless(`${work.title}, ${kind.label}`, result);
    return result;
  } finally {
    await second?.stop();
    await server.stop();
  }
}

/** All rounds of all servers at one workload, interleaved. */
export async function measure(key: string, plan: Plan): Promise<Rounds> {
  const work = workload(key);
  const ids: readonly ServerId[] = [...COMPARED, ...work.yardsticks];
  const rounds = new Map<ServerId, FloodResult[]>(ids.map((id) => [id, []]));
  for (let round = 0; round < plan.rounds; round++) {
    for (const id of rotated(ids, round)) {
      const result = await run(id, work, plan);
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

/** Messages a second. */
export function byMessages({ messages, seconds }: FloodResult): number {
  return messages / seconds;
}

/** Microseconds of the server's CPU, all threads together, for a message. */
export function byCpuEach({ serverCpuSeconds, messages }: FloodResult): number {
  return MILLION * serverCpuSeconds / messages;
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

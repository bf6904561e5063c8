/** (a) to (e): deliveries a second, by the clock and by server CPU. */
import type { FloodResult } from "./load/job.ts";
import { Measured, type More } from "./measured.ts";
import { note, type Plan } from "./plan.ts";
import { COMPARED, type ServerId, SERVERS, type StartOptions } from "./servers.ts";
import { certain, median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { inTurns } from "./turns.ts";
import { type Bar, type Workload, workload, WORKLOADS } from "./workloads.ts";

const MILLION = 1e6;

/** The turns of every server that was tried at one workload. */
export type Rounds = ReadonlyMap<ServerId, readonly FloodResult[]>;

/** One run of one server, from its start to its end. */
export async function run(
  which: ServerId,
  work: Workload,
  plan: Plan,
  options: StartOptions & More = {},
): Promise<FloodResult> {
  const side = { label: SERVERS[which].label, kind: which, options };
  const server = await Measured.start(side, work, options);
  try {
    await server.warmUp(plan.warmUpSeconds);
    return await server.measure(plan.turns * plan.seconds);
  } finally {
    await server.stop();
  }
}

/** All turns of all servers at one workload, or of those that `plan.only` names, beside Parley. */
export async function measure(key: string, plan: Plan): Promise<Rounds> {
  const work = workload(key);
  const sides = [...COMPARED, ...work.yardsticks]
    .map((id) => ({ label: SERVERS[id].label, kind: id }))
    .filter(({ label, kind }) => kind === "parley" || label.includes(plan.only));
  const results = await inTurns(sides, work, plan, (turn, ofTurn) => {
    const speeds = ofTurn.map((result, side) =>
      `${sides[side]?.kind} ${(byClock(result) / MILLION).toFixed(3)}`
    );
    note(`(${key}) turn ${turn}, M/s: ${speeds.join(", ")}`);
  });
  return new Map(sides.map(({ kind }, side) => [kind, results[side] ?? []]));
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
    // A turn in which one stood still has no ratio.
    const values = ratios(ours.map(speed), theirs.map(speed)).filter(Number.isFinite);
    const verdict = median(values) >= wanted ? "yes" : "no";
    return [[
      `(${key}) ${SERVERS[bar.peer].label}, by ${by}`,
      `≥ ${wanted}`,
      certain(values),
      verdict,
    ]];
  };
  const bars = WORKLOADS[key]?.bars ?? [];
  return bars.filter(({ peer }) => rounds.has(peer)).flatMap((bar) => [
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

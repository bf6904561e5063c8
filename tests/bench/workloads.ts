/** The work, (a) to (e), and what Parley must reach at it: its goals, as data. */
import type { Crowd } from "./load/job.ts";
import type { ServerId, YardstickId } from "./servers.ts";

/** Parley must do this many times what a peer does in the same round. */
export interface Bar {
  readonly peer: ServerId;
  /** Deliveries a second. */
  readonly clock?: number;
  /** Deliveries a second of server CPU. */
  readonly cpu?: number;
}

export interface Workload extends Crowd {
  readonly title: string;
  readonly inFlight: number;
  /** What Parley's clients speak: with `plain`, one event is one frame, as with all peers. */
  readonly dialect: "batched" | "plain";
  readonly bars: readonly Bar[];
  /** Servers that nobody would run, and what they show of the price of each thing. */
  readonly yardsticks: readonly YardstickId[];
}

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  a: {
    title: "busy room",
    members: 32,
    rooms: 1,
    senders: 32,
    inFlight: 8,
    dialect: "batched",
    bars: [
      { peer: "bun", clock: 1.3, cpu: 1.1 },
      { peer: "ws", clock: 18 },
      { peer: "socketio", clock: 18 },
    ],
    yardsticks: ["memory", "batched"],
  },
  b: {
    title: "hall",
    members: 1000,
    rooms: 1,
    senders: 1000,
    inFlight: 1,
    dialect: "batched",
    bars: [{ peer: "bun", clock: 1.5, cpu: 1.5 }, { peer: "ws", clock: 25 }],
    yardsticks: ["memory", "batched"],
  },
  c: {
    title: "lecture",
    members: 501,
    rooms: 1,
    senders: 1,
    inFlight: 1,
    dialect: "batched",
    bars: [{ peer: "deno", clock: 0.85, cpu: 0.95 }, { peer: "ws", clock: 1 }],
    yardsticks: ["memory", "synced", "batched"],
  },
  d: {
    title: "many rooms",
    members: 2000,
    rooms: 200,
    senders: 10,
    inFlight: 1,
    dialect: "batched",
    bars: [{ peer: "ws", clock: 3 }, { peer: "bun", clock: 0.5 }],
    yardsticks: ["memory", "batched"],
  },
  e: {
    title: "plain clients",
    members: 32,
    rooms: 1,
    senders: 32,
    inFlight: 8,
    dialect: "plain",
    bars: [{ peer: "deno", clock: 0.95 }],
    yardsticks: ["memory"],
  },
};

/** @throws {Error} if there is none of that name. */
export function workload(key: string): Workload {
  const work = WORKLOADS[key];
  if (work === undefined) throw new Error(`There is no workload ${key}.`);
  return work;
}

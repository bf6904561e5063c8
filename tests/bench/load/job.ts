/**
 * What the generator is told (one JSON argument) and what it answers (one line of JSON). Types
 * alone: the bench in Deno and the generator in Node share nothing else.
 */

/** How to talk to a server. `plain` is one event a frame, as every peer but Socket.IO speaks. */
export type Dialect = "plain" | "batched" | "socketio";

/** Whom to talk to. */
export interface Target {
  readonly port: number;
  /** Whose CPU and memory are read. */
  readonly pid: number;
  /** Another node of the same server: every second member of a flood goes there. */
  readonly second?: { readonly port: number; readonly pid: number };
  readonly dialect: Dialect;
}

/** Who is there. */
export interface Crowd {
  /** Connections in all, spread evenly over the rooms. */
  readonly members: number;
  readonly rooms: number;
  /** How many of each room's members send. */
  readonly senders: number;
}

/**
 * All senders keep `inFlight` messages unanswered, or together send `rate` a second: during each
 * {@linkcode Slice} that is asked for, and not in between.
 */
export interface FloodJob extends Target, Crowd {
  readonly kind: "flood";
  readonly inFlight: number;
  /** Messages a second in all; 0: as fast as echoes come. */
  readonly rate: number;
}

/** A line on a flood's standard input: work for so long. It is answered by a {@linkcode FloodResult}. */
export interface Slice {
  /** What happens before is not measured. */
  readonly runInSeconds: number;
  readonly seconds: number;
}

/** Messages are put into one room until it holds that many. */
export interface FillJob extends Target {
  readonly kind: "fill";
  readonly messages: number;
}

/** Connections that say nothing. */
export interface IdleJob extends Target, Crowd {
  readonly kind: "idle";
  readonly settleSeconds: number;
}

/** All at once: connect and, if `missed` is over 0, resume that many messages before the head. */
export interface ReturnJob extends Target {
  readonly kind: "return";
  readonly members: number;
  readonly missed: number;
}

/** Joins, typing, renames and leaves. */
export interface ScaleJob extends Target {
  readonly kind: "scale";
  /** In all rooms together. */
  readonly members: number;
  readonly rooms: number;
}

/** Pages of history over HTTP, from all over a log of that many messages, one after another. */
export interface PagesJob extends Target {
  readonly kind: "pages";
  readonly messages: number;
}

export type Job = FloodJob | FillJob | IdleJob | ReturnJob | ScaleJob | PagesJob;

/** What a process had used at some moment. */
export interface Usage {
  /** User and system time, all threads. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** What a thread used in a while. */
export interface ThreadUsage {
  /** The runtime's name of it. */
  readonly name: string;
  readonly cpuSeconds: number;
}

/** What was wrong with what arrived. All zero, or the run does not count. */
export interface Faults {
  /** A `seq` was skipped. */
  readonly holes: number;
  /** A `seq` came again, or late. */
  readonly repeats: number;
  /** `error` events and connections that ended by themselves. */
  readonly errors: number;
}

export interface FloodResult extends Faults {
  readonly seconds: number;
  readonly messages: number;
  readonly deliveries: number;
  readonly bytes: number;
  readonly serverCpuSeconds: number;
  /** The server's threads, busiest first. */
  readonly threads: readonly ThreadUsage[];
  readonly loadCpuSeconds: number;
  /** Of everything else on the machine: it should be next to nothing. */
  readonly otherCpuSeconds: number;
  readonly rssBytes: number;
  /** In the end every message had come to every member of its room, once, and to nobody else. */
  readonly complete: boolean;
  /** From a message's sending to each of its arrivals, in milliseconds; only with a `rate`. */
  readonly latency?: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface FillResult extends Faults {
  readonly seconds: number;
  readonly head: number;
}

export interface IdleResult extends Faults {
  readonly before: Usage;
  readonly after: Usage;
  readonly connectSeconds: number;
}

export interface ReturnResult extends Faults {
  /** From the first connection's beginning to the last one's being up to date. */
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly loadCpuSeconds: number;
  /** How many were brought up to date: `recovered`, and nothing else. */
  readonly recovered: number;
}

/** Of each join, typing signal, rename and leave: microseconds of server CPU, and events sent. */
export interface ScaleResult extends Faults {
  readonly join: number;
  readonly typing: number;
  readonly typingDeliveries: number;
  readonly rename: number;
  readonly renameDeliveries: number;
  readonly leave: number;
}

/** For each page. */
export interface PagesResult {
  readonly serverCpuMs: number;
  readonly ms: number;
}

/** The answer to each kind of job; a flood gives one for each slice. */
export interface Results {
  readonly fill: FillResult;
  readonly idle: IdleResult;
  readonly return: ReturnResult;
  readonly scale: ScaleResult;
  readonly pages: PagesResult;
}

/** A server, and a crowd of its own that talks when it is told to. */
import { Flood } from "./generator.ts";
import type { FloodResult } from "./load/job.ts";
import { faultless } from "./plan.ts";
import { kindOf, type Running, type Side, start } from "./servers.ts";
import type { Workload } from "./workloads.ts";

/** Until batches have their size again after a silence. */
const RUN_IN_SECONDS = 0.1;

export interface More {
  /** Messages a second in all; 0, as by default, is as fast as echoes come. */
  readonly rate?: number;
  readonly twoNodes?: boolean;
}

export class Measured {
  readonly #side: Side;
  readonly #title: string;
  readonly #nodes: readonly [Running, ...Running[]];
  readonly #flood: Flood;

  private constructor(
    side: Side,
    work: Workload,
    nodes: readonly [Running, ...Running[]],
    rate = 0,
  ) {
    this.#side = side;
    this.#title = `${work.title}, ${side.label}`;
    this.#nodes = nodes;
    const [{ port, pid, dialect }, second] = nodes;
    const { members, rooms, senders, inFlight } = work;
    this.#flood = new Flood({
      ...{ kind: "flood", port, pid, members, rooms, senders, inFlight, rate },
      ...(second && { second: { port: second.port, pid: second.pid } }),
      dialect: dialect === "batched" ? work.dialect : dialect,
    });
  }

  static async start(side: Side, work: Workload, more: More = {}): Promise<Measured> {
    const kind = kindOf(side.kind);
    const first = await start(kind, side.options);
    const nodes = more.twoNodes ? [await start(kind, side.options)] : [];
    return new Measured(side, work, [first, ...nodes], more.rate);
  }

  /** Lets the crowd talk, unmeasured: V8 compiles what is run for each message. */
  async warmUp(seconds: number): Promise<void> {
    this.#check(await this.#flood.slice({ runInSeconds: seconds, seconds: 0 }));
  }

  /**
   * Lets the crowd talk for so many seconds after a short run-in, then waits until all is silent.
   *
   * @throws {Error} if anything that was said has not arrived once everywhere.
   */
  async measure(seconds: number): Promise<FloodResult> {
    const [result] = await Promise.all([
      this.#flood.slice({ runInSeconds: RUN_IN_SECONDS, seconds }),
      this.#side.beside?.(this.#nodes[0], RUN_IN_SECONDS + seconds),
    ]);
    return this.#check(result);
  }

  #check(result: FloodResult): FloodResult {
    faultless(this.#title, result);
    return result;
  }

  async stop(): Promise<void> {
    await this.#flood.end();
    for (const node of this.#nodes) await node.stop();
  }
}

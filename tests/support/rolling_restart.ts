/**
 * A rolling restart of two nodes on one Redis, behind the nginx of OPERATIONS.md: each is stopped and started
 * again, twice, while crowds talk. The gate has all of it in one process; the long form is in
 * `rolling_restart_soak.ts`.
 *
 * @module
 */
import type { Options, Server } from "../../server/mod.ts";
import { assert, assertEquals, assertLess } from "./assert.ts";
import { emptied } from "./checker.ts";
import { freePort } from "./child.ts";
import { Crowd } from "./crowd.ts";
import { serve, until } from "./harness.ts";
import type { Journey } from "./wanderer.ts";

/** A node that keeps its port. */
export interface RestartNode {
  readonly port: number;
  /** The connections that are open on it. */
  connections(): Promise<number>;
  /** Stops it in order. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** What a crowd has done so far. */
export interface CrowdReport {
  readonly echoes: number;
  readonly admitted: number;
  readonly refused: number;
}

/** Some of the clients, in this process or in another. */
export interface RestartCrowd {
  /** Rejects if one of its clients was shown what is wrong. */
  report(): Promise<CrowdReport>;
  /** Says nothing new, and waits until all has come back that was said. */
  finish(): Promise<void>;
  /** Sees all that was said, holds it against the log, and leaves. It returns the length of the log. */
  conclude(server: { readonly url: string }): Promise<number>;
}

export interface RestartPlan {
  readonly clients: number;
  /** Messages that are said before, between and after the restarts. */
  readonly between: number;
  /** Waits of a minute each until something counts as never coming. @default 1 */
  readonly patience?: number;
}

export interface RestartNumbers {
  readonly messages: number;
  /** Handshakes that were refused while a node was away. */
  readonly refused: number;
  /** The clients that came in from each node's return until it had its share. */
  readonly newcomers: readonly number[];
  /** The parts of the clients that the two nodes had, after each restart. */
  readonly shares: readonly (readonly number[])[];
}

/** The options of the nodes: clients know from the start what comes next, and have one address. */
export const NODE_OPTIONS = {
  trustProxies: 1,
  rate: 0,
  addressRate: 0,
  maxConnectionsPerAddress: 0,
  retainMessages: 0,
  recentMessages: 0,
  dedupeMessages: 100_000,
} satisfies Partial<Options>;
/** A node has its share when it has at least this part of the clients. */
const SHARE = 0.2;

/** @returns what was counted, if nothing was lost or doubled. */
export async function rollingRestart(
  { clients, between, patience = 1 }: RestartPlan,
  nodes: readonly RestartNode[],
  nginx: { readonly url: string },
  crowds: readonly RestartCrowd[],
): Promise<RestartNumbers> {
  const report = async (): Promise<CrowdReport> => {
    const reports = await Promise.all(crowds.map((crowd) => crowd.report()));
    const sum = (what: keyof CrowdReport) => reports.reduce((all, one) => all + one[what], 0);
    return { echoes: sum("echoes"), admitted: sum("admitted"), refused: sum("refused") };
  };
  const wait = async (holds: () => Promise<boolean>, what: string) => {
    for (let turns = patience; turns > 1; turns--) {
      if (await until(holds, what).then(() => true, () => false)) return;
      await report(); // a client that complains is the cause
    }
    await until(holds, what);
  };
  const echoes = async (more: number) => {
    const aim = (await report()).echoes + more;
    await wait(async () => (await report()).echoes >= aim, `${aim} echoes`);
  };
  const share = async (node: RestartNode) => await node.connections() / clients;
  const newcomers: number[] = [];
  const shares: number[][] = [];
  await echoes(between);
  for (const node of [...nodes, ...nodes]) {
    await node.stop();
    await echoes(between); // by whoever is with the other node
    await node.start();
    const atReturn = await report();
    let came = 0;
    await wait(async () => {
      came = (await report()).admitted - atReturn.admitted;
      return await share(node) >= SHARE || came > clients;
    }, "the node to have its share back");
    assertLess(came, clients, "the proxy starves the node: all came in, and few of them there");
    newcomers.push(came);
    await echoes(between);
    const { refused } = await report();
    assertEquals(refused, atReturn.refused, "a handshake was refused when the node was back");
    shares.push(await Promise.all(nodes.map(share)));
  }
  for (const parts of shares) assert(parts.every((part) => part >= SHARE / 2), parts.join(", "));
  await Promise.all(crowds.map((crowd) => crowd.finish()));
  const lengths = await Promise.all(crowds.map((crowd) => crowd.conclude(nginx)));
  const { echoes: messages, refused } = await report();
  // Nothing is lost, and nothing is there twice.
  assertEquals(lengths, crowds.map(() => messages));
  await emptied(nginx);
  return { messages, refused, newcomers, shares };
}

/** A node in this process. */
export class LocalNode implements RestartNode, AsyncDisposable {
  readonly port = freePort();
  readonly #options: Partial<Options>;
  #server: Server | undefined;

  constructor(options: Partial<Options>) {
    this.#options = { ...NODE_OPTIONS, ...options, port: this.port };
  }

  // deno-lint-ignore require-await -- another node is asked over the network
  async connections(): Promise<number> {
    return this.#server?.connectionCount ?? 0;
  }

  async start(): Promise<void> {
    this.#server = await serve(this.#options);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A crowd in this process. */
export class LocalCrowd implements RestartCrowd, AsyncDisposable {
  readonly #crowd: Crowd;
  #admitted = 0;
  #refused = 0;

  constructor(clients: number, journey: Omit<Journey, "admitted" | "refused">) {
    this.#crowd = new Crowd(clients, {
      ...journey,
      waitsAfterBye: true,
      admitted: () => this.#admitted++,
      refused: () => this.#refused++,
    });
  }

  async report(): Promise<CrowdReport> {
    await this.#crowd.meanwhile(Promise.resolve());
    const { echoes } = this.#crowd.checker;
    return { echoes, admitted: this.#admitted, refused: this.#refused };
  }

  async finish(): Promise<void> {
    await this.#crowd.finish();
  }

  async conclude(server: { readonly url: string }): Promise<number> {
    await this.#crowd.settle(server);
    return (await this.#crowd.checker.conclude(server)).texts.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crowd[Symbol.asyncDispose]();
  }
}

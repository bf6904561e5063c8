/**
 * A node's link to Redis: one connection for commands and one for Pub/Sub, both to the same master. It
 * knows the server's run and its time, and tells when it is connected again.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import type { Metrics } from "../../metrics.ts";
import { AgeClock } from "../age_clock.ts";
import { BrokerError } from "../broker.ts";
import {
  type Client,
  CommandError,
  type ConnectionListener,
  RedisConnection,
} from "./connection.ts";
import type { RedisNames } from "./names.ts";
import type { Script } from "./entries_script.ts";
import { assertSingleShard, readServerInfo, serverIdOf, warnOfLosses } from "./server_info.ts";

/** Redis's clock is set again when an answer differs from it by more than this. */
const MAX_CLOCK_ERROR_MS = 60_000;
/** `RedisConnection` gives up long before. The library's timer would do so too if this process stood still. */
const MAX_CONNECT_MS = 10_000;

export interface LinkOptions {
  readonly url: string;
  readonly scripts: readonly Script[];
  readonly names: RedisNames;
  readonly log: Log;
  readonly metrics: Metrics;
  /** After a restart of Redis, nodes that know the log from before get this time to report it first. */
  readonly settlingMs: number;
}

export class RedisLink {
  readonly names: RedisNames;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #settlingMs: number;
  readonly #commands: RedisConnection;
  readonly #pubSub: RedisConnection;
  readonly #channels = new Map<string, (message: string) => void>();
  #onReconnect = () => {};
  #runId = "";
  /** The servers that the two connections lead to. */
  #commandsServerId = "";
  #pubSubServerId = "";
  /** The connections that are lost. */
  readonly #away = new Set<RedisConnection>();
  #awaySince = 0;
  #settledAt = 0;
  /** Redis's clock minus `performance.now()`, which nobody can change. */
  #offsetMs = 0;
  #ageClock: AgeClock | undefined;

  /** @throws {BrokerError} with one line, if it cannot connect. */
  static async open(options: LinkOptions): Promise<RedisLink> {
    const { url } = options;
    // Deno would fetch a literal specifier at start, also for those who need no Redis.
    const name: string = "npm:redis@6.3.1";
    const { createClient }: typeof import("npm:redis@6.3.1") = await import(name);
    const newClient = () =>
      createClient({
        url,
        RESP: 2,
        disableOfflineQueue: true,
        socket: { reconnectStrategy: false, connectTimeout: MAX_CONNECT_MS },
        // The general type of a client does not say that this one has no modules.
      }) as unknown as Client;
    const link = new RedisLink(newClient, options);
    try {
      await link.#commands.open();
      await link.#pubSub.open();
      return link;
    } catch (thrown) {
      await link.close();
      throw cannotUse(url, thrown);
    }
  }

  private constructor(
    newClient: () => Client,
    { scripts, names, log, metrics, settlingMs }: LinkOptions,
  ) {
    this.names = names;
    this.#settlingMs = settlingMs;
    this.#log = log;
    this.#metrics = metrics;
    this.#commands = new RedisConnection(newClient, async (client) => {
      // All at once: a busy node, which takes a while for each answer, would miss the deadline for ever.
      await Promise.all([
        this.#readServerInfo(client),
        assertSingleShard(client),
        ...scripts.map(({ source }) => client.sendCommand(["SCRIPT", "LOAD", source])),
      ]);
    }, this.#watch(() => [this.#commands, this.#pubSub]));
    this.#pubSub = new RedisConnection(newClient, async (client) => {
      this.#pubSubServerId = await serverIdOf(client);
      await Promise.all([...this.#channels].map((channel) => client.subscribe(...channel)));
    }, this.#watch(() => [this.#pubSub, this.#commands]));
  }

  /** Calls back when a connection is new: messages may have been missed. */
  onReconnect(callback: () => void): void {
    this.#onReconnect = callback;
  }

  /** Names the present run of Redis. What was written in an earlier run may be lost. */
  get runId(): string {
    return this.#runId;
  }

  /** Whether the nodes that know the log from before this run have had time to report it. */
  get isSettled(): boolean {
    return performance.now() >= this.#settledAt;
  }

  /** Whether both connections are there. */
  get isConnected(): boolean {
    return this.#commands.isReady && this.#pubSub.isReady;
  }

  get isReady(): boolean {
    return this.#commands.isReady;
  }

  /** Redis's time as far as it is known: milliseconds since 1970. */
  get now(): number {
    return Math.round(performance.now() + this.#offsetMs);
  }

  /** The same time, but a jump ahead is not believed at once. Messages grow old by it. */
  get trustedNow(): number {
    return Math.round(this.#ageClock?.now() ?? this.now);
  }

  /** Sets Redis's time, from an answer that has just come. */
  setNow(now: number): void {
    this.#offsetMs = now - performance.now();
  }

  /** Sets Redis's time from an answer that may be late, if the difference is large. */
  correctNow(now: number): void {
    if (Math.abs(now - this.now) > MAX_CLOCK_ERROR_MS) this.setNow(now);
  }

  /** Waits until commands can be sent, and rejects after a timeout. */
  ready(timeoutMs: number): Promise<void> {
    return this.#commands.ready(timeoutMs);
  }

  /** Waits for this time, or until the link is closed. */
  pause(milliseconds: number): Promise<void> {
    return this.#commands.pause(milliseconds);
  }

  async ask(...command: string[]): Promise<unknown> {
    const begunAt = performance.now();
    const answer = await this.#commands.ask((client) => client.sendCommand(command));
    this.#metrics.redisSeconds.observe((performance.now() - begunAt) / 1000);
    return answer;
  }

  /** Runs a script. */
  async run({ sha, source }: Script, keys: string[], args: string[]): Promise<readonly unknown[]> {
    const rest = [String(keys.length), ...keys, ...args];
    const answer = await this.ask("EVALSHA", sha, ...rest).catch((thrown: unknown) => {
      if (!(thrown instanceof CommandError && thrown.reply.startsWith("NOSCRIPT"))) throw thrown;
      return this.ask("EVAL", source, ...rest);
    });
    if (!Array.isArray(answer)) throw new BrokerError("Redis gave an unexpected answer.");
    return answer;
  }

  /** Publishes a message, at most once. */
  publish(channel: string, message: string): void {
    this.ask("PUBLISH", channel, message).catch(() => {
      // The message is lost.
    });
  }

  /**
   * Subscribes to a channel. Anyone who may use this Redis can publish there, so `receive` must accept
   * any text: an error would end the process.
   */
  async subscribe(channel: string, receive: (message: string) => void): Promise<void> {
    this.#channels.set(channel, receive);
    await this.#pubSub.ask((client) => client.subscribe(channel, receive));
  }

  unsubscribe(channel: string, receive: (message: string) => void): void {
    if (this.#channels.get(channel) === receive) this.#channels.delete(channel);
    this.#pubSub.ask((client) => client.unsubscribe(channel, receive)).catch(() => {
      // The next connection does not subscribe to it.
    });
  }

  /** Checks both connections, and reads the server's run and time. A bad connection is made anew. */
  async check(): Promise<void> {
    await this.#pubSub.ask((client) => client.ping());
    await this.#commands.ask((client) => this.#readServerInfo(client));
  }

  async close(): Promise<void> {
    await this.#commands.close();
    await this.#pubSub.close();
  }

  /** Logs the loss and the return of both connections in one line each: they mostly go together. */
  #watch(pair: () => readonly [RedisConnection, RedisConnection]): ConnectionListener {
    return {
      lost: (why) => {
        if (this.#away.size === 0) {
          this.#awaySince = performance.now();
          this.#log.warn("redis away", { reason: why });
        }
        this.#away.add(pair()[0]);
      },
      ready: () => {
        const [connection, other] = pair();
        // The address leads to another server now. What one publishes, the other does not receive.
        if (this.#pubSubServerId !== this.#commandsServerId) other.renew("It is another server.");
        if (this.#away.delete(connection) && this.#away.size === 0) {
          const awayMs = Math.round(performance.now() - this.#awaySince);
          this.#log.info("redis back", { awayMs });
        }
        this.#onReconnect();
      },
    };
  }

  async #readServerInfo(client: Client): Promise<void> {
    const { serverId, runId, now } = await readServerInfo(client);
    this.#commandsServerId = serverId;
    this.setNow(now);
    const clocks = { wall: () => this.now, steady: () => performance.now() };
    this.#ageClock ??= new AgeClock(clocks, undefined);
    if (runId === this.#runId) return;
    await warnOfLosses(client, this.#log);
    this.#settledAt = performance.now() + this.#settlingMs;
    this.#runId = runId;
  }
}

/** Makes an error into one line with the address, but without the password. */
export function cannotUse(url: string, thrown: unknown): BrokerError {
  const why = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return new BrokerError(`Cannot use Redis at ${url.replace(/\/\/[^@/]*@/, "//")}: ${why}`);
}

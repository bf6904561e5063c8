/**
 * A node's link to Redis: one connection for commands and one that listens, both to one master. It
 * knows which life of Redis it talks to and what time it is there, and says when it is back after
 * having been away.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import { AgeClock } from "../age_clock.ts";
import { BrokerError } from "../broker.ts";
import { type Client, type ConnectionListener, RedisConnection } from "./connection.ts";
import type { RedisNames } from "./names.ts";
import type { Script } from "./scripts.ts";
import { meet, refuseShards, runIdOf } from "./server.ts";

export interface LinkListener {
  /** One of the connections is new: what was said meanwhile was not heard. */
  returned(): void;
}

/** Redis's clock is taken over anew when it is found to be this far from our idea of it. */
const OFF_MS = 60_000;

/** What a link is made of. */
export interface LinkParts {
  readonly url: string;
  readonly scripts: readonly Script[];
  readonly names: RedisNames;
  readonly log: Log;
  /** For so long after Redis began to live, nodes that were there before have the first word. */
  readonly settlingMs: number;
}

export class RedisLink {
  readonly names: RedisNames;
  readonly #log: Log;
  readonly #settlingMs: number;
  readonly #commands: RedisConnection;
  readonly #ears: RedisConnection;
  readonly #channels = new Map<string, (message: string) => void>();
  #listener: LinkListener = { returned() {} };
  #runId = "";
  /** The servers at the other ends of the two connections, by their run ids. */
  #commandsRunId = "";
  #earsRunId = "";
  /** The connections that are lost, and since when there was one. */
  readonly #away = new Set<RedisConnection>();
  #awaySince = 0;
  #settledAt = 0;
  /** Redis's clock less ours, which is one that nobody puts forward or back. */
  #offsetMs = 0;
  #ageClock: AgeClock | undefined;

  /** @throws {BrokerError} in one line, if nothing answers there. */
  static async open(parts: LinkParts): Promise<RedisLink> {
    const { url } = parts;
    // Only here, and not as a literal, or Deno would fetch it for those too who need no Redis.
    const name: string = "npm:redis@6.3.1";
    const { createClient }: typeof import("npm:redis@6.3.1") = await import(name);
    const make = () =>
      createClient({
        url,
        RESP: 2,
        disableOfflineQueue: true,
        socket: { reconnectStrategy: false, connectTimeout: 2_000 },
        // The type of a client with no modules, which the general one does not say.
      }) as unknown as Client;
    const link = new RedisLink(make, parts);
    try {
      await link.#commands.open();
      await link.#ears.open();
      return link;
    } catch (thrown) {
      await link.close();
      throw unusable(url, thrown);
    }
  }

  private constructor(make: () => Client, { scripts, names, log, settlingMs }: LinkParts) {
    this.names = names;
    this.#settlingMs = settlingMs;
    this.#log = log;
    this.#commands = new RedisConnection(make, async (client) => {
      await refuseShards(client);
      await this.#meet(client);
      for (const { source } of scripts) await client.sendCommand(["SCRIPT", "LOAD", source]);
    }, this.#watch(() => [this.#commands, this.#ears]));
    this.#ears = new RedisConnection(make, async (client) => {
      this.#earsRunId = await runIdOf(client);
      await Promise.all([...this.#channels].map(([name, heard]) => client.subscribe(name, heard)));
    }, this.#watch(() => [this.#ears, this.#commands]));
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }

  /** Names the life of this Redis: what was written in another may have been lost. */
  get runId(): string {
    return this.#runId;
  }

  /** Whether those who know what there was before this life have had the time to say so. */
  get isSettled(): boolean {
    return performance.now() >= this.#settledAt;
  }

  get isReady(): boolean {
    return this.#commands.isReady;
  }

  /** Redis's time, as far as we know: milliseconds since 1970. */
  get now(): number {
    return Math.round(performance.now() + this.#offsetMs);
  }

  /** The same, but a jump ahead is not believed at once: by this time, messages are old. */
  get trustedNow(): number {
    return Math.round(this.#ageClock?.now() ?? this.now);
  }

  /** Redis said what time it is. */
  setNow(now: number): void {
    this.#offsetMs = now - performance.now();
  }

  /** The same, of an answer that may have been on its way for a while. */
  correctNow(now: number): void {
    if (Math.abs(now - this.now) > OFF_MS) this.setNow(now);
  }

  /** Settles when commands can be sent, or fails after so long. */
  ready(milliseconds: number): Promise<void> {
    return this.#commands.ready(milliseconds);
  }

  /** Waits so long, or until this is closed. */
  pause(milliseconds: number): Promise<void> {
    return this.#commands.pause(milliseconds);
  }

  ask(...command: string[]): Promise<unknown> {
    return this.#commands.ask((client) => client.sendCommand(command));
  }

  async run({ sha, source }: Script, keys: string[], args: string[]): Promise<readonly unknown[]> {
    const rest = [String(keys.length), ...keys, ...args];
    let answer: unknown;
    try {
      answer = await this.ask("EVALSHA", sha, ...rest);
    } catch (thrown) {
      if (!(thrown instanceof Error && thrown.message.startsWith("NOSCRIPT"))) throw thrown;
      answer = await this.ask("EVAL", source, ...rest);
    }
    if (!Array.isArray(answer)) throw new BrokerError("Redis gave an answer of another kind.");
    return answer;
  }

  /** Says something on a channel, if it can be said now. */
  publish(channel: string, message: string): void {
    this.ask("PUBLISH", channel, message).catch(() => {
      // At most once: it was not heard, then.
    });
  }

  /**
   * Hears a channel from the answer on. Anyone who may use this Redis can publish there, so `heard`
   * must bear any text: what it throws would end the process.
   */
  async subscribe(channel: string, heard: (message: string) => void): Promise<void> {
    this.#channels.set(channel, heard);
    await this.#ears.ask((client) => client.subscribe(channel, heard));
  }

  /** Hears no more of it. */
  unsubscribe(channel: string, heard: (message: string) => void): void {
    if (this.#channels.get(channel) === heard) this.#channels.delete(channel);
    this.#ears.ask((client) => client.unsubscribe(channel, heard)).catch(() => {
      // A new connection will not ask for it.
    });
  }

  /**
   * Finds out whether the ear still hears, and whether Redis is still the one that it was. If not, the
   * connection comes back by itself.
   */
  async check(): Promise<void> {
    await this.#ears.ask((client) => client.ping());
    await this.#commands.ask((client) => this.#meet(client));
  }

  async close(): Promise<void> {
    await this.#commands.close();
    await this.#ears.close();
  }

  /** Both connections mostly go together, which is worth one line each way. */
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
        // The address leads elsewhere by now, and what is said to one server is not heard at another.
        if (this.#earsRunId !== this.#commandsRunId) other.renew("It is another server.");
        if (this.#away.delete(connection) && this.#away.size === 0) {
          const awayMs = Math.round(performance.now() - this.#awaySince);
          this.#log.info("redis back", { awayMs });
        }
        this.#listener.returned();
      },
    };
  }

  async #meet(client: Client): Promise<void> {
    const { runId, life, now } = await meet(client);
    this.#commandsRunId = runId;
    this.setNow(now);
    const clocks = { wall: () => this.now, steady: () => performance.now() };
    this.#ageClock ??= new AgeClock(clocks, undefined);
    if (life === this.#runId) return;
    this.#settledAt = performance.now() + this.#settlingMs;
    this.#runId = life;
  }
}

/** Says in one line, and without the password, what Redis has against it. */
export function unusable(url: string, thrown: unknown): BrokerError {
  const why = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return new BrokerError(`Cannot use Redis at ${url.replace(/\/\/[^@/]*@/, "//")}: ${why}`);
}

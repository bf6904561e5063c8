/**
 * One connection to Redis that comes back by itself. It owns the deadline of every command: a server
 * that hangs looks to its client like one that thinks. Who missed a deadline is hung up on, because
 * nothing tells a hung server from a dead line.
 *
 * A command whose answer did not come may have been carried out. Nothing here is sent twice; whoever
 * asks again sees to it that this does no harm.
 *
 * @module
 */
import { reason } from "../../log.ts";
import { BrokerError } from "../broker.ts";

/** The official client, as it is before anything is added to it. */
export type Client = ReturnType<typeof import("npm:redis@6.3.1").createClient>;

/** A command without an answer after this long is given up, and the connection with it. */
const DEADLINE_MS = 2_000;
/** Between two attempts to connect, at first and at most. */
const PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Errors by which Redis says that it is not the one to talk to: it is a replica now, has lost its
 * master, is still reading its data, or does not hold these slots. If the connection were kept, each
 * of them could be the answer for ever, so it is hung up and made anew: by then the address may lead
 * to the new master. Redis before 7 puts a script's error behind its own words.
 *
 * Other errors say nothing against the connection. A script that runs too long (BUSY) and a cluster
 * that is electing (CLUSTERDOWN, TRYAGAIN) are only waited for; the rest is {@linkcode isFinal}.
 */
const UNFIT = /(?:^|: -)(?:READONLY|MASTERDOWN|LOADING|MOVED)\b/;
const FINAL = /^(?:ERR|OOM|MISCONF|NOPERM|NOAUTH|WRONGTYPE|NOREPLICAS)\b/;

/** Whether Redis understood and will not do it; anything else may be otherwise in a moment. */
export function isFinal(thrown: unknown): boolean {
  return thrown instanceof Error && FINAL.test(thrown.message) && !UNFIT.test(thrown.message);
}

/** Whether Redis has reached its `maxmemory`. */
export function isFull(thrown: unknown): boolean {
  return thrown instanceof Error && /(?:^|: -)OOM\b/.test(thrown.message);
}

/** What a connection tells of itself. */
export interface ConnectionListener {
  /** It was lost, and is being made anew. */
  lost(why: string): void;
  /** It is there, for the first time or again. */
  ready(): void;
}

export class RedisConnection {
  readonly #make: () => Client;
  readonly #greet: (client: Client) => Promise<void>;
  readonly #listener: ConnectionListener;
  /** Set while it is connected and greeted. */
  #client: Client | undefined;
  #ready = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connecting: Promise<void> | undefined;
  readonly #closing = Promise.withResolvers<void>();
  #closed = false;

  /** @param greet what is said first on every new connection; if it fails, that one is of no use. */
  constructor(
    make: () => Client,
    greet: (client: Client) => Promise<void>,
    listener: ConnectionListener,
  ) {
    this.#make = make;
    this.#greet = greet;
    this.#listener = listener;
  }

  get isReady(): boolean {
    return this.#client !== undefined;
  }

  /** Connects once. From then on it comes back by itself. */
  async open(): Promise<void> {
    const client = this.#make();
    // Without a listener an error would end the process; what matters of it comes as a rejection.
    client.on("error", (thrown: unknown) => this.#lost(client, reason(thrown)));
    client.on("end", () => this.#lost(client, "The connection ended."));
    try {
      await within(DEADLINE_MS, client.connect());
      await within(DEADLINE_MS, this.#greet(client));
      if (!client.isReady || this.#closed) throw new BrokerError("The connection ended.");
    } catch (thrown) {
      hangUp(client);
      throw thrown;
    }
    this.#client = client;
    this.#ready.resolve();
    this.#listener.ready();
  }

  /** Hangs up, if it is connected, and connects anew. */
  renew(why: string): void {
    if (this.#client !== undefined) this.#lost(this.#client, why);
  }

  /** Asks something, and waits so long for the answer. */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === undefined) throw away();
    try {
      return await within(DEADLINE_MS, question(client));
    } catch (thrown) {
      const isUnfit = thrown instanceof Late ||
        thrown instanceof Error && UNFIT.test(thrown.message);
      if (isUnfit) this.#lost(client, reason(thrown));
      throw thrown;
    }
  }

  /** Settles when the connection is there, or fails after so long. */
  async ready(milliseconds: number): Promise<void> {
    if (this.isReady) return;
    if (this.#closed) throw away();
    await within(milliseconds, this.#ready.promise).catch(() => {
      throw away();
    });
  }

  /** Waits so long, or until this is closed. */
  async pause(milliseconds: number): Promise<void> {
    await within(milliseconds, this.#closing.promise).catch(() => {
      // It was not closed.
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.resolve();
    clearTimeout(this.#timer);
    if (this.#client !== undefined) hangUp(this.#client);
    this.#client = undefined;
    await this.#connecting;
  }

  #lost(client: Client, why: string): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#ready = Promise.withResolvers();
    hangUp(client);
    this.#again(PAUSE_MS);
    this.#listener.lost(why);
  }

  #again(pause: number): void {
    if (this.#closed) return;
    // Not all nodes in the same moment.
    this.#timer = setTimeout(() => {
      this.#connecting = this.open().catch(() => {
        this.#again(Math.min(LONGEST_PAUSE_MS, pause * 2));
      });
    }, pause * (0.5 + Math.random() / 2));
  }
}

/** The deadline went by. */
class Late extends BrokerError {}

function away(): BrokerError {
  return new BrokerError("Redis is away.");
}

async function within<T>(milliseconds: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Late("Redis does not answer.")), milliseconds);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function hangUp(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It was closed already.
  }
}

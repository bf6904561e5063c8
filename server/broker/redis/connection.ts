/**
 * One connection to Redis, which reconnects by itself and gives every command a deadline. To a client,
 * a server that hangs looks like one that is busy, so the connection is closed at a missed deadline.
 *
 * A command without an answer may have been carried out. No command is sent twice here: a caller that
 * tries again must make sure that this does no harm.
 *
 * @module
 */
import { reason } from "../../log.ts";
import { BrokerError } from "../broker.ts";

/** The official client, without modules. */
export type Client = ReturnType<typeof import("npm:redis@6.3.1").createClient>;

/** A command without an answer after this time fails, and its connection is closed. */
const DEADLINE_MS = 2_000;
/**
 * A process that is busy reads late what has arrived in time. So an answer is late only if the event loop
 * has turned this often since, each time after a pause of TURN_MS.
 */
const TURNS = 10;
const TURN_MS = 20;
/** The pause between two attempts to connect: at first, and at most. */
const PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

/**
 * Errors of a server that can no longer be used: it is a replica now, has lost its master, is still
 * loading its data, or does not hold these slots. On the same connection each could be the answer for
 * ever, so it is made anew: the address may lead to the new master by then. Redis before 7 puts its
 * own words in front of a script's error.
 *
 * Other errors do not concern the connection. A script that runs too long (BUSY) and a cluster that
 * elects a master (CLUSTERDOWN, TRYAGAIN) are waited for. For the rest see {@linkcode isFinal}.
 */
const UNUSABLE = /(?:^|: -)(?:READONLY|MASTERDOWN|LOADING|MOVED)\b/;
const FINAL = /^(?:ERR|OOM|MISCONF|NOPERM|NOAUTH|WRONGTYPE|NOREPLICAS)\b/;

/** Redis has refused a command. */
export class CommandError extends BrokerError {
  /** Redis's own words, which begin with a code. */
  readonly reply: string;

  constructor(reply: string) {
    super(`Redis refused a command: ${reply}`);
    this.reply = reply;
  }
}

/** The connection was lost before the answer to a command came, which may have been carried out. */
export class LostError extends BrokerError {}

/** Whether Redis has refused a command for good, so that trying again is of no use. */
export function isFinal(thrown: unknown): boolean {
  return thrown instanceof CommandError && FINAL.test(thrown.reply) && !UNUSABLE.test(thrown.reply);
}

/** Whether Redis has reached its `maxmemory`. */
export function isFull(thrown: unknown): boolean {
  return thrown instanceof CommandError && /(?:^|: -)OOM\b/.test(thrown.reply);
}

export interface ConnectionListener {
  /** The connection was lost, and is being made anew. */
  lost(why: string): void;
  /** The connection was made, for the first time or again. */
  ready(): void;
}

export class RedisConnection {
  readonly #createClient: () => Client;
  readonly #prepare: (client: Client) => Promise<void>;
  readonly #listener: ConnectionListener;
  /** Set while it is connected and prepared. */
  #client: Client | undefined;
  #ready = Promise.withResolvers<void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connecting: Promise<void> | undefined;
  readonly #closing = Promise.withResolvers<void>();
  #isClosed = false;

  /** @param prepare runs first on every new connection. If it fails, the connection is closed. */
  constructor(
    createClient: () => Client,
    prepare: (client: Client) => Promise<void>,
    listener: ConnectionListener,
  ) {
    this.#createClient = createClient;
    this.#prepare = prepare;
    this.#listener = listener;
  }

  get isReady(): boolean {
    return this.#client !== undefined;
  }

  /** Connects once, and rejects if that fails. Afterwards a lost connection is made anew by itself. */
  async open(): Promise<void> {
    const client = this.#createClient();
    // Without a listener, an error would end the process.
    client.on("error", (thrown: unknown) => this.#lost(client, reason(thrown)));
    client.on("end", () => this.#lost(client, "The connection ended."));
    try {
      await within(DEADLINE_MS, client.connect(), TURNS);
      await within(DEADLINE_MS, this.#prepare(client), TURNS);
      if (!client.isReady || this.#isClosed) throw new BrokerError("The connection ended.");
    } catch (thrown) {
      destroy(client);
      throw thrown;
    }
    this.#client = client;
    this.#ready.resolve();
    this.#listener.ready();
  }

  /** Closes the connection, if there is one, and makes it anew. */
  renew(why: string): void {
    if (this.#client !== undefined) this.#lost(this.#client, why);
  }

  /**
   * Sends commands, and rejects if the answer does not come in time.
   *
   * @throws {CommandError} if Redis refuses.
   * @throws {LostError} if the connection is lost meanwhile.
   * @throws {BrokerError} if there is none.
   */
  async ask<T>(send: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === undefined) throw notConnected();
    try {
      return await within(DEADLINE_MS, send(client), TURNS);
    } catch (thrown) {
      const isUnusable = thrown instanceof DeadlineError ||
        thrown instanceof Error && UNUSABLE.test(thrown.message);
      if (isUnusable) this.#lost(client, reason(thrown));
      throw brokerErrorOf(thrown);
    }
  }

  /** Waits until it is connected, and rejects after a timeout. */
  async ready(timeoutMs: number): Promise<void> {
    if (this.isReady) return;
    if (this.#isClosed) throw notConnected();
    await within(timeoutMs, this.#ready.promise).catch(() => {
      throw notConnected();
    });
  }

  /** Waits for this time, or until the connection is closed for good. */
  async pause(milliseconds: number): Promise<void> {
    await within(milliseconds, this.#closing.promise).catch(() => {
      // The time is over.
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined; // or its end would be logged as a loss
    if (client !== undefined) destroy(client);
    await this.#connecting;
  }

  #lost(client: Client, why: string): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#ready = Promise.withResolvers();
    destroy(client);
    this.#reconnect(PAUSE_MS);
    this.#listener.lost(why);
  }

  #reconnect(pauseMs: number): void {
    if (this.#isClosed) return;
    // At a random moment, so that not all nodes connect at once.
    this.#timer = setTimeout(() => {
      this.#connecting = this.open().catch(() => {
        this.#reconnect(Math.min(MAX_PAUSE_MS, pauseMs * 2));
      });
    }, pauseMs * (0.5 + Math.random() / 2));
  }
}

class DeadlineError extends LostError {}

function notConnected(): BrokerError {
  return new BrokerError("Redis is away.");
}

/**
 * Makes what the client throws into an error of the broker, so that no caller sees the library's own. What
 * Redis answers begins with a code in capitals, and what the library says does not.
 */
function brokerErrorOf(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (/^[A-Z]{2,} /.test(text)) return new CommandError(text);
  return new LostError(`The connection to Redis was lost: ${text}.`, { cause: thrown });
}

/** @param turns how often the event loop must turn afterwards before it is too late. */
async function within<T>(milliseconds: number, answer: Promise<T>, turns = 1): Promise<T> {
  const late = Promise.withResolvers<never>();
  const expire = () => {
    if (turns-- > 0) timer = setTimeout(expire, TURN_MS);
    else late.reject(new DeadlineError("Redis does not answer."));
  };
  let timer = setTimeout(expire, milliseconds);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It was closed already.
  }
}

/**
 * `openStorage` opens the broker that the options ask for: SQLite in this thread, SQLite in a thread of its
 * own, or Redis.
 *
 * @module
 */
import type { Rules } from "./access/rules.ts";
import type { Broker } from "./broker/broker.ts";
import { SqliteBroker } from "./broker/sqlite/sqlite_broker.ts";
import { warnOfSlowDisk } from "./broker/sqlite/slow_disk.ts";
import type { StoringThread } from "./broker/threads/storing_thread.ts";
import { MIN_RETURN_MS } from "./connections/open_connections.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";

/** What storage is opened with, besides options. */
export interface StorageContext {
  readonly rules: Rules;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Connects to a storing thread that the program has started, and ends. */
  readonly connect?: Connect | undefined;
}

/** Returns a port of a storing thread, which may be started for it. */
export type Connect = (
  context: Pick<StorageContext, "rules" | "log">,
) => MessagePort | Promise<MessagePort>;

/** A broker, and the thread behind it if it was started for this broker alone. */
export interface Storage {
  readonly broker: Broker;
  readonly thread?: StoringThread;
}

/** @throws {BrokerError} if the database cannot be opened, or Redis not be reached. */
export async function openStorage(options: Options, context: StorageContext): Promise<Storage> {
  if (options.redis !== "") return { broker: await openRedis(options, context) };
  const { log, rules, connect } = context;
  if (connect !== undefined) return { broker: await brokerAt(await connect(context), options) };
  if (options.workers > 0) return await openThread(options, context);
  const retainDaysOf = (room: string) => rules.of(room)?.retainDays;
  const broker = await SqliteBroker.open({ ...options, path: options.db, retainDaysOf }, log);
  if (options.db !== ":memory:") warnOfSlowDisk(broker, log);
  return { broker };
}

/**
 * Starts a thread that stores, for any number of brokers. Dispose of it after them.
 *
 * @throws {BrokerError} if the database cannot be opened.
 */
export async function startStoringThread(
  options: Options,
  { rules, log }: Pick<StorageContext, "rules" | "log">,
): Promise<StoringThread> {
  // Imported only here, so that a server that stores in its own thread does not load it.
  const { StoringThread } = await import("./broker/threads/storing_thread.ts");
  const { db: path, maxDatabaseMb, retainMessages, retainDays, dedupeMessages } = options;
  const thread = await StoringThread.start({
    ...{ path, maxDatabaseMb, retainMessages, retainDays, dedupeMessages },
    rules: rules.list.map(({ match, retainDays }) => ({
      match,
      ...(retainDays !== undefined && { retainDays }),
    })),
    absenceMs: options.graceSeconds * 1000,
  }, log);
  void thread.died.then((reason) => log.error("storing thread died", { reason }));
  return thread;
}

async function openThread(options: Options, context: StorageContext): Promise<Storage> {
  const thread = await startStoringThread(options, context);
  try {
    return { broker: await brokerAt(thread.connect(), options), thread };
  } catch (thrown) {
    await thread[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function brokerAt(port: MessagePort, { webhook }: Options): Promise<Broker> {
  const { ThreadBroker } = await import("./broker/threads/thread_broker.ts");
  return await ThreadBroker.open(port, { readsJournal: webhook !== "" });
}

async function openRedis(
  options: Options,
  { rules, log, metrics }: StorageContext,
): Promise<Broker> {
  // Imported only here, so that a server without Redis does not load the client of Redis.
  const { RedisBroker } = await import("./broker/redis/redis_broker.ts");
  const { redis: url, redisPrefix: prefix, returnSeconds, graceSeconds } = options;
  const absenceMs = MIN_RETURN_MS + Math.round((returnSeconds + graceSeconds) * 1000);
  const retainDaysOf = (room: string) => rules.of(room)?.retainDays;
  return await RedisBroker.open({ ...options, url, prefix, log, metrics, retainDaysOf, absenceMs });
}

/**
 * Reads what a Redis server says about itself: which server it is, and whether it can be used.
 *
 * @module
 */
import type { Log } from "../../log.ts";
import { BrokerError } from "../broker.ts";
import type { Client } from "./connection.ts";

/** What a master says about itself. */
export interface ServerInfo {
  /** Redis's run id: it names the process. */
  readonly serverId: string;
  /** The run id and the replication id: a master that was a replica for a while has another one. */
  readonly runId: string;
  /** Its clock: milliseconds since 1970. */
  readonly now: number;
}

/** @throws {BrokerError} if it is a replica. The message begins with `READONLY`, as Redis's own does. */
export async function readServerInfo(client: Client): Promise<ServerInfo> {
  const [serverId, replication, time] = await Promise.all([
    serverIdOf(client),
    readInfo(client, "replication"),
    client.sendCommand(["TIME"]),
  ]);
  if (/^role:slave/m.test(replication)) throw new BrokerError("READONLY: it is a replica.");
  const [seconds, microseconds] = time as unknown as string[];
  return {
    serverId,
    runId: serverId + (/^master_replid:(\w+)/m.exec(replication)?.[1] ?? ""),
    now: Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000),
  };
}

export async function serverIdOf(client: Client): Promise<string> {
  return /^run_id:(\w+)/m.exec(await readInfo(client, "server"))?.[1] ?? "unknown";
}

/** Refuses a cluster of several shards: rooms of other shards would be out of reach. */
export async function assertSingleShard(client: Client): Promise<void> {
  if (!/^redis_mode:cluster/m.test(await readInfo(client, "server"))) return;
  const info = String(await client.sendCommand(["CLUSTER", "INFO"]));
  const shards = Number(/^cluster_size:(\d+)/m.exec(info)?.[1] ?? 1);
  if (shards > 1) throw new Error(`It is one of ${shards} shards, and there may be one only.`);
}

/** Warns the operator if a Redis is set up so that it may lose what it has acknowledged. */
export async function warnOfLosses(client: Client, log: Log): Promise<void> {
  const [memory, persistence] = await Promise.all([
    readInfo(client, "memory"),
    readInfo(client, "persistence"),
  ]);
  const [, policy = "noeviction"] = /^maxmemory_policy:([\w-]+)/m.exec(memory) ?? [];
  if (policy !== "noeviction") {
    const risk = "at its maxmemory it removes messages that were acknowledged";
    log.warn("redis evicts", { policy, risk });
  }
  if (/^aof_enabled:0/m.test(persistence)) {
    const risk = "when it ends, what was acknowledged since its last dump is lost";
    log.warn("redis keeps no append-only file", { risk });
  }
}

async function readInfo(client: Client, section: string): Promise<string> {
  return String(await client.sendCommand(["INFO", section]));
}

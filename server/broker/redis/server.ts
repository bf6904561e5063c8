/**
 * What a Redis server says about itself: which one it is, in which life, and whether it will do.
 *
 * @module
 */
import { BrokerError } from "../broker.ts";
import type { Client } from "./connection.ts";

/** A server as it was met. */
export interface Met {
  /** Names the process. */
  readonly runId: string;
  /** Names the process and its data: a master that was a replica for a while has another's. */
  readonly life: string;
  /** Its clock: milliseconds since 1970. */
  readonly now: number;
}

/** @throws {BrokerError} which begins with `READONLY`, as Redis's own errors would, if it is a replica. */
export async function meet(client: Client): Promise<Met> {
  const runId = await runIdOf(client);
  const replication = await infoOf(client, "replication");
  if (/^role:slave/m.test(replication)) throw new BrokerError("READONLY: it is a replica.");
  const [seconds, microseconds] = await client.sendCommand(["TIME"]) as unknown as string[];
  return {
    runId,
    life: runId + (/^master_replid:(\w+)/m.exec(replication)?.[1] ?? ""),
    now: Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000),
  };
}

export async function runIdOf(client: Client): Promise<string> {
  return /^run_id:(\w+)/m.exec(await infoOf(client, "server"))?.[1] ?? "unknown";
}

/** Rooms of other shards would be out of reach, and each shard has a life of its own. */
export async function refuseShards(client: Client): Promise<void> {
  if (!/^redis_mode:cluster/m.test(await infoOf(client, "server"))) return;
  const info = String(await client.sendCommand(["CLUSTER", "INFO"]));
  const shards = Number(/^cluster_size:(\d+)/m.exec(info)?.[1] ?? 1);
  if (shards > 1) throw new Error(`It is one of ${shards} shards, and there may be one only.`);
}

async function infoOf(client: Client, section: string): Promise<string> {
  return String(await client.sendCommand(["INFO", section]));
}

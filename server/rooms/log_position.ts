/**
 * `logPosition` says which log a room has, and how far it goes.
 *
 * @module
 */
import type { Broker } from "../broker/broker.ts";
import { digestOf, epochOf } from "../broker/epoch.ts";
import type { Position } from "./room_log.ts";

/** Where a room's log stands. */
export interface LogPosition {
  /** The digest of the log. */
  readonly log: string;
  readonly head: number;
}

/**
 * Says where a room's log stands.
 *
 * @param known what this node knows of the room, if it is open here.
 * @param seq if this node has not heard of it, the store is asked: another node may be ahead.
 */
export async function logPosition(
  broker: Broker,
  room: string,
  known: Position | undefined,
  seq: number,
): Promise<LogPosition> {
  if (known !== undefined && seq <= known.head) {
    return { log: digestOf(known.epoch), head: known.head };
  }
  const state = await broker.state(room);
  return { log: digestOf(epochOf(state, room)), head: state.head };
}

/**
 * `retainBy` asks the storing thread to retain events, and refuses an event when too much waits for an answer.
 * Senders do not wait for one another, so without this bound a disk that hangs would fill the memory.
 *
 * @module
 */
import type { Broker } from "../broker.ts";
import { FullError } from "../broker_error.ts";
import type { Asking } from "./asked.ts";

/** Text that may wait for the answer, in characters. */
const MAX_CHARS = 4_194_304;

/** Returns the `retain` of a broker. It throws a `FullError` if too much waits already. */
export function retainBy(asking: Asking): Broker["retain"] {
  let waiting = 0;
  return async (room, event) => {
    const { length } = event.event;
    // If nothing waits, the storing thread judges the event: one that is too long is refused as too large.
    if (waiting > 0 && waiting + length > MAX_CHARS) {
      throw new FullError("Too much waits for the disk already. Send it again later.");
    }
    waiting += length;
    try {
      await asking.call("retain", room, event);
    } finally {
      waiting -= length;
    }
  };
}

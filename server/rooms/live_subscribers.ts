/**
 * `LiveSubscribers` are the subscribers of a room that are at the head of its log, and are written to as
 * messages are committed.
 *
 * @module
 */
import type { Batch } from "../broker/page.ts";
import type { Metrics } from "../metrics.ts";
import type { Subscriber } from "./subscriber.ts";

export class LiveSubscribers extends Set<Subscriber> {
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    super();
    this.#metrics = metrics;
  }

  /** Sends events to all who are ready. `late` is called for the others. */
  deliver(batch: Batch, events: number, late: (subscriber: Subscriber) => void): void {
    let readers = 0;
    for (const subscriber of this) {
      const { connection } = subscriber;
      if (connection.ready) {
        connection.send(batch);
        readers++;
      } else {
        late(subscriber);
      }
    }
    this.#metrics.deliveries += readers * events;
  }

  /** Sends an event that is not stored to all who are ready, and to others as well. */
  relay(batch: Batch, exceptUserId: string | undefined, others: Iterable<Subscriber>): void {
    let readers = 0;
    const send = ({ user, connection }: Subscriber) => {
      if (user.id === exceptUserId || !connection.ready) return;
      connection.send(batch);
      readers++;
    };
    this.forEach(send);
    for (const other of others) send(other);
    this.#metrics.deliveries += readers;
  }
}

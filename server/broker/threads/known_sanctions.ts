/**
 * `KnownSanctions` is a serving thread's copy of the sanctions, which orders change.
 *
 * @module
 */
import {
  isImposing,
  isLifting,
  liftedKey,
  MAX_SANCTIONS,
  type Order,
  type Sanction,
  sanctionKey,
} from "../orders.ts";

export class KnownSanctions {
  readonly #byKey = new Map<string, Sanction>();

  constructor(sanctions: readonly Sanction[]) {
    for (const sanction of sanctions) this.#byKey.set(sanctionKey(sanction), sanction);
  }

  ordered(order: Order): void {
    if (isLifting(order)) this.#byKey.delete(liftedKey(order));
    if (!isImposing(order)) return;
    const { payload: _, ...sanction } = order;
    this.#byKey.set(sanctionKey(order), sanction);
    if (this.#byKey.size > MAX_SANCTIONS) this.current(); // the store keeps no more, but forgets what has ended
  }

  /** Returns the sanctions that hold now, and forgets the others. */
  current(): readonly Sanction[] {
    const now = Date.now();
    for (const [key, { until }] of this.#byKey) {
      if (until !== null && until <= now) this.#byKey.delete(key);
    }
    return [...this.#byKey.values()];
  }
}

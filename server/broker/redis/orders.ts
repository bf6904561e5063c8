/**
 * The orders on Redis. All of them are fields of one {@linkcode SharedHash}, whose changes come over a
 * channel of their own. A ban or a mute stays until it ends or is lifted. Any other order stays for a
 * minute, so that a node that has missed it carries it out later.
 *
 * @module
 */
import { FullError } from "../broker_error.ts";
import type { BrokerListener } from "../broker.ts";
import {
  isImposing,
  isLifting,
  liftedKey,
  MAX_SANCTIONS,
  type Order,
  parseOrder,
  type Sanction,
  sanctionKey,
  TOO_MANY_SANCTIONS,
} from "../orders.ts";
import type { RedisLink } from "./link.ts";
import { changeField, type FieldChange, SharedHash } from "./shared_hash.ts";

/** How long an order stays that imposes nothing. */
const PASSING_MS = 60_000;
/** Begins the field of such an order. The field of a sanction is a JSON array. */
const PASSING = "passing ";
const BOUNDS = { fields: MAX_SANCTIONS, bytes: 0 };

export class RedisOrders {
  readonly #link: RedisLink;
  readonly #hash: SharedHash;
  /** The values of all fields. */
  #values = new Map<string, string>();
  #listener: BrokerListener = { committed() {}, signalled() {} };
  #hasRead = false;

  /** Reads what is ordered. */
  static async open(link: RedisLink): Promise<RedisOrders> {
    const orders = new RedisOrders(link);
    await link.subscribe(link.names.orders, (message) => {
      if (message[0] === "o") orders.#hash.receive(message.slice(1));
    });
    await orders.#hash.read();
    return orders;
  }

  private constructor(link: RedisLink) {
    this.#link = link;
    this.#hash = new SharedHash(link, link.names.ordered, {
      changed: (change) => this.#changed(change),
      read: (fields) => this.#replace(fields),
    });
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  /** Returns the sanctions of now. */
  sanctions(): readonly Sanction[] {
    const now = this.#link.trustedNow;
    const sanctions: Sanction[] = [];
    for (const value of this.#values.values()) {
      const order = parseOrder(value);
      if (order === undefined || !isImposing(order)) continue;
      const { payload: _, ...sanction } = order;
      if (sanction.until === null || sanction.until > now) sanctions.push(sanction);
    }
    return sanctions;
  }

  /** @throws {FullError} if there are too many. */
  async order(order: Order): Promise<void> {
    const value = JSON.stringify(order);
    const outcome = isLifting(order)
      ? await this.#change(liftedKey(order), value, true)
      : await this.#change(this.#fieldOf(order), value, false);
    if (outcome.outcome !== "stored") throw new FullError(TOO_MANY_SANCTIONS);
    await this.#hash.arrived(outcome.version);
  }

  /** Finds out whether an order was missed, and removes what has ended. */
  async heartbeat(): Promise<void> {
    await this.#hash.check();
    const now = this.#link.trustedNow;
    for (const [field, value] of this.#values) {
      if (endOf(field, value) > now) continue;
      // Another node may have renewed it, so it is removed only as it is known here.
      await this.#change(field, "", true, value);
    }
  }

  #fieldOf(order: Order): string {
    if (isImposing(order)) return sanctionKey(order);
    return `${PASSING}${this.#link.now + PASSING_MS} ${crypto.randomUUID()}`;
  }

  #change(field: string, value: string, isRemoval: boolean, expected = "") {
    const { ordered: key, orders: channel } = this.#link.names;
    const change = { key, channel, letter: "o", field, value, isRemoval, bounds: BOUNDS };
    return changeField(this.#link, { ...change, expected });
  }

  #changed({ field, value, isRemoval }: FieldChange): void {
    if (isRemoval) this.#values.delete(field);
    else this.#values.set(field, value);
    const order = parseOrder(value); // none if the field was removed because its time is over
    if (order !== undefined) this.#listener.ordered?.(order);
  }

  /** Takes over all fields, and carries out the orders that were missed. */
  #replace(fields: ReadonlyMap<string, string>): void {
    const missed = [...fields].filter(([field]) =>
      field.startsWith(PASSING) && !this.#values.has(field)
    );
    this.#values = new Map(fields);
    if (!this.#hasRead) {
      this.#hasRead = true; // what was ordered before this node was there is not for it
      return;
    }
    this.#listener.sanctionsReplaced?.(this.sanctions());
    for (const [, value] of missed) {
      const order = parseOrder(value);
      if (order !== undefined) this.#listener.ordered?.(order);
    }
  }
}

/** Returns when a field ends, in milliseconds since 1970. */
function endOf(field: string, value: string): number {
  if (field.startsWith(PASSING)) return Number(field.split(" ")[1]);
  const order = parseOrder(value);
  if (order === undefined || !isImposing(order)) return 0;
  return order.until ?? Infinity;
}

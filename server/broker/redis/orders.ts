/**
 * The orders on Redis. Their changes come over a channel of their own, from two {@linkcode SharedHash}es:
 * one has the sanctions until they end or are lifted; the other has each other order for half a minute, so
 * that a node that has missed it carries it out when it is back.
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
const PASSING_MS = 30_000;
/** How many of them there may be. */
const MAX_PASSING = 16_384;
/** Fields that are removed at once. */
const REMOVED_AT_ONCE = 1000;

export class RedisOrders {
  readonly #link: RedisLink;
  readonly #sanctionHash: SharedHash;
  readonly #passingHash: SharedHash;
  /** The orders that imposed the sanctions, as text by field. */
  #imposed = new Map<string, string>();
  /** The orders of the last half minute, as text by field: when it ends, and a random id. */
  #passing = new Map<string, string>();
  #listener: BrokerListener = { committed() {}, signalled() {} };
  #hasRead = false;

  /** Reads what is ordered. */
  static async open(link: RedisLink): Promise<RedisOrders> {
    const orders = new RedisOrders(link);
    await link.subscribe(link.names.orders, (message) => orders.#receive(message));
    await orders.#sanctionHash.read();
    await orders.#passingHash.read();
    orders.#hasRead = true; // what was ordered before this node was there is not for it
    return orders;
  }

  private constructor(link: RedisLink) {
    this.#link = link;
    this.#sanctionHash = new SharedHash(link, link.names.sanctions, {
      changed: (change) => this.#sanctionChanged(change),
      read: (fields) => this.#replaceSanctions(fields),
    });
    this.#passingHash = new SharedHash(link, link.names.passing, {
      changed: ({ field, value }) => this.#carryOut(field, value),
      read: (fields) => this.#carryOutMissed(fields),
    });
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  /** Returns the sanctions of now. */
  sanctions(): readonly Sanction[] {
    const now = this.#link.trustedNow;
    const sanctions: Sanction[] = [];
    for (const text of this.#imposed.values()) {
      const order = parseOrder(text);
      if (order === undefined || !isImposing(order)) continue;
      const { payload: _, ...sanction } = order;
      if (sanction.until === null || sanction.until > now) sanctions.push(sanction);
    }
    return sanctions;
  }

  /** @throws {FullError} if there are too many. */
  async order(order: Order): Promise<void> {
    const value = JSON.stringify(order);
    if (isImposing(order)) return await this.#change(sanctionKey(order), value, false);
    if (isLifting(order)) return await this.#change(liftedKey(order), value, true);
    const { passing: key, orders: channel } = this.#link.names;
    const field = `${this.#link.now + PASSING_MS} ${crypto.randomUUID()}`;
    const change = { key, channel, letter: "p", field, value, isRemoval: false };
    const outcome = await changeField(this.#link, {
      ...change,
      bounds: { fields: MAX_PASSING, bytes: 0 },
    });
    if (outcome.outcome !== "stored") throw new FullError("There are too many orders at once.");
    await this.#passingHash.arrived(outcome.version);
  }

  /** Finds out whether an order was missed, and removes what has ended. */
  async heartbeat(): Promise<void> {
    await this.#sanctionHash.check();
    await this.#passingHash.check();
    const now = this.#link.trustedNow;
    for (const [field, value] of [...this.#imposed]) {
      // Another node may have renewed it, so it is removed only as it is known here.
      if (endOf(value) <= now) await this.#change(field, "", true, value);
    }
    const ended = [...this.#passing.keys()].filter((field) => Number(field.split(" ")[0]) <= now);
    for (let index = 0; index < ended.length; index += REMOVED_AT_ONCE) {
      const some = ended.slice(index, index + REMOVED_AT_ONCE);
      await this.#link.ask("HDEL", this.#link.names.passing, ...some);
      for (const field of some) {
        this.#passing.delete(field);
        this.#passingHash.forget(field);
      }
    }
  }

  #receive(message: string): void {
    if (message[0] === "o") this.#sanctionHash.receive(message.slice(1));
    if (message[0] === "p") this.#passingHash.receive(message.slice(1));
  }

  async #change(field: string, value: string, isRemoval: boolean, expected = ""): Promise<void> {
    const { sanctions: key, orders: channel } = this.#link.names;
    const bounds = { fields: MAX_SANCTIONS, bytes: 0 };
    const change = { key, channel, letter: "o", field, value, isRemoval, bounds, expected };
    const outcome = await changeField(this.#link, change);
    if (outcome.outcome !== "stored") throw new FullError(TOO_MANY_SANCTIONS);
    await this.#sanctionHash.arrived(outcome.version);
  }

  #sanctionChanged({ field, value, isRemoval }: FieldChange): void {
    if (isRemoval) this.#imposed.delete(field);
    else this.#imposed.set(field, value);
    this.#tell(value); // it is empty if the field was removed because its time was over
  }

  #replaceSanctions(fields: ReadonlyMap<string, string>): void {
    this.#imposed = new Map(fields);
    if (this.#hasRead) this.#listener.sanctionsReplaced?.(this.sanctions());
  }

  #carryOut(field: string, value: string): void {
    this.#passing.set(field, value);
    this.#tell(value);
  }

  #carryOutMissed(fields: ReadonlyMap<string, string>): void {
    const before = this.#passing;
    this.#passing = new Map(fields);
    for (const [field, value] of this.#hasRead ? fields : []) {
      if (!before.has(field)) this.#tell(value);
    }
  }

  #tell(text: string): void {
    const order = parseOrder(text);
    if (order !== undefined) this.#listener.ordered?.(order);
  }
}

/** Returns when a sanction ends, in milliseconds since 1970. */
function endOf(text: string): number {
  const order = parseOrder(text);
  return order === undefined || !isImposing(order) ? 0 : order.until ?? Infinity;
}

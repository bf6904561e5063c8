/**
 * `AddressBans` bans the address of a guest who is banned: anybody can be a new guest at any time. It does so
 * where the guest is connected, because no other node knows the address.
 *
 * @module
 */
import type { Sanctions } from "../access/sanctions.ts";
import { addressSubject, type ImposeOrder } from "../broker/orders.ts";
import type { Log } from "../log.ts";
import type { UserSession } from "./user.ts";

/** The longest time for which an address is banned: it may soon be somebody else's. */
const MAX_BAN_MS = 86_400_000;

/** What it needs. */
export interface AddressBansParts {
  readonly sanctions: Sanctions;
  readonly log: Log;
  /** The wall clock, in whole milliseconds. */
  readonly now: () => number;
  /** Gives an order to all nodes. */
  readonly order: (order: ImposeOrder) => Promise<void>;
}

export class AddressBans {
  readonly #parts: AddressBansParts;
  /** The bans that are being ordered. */
  readonly #ordered = new Set<Promise<void>>();

  constructor(parts: AddressBansParts) {
    this.#parts = parts;
  }

  /** Bans the address of a session whose user is being banned, if that is a guest. */
  ban({ room, until }: ImposeOrder, { identity, source }: UserSession): void {
    const { sanctions, log, now, order } = this.#parts;
    if (!identity.isGuest) return;
    if (source.isShared) {
      log.warn("address not banned: all clients seem to have it", { address: source.group });
      return;
    }
    const ends = Math.min(until ?? Infinity, now() + MAX_BAN_MS);
    // Another guest of the address may have been banned for longer.
    if ((sanctions.addressBan(room, source.group)?.until ?? 0) >= ends) return;
    const ordered = order({
      kind: "ban",
      room,
      subject: addressSubject(source.group),
      until: ends,
      guestId: identity.user.id,
    }).catch(() => {
      // It is in the log. The guest itself is banned.
    }).finally(() => this.#ordered.delete(ordered));
    this.#ordered.add(ordered);
  }

  /** Settles when all bans are stored, or could not be. */
  async settled(): Promise<void> {
    await Promise.all(this.#ordered);
  }
}

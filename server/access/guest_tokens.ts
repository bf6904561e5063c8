/**
 * `GuestTokens` makes the ids of guests, and the tokens that identify them. A token holds the id, the name
 * that the guest chose, and their HMAC-SHA-256 (RFC 2104) under the log's secret. So any node can verify
 * it, and none has to store it. A token identifies a guest session, not a verified user. Whoever holds
 * it can act as that guest.
 *
 * WebCrypto's HMAC is asynchronous, and a session's commands would then need a queue to keep their order.
 * So this uses node:crypto.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { guestName, NAME } from "../protocol/names.ts";
import type { User } from "../protocol/messages.ts";

export class GuestTokens {
  readonly #secret: Uint8Array;
  /** What every guest is marked with: other users need to tell guests from an application's users. */
  readonly #mark: Pick<User, "guest">;

  /**
   * @param secret at least 32 random bytes, shared by all nodes and kept with the log.
   * @param isMarked whether guests are marked as such, because an application brings other users.
   */
  constructor(secret: Uint8Array, isMarked = false) {
    this.#secret = secret;
    this.#mark = isMarked ? { guest: true } : {};
  }

  /** Makes a new guest. The id is 64 random bits in hexadecimal. */
  newGuest(): User {
    return this.#guest(randomBytes(8).toString("hex"));
  }

  /** Returns the same guest for the same text. Its id cannot be guessed, and it never gets a token. */
  guestFor(text: string): User {
    return this.#guest(this.#sign("guest", text).toString("hex", 0, 8));
  }

  /** Makes a user's token: `id.signature`, or `id.name.signature` for a chosen name. */
  mint({ id, name }: User): string {
    const claim = name === guestName(id) ? id : `${id}.${Buffer.from(name).toString("base64url")}`;
    return `${claim}.${this.#sign("token", claim).toString("base64url")}`;
  }

  /**
   * Verifies a token. The name in it is the one at the time when the token was made; a user who is
   * connected may have another one now.
   *
   * @returns `undefined` if this server did not make the token.
   */
  verify(token: string): User | undefined {
    const dot = token.lastIndexOf(".");
    if (dot < 1) return undefined;
    const claim = token.slice(0, dot);
    const given = Buffer.from(token.slice(dot + 1), "base64url");
    const expected = this.#sign("token", claim);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const [id = "", encoded = ""] = claim.split(".");
    const name = Buffer.from(encoded, "base64url").toString();
    return this.#guest(id, NAME.accepts(name) ? name : undefined);
  }

  #guest(id: string, name = guestName(id)): User {
    return { id, name, ...this.#mark };
  }

  #sign(use: "token" | "guest", text: string) {
    return createHmac("sha256", this.#secret).update(`parley ${use} v1 ${text}`).digest();
  }
}

/**
 * `Identity` makes the ids of guests, and the tokens that identify them. A token holds the id, the name
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
import { Refusal } from "../protocol/refusal.ts";

export class Identity {
  readonly #secret: Uint8Array;

  /** @param secret at least 32 random bytes, shared by all nodes and kept with the log. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** Makes a new user's id: 64 random bits in hexadecimal. */
  newId(): string {
    return randomBytes(8).toString("hex");
  }

  /** Makes a new guest. */
  newGuest(): User {
    const id = this.newId();
    return { id, name: guestName(id) };
  }

  /** Returns the same guest for the same text. Its id cannot be guessed, and it never gets a token. */
  guestFor(text: string): User {
    const id = this.#sign("guest", text).toString("hex", 0, 8);
    return { id, name: guestName(id) };
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
    return { id, name: NAME.accepts(name) ? name : guestName(id) };
  }

  /**
   * Returns the user whom a token identifies: {@linkcode Identity.verify}, or a refusal.
   *
   * @throws {Refusal} `unauthorized`
   */
  userOf(token: string): User {
    const user = this.verify(token);
    if (user !== undefined) return user;
    throw new Refusal("unauthorized", "The token was not made by this server.", {
      field: "token",
    });
  }

  #sign(use: "token" | "guest", text: string) {
    return createHmac("sha256", this.#secret).update(`parley ${use} v1 ${text}`).digest();
  }
}

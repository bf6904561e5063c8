/**
 * Who somebody is: an id of our making, and a token that proves it. The token is the id, the name that
 * its owner chose, and their HMAC-SHA-256 (RFC 2104) under the log's secret, so any node can verify it
 * and none has to store it. It proves that this is the same guest as before, and nothing about the
 * person.
 *
 * node:crypto rather than WebCrypto: its HMAC answers at once, so a session's commands keep their
 * order without a queue of promises.
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

  /** A new person's id: 64 random bits in hexadecimal. */
  newId(): string {
    return randomBytes(8).toString("hex");
  }

  /** A user whom nobody has seen before. */
  newGuest(): User {
    const id = this.newId();
    return { id, name: guestName(id) };
  }

  /** The same guest for the same text, and no telling which. No token for it is ever given out. */
  guestFor(text: string): User {
    const id = this.#sign("guest", text).toString("hex", 0, 8);
    return { id, name: guestName(id) };
  }

  /** The token that proves who this is: `id.signature`, or `id.name.signature` for a chosen name. */
  mint({ id, name }: User): string {
    const claim = name === guestName(id) ? id : `${id}.${Buffer.from(name).toString("base64url")}`;
    return `${claim}.${this.#sign("token", claim).toString("base64url")}`;
  }

  /**
   * Whom a token proves, or `undefined`. The name is the one at the time when the token was given out:
   * whoever is connected goes by the name that they have now.
   */
  verify(token: string): User | undefined {
    const dot = token.lastIndexOf(".");
    if (dot < 1) return undefined;
    const claim = token.slice(0, dot);
    const given = Buffer.from(token.slice(dot + 1), "base64url");
    const right = this.#sign("token", claim);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
    const [id = "", encoded = ""] = claim.split(".");
    const name = Buffer.from(encoded, "base64url").toString();
    return { id, name: NAME.accepts(name) ? name : guestName(id) };
  }

  /**
   * Returns the user whom a token identifies.
   *
   * @throws {Refusal} `unauthorized`
   */
  userOf(token: string): User {
    const user = this.verify(token);
    if (user !== undefined) return user;
    throw new Refusal("unauthorized", "The token was not issued by this server.", {
      field: "token",
    });
  }

  #sign(use: "token" | "guest", text: string) {
    return createHmac("sha256", this.#secret).update(`parley ${use} v1 ${text}`).digest();
  }
}

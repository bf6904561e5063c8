/**
 * Who somebody is: an id of our making, and a token that proves it. The token is the id and its
 * HMAC-SHA-256 (RFC 2104) under the log's secret, so any node can verify it and none has to store
 * it. It proves that this is the same guest as before, and nothing about the person.
 *
 * node:crypto rather than WebCrypto: its HMAC answers at once, so a session's commands keep their
 * order without a queue of promises.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

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

  /** The same id for the same text, and no telling which. No token for it is ever given out. */
  idFor(text: string): string {
    return this.#sign("guest", text).toString("hex", 0, 8);
  }

  /** The token that proves an id. */
  mint(id: string): string {
    return `${id}.${this.#sign("token", id).toString("base64url")}`;
  }

  /** The id that a token proves, or `undefined`. */
  verify(token: string): string | undefined {
    const dot = token.indexOf(".");
    if (dot < 1) return undefined;
    const id = token.slice(0, dot);
    const given = Buffer.from(token.slice(dot + 1), "base64url");
    const right = this.#sign("token", id);
    return given.length === right.length && timingSafeEqual(given, right) ? id : undefined;
  }

  #sign(use: "token" | "guest", text: string) {
    return createHmac("sha256", this.#secret).update(`parley ${use} v1 ${text}`).digest();
  }
}

/** What somebody is called who did not say: `Guest-7f3a`. */
export function guestName(id: string): string {
  return `Guest-${id.slice(0, 4)}`;
}

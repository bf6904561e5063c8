/**
 * `RedisSecret` is the secret that all nodes sign their guests' tokens with. It is kept in Redis.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { StoreTrouble } from "../store_health.ts";
import { isFinal, isFull } from "./connection.ts";
import type { RedisLink } from "./link.ts";

/** It is a script, because messages are stored by scripts: a Redis that refuses those would store nothing. */
const KEEP = "redis.call('SET', KEYS[1], ARGV[1], 'NX')";

export class RedisSecret {
  readonly bytes: Uint8Array;
  readonly #link: RedisLink;

  private constructor(link: RedisLink, bytes: Uint8Array) {
    this.#link = link;
    this.bytes = bytes;
  }

  /** Reads the secret. The first node makes it. */
  static async open(link: RedisLink): Promise<RedisSecret> {
    const { secret } = link.names;
    await link.ask("SET", secret, randomBytes(32).toString("base64url"), "NX");
    const bytes = Buffer.from(String(await link.ask("GET", secret)), "base64url");
    return new RedisSecret(link, new Uint8Array(bytes));
  }

  /** Gives the secret again to a Redis that has lost everything, before a new node makes another. */
  async keep(): Promise<void> {
    const text = Buffer.from(this.bytes).toString("base64url");
    await this.#link.ask("EVAL", KEEP, "1", this.#link.names.secret, text);
  }

  /** Finds out whether Redis would store something now. */
  async probe(): Promise<StoreTrouble | undefined> {
    if (!this.#link.isConnected) return "redis_away";
    try {
      await this.keep();
      return undefined;
    } catch (thrown) {
      if (isFull(thrown)) return "redis_full";
      return isFinal(thrown) ? "store_failed" : "redis_away";
    }
  }
}

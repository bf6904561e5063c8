/**
 * `readHash` reads a whole hash on Redis.
 *
 * @module
 */
import type { RedisLink } from "./link.ts";

/** Returns the fields of a hash and their values. */
export async function readHash(link: RedisLink, key: string): Promise<Map<string, string>> {
  const flat = await link.ask("HGETALL", key);
  const fields = new Map<string, string>();
  for (let index = 0; Array.isArray(flat) && index < flat.length; index += 2) {
    fields.set(String(flat[index]), String(flat[index + 1]));
  }
  return fields;
}

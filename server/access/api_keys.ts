/**
 * `ApiKeys` are the secrets by which the application itself is known over HTTP. Whoever holds one may
 * say anything in any room, as anyone, without a limit of rate.
 *
 * Only their hashes are kept. Hashes have one length, so that they can be compared in constant time; and
 * all of them are compared, so that the time does not tell which one it was.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { reason } from "../log.ts";
import { TOKEN } from "../protocol/rules.ts";
import { OptionError, type Options } from "../options.ts";

/** A key of fewer characters could be guessed. */
const MIN_CHARS = 32;
const MAX_CHARS = 1024;

export class ApiKeys {
  readonly #hashes: readonly Uint8Array[];

  /**
   * Reads the keys of the options: those in the file and those in the variable together.
   *
   * @throws {OptionError} if the file cannot be read, or a key does not fit. It never quotes a key.
   */
  static async read(options: Options): Promise<ApiKeys> {
    return new ApiKeys(await ApiKeys.list(options));
  }

  /** Lists the keys themselves, for a program that shows one to a server. @throws {OptionError} as `read`. */
  static async list({ apiKeyFile, apiKeys }: Options): Promise<readonly string[]> {
    const keys = apiKeys === "" ? [] : split(apiKeys, "PARLEY_API_KEYS");
    if (apiKeyFile !== "") keys.push(...split(await readFile(apiKeyFile), "--api-key-file"));
    return keys;
  }

  constructor(keys: readonly string[] = []) {
    this.#hashes = keys.map(hash);
  }

  /** Whether there is no key. */
  get isEmpty(): boolean {
    return this.#hashes.length === 0;
  }

  /** Says whether a request has one of the keys, in `Authorization` and nowhere else (RFC 6750 §2.1). */
  accepts({ headers }: Request): boolean {
    if (this.#hashes.length === 0) return false;
    const given = bearerOf(headers);
    if (given === undefined || given.length < MIN_CHARS) return false;
    const hashed = hash(given);
    let isKnown = false;
    for (const known of this.#hashes) isKnown = timingSafeEqual(known, hashed) || isKnown;
    return isKnown;
  }
}

/** Returns the token or the key of the `Authorization` header; `""` if the header has another form. */
export function bearerOf(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  return header === null ? undefined : /^Bearer +([^ ]+) *$/i.exec(header)?.[1] ?? "";
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    throw new OptionError(`--api-key-file ${JSON.stringify(path)}: ${reason(thrown)}`);
  }
}

/** Splits keys at white space, and checks each. */
function split(text: string, source: string): string[] {
  const keys = text.split(/\s+/).filter((key) => key !== "");
  if (keys.length === 0) throw new OptionError(`${source} must hold at least one key.`);
  keys.forEach((key, index) => {
    if (TOKEN.accepts(key) && key.length >= MIN_CHARS && key.length <= MAX_CHARS) return;
    throw new OptionError(
      `${source}: key ${
        index + 1
      } must be ${MIN_CHARS} to ${MAX_CHARS} letters, digits or _.~+/=- characters.`,
    );
  });
  return keys;
}

function hash(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

/**
 * The signature of a webhook's request, as Standard Webhooks 1.0.0 defines it
 * (https://www.standardwebhooks.com).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

const PREFIX = "whsec_";
/** How many bytes a secret may have. */
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/**
 * Reads secrets that are separated by white space. Each request is signed with all of them, so that a
 * receiver can change from one to the next at any time.
 *
 * @returns `undefined` if there is none, or one is not `whsec_` and 24 to 64 bytes in Base64.
 */
export function webhookKeys(secrets: string): readonly Uint8Array[] | undefined {
  const keys = secrets.trim().split(/\s+/).map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    const isKey = secret === PREFIX + key.toString("base64") &&
      key.length >= MIN_BYTES && key.length <= MAX_BYTES;
    return isKey ? key : undefined;
  });
  return keys.every((key) => key !== undefined) ? keys : undefined;
}

/**
 * Makes the headers that identify and sign a request.
 *
 * @param id must have no dot, which separates it from the rest of what is signed.
 * @param now milliseconds since 1970.
 */
export function signedHeaders(
  keys: readonly Uint8Array[],
  id: string,
  now: number,
  body: string,
): Record<string, string> {
  const timestamp = Math.floor(now / 1000);
  const signatures = keys.map((key) =>
    "v1," + createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  };
}

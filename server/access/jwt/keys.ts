/**
 * The keys that tokens are verified with. Each key has one algorithm, which follows from its type and is
 * never taken from the token: else somebody could sign with HS256 and the public key as the secret
 * (RFC 8725 §2.1).
 *
 * @module
 */
import { Refusal } from "../../protocol/refusal.ts";
import { isRecord } from "../../protocol/rules.ts";

/** The library that verifies signatures. It is loaded only where an application has tokens of its own. */
export type Jose = typeof import("npm:jose@6.2.18");

/** The header of a token as far as it is read: which key signed it, and how. */
export interface TokenHeader {
  readonly alg: unknown;
  readonly kid: unknown;
}

/** A key and its one algorithm. */
export interface VerificationKey {
  readonly key: CryptoKey;
  readonly alg: string;
  /** The key's name in its set. */
  readonly kid?: string;
}

/** A `KeySource` knows the key that a token must be signed with. */
export interface KeySource {
  /** @throws {Refusal} `unauthorized` if there is no such key; `unavailable` if that is not known. */
  keyFor(header: TokenHeader): VerificationKey | Promise<VerificationKey>;
}

/** RSA keys that are shorter than this many bits are not used (RFC 7518 §3.3). */
const MIN_RSA_BITS = 2048;

/** Makes a refusal. The sentence must not repeat anything of the token. */
export function unauthorized(sentence: string): Refusal {
  return new Refusal("unauthorized", sentence, { field: "token" });
}

/** Makes the source that has one key: the secret that the application signs with. */
export async function secretSource(secret: Uint8Array<ArrayBuffer>): Promise<KeySource> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]);
  return { keyFor: () => ({ key, alg: "HS256" }) };
}

/**
 * Returns the keys of a JWK Set that can be used: public keys for RS256, ES256 and EdDSA, which are for
 * signatures. Others are passed over (RFC 7517 §5).
 */
export async function keysOf(jose: Jose, jwks: unknown): Promise<VerificationKey[]> {
  if (!isRecord(jwks) || !Array.isArray(jwks.keys)) return [];
  const keys: VerificationKey[] = [];
  for (const jwk of jwks.keys) {
    const key = isRecord(jwk) ? await importKey(jose, jwk) : undefined;
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

async function importKey(
  jose: Jose,
  jwk: Record<string, unknown>,
): Promise<VerificationKey | undefined> {
  const alg = algorithmOf(jwk);
  if (alg === undefined || !isForVerifying(jwk, alg)) return undefined;
  try {
    const key = await jose.importJWK(jwk, alg);
    if (!(key instanceof CryptoKey) || isShort(key)) return undefined;
    return { key, alg, ...(typeof jwk.kid === "string" && { kid: jwk.kid }) };
  } catch {
    return undefined; // it is malformed
  }
}

function algorithmOf({ kty, crv }: Record<string, unknown>): string | undefined {
  if (kty === "RSA") return "RS256";
  if (kty === "EC" && crv === "P-256") return "ES256";
  return kty === "OKP" && crv === "Ed25519" ? "EdDSA" : undefined;
}

function isForVerifying(jwk: Record<string, unknown>, alg: string): boolean {
  const { use, key_ops: operations } = jwk;
  const isPublic = jwk.d === undefined;
  const isForSignatures = use === undefined || use === "sig";
  const canVerify = operations === undefined ||
    Array.isArray(operations) && operations.includes("verify");
  return isPublic && isForSignatures && canVerify && (jwk.alg === undefined || jwk.alg === alg);
}

function isShort({ algorithm }: CryptoKey): boolean {
  return "modulusLength" in algorithm && Number(algorithm.modulusLength) < MIN_RSA_BITS;
}

/**
 * `JwtVerifier` verifies the tokens of an application: JWTs (RFC 7519) that it signs with a secret, or with
 * a private key whose public key is in a JWK Set. RFC 8725 says what goes wrong with JWTs.
 *
 * `npm:jose` does the parsing and the cryptography, because it is small, maintained and has no dependencies,
 * and because mistakes there let strangers in.
 *
 * @module
 */
import { type Log, reason } from "../../log.ts";
import { OptionError, type Options } from "../../options.ts";
import type { Refusal } from "../../protocol/refusal.ts";
import type { Clock } from "../allowances.ts";
import {
  type ApplicationUser,
  checkApplicationUser,
  type WrongField,
} from "../application_user.ts";
import { KeySet } from "./key_set.ts";
import { type Jose, type KeySource, secretSource, type TokenHeader, unauthorized } from "./keys.ts";
import { isUrl, readJwks } from "./read_jwks.ts";
import { readSecretFile } from "./secret_file.ts";

/** The options that concern tokens. */
export type JwtOptions = Pick<
  Options,
  "jwtSecret" | "jwtSecretFile" | "jwks" | "jwtIssuer" | "jwtAudience"
>;

/** What a {@linkcode JwtVerifier} needs besides options. */
export interface JwtSurroundings {
  readonly log: Log;
  /** What the file of `--jwt-secret-file` held, if it was read before. */
  readonly secret?: Uint8Array<ArrayBuffer> | undefined;
  /** The time of day, in milliseconds since 1970. */
  readonly date?: () => number;
  readonly now?: Clock;
  /** How long the URL of a JWK Set may take to answer. */
  readonly deadlineMs?: number;
}

/** How far the application's clock may be from this one, in seconds. */
const SKEW_SECONDS = 30;
/** How long the URL of a JWK Set may take to answer. */
const DEADLINE_MS = 3000;
/** The claims that have other names than the fields of a user. */
const CLAIMS: Readonly<Record<string, string>> = { id: "sub", expiresAt: "exp" };

const wrongClaim: WrongField = (field, expected) =>
  unauthorized(`The token's claim "${CLAIMS[field] ?? field}" must be ${expected}.`);

/** Verifies tokens with the keys and the bounds of some options. */
export class JwtVerifier {
  readonly #jose: Jose;
  readonly #keys: KeySource;
  readonly #options: JwtOptions;
  readonly #date: () => number;

  /**
   * Loads the library and reads the key. A JWK Set at a URL is read with the first token, so that the
   * server can start while the URL does not answer.
   *
   * @throws {OptionError} if a file cannot be read, or does not hold a key.
   */
  static async open(
    options: JwtOptions,
    { log, secret, date = Date.now, now = () => performance.now(), deadlineMs = DEADLINE_MS }:
      JwtSurroundings,
  ): Promise<JwtVerifier> {
    // Deno would fetch a literal specifier at start, also for those who have no tokens.
    const name: string = "npm:jose@6.2.18";
    const jose: Jose = await import(name);
    const { jwks, jwtSecret, jwtSecretFile: file } = options;
    if (jwks === "") {
      const bytes = secret ??
        (file === "" ? new TextEncoder().encode(jwtSecret) : await readSecretFile(file));
      return new JwtVerifier(jose, await secretSource(bytes), options, date);
    }
    const keys = new KeySet({ jose, log, now, read: () => readJwks(jwks, deadlineMs) });
    if (!isUrl(jwks)) {
      await keys.load().catch((thrown: unknown) => {
        throw new OptionError(`Cannot use --jwks ${jwks}. ${reason(thrown)}`);
      });
    }
    return new JwtVerifier(jose, keys, options, date);
  }

  private constructor(jose: Jose, keys: KeySource, options: JwtOptions, date: () => number) {
    this.#jose = jose;
    this.#keys = keys;
    this.#options = options;
    this.#date = date;
  }

  /**
   * Returns the user whom a token vouches for.
   *
   * @throws {Refusal} `unauthorized`, or `unavailable` if the keys cannot be read now. The sentence says
   * what is wrong and repeats nothing of the token.
   */
  async verify(token: string): Promise<ApplicationUser> {
    const { key, alg } = await this.#keys.keyFor(this.#headerOf(token));
    const { jwtIssuer, jwtAudience } = this.#options;
    try {
      const { payload } = await this.#jose.jwtVerify<Record<string, unknown>>(token, key, {
        algorithms: [alg],
        requiredClaims: ["sub", "exp"],
        clockTolerance: SKEW_SECONDS,
        currentDate: new Date(this.#date()),
        ...(jwtIssuer !== "" && { issuer: jwtIssuer }),
        ...(jwtAudience !== "" && { audience: jwtAudience }),
      });
      const { sub: id, exp, name, info, rooms } = payload;
      const expiresAt = Number(exp) * 1000;
      return checkApplicationUser({ id, name, info, rooms, expiresAt }, wrongClaim);
    } catch (thrown) {
      throw this.#refusalOf(thrown) ?? thrown;
    }
  }

  #headerOf(token: string): TokenHeader {
    try {
      const { alg, kid } = this.#jose.decodeProtectedHeader(token);
      return { alg, kid };
    } catch {
      throw unauthorized("The token is neither a JWT nor one of this server.");
    }
  }

  #refusalOf(thrown: unknown): Refusal | undefined {
    const {
      JOSEError,
      JOSEAlgNotAllowed,
      JWSSignatureVerificationFailed,
      JWTExpired,
      JWTClaimValidationFailed,
    } = this.#jose.errors;
    if (thrown instanceof JWTExpired) return unauthorized("The token has expired.");
    if (thrown instanceof JWSSignatureVerificationFailed) {
      return unauthorized("The token's signature is wrong.");
    }
    if (thrown instanceof JOSEAlgNotAllowed) {
      return unauthorized("The token's algorithm is not the one of its key.");
    }
    if (thrown instanceof JWTClaimValidationFailed) return unauthorized(sentenceOf(thrown));
    return thrown instanceof JOSEError
      ? unauthorized("The token is not a JWT that can be verified.")
      : undefined;
  }
}

function sentenceOf(
  { claim, reason }: { readonly claim: string; readonly reason: string },
): string {
  if (reason === "missing") return `The token's claim "${claim}" is missing.`;
  if (claim === "nbf" && reason === "check_failed") return "The token is not valid yet.";
  if (claim === "exp" || claim === "nbf") {
    return `The token's claim "${claim}" must be a number of seconds since 1970.`;
  }
  return `The token's claim "${claim}" is not what this server expects.`;
}

/**
 * An application that has users of its own: it signs tokens for them, and publishes its public keys.
 *
 * @module
 */
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from "npm:jose@6.2.18";

import { type JwtOptions, JwtVerifier } from "../../server/access/jwt/jwt_verifier.ts";
import { type Log, silentLog } from "../../server/mod.ts";
import { Refusal } from "../../server/protocol/refusal.ts";
import { assert, assertEquals, assertRejects } from "./assert.ts";
import { patiently } from "./harness.ts";

/** A secret that is long enough for HS256. */
export const SECRET = "a secret of more than 32 characters";

/** The claims of a token for Ada, good for an hour; what is given wins, and `undefined` leaves out. */
export function claimsOf(
  claims: Record<string, unknown> = {},
  nowMs = Date.now(),
): Record<string, unknown> {
  return { sub: "ada", exp: Math.floor(nowMs / 1000) + 3600, ...claims };
}

/** Signs a token with the secret, as an application would. */
export async function tokenFor(claims: Record<string, unknown>, secret = SECRET): Promise<string> {
  return await sign(claims, new TextEncoder().encode(secret), { alg: "HS256" });
}

/** A key of the application, with the algorithm that it is for. */
export class SigningKey {
  readonly #pair: CryptoKeyPair;
  readonly alg: string;
  readonly kid: string;
  /** The public half, as it stands in the set. */
  readonly jwk: JWK;
  /** The public half as PEM: what somebody would take for the secret of HS256. */
  readonly pem: string;

  static async make(alg = "ES256", kid: string = crypto.randomUUID()): Promise<SigningKey> {
    const pair = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...await exportJWK(pair.publicKey), kid };
    return new SigningKey(pair, alg, kid, jwk, await exportSPKI(pair.publicKey));
  }

  private constructor(pair: CryptoKeyPair, alg: string, kid: string, jwk: JWK, pem: string) {
    this.#pair = pair;
    this.alg = alg;
    this.kid = kid;
    this.jwk = jwk;
    this.pem = pem;
  }

  /** Both halves: what must never stand in a set. */
  async privateJwk(): Promise<JWK> {
    return { ...await exportJWK(this.#pair.privateKey), kid: this.kid };
  }

  async sign(
    claims: Record<string, unknown>,
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const whole = { alg: this.alg, kid: this.kid, ...header };
    return await sign(claims, this.#pair.privateKey, whole);
  }
}

async function sign(
  claims: Record<string, unknown>,
  key: CryptoKey | Uint8Array,
  header: Record<string, unknown> & { alg: string },
): Promise<string> {
  return await new SignJWT(claims as JWTPayload).setProtectedHeader(header).sign(key);
}

/** A token with any header and claims and no signature at all. */
export function unsigned(header: unknown, claims: unknown): string {
  const encode = (value: unknown) => base64url(new TextEncoder().encode(JSON.stringify(value)));
  return `${encode(header)}.${encode(claims)}.`;
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A web server that publishes the keys of an application, and can fail in the usual ways. */
export class JwksServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #hanging = new Set<() => void>();
  readonly #asked = Promise.withResolvers<void>();
  /** What it publishes. */
  keys: readonly JWK[];
  /** How often it was asked. */
  requests = 0;
  /** What it does with a request. */
  mood: "answers" | "hangs" | "stalls" | "fails" | "babbles" | "redirects" | "floods" = "answers";

  constructor(keys: readonly SigningKey[] = []) {
    this.keys = keys.map(({ jwk }) => jwk);
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => this.#answer(),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/jwks.json`;
  }

  publish(...keys: readonly SigningKey[]): void {
    this.keys = keys.map(({ jwk }) => jwk);
  }

  /** Settles when it has been asked for the first time. */
  async asked(): Promise<void> {
    await patiently(this.#asked.promise, "a request for the keys");
  }

  /** Answers what hangs, and everything from now on. */
  release(): void {
    this.mood = "answers";
    for (const release of this.#hanging) release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#server.shutdown();
  }

  async #answer(): Promise<Response> {
    this.requests++;
    this.#asked.resolve();
    if (this.mood === "fails") return new Response("", { status: 500 });
    if (this.mood === "babbles") return new Response("<html>");
    if (this.mood === "floods") return new Response("[".repeat(300_000));
    if (this.mood === "redirects") return Response.redirect(new URL("/elsewhere", this.url));
    const hang = () => new Promise<void>((resolve) => this.#hanging.add(resolve));
    if (this.mood === "hangs") await hang();
    if (this.mood !== "stalls") return Response.json({ keys: this.keys });
    // The answer begins and does not end.
    const start = new TextEncoder().encode('{"keys":');
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(start),
        pull: hang,
      }),
    );
  }
}

/** The time of day and the time that keys are kept by; it goes when it is told to. */
export class TestClock {
  ms = Date.now();
  readonly now = () => this.ms;
  readonly date = () => this.ms;
}

const NO_KEY: JwtOptions = {
  jwtSecret: "",
  jwtSecretFile: "",
  jwks: "",
  jwtIssuer: "",
  jwtAudience: "",
};

/** A verifier by these options. Nothing is ever late unless the test says what late is. */
export async function openVerifier(
  options: Partial<JwtOptions>,
  { clock = new TestClock(), log = silentLog, deadlineMs = 20_000 }: {
    readonly clock?: TestClock;
    readonly log?: Log;
    readonly deadlineMs?: number;
  } = {},
): Promise<JwtVerifier> {
  return await JwtVerifier.open({ ...NO_KEY, ...options }, { ...clock, log, deadlineMs });
}

/** Checks that a token is refused with a sentence about that, which repeats no part of the token. */
export async function assertRefused(
  verifier: JwtVerifier,
  token: string,
  about: string,
): Promise<Refusal> {
  const refusal = await assertRejects(() => verifier.verify(token), Refusal);
  const { code, field, message } = refusal;
  assert(message.includes(about), `"${message}" is not about ${about}`);
  for (const part of token.split(".").filter(({ length }) => length > 8)) {
    assert(!message.includes(part), message);
  }
  const expected = about === "cannot be read"
    ? ["unavailable", undefined]
    : ["unauthorized", "token"];
  assertEquals([code, field], expected);
  return refusal;
}

/** A token that is signed with HS256 and any secret, and names a key of the application. */
export async function forged(secret: string, kid: string): Promise<string> {
  const head = unsigned({ alg: "HS256", kid }, claimsOf()).slice(0, -1);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(head));
  return `${head}.${base64url(new Uint8Array(signature))}`;
}

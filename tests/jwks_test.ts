/**
 * The keys that tokens are verified with: sets that change, hang, fail or hold what is no use, and secrets
 * in files.
 *
 * @module
 */
import type { Facts, Log } from "../server/mod.ts";
import { OptionError } from "../server/options.ts";
import { assert, assertEquals, assertRejects } from "./support/assert.ts";
import { until } from "./support/harness.ts";
import { MovedClock } from "./support/moved_clock.ts";
import {
  assertRefused,
  claimsOf,
  JwksServer,
  openVerifier,
  SECRET,
  SigningKey,
  TestClock,
  tokenFor,
} from "./support/tokens.ts";

const MINUTE = 60_000;
/** So long that it passes only when a test says so. */
const DEADLINE_MS = 30_000;

async function withFile(content: string | Uint8Array, act: (path: string) => Promise<void>) {
  const path = await Deno.makeTempFile();
  try {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    await act(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a key that was added to the set is found at once", async () => {
  const [old, young] = [await SigningKey.make(), await SigningKey.make("EdDSA")];
  await using jwks = new JwksServer([old]);
  const verifier = await openVerifier({ jwks: jwks.url });
  assert(await verifier.verify(await old.sign(claimsOf())));
  jwks.publish(old, young);
  assert(await verifier.verify(await young.sign(claimsOf())));
  assertEquals(jwks.requests, 2);
});

Deno.test("a key that was taken out of the set is refused, after 15 minutes at the latest", async () => {
  const clock = new TestClock();
  const [old, young] = [await SigningKey.make(), await SigningKey.make()];
  await using jwks = new JwksServer([old]);
  const verifier = await openVerifier({ jwks: jwks.url }, { clock });
  const token = await old.sign(claimsOf());
  assert(await verifier.verify(token));
  jwks.publish(young);
  clock.ms += 15 * MINUTE;
  await assertRefused(verifier, token, "not one of the application's");
});

Deno.test("the set is read again after 5 minutes, and nobody waits for that", async () => {
  const clock = new TestClock();
  const [old, young] = [await SigningKey.make(), await SigningKey.make()];
  await using jwks = new JwksServer([old]);
  const verifier = await openVerifier({ jwks: jwks.url }, { clock });
  const token = await old.sign(claimsOf());
  assert(await verifier.verify(token));
  jwks.publish(young);
  clock.ms += 5 * MINUTE;
  assert(await verifier.verify(token));
  await until(() => verifier.verify(token).then(() => false, () => true), "the key to be refused");
  assertEquals(jwks.requests, 3); // the last one because that key is unknown now
});

Deno.test("any number of unknown keys make one request in 10 seconds", async () => {
  const clock = new TestClock();
  const key = await SigningKey.make();
  await using jwks = new JwksServer([key]);
  const verifier = await openVerifier({ jwks: jwks.url }, { clock });
  assert(await verifier.verify(await key.sign(claimsOf())));
  const foreign = await SigningKey.make();
  const refuse = async (kid: string) =>
    void await assertRefused(verifier, await foreign.sign(claimsOf(), { kid }), "not one of");
  await Promise.all(Array.from({ length: 50 }, (_, n) => refuse(`${n}`)));
  for (let n = 0; n < 50; n++) await refuse(`again ${n}`);
  assertEquals(jwks.requests, 2);
  clock.ms += 10_000;
  for (let n = 0; n < 50; n++) await refuse(`later ${n}`);
  assertEquals(jwks.requests, 3);
  assert(await verifier.verify(await key.sign(claimsOf())));
});

for (const mood of ["hangs", "stalls"] as const) {
  Deno.test(`a set that ${mood} makes a token unavailable, and others do not wait`, async () => {
    using timers = new MovedClock();
    const clock = new TestClock();
    const [key, other] = [await SigningKey.make(), await SigningKey.make()];
    await using jwks = new JwksServer([key]);
    const verifier = await openVerifier({ jwks: jwks.url }, { clock, deadlineMs: DEADLINE_MS });
    assert(await verifier.verify(await key.sign(claimsOf())));
    jwks.mood = mood;
    jwks.publish(key, other);
    const token = await other.sign(claimsOf());
    let isRefused = false;
    const refused = assertRefused(verifier, token, "cannot be read").then((refusal) => {
      isRefused = true;
      return refusal;
    });
    await until(() => jwks.requests === 2, "the set to be asked for");
    assert(await verifier.verify(await key.sign(claimsOf())));
    assert(!isRefused);
    timers.pass(DEADLINE_MS);
    assertEquals((await refused).retryAfterMs, 5000);
    clock.ms += 4000;
    assertEquals((await assertRefused(verifier, token, "cannot be read")).retryAfterMs, 1000);
    assertEquals(jwks.requests, 2);
    jwks.mood = "answers";
    clock.ms += 1000;
    assert(await verifier.verify(token));
    assertEquals(jwks.requests, 3);
  });
}

for (const mood of ["hangs", "stalls", "fails", "babbles", "redirects", "floods"] as const) {
  Deno.test(`a set that ${mood} at first is read when it answers, and the log says why`, async () => {
    using timers = new MovedClock();
    const clock = new TestClock();
    const key = await SigningKey.make();
    await using jwks = new JwksServer([key]);
    jwks.mood = mood;
    const lines: Facts[] = [];
    const ignore = () => {};
    const log: Log = { info: ignore, error: ignore, warn: (_, facts = {}) => lines.push(facts) };
    const deadlineMs = DEADLINE_MS;
    const verifier = await openVerifier({ jwks: jwks.url }, { clock, log, deadlineMs });
    const token = await key.sign(claimsOf());
    const refused = assertRefused(verifier, token, "cannot be read");
    if (mood === "hangs" || mood === "stalls") {
      await until(() => jwks.requests === 1, "the set to be asked for");
      timers.pass(DEADLINE_MS);
    }
    await refused;
    await assertRefused(verifier, token, "cannot be read");
    assertEquals(lines.length, 1);
    assert(!String(lines[0]?.reason).includes(jwks.url), "the URL may hold a secret");
    assert(
      String(lines[0]?.reason).startsWith("Error: ") || mood === "redirects",
      JSON.stringify(lines),
    );
    jwks.mood = "answers";
    clock.ms += 5000;
    assert(await verifier.verify(token));
  });
}

Deno.test("keys count for 15 minutes while the set cannot be read, and then no token is known", async () => {
  const clock = new TestClock();
  const key = await SigningKey.make();
  await using jwks = new JwksServer([key]);
  const verifier = await openVerifier({ jwks: jwks.url }, { clock });
  const token = await key.sign(claimsOf());
  assert(await verifier.verify(token));
  jwks.mood = "fails";
  for (let minute = 1; minute < 15; minute++) {
    clock.ms += MINUTE;
    assert(await verifier.verify(token));
  }
  clock.ms += MINUTE;
  await assertRefused(verifier, token, "cannot be read");
  jwks.mood = "answers";
  clock.ms += 5000;
  assert(await verifier.verify(token));
});

Deno.test("what a set holds besides public keys for signatures is passed over", async () => {
  const good = await SigningKey.make();
  const [ec, rsa] = [await SigningKey.make(), await SigningKey.make("RS256")];
  const useless = [
    await ec.privateJwk(),
    { ...ec.jwk, use: "enc" },
    { ...ec.jwk, key_ops: ["sign"] },
    { ...ec.jwk, alg: "ES384" },
    { kty: "EC", crv: "P-256", kid: ec.kid },
    { ...ec.jwk, crv: "P-384" },
    { ...rsa.jwk, alg: "RS512" },
    { ...rsa.jwk, n: "sXchTCq" },
    { kty: "oct", k: "c2VjcmV0", kid: ec.kid },
    { kty: "new", kid: ec.kid },
  ];
  for (const jwk of useless) {
    await using jwks = new JwksServer();
    jwks.keys = [jwk, good.jwk];
    const verifier = await openVerifier({ jwks: jwks.url });
    assert(await verifier.verify(await good.sign(claimsOf())));
    const key = jwk.kty === "RSA" ? rsa : ec;
    await assertRefused(verifier, await key.sign(claimsOf()), "not one of the application's");
  }
});

Deno.test("a token without kid is good where it can only mean one key", async () => {
  const [ec, other, ed] = [
    await SigningKey.make(),
    await SigningKey.make(),
    await SigningKey.make("EdDSA"),
  ];
  await using jwks = new JwksServer([ec, ed]);
  const verifier = await openVerifier({ jwks: jwks.url });
  const token = await ec.sign(claimsOf(), { kid: undefined });
  assert(await verifier.verify(token));
  await using more = new JwksServer([ec, other, ed]);
  await assertRefused(await openVerifier({ jwks: more.url }), token, '"kid"');
});

Deno.test("a set in a file is read at start, and again when it changes", async () => {
  const [old, young] = [await SigningKey.make(), await SigningKey.make()];
  await withFile(JSON.stringify({ keys: [old.jwk] }), async (path) => {
    const verifier = await openVerifier({ jwks: path });
    assert(await verifier.verify(await old.sign(claimsOf())));
    await Deno.writeTextFile(path, JSON.stringify({ keys: [young.jwk] }));
    assert(await verifier.verify(await young.sign(claimsOf())));
    await assertRefused(verifier, await old.sign(claimsOf()), "not one of the application's");
  });
});

Deno.test("a file without a key ends the start in one line, which does not quote it", async () => {
  const key = await SigningKey.make();
  const secret = "-----BEGIN PRIVATE KEY-----hush";
  const useless = [
    "",
    secret,
    "{}",
    '{"keys":7}',
    JSON.stringify({ keys: [await key.privateJwk()] }),
  ];
  for (const content of useless) {
    await withFile(content, async (path) => {
      const { message } = await assertRejects(() => openVerifier({ jwks: path }), OptionError);
      assert(message.includes("--jwks") && !message.includes("\n"), message);
      assert(!/PRIVATE|hush/.test(message), message);
    });
  }
  const missing = { jwks: "/there/is/none.json" };
  await assertRejects(() => openVerifier(missing), OptionError, "--jwks");
});

Deno.test("the secret of a file does not have the line break at its end", async () => {
  for (const end of ["", "\n", "\r\n"]) {
    await withFile(SECRET + end, async (path) => {
      const verifier = await openVerifier({ jwtSecretFile: path });
      assert(await verifier.verify(await tokenFor(claimsOf())));
    });
  }
  for (const content of ["", "x".repeat(31), "x".repeat(31) + "\n"]) {
    await withFile(content, async (path) => {
      await assertRejects(() => openVerifier({ jwtSecretFile: path }), OptionError, "32 bytes");
    });
  }
  const missing = { jwtSecretFile: "/there/is/none" };
  await assertRejects(() => openVerifier(missing), OptionError, "--jwt-secret-file");
});

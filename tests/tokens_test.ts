/**
 * The tokens of an application: what `JwtVerifier` accepts, and what it refuses with which sentence. No
 * sentence repeats anything of the token.
 *
 * @module
 */
import { checkApplicationUser } from "../server/access/application_user.ts";
import { assert, assertEquals, assertThrows } from "./support/assert.ts";
import { connect, serve } from "./support/harness.ts";
import {
  assertRefused,
  claimsOf,
  forged,
  JwksServer,
  openVerifier,
  SECRET,
  SigningKey,
  TestClock,
  tokenFor,
  unsigned,
} from "./support/tokens.ts";

Deno.test("verify() returns the user of the claims", async () => {
  const verifier = await openVerifier({ jwtSecret: SECRET });
  const claims = claimsOf({
    sub: "auth0|5f7c8ec7c33c6c004bbafe82",
    name: "Ada Lovelace",
    info: { picture: "a.png" },
    rooms: { "team-*": "write", metrics: "read" },
    roles: ["admin"],
  });
  assertEquals(await verifier.verify(await tokenFor(claims)), {
    id: "auth0|5f7c8ec7c33c6c004bbafe82",
    name: "Ada Lovelace",
    info: { picture: "a.png" },
    rooms: { "team-*": "write", metrics: "read" },
    expiresAt: Number(claims.exp) * 1000,
  });
});

for (const alg of ["RS256", "ES256", "EdDSA"]) {
  Deno.test(`verify() accepts ${alg} by a key of the set, and nothing else by that key`, async () => {
    const key = await SigningKey.make(alg);
    await using jwks = new JwksServer([await SigningKey.make(), key]);
    const verifier = await openVerifier({ jwks: jwks.url });
    assertEquals((await verifier.verify(await key.sign(claimsOf()))).id, "ada");

    // Somebody signs with HS256, and the public key that everyone can read as the secret.
    for (
      const secret of [key.pem, key.pem.trim(), JSON.stringify(key.jwk), key.jwk.x ?? key.jwk.n]
    ) {
      await assertRefused(verifier, await forged(String(secret), key.kid), "algorithm");
    }
    for (const none of ["none", "None", "", null, undefined, ["ES256"]]) {
      await assertRefused(verifier, unsigned({ alg: none, kid: key.kid }, claimsOf()), "algorithm");
    }
    const foreign = await SigningKey.make(alg, key.kid);
    await assertRefused(verifier, await foreign.sign(claimsOf()), "signature");
    const [head, , signature] = (await key.sign(claimsOf())).split(".");
    const [, body] = (await key.sign(claimsOf({ sub: "grace" }))).split(".");
    await assertRefused(verifier, `${head}.${body}.${signature}`, "signature");
  });
}

Deno.test("verify() with a secret accepts HS256 alone", async () => {
  const verifier = await openVerifier({ jwtSecret: SECRET });
  assertEquals((await verifier.verify(await tokenFor(claimsOf()))).id, "ada");
  const foreign = "another secret, with more than 32 characters";
  await assertRefused(verifier, await tokenFor(claimsOf(), foreign), "signature");
  await assertRefused(verifier, unsigned({ alg: "none" }, claimsOf()), "algorithm");
  for (const alg of ["RS256", "ES256", "EdDSA"]) {
    const key = await SigningKey.make(alg);
    await assertRefused(verifier, await key.sign(claimsOf()), "algorithm");
  }
});

Deno.test("verify() refuses what is not a JWT", async () => {
  const verifier = await openVerifier({ jwtSecret: SECRET });
  for (
    const text of ["", "x", "0123456789abcdef.c2ln", "0123456789abcdef.QWRh.c2ln", "a.b.c", "..."]
  ) {
    await assertRefused(verifier, text, "neither a JWT");
  }
});

Deno.test("verify() refuses a token of which any character was changed, added or lost", async () => {
  const verifier = await openVerifier({ jwtSecret: SECRET });
  const token = await tokenFor(claimsOf());
  const changed = [...token].flatMap((letter, index) => {
    const [before, after] = [token.slice(0, index), token.slice(index + 1)];
    return [before, before + after, `${before}${letter === "A" ? "E" : "A"}${after}`];
  });
  for (const text of [...changed, `${token}.`, `${token}.a.b`, `${token}A`, `.${token}`]) {
    await assertRefused(verifier, text, "token");
  }
});

Deno.test("verify() requires the issuer and the audience of the options", async () => {
  const verifier = await openVerifier({
    jwtSecret: SECRET,
    jwtIssuer: "https://app",
    jwtAudience: "chat",
  });
  const right = { iss: "https://app", aud: "chat" };
  assert(await verifier.verify(await tokenFor(claimsOf(right))));
  assert(await verifier.verify(await tokenFor(claimsOf({ ...right, aud: ["mail", "chat"] }))));
  const wrong: [string, unknown][] = [
    ["iss", "https://other"],
    ["iss", ["https://app"]],
    ["iss", undefined],
    ["aud", "mail"],
    ["aud", ["mail"]],
    ["aud", { chat: true }],
    ["aud", undefined],
  ];
  for (const [claim, value] of wrong) {
    const token = await tokenFor(claimsOf({ ...right, [claim]: value }));
    await assertRefused(verifier, token, `"${claim}"`);
  }
});

Deno.test("verify() allows for clocks that differ by 30 seconds, and no more", async () => {
  const clock = new TestClock();
  clock.ms = 1_900_000_000_000;
  const verifier = await openVerifier({ jwtSecret: SECRET }, { clock });
  const now = clock.ms / 1000;
  for (const claims of [{ exp: now - 29 }, { exp: now + 1 }, { exp: now + 9, nbf: now + 30 }]) {
    assert(await verifier.verify(await tokenFor(claimsOf(claims))));
  }
  await assertRefused(verifier, await tokenFor(claimsOf({ exp: now - 30 })), "expired");
  await assertRefused(
    verifier,
    await tokenFor(claimsOf({ exp: now + 90, nbf: now + 31 })),
    "not valid yet",
  );
  const token = await tokenFor(claimsOf({ exp: now + 60 }));
  assert(await verifier.verify(token));
  clock.ms += 90_000;
  await assertRefused(verifier, token, "expired");
});

/** Claims that are refused, each by its name. */
const WRONG_CLAIMS: readonly (readonly [claim: string, values: readonly unknown[]])[] = [
  ["sub", [undefined, null, "", 7, {}, "x".repeat(129), "a\0", "a\nb", "\ud800", "a\u200bb"]],
  ["sub", ["0123456789abcdef", "0123456789ABCDEF", "1234567890123456", "server", ".", ".."]],
  ["sub", ["deleted"]],
  ["exp", [undefined, null, "4102444800", {}, -1, 1e300]],
  ["nbf", ["now", null]],
  ["name", [null, "", 7, "x".repeat(65), " Ada", "Ad\u200ba", "\u3164", ["Ada"]]],
  ["info", ["x".repeat(255), "é".repeat(128), { "\0": 1 }, nested(33)]],
  ["rooms", [null, "team", ["team"], { team: "admin" }, { team: true }, { "": "read" }]],
  ["rooms", [{ "a\u200b": "read" }, { team: ["read"] }, { ok: "read", no: "owner" }]],
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

for (const [claim, values] of WRONG_CLAIMS) {
  Deno.test(`verify() refuses a wrong claim ${claim} and names it: ${values.length}`, async () => {
    const verifier = await openVerifier({ jwtSecret: SECRET });
    for (const value of values) {
      const about = claim === "exp" && value === -1 ? "expired" : `"${claim}"`;
      await assertRefused(verifier, await tokenFor(claimsOf({ [claim]: value })), about);
    }
  });
}

Deno.test("verify() accepts claims up to their bounds", async () => {
  const verifier = await openVerifier({ jwtSecret: SECRET });
  const accepted = [
    { sub: "x".repeat(128) },
    { sub: "CN=Ada Lovelace,OU=Engines" },
    { sub: "0123456789abcde" },
    { sub: "deleted2" },
    { sub: "0123456789abcdef0" },
    { sub: "Ада" },
    { name: "x".repeat(64) },
    { info: "x".repeat(254) },
    { info: null },
    { rooms: {} },
    { rooms: { "*": "none", "team-*": "manage", "__proto__x": "read" } },
  ];
  for (const claims of accepted) assert(await verifier.verify(await tokenFor(claimsOf(claims))));
});

Deno.test("a room that is named like a property of all objects has no right by that", async () => {
  const verifier = await openVerifier({ jwtSecret: SECRET });
  const user = await verifier.verify(await tokenFor(claimsOf({ rooms: { lobby: "read" } })));
  for (const room of ["constructor", "__proto__", "toString"]) {
    assertEquals(user.rooms?.[room], undefined);
  }
  const claims = claimsOf({ rooms: JSON.parse('{"__proto__":"manage"}') });
  const proto = await verifier.verify(await tokenFor(claims));
  assertEquals(Object.entries(proto.rooms ?? {}), [["__proto__", "manage"]]);
});

Deno.test("checkApplicationUser() checks the answers of a hook, and keeps a copy", () => {
  const info = { team: ["a"] };
  const given = { id: "ada", info, rooms: { lobby: "read" }, password: "hush" };
  const user = checkApplicationUser(given);
  info.team.push("b");
  given.rooms.lobby = "manage";
  assertEquals(JSON.parse(JSON.stringify(user)), {
    id: "ada",
    info: { team: ["a"] },
    rooms: { lobby: "read" },
  });
  const circle: Record<string, unknown> = {};
  circle.again = circle;
  const wrong: [string, unknown][] = [
    ["id", undefined],
    ["id", "ada"],
    ["id", { id: 7 }],
    ["info", { id: "ada", info: 1n }],
    ["info", { id: "ada", info: circle }],
    ["info", { id: "ada", info: () => {} }],
    ["rooms", { id: "ada", rooms: new Map() }],
    ["expiresAt", { id: "ada", expiresAt: new Date() }],
    ["expiresAt", { id: "ada", expiresAt: NaN }],
    ["expiresAt", { id: "ada", expiresAt: Infinity }],
    ["rooms", {
      id: "ada",
      rooms: Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [n, "read"])),
    }],
  ];
  for (const [field, value] of wrong) {
    const { message } = assertThrows(() => checkApplicationUser(value), TypeError);
    assert(message.includes(`"${field}"`), message);
  }
});

Deno.test("a token of 4,096 characters is read, and one more is refused by its field", async () => {
  await using server = await serve();
  await using client = await connect(server, { protocol: "parley.v1" });
  client.send({ type: "hello", token: "x".repeat(4096) }, {
    type: "hello",
    token: "x".repeat(4097),
  });
  assertEquals((await client.next("error")).code, "unauthorized");
  const { code, field } = await client.next("error");
  assertEquals([code, field], ["bad_field", "token"]);
});

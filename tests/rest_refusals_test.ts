/**
 * What may not be asked over plain HTTP, and how it is refused: methods, pages of other sites, and
 * everything that is not what it ought to be.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { connect, serve } from "./support/harness.ts";
import { type Ask, ask, bearer, JSON_TYPE, MESSAGES, say } from "./support/http.ts";

Deno.test("every path answers OPTIONS with its methods", async () => {
  await using server = await serve();
  const allowed = {
    "/rooms": "GET, HEAD, OPTIONS",
    "/rooms/lobby/messages": "GET, HEAD, POST, OPTIONS",
    "/rooms/lobby/typing": "POST, OPTIONS",
    "/rooms/lobby/events": "GET, HEAD, OPTIONS",
  };
  for (const [path, allow] of Object.entries(allowed)) {
    const wrong = await ask(server, path, { method: "DELETE" });
    assertEquals([wrong.status, wrong.headers.get("allow")], [405, allow]);
    assertEquals(wrong.headers.get("content-type"), "application/problem+json");
    const options = await ask(server, path, { method: "OPTIONS" });
    assertEquals([options.status, options.headers.get("allow")], [204, allow]);
  }
});

Deno.test("HEAD answers as GET does, without the body", async () => {
  await using server = await serve();
  await say(server, "x");
  for (const path of ["/rooms", MESSAGES, `${MESSAGES}?limit=0`, "/rooms/%/messages"]) {
    const [get, head] = [await fetch(server.url + path), await headOf(server, path)];
    const { byteLength } = await get.arrayBuffer();
    assertEquals([head.status, head.length], [get.status, byteLength]);
  }
  assertEquals(server.connectionCount, 0);
  assertEquals((await headOf(server, "/rooms/lobby/events")).status, 200);
  assertEquals(server.connectionCount, 0);
});

async function headOf(server: Server, path: string): Promise<{ status: number; length: number }> {
  const response = await fetch(server.url + path, { method: "HEAD" });
  await response.body?.cancel();
  return { status: response.status, length: Number(response.headers.get("content-length")) };
}

Deno.test("pages of allowed origins are answered, pages of others are refused", async () => {
  const friend = "https://friend.example";
  await using server = await serve({ allowOrigin: [friend] });
  const from = (origin: string) => say(server, "x", {}, { origin });
  for (const origin of ["https://evil.example", "null", `${friend}.evil.example`]) {
    const { status, headers } = await from(origin);
    assertEquals([status, headers.get("access-control-allow-origin")], [403, null]);
  }
  assertEquals((await ask(server, MESSAGES)).json.head, 0);
  for (const origin of [friend, server.url]) {
    const { status, headers } = await from(origin);
    assertEquals([status, headers.get("access-control-allow-origin")], [201, origin]);
    assertMatch(headers.get("vary") ?? "", /origin/i);
  }
  const preflight = await ask(server, MESSAGES, {
    method: "OPTIONS",
    headers: { "origin": friend, "access-control-request-method": "POST" },
  });
  assertEquals(preflight.status, 204);
  assertMatch(preflight.headers.get("access-control-allow-headers") ?? "", /authorization/);
  assertMatch(preflight.headers.get("access-control-allow-methods") ?? "", /POST/);
  // A refusal is readable too, or a page could not tell why.
  const refused = await ask(server, `${MESSAGES}?limit=0`, { headers: { origin: friend } });
  assertEquals(refused.headers.get("access-control-allow-origin"), friend);
});

/** What offends, the request, and its refusal. */
const REFUSALS: readonly (readonly [
  what: string,
  path: string,
  ask: Ask,
  status: number,
  code?: string,
  field?: string,
])[] = [
  ["limit is 0", `${MESSAGES}?limit=0`, {}, 400, "bad_field", "limit"],
  ["limit is over 200", `${MESSAGES}?limit=201`, {}, 400, "bad_field", "limit"],
  ["limit is no number", `${MESSAGES}?limit=ten`, {}, 400, "bad_field", "limit"],
  ["limit is empty", `${MESSAGES}?limit=`, {}, 400, "bad_field", "limit"],
  ["limit has an exponent", `${MESSAGES}?limit=1e1`, {}, 400, "bad_field", "limit"],
  ["after is negative", `${MESSAGES}?after=-1`, {}, 400, "bad_field", "after"],
  ["after is a fraction", `${MESSAGES}?after=1.5`, {}, 400, "bad_field", "after"],
  ["after is not safe", `${MESSAGES}?after=9007199254740993`, {}, 400, "bad_field", "after"],
  ["after is endless", `${MESSAGES}?after=${"9".repeat(5000)}`, {}, 400, "bad_field", "after"],
  ["before is hexadecimal", `${MESSAGES}?before=0x10`, {}, 400, "bad_field", "before"],
  ["after and before", `${MESSAGES}?after=1&before=2`, {}, 400, "bad_field", "before"],
  ["the room is half an escape", "/rooms/%E0%A4%A/messages", {}, 400, "bad_field", "room"],
  ["the room is no UTF-8", "/rooms/%FF%FE/messages", {}, 400, "bad_field", "room"],
  ["the room is a NUL", "/rooms/%00/messages", {}, 400, "bad_field", "room"],
  ["the room is too long", `/rooms/${"r".repeat(65)}/messages`, {}, 400, "bad_field", "room"],
  ["the room writes backwards", "/rooms/%E2%80%AEx/messages", {}, 400, "bad_field", "room"],
  ["the path is longer than any", `/rooms/${"%F0%9F%98%80".repeat(300)}/messages`, {}, 414],
  ["there is no room", "/rooms//messages", {}, 404],
  ["the path climbs", "/rooms/../../etc/passwd", {}, 404],
  ["the path climbs in escapes", "/rooms/%2e%2e/%2e%2e/etc/passwd", {}, 404],
  ["the path ends in a slash", `${MESSAGES}/`, {}, 404],
  ["the token is forged", MESSAGES, { headers: bearer("0011.AAAA") }, 401, "unauthorized", "token"],
  ["the token is no bearer's", MESSAGES, { headers: { authorization: "Basic eDp4" } }, 401],
  ["the token in the query is forged", `${MESSAGES}?token=x`, {}, 401, "unauthorized", "token"],
  ["there is no body", MESSAGES, post(""), 400, "bad_json"],
  ["the body is no JSON", MESSAGES, post("{"), 400, "bad_json"],
  ["the body is an array", MESSAGES, post("[]"), 400, "bad_command"],
  ["the body is null", MESSAGES, post("null"), 400, "bad_command"],
  ["payload is missing", MESSAGES, post({}), 400, "bad_field", "payload"],
  ["payload is a number", MESSAGES, post({ payload: 1 }), 400, "bad_field", "payload"],
  ["payload has a NUL", MESSAGES, post({ payload: "\0" }), 400, "bad_field", "payload"],
  ["payload has half a pair", MESSAGES, post('{"payload":"\\ud800"}'), 400, "bad_field", "payload"],
  ["ref is empty", MESSAGES, post({ payload: "x", ref: "" }), 400, "bad_field", "ref"],
  ["name is blank", MESSAGES, post({ payload: "x", name: " " }), 400, "bad_field", "name"],
  ["a field is unknown", MESSAGES, post({ payload: "x", room: "y" }), 400, "bad_field", "room"],
  ["a field is __proto__", MESSAGES, post('{"payload":"x","__proto__":{}}'), 400, "bad_field"],
  ["the body is too large", MESSAGES, post({ payload: "x".repeat(20_000) }), 413, "too_large"],
  ["typing is text", "/rooms/lobby/typing", post({ payload: "yes" }), 400, "bad_field", "payload"],
  ["the type is a form's", MESSAGES, typed("application/x-www-form-urlencoded"), 415],
  ["the type is plain text", MESSAGES, typed("text/plain"), 415],
  ["the type only begins so", MESSAGES, typed("application/jsonx"), 415],
  ["the body is compressed", MESSAGES, {
    ...post("x"),
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
  }, 415],
];

function post(body: unknown): Ask {
  return { method: "POST", body };
}

function typed(type: string): Ask {
  return { ...post({ payload: "x" }), headers: { "content-type": type } };
}

for (const [what, path, request, status, code, field] of REFUSALS) {
  Deno.test(`a request is refused when ${what}`, async () => {
    await using server = await serve();
    const { status: actual, json, headers } = await ask(server, path, request);
    assertEquals(actual, status, JSON.stringify(json));
    assertEquals(json.status, status);
    if (code !== undefined) assertEquals(json.code, code);
    if (field !== undefined) assertEquals(json.field, field);
    assertEquals(headers.get("content-type"), "application/problem+json");
    assertEquals(headers.get("cache-control"), "no-store");
    if (status === 401) assertEquals(headers.get("www-authenticate"), "Bearer");
    assertEquals((await ask(server, MESSAGES)).json.head, 0);
  });
}

Deno.test("application/json is understood in any case and with parameters", async () => {
  await using server = await serve();
  const headers = { "content-type": "Application/JSON; charset=utf-8" };
  assertEquals((await say(server, "x", {}, headers)).status, 201);
});

Deno.test("retryAfterMs is in whole milliseconds, and Retry-After in whole seconds", async () => {
  await using server = await serve({ rate: 0.37, burst: 1 });
  await say(server, "x");
  const { status, json, headers } = await say(server, "x");
  assertEquals(status, 429);
  assert(Number.isInteger(json.retryAfterMs) && json.retryAfterMs > 0, `${json.retryAfterMs}`);
  assertEquals(headers.get("retry-after"), String(Math.ceil(json.retryAfterMs / 1000)));
  await using alice = await connect(server);
  for (let i = 0; i < 2; i++) alice.send({ type: "chat", payload: "x" });
  const { code, retryAfterMs = 0 } = await alice.next("error");
  assertEquals([code, Number.isInteger(retryAfterMs)], ["rate_limited", true]);
});

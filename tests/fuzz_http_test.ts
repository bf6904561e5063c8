/**
 * The HTTP routes with any path, query, headers and body: whatever is asked, the answer is one that is
 * documented; what was answered with 201 is stored, and nothing else is.
 *
 * @module
 */
import { ERRORS } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { budget, Ground, mustBeDocumented, parallel } from "./support/fuzz.ts";
import { Dice, SEED } from "./support/random.ts";
import { type Answer, RawSocket } from "./support/raw_socket.ts";

const runs = budget(4000);
const STATUSES = [200, 201, 204, 304, 400, 401, 403, 404, 405, 413, 414, 415, 426];

/** What was answered with 201. */
type Stored = Map<number, string>;

Deno.test(`${runs} requests get a documented answer, seed ${SEED}`, async () => {
  await using ground = await Ground.open({ burst: 0, retainMessages: 0 });
  const stored: Stored = new Map();
  const warmth = Math.floor(runs / 3);
  await parallel(warmth, (run) => ask(ground, run, stored));
  ground.warm();
  await parallel(runs - warmth, (run) => ask(ground, warmth + run, stored));
  await mustBeTheLog(ground, stored);
  stored.clear();
  await ground.settled();
});

async function mustBeTheLog(ground: Ground, stored: Stored): Promise<void> {
  const log = await ground.log("r");
  assertEquals(log.map(({ seq }) => seq), [...stored.keys()].sort((a, b) => a - b));
  for (const message of log) assertEquals(JSON.stringify(message), stored.get(message.seq));
}

async function ask(ground: Ground, run: number, stored: Stored): Promise<void> {
  const dice = new Dice(SEED + run);
  const { method, path, headers, body } = request(dice);
  using socket = await RawSocket.dial(ground.server);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  // A byte for each character: headers are not UTF-8.
  const head = Uint8Array.from(
    `${method} ${path} HTTP/1.1\r\nhost: ${new URL(ground.server.url).host}\r\n${lines}\r\n`,
    (character) => character.charCodeAt(0),
  );
  try {
    await socket.bytes(head);
    await socket.bytes(new TextEncoder().encode(body)).catch(() => {}); // refused by its headers
    const answer = await socket.answered(method !== "HEAD");
    mustBeRight(answer, path, stored);
  } catch (cause) {
    throw new Error(`run ${run}: ${JSON.stringify({ method, path, headers, body })}`, { cause });
  }
  if (run % 50 === 0) await ground.breathe();
}

function mustBeRight({ status, headers, body }: Answer, path: string, stored: Stored): void {
  assert(STATUSES.includes(status), `status ${status}: ${body}`);
  const type = headers.get("content-type");
  if (status === 400 && type === null && body === "") return; // the runtime's own: it is not HTTP
  if (status >= 400) {
    assertEquals(type, "application/problem+json");
    if (body === "") return; // of HEAD
    const problem = JSON.parse(body);
    assertEquals(problem.status, status);
    if (problem.code === undefined) return;
    const row = Object.entries(ERRORS).find(([code]) => code === problem.code);
    assertEquals(row?.[1].status, status);
    if (problem.code === "bad_field") assert(typeof problem.field === "string");
  } else if (status === 201) {
    assert(path.startsWith("/rooms/r/messages"), path);
    const event = JSON.parse(body);
    mustBeDocumented([event]);
    stored.set(event.seq, body.trimEnd());
  }
}

// --- what is asked ----------------------------------------------------------------------------------

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function request(dice: Dice): Asked {
  const method = dice.pick(["GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "X"]);
  const body = method === "POST" || dice.chance(0.1) ? bodyOf(dice) : "";
  const headers: Record<string, string> = { ...headersOf(dice) };
  if (body !== "" || method === "POST") {
    headers["content-length"] = String(new TextEncoder().encode(body).length);
    headers["content-type"] ??= "application/json";
  }
  return { method, path: pathOf(dice) + queryOf(dice), headers, body };
}

/** No other room than `r` can be written to, so that its log holds all that was stored. */
function pathOf(dice: Dice): string {
  if (dice.chance(0.5)) return dice.pick(["/rooms/r/messages", "/rooms/r/typing", "/hello"]);
  const part = () =>
    dice.pick([
      ...["rooms", "r", "messages", "events", "typing", "..", "%2e%2e", "", ".", "%", "%00", "ws"],
      ...[
        "%ff",
        "%E2%80%AE",
        "\xff",
        "{room}",
        ":room",
        "*",
        "\\",
        "index.html",
        "healthz",
        "hello",
      ],
      ...["x".repeat(dice.below(2000)), String.fromCharCode(33 + dice.below(94)).repeat(3)],
    ]);
  const path = "/" + Array.from({ length: dice.below(5) }, part).join("/");
  const said = path.replace(/[?#]/g, "!");
  // As the server reads it, after the steps of ".." and "%2e%2e".
  const { pathname } = new URL(`http://host${said}`);
  return /^\/rooms\/.*\/messages$/.test(pathname) && !said.startsWith("/rooms/r/")
    ? "/rooms"
    : said;
}

const VALUES = [
  "",
  "0",
  "1",
  "-1",
  "1e3",
  "9".repeat(30),
  "x:1",
  "x:",
  ":1",
  "a.b",
  "%00",
  "%",
  "é%",
];

function queryOf(dice: Dice): string {
  const pair = () => {
    const name = dice.pick([
      "after",
      "before",
      "limit",
      "name",
      "token",
      "room",
      "a[]",
      "__proto__",
    ]);
    return `${name}=${dice.pick(VALUES)}`;
  };
  const pairs = Array.from({ length: dice.chance(0.5) ? 0 : dice.below(4) }, pair);
  return pairs.length > 0 ? `?${pairs.join(dice.pick(["&", "&", "&&", ";"]))}` : "";
}

function headersOf(dice: Dice): Readonly<Record<string, string>> {
  const all: Readonly<Record<string, readonly string[]>> = {
    "authorization": ["Bearer", "Bearer x", "bearer a.b", "Basic eDp4", "\xa0", "Bearer a b"],
    "origin": ["null", "", "http://evil.example", "x", "\xff"],
    "content-type": ["application/json", "text/plain", "application/json;charset=x", "", "\xa0"],
    "content-encoding": ["gzip", "identity", ""],
    "last-event-id": ["x", "x:1", ":", "x:-1", "\xff:1", "x".repeat(5000) + ":1"],
    "if-none-match": ["*", '"x"', 'W/"', ",,,", "\xff"],
    "accept-encoding": ["gzip", "gzip;q=0", "*", ";;", "\xff"],
    "x-forwarded-for": ["", ",", "1.1.1.1", "\xff"],
    "access-control-request-method": ["POST", "", "\xff"],
    "upgrade": ["websocket", "h2c", ""],
    "expect": ["x"],
    "range": ["bytes=0-1", "x"],
    ["x-" + "y".repeat(dice.below(200))]: ["", "z".repeat(dice.below(5000))],
  };
  const names = Object.keys(all).filter(() => dice.chance(0.12));
  return Object.fromEntries(names.map((name) => [name, dice.pick(all[name] ?? [""])]));
}

function bodyOf(dice: Dice): string {
  if (dice.chance(0.3)) return '{"payload":"héllo"}';
  const value = () =>
    dice.pick<unknown>([
      ...["x", "", "\0", "\ud800", 7, null, true, [], {}, "é".repeat(64), "x".repeat(65)],
      ...["x".repeat(dice.below(20_000)), { a: [1] }],
    ]);
  const fields = ["payload", "payload", "ref", "name", "room", "type", "__proto__"];
  const entries = fields.filter(() => dice.chance(0.3)).map((name) => [name, value()]);
  const text = dice.chance(0.8)
    ? JSON.stringify(Object.fromEntries(entries))
    : JSON.stringify(value()) ?? "";
  return dice.chance(0.9) ? text : text.slice(0, dice.below(text.length));
}

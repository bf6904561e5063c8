/**
 * Who a client is, at every door: an application's users come with their tokens, and everyone else is a
 * guest. A token that is refused is refused everywhere, and no token is ever repeated.
 *
 * @module
 */
import type { Log, Options, Server, User } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { serve } from "./support/harness.ts";
import { ask, bearer, type Body, MESSAGES } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";
import { Stream } from "./support/stream.ts";
import { claimsOf, SECRET, SigningKey, tokenFor, unsigned } from "./support/tokens.ts";

const ADA = { id: "ada", name: "Ada", info: { picture: "a.png" } };

/** What the tokens of the application have in common, and the options that require it. */
const OURS = { iss: "https://app.example", aud: "chat" };
const REQUIRED = { jwtIssuer: OURS.iss, jwtAudience: OURS.aud };

function adasToken(claims: Record<string, unknown> = {}): Promise<string> {
  return tokenFor(claimsOf({ sub: "ada", name: "Ada", info: ADA.info, ...OURS, ...claims }));
}

/** A server that knows the application's secret. */
function serveUsers(options: Partial<Options> = {}, log?: Log): Promise<Server> {
  return serve({ jwtSecret: SECRET, ...options }, log && { log });
}

/** What a door answers to a token: a user, or a refusal; and all of the answer as text. */
interface Entry {
  readonly user?: User | undefined;
  readonly code?: string | undefined;
  readonly field?: string | undefined;
  /** The status, or the close code that follows a refusal. */
  readonly end?: number;
  readonly text: string;
}

type Door = (server: Server, token: string) => Promise<Entry>;

const SINGLE = "parley.v1";
const BATCHED = "parley.v1.batched";

/** A socket that shows its token in the URL or in a header. */
function socketDoor(protocol: string | undefined, where: "url" | "header"): Door {
  return async (server, token) => {
    const path = where === "url" ? `/ws?token=${encodeURIComponent(token)}` : "/ws";
    const headers = {
      ...(where === "header" && { authorization: `Bearer ${token}` }),
      ...(protocol !== undefined && { "sec-websocket-protocol": protocol }),
    };
    using socket = await RawSocket.dial(server);
    const { status, body } = await socket.request(server, { path, headers });
    if (status !== 101) return entryOf(JSON.parse(body), status);
    if (protocol !== undefined) await socket.send({ type: "hello" });
    const entry = await firstAnswer(socket);
    return entry.code === undefined ? entry : { ...entry, end: await socket.closed() };
  };
}

/** A socket that shows its token in `hello`. */
function helloDoor(protocol: string): Door {
  return async (server, token) => {
    using socket = await RawSocket.open(server, { protocol });
    await socket.send({ type: "hello", token });
    return await firstAnswer(socket);
  };
}

/** What comes first on a socket: `welcome`, or an `error`. */
async function firstAnswer(socket: RawSocket): Promise<Entry> {
  const [first] = await socket.events();
  if (first?.type === "welcome") {
    assertEquals(first.token, undefined);
    return { user: first.user, text: JSON.stringify(first) };
  }
  assert(first?.type === "error");
  return { code: first.code, field: first.field, text: JSON.stringify(first) };
}

/** An event stream. */
function streamDoor(where: "url" | "header"): Door {
  return async (server, token) => {
    const path = `${server.url}/rooms/lobby/events`;
    const response = where === "url"
      ? await fetch(`${path}?token=${encodeURIComponent(token)}`)
      : await fetch(path, { headers: bearer(token) });
    if (response.status !== 200) return entryOf(await response.json(), response.status);
    await response.body?.cancel();
    await using stream = await Stream.open(server, { query: { token } });
    const { user, token: none } = await stream.next("welcome");
    assertEquals(none, undefined);
    return { user, text: JSON.stringify(stream.blocks) };
  };
}

/** A request that answers with the user. */
function requestDoor(path: string, body: unknown, userOf: (answer: Body) => User): Door {
  return async (server, token) => {
    const { status, json } = await ask(server, path, {
      method: "POST",
      body,
      headers: bearer(token),
    });
    return status < 300
      ? { user: userOf(json), text: JSON.stringify(json) }
      : entryOf(json, status);
  };
}

/** A request that answers without a user. */
function otherDoor(method: string, path: string, body?: unknown): Door {
  return async (server, token) => {
    const answer = await ask(server, path, { method, body, headers: bearer(token) });
    return answer.status < 300 ? { text: "" } : entryOf(answer.json, answer.status);
  };
}

function entryOf({ code, field, ...rest }: Body, end: number): Entry {
  return { code, field, end, text: JSON.stringify(rest) };
}

const DOORS: Readonly<Record<string, Door>> = {
  "a plain socket": socketDoor(undefined, "url"),
  "a plain socket with a header": socketDoor(undefined, "header"),
  "a socket of single events": socketDoor(SINGLE, "url"),
  "a socket of batches": socketDoor(BATCHED, "url"),
  "a hello": helloDoor(SINGLE),
  "a hello of batches": helloDoor(BATCHED),
  "a stream": streamDoor("url"),
  "a stream with a header": streamDoor("header"),
  "POST /hello": requestDoor("/hello", {}, ({ user }) => user),
  "POST messages": requestDoor(MESSAGES, { payload: "x" }, ({ from }) => from),
  "POST typing": otherDoor("POST", "/rooms/lobby/typing", { payload: true }),
  "GET messages": otherDoor("GET", MESSAGES),
  "GET rooms": otherDoor("GET", "/rooms"),
};

const hour = () => Math.floor(Date.now() / 1000) + 3600;

/** Tokens that are refused. */
const BAD_TOKENS: Readonly<Record<string, () => Promise<string>>> = {
  "an expired token": () => adasToken({ exp: hour() - 3660 }),
  "a token that is not valid yet": () => adasToken({ nbf: hour() }),
  "a token of another secret": () =>
    tokenFor(claimsOf(), "another secret, of 32 characters or more"),
  "a token without signature": () => Promise.resolve(unsigned({ alg: "none" }, claimsOf())),
  "a token of a key that nobody knows": async () => (await SigningKey.make()).sign(claimsOf()),
  "a token of another issuer": () => adasToken({ iss: "https://other" }),
  "a token for another audience": () => adasToken({ aud: "mail" }),
  "a token without sub": () => adasToken({ sub: undefined }),
  "a token without exp": () => adasToken({ exp: undefined }),
  "a token of a guest's id": () => adasToken({ sub: "0123456789abcdef" }),
  "a token with a wrong right": () => adasToken({ rooms: { lobby: "owner" } }),
  "what is no token": () => Promise.resolve("swordfish"),
  "a token of 4,097 characters": () => Promise.resolve("e".repeat(4097)),
};

for (const [door, enter] of Object.entries(DOORS)) {
  Deno.test(`${door} lets the application's users in, refuses all other tokens, and repeats none`, async () => {
    const lines: string[] = [];
    const keep = (event: string, facts = {}) => void lines.push(event + JSON.stringify(facts));
    const log = { info: keep, warn: keep, error: keep };
    await using server = await serveUsers({ ...REQUIRED, badCommands: 0 }, log);
    const { user, code } = await enter(server, await adasToken());
    assertEquals(code, undefined);
    if (user !== undefined) assertEquals(user, ADA);
    for (const [what, make] of Object.entries(BAD_TOKENS)) {
      const token = await make();
      const { user, code, field, end, text } = await enter(server, token);
      const isLong = token.length > 4096;
      assertEquals(
        [user, code, field],
        [undefined, isLong ? "bad_field" : "unauthorized", "token"],
        what,
      );
      if (end !== undefined) {
        assert((isLong ? [400] : [401, 3000]).includes(end), `${what}: ${end}`);
      }
      for (const part of token.split(".").filter(({ length }) => length > 4)) {
        assert(!text.includes(part), `${what}: ${text}`);
        assert(!lines.some((line) => line.includes(part)), `${what}: ${lines}`);
      }
    }
  });
}

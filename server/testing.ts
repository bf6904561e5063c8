/**
 * The test kit, for the tests of applications that embed Parley: a server for one test, and members whose
 * tests read as conversations.
 *
 * ```ts
 * import { member, serve } from "@parley/parley/testing";
 *
 * await using server = await serve();
 * await using ada = await member(server, { as: "ada", room: "tea" });
 * ada.send({ type: "chat", room: "tea", payload: "hello" });
 * const { payload, from } = await ada.next("chat");
 * ```
 *
 * Nothing here sleeps: `next` waits until the event is there, and fails after a minute.
 *
 * @module
 */
import { applicationOf } from "./access/application.ts";
import {
  type ApplicationUser,
  createServer,
  type Hooks,
  type Options,
  type Server,
  silentLog,
} from "./mod.ts";
import { TestClient } from "./testing/test_client.ts";
import { patiently } from "./testing/patience.ts";

export { patiently, until } from "./testing/patience.ts";
export { type EventOf, TestClient } from "./testing/test_client.ts";

/** The options of {@linkcode serve}, under which a test is not in the way of itself. */
export const ROOMY: Partial<Options> = {
  port: 0,
  db: ":memory:",
  rate: 0,
  addressRate: 0,
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
};

/** The users of each server as whom members came, by their tokens. */
const USERS = new WeakMap<object, Map<string, ApplicationUser>>();

/**
 * Starts a server on a free port of this machine. It keeps its messages in memory, has no limits on rates
 * and connections, and logs nothing; what is given wins. Dispose of it at the end.
 *
 * @throws {OptionError} as `createServer` does.
 */
export async function serve(options: Partial<Options> = {}, hooks: Hooks = {}): Promise<Server> {
  const users = new Map<string, ApplicationUser>();
  const { log = silentLog, rules } = hooks;
  const server = await createServer({ ...ROOMY, ...options }, {
    ...applicationOf(hooks),
    log,
    ...(rules !== undefined && { rules }),
    authenticate: (credentials) =>
      users.get(credentials.token ?? "") ?? hooks.authenticate?.(credentials),
  });
  USERS.set(server, users);
  server.listen();
  return server;
}

/** How a client connects. */
export interface ConnectOptions {
  /** The room of the URL, which a plain client joins. */
  readonly room?: string;
  /** The name of the URL. */
  readonly name?: string;
  /** The token of the URL. */
  readonly token?: string;
  /** The subprotocol; without one the client is plain. */
  readonly protocol?: string;
  /**
   * The path of the socket, after the server's own.
   *
   * @default {"/ws"}
   */
  readonly path?: string;
  /** Headers of the handshake, such as a cookie. */
  readonly headers?: Record<string, string>;
  /** What trusts the server's certificate; the caller closes it. */
  readonly client?: Deno.HttpClient;
}

/** How a member comes. */
export interface MemberOptions extends Omit<ConnectOptions, "token"> {
  /**
   * The user of the application as whom the member comes, or only the id. The server must be one that
   * {@linkcode serve} started. Without it the member is a guest, or who the `token` says.
   */
  readonly as?: string | ApplicationUser;
  /** A token for `hello`. */
  readonly token?: string;
}

/** Connects a client. A plain one joins its room as well. */
export async function connect(
  server: { readonly url: string },
  { path = "/ws", protocol, headers, client, room, name, token }: ConnectOptions = {},
): Promise<TestClient> {
  const url = new URL(server.url.replace(/^http/, "ws") + path);
  for (const [key, value] of Object.entries({ room, name, token })) {
    if (value !== undefined) url.searchParams.set(key, value);
  }
  const socket = new WebSocket(url, {
    ...(protocol !== undefined && { protocols: [protocol] }),
    ...(headers !== undefined && { headers }),
    ...(client !== undefined && { client }),
  });
  const connected = new TestClient(socket);
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = (event) => reject(event instanceof ErrorEvent ? event.error : event);
  });
  await patiently(opened, "the connection to open");
  return connected;
}

/**
 * Connects a client with `parley.v1`, says `hello` and joins a room.
 *
 * @throws {Error} if it is refused, with the server's sentence, or if the connection closes.
 */
export async function member(
  server: { readonly url: string },
  { as, token, name, room = "lobby", protocol = "parley.v1", ...rest }: MemberOptions = {},
): Promise<TestClient> {
  const shown = as === undefined ? token : passOf(server, as);
  const client = await connect(server, { protocol, ...rest });
  const called = name ?? (shown === undefined ? "Alice" : undefined);
  client.send(
    { type: "hello", ...(called && { name: called }), ...(shown && { token: shown }) },
    { type: "join", room },
  );
  await answerToJoin(client, room);
  await client.next("joined");
  return client;
}

/** Waits for the answer to a `join`, which is the first `joined` or `error` after `welcome`. */
async function answerToJoin(client: TestClient, room: string): Promise<void> {
  while (client.socket.readyState === WebSocket.OPEN) {
    const types = client.pending.map(({ type }) => type);
    if (types.includes("joined")) return;
    const answers = client.pending.slice(types.indexOf("welcome"));
    const refusal = types.includes("welcome") && answers.find((event) => event.type === "error");
    if (refusal) {
      await client.close();
      throw new Error(`The member cannot enter "${room}": ${refusal.code}: ${refusal.payload}`);
    }
    await client.arrival(`the room "${room}" to be entered`);
  }
}

/** Makes a token that stands for a user of a server. */
function passOf(server: object, as: string | ApplicationUser): string {
  const users = USERS.get(server);
  if (users === undefined) throw new Error("The server was not started by serve().");
  const token = `test-${crypto.randomUUID()}`;
  users.set(token, typeof as === "string" ? { id: as } : as);
  return token;
}

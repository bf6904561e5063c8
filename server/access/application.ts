/**
 * What an embedding program decides: who its users are, and what they may do.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";
import type {
  ChatCommand,
  CustomCommand,
  EditCommand,
  Json,
  Message,
  RevisedEvent,
  User,
} from "../protocol/messages.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Right } from "../protocol/tables.ts";
import type { ApplicationUser } from "./application_user.ts";

/** What a client shows of itself, when it connects, says `hello`, or sends a request. */
export interface Credentials {
  /**
   * The request that opened the connection, or that is being answered, without its body. Its cookies
   * are left out if it comes from a page of an origin that is allowed only by `*`.
   */
  readonly request: Request;
  /** The token that was given with it; `undefined` if there was none. */
  readonly token: string | undefined;
}

/**
 * Says which of the application's users a client is.
 *
 * @returns `undefined` if it is none of them. It is then a guest, or it is refused if it has shown a token.
 */
export type Authenticate = (
  credentials: Credentials,
) => ApplicationUser | undefined | Promise<ApplicationUser | undefined>;

/**
 * Says what a user may do in a room.
 *
 * @returns `undefined` to leave it to the token, the rules and the defaults.
 */
export type Authorize = (
  user: User,
  room: string,
) => Right | undefined | Promise<Right | undefined>;

/** What a user says, or the new text of a message. The application sees it before anybody else. */
export type IncomingMessage = (ChatCommand | CustomCommand | EditCommand) & {
  /** The sender. */
  readonly from: User;
};

/** A change of a message. */
export interface MessageChange {
  /** What is said in place of what the user has sent: text in a `chat` or an `edit`, any JSON in a `custom`. */
  readonly payload: Json;
}

/**
 * Is asked about a message before it is stored or sent on.
 *
 * @returns a change; nothing to leave the message as it is.
 * @throws {Refusal} to refuse the message.
 */
export type OnMessage = (
  message: IncomingMessage,
) => MessageChange | void | Promise<MessageChange | void>;

/** A function that is told of a message that was stored, or, with a `revised` event, of what became of one. */
export type OnStored = (message: Message | RevisedEvent) => void | Promise<void>;

/** A function that is told of a member who came or left. */
export type OnMember = (room: string, user: User) => void | Promise<void>;

/** The functions of the embedding program. */
export interface Application {
  /**
   * Says which of the application's users a client is, by a cookie or a token. It is asked when a socket
   * opens, for each `hello` with a token, and for each request. It may be asynchronous and has 10 seconds;
   * what the client says meanwhile waits. Without it, and without signed tokens, everybody is a guest.
   */
  readonly authenticate?: Authenticate | undefined;
  /**
   * Says what a user may do in a room: `none`, `read`, `write` or `manage`, or `undefined` to leave it to
   * the token, the rules and the defaults. It is asked for every join and every request; for a member
   * the answer holds until the server is told to ask again. It may be asynchronous and has 10 seconds.
   * If it throws, the join or request fails.
   */
  readonly authorize?: Authorize | undefined;
  /**
   * May change or refuse a message before it is stored or sent on. It is asked last, about each `chat`,
   * `custom` and `edit` of a socket and each posted message and edit, but not about what the application
   * itself says. Return nothing, or `{ payload }` with another payload. A `Refusal` that is thrown is what
   * the sender gets; if anything else is thrown, the sender gets `unavailable`, and the log says why.
   *
   * It may be asynchronous and has 10 seconds. What the same connection sends meanwhile waits, so each
   * sender's messages keep their order. A message that is sent again with its `ref` comes here again:
   * change it in the same way, or the sender gets `conflict`.
   */
  readonly onMessage?: OnMessage | undefined;
  /**
   * Is told of each message that this server has stored, also of the application's own, when members were
   * sent it; and of each that it has revised, once for each tick, with an event of the type `revised`. It
   * is told of each at most once: use a webhook where no message may be missed.
   */
  readonly onStored?: OnStored | undefined;
  /**
   * Is told when a user becomes a member of a room by this server. With several nodes, each node tells of
   * its own connections.
   */
  readonly onJoin?: OnMember | undefined;
  /**
   * Is told when a user is no member of a room any more. After a lost connection that is when
   * `graceSeconds` are over. Nobody leaves when the server stops.
   */
  readonly onLeave?: OnMember | undefined;
}

/** Takes the functions out of an object, which may be one of a class: then they are not its own. */
export function applicationOf(hooks: Application): Application {
  return {
    authenticate: hooks.authenticate?.bind(hooks),
    authorize: hooks.authorize?.bind(hooks),
    onMessage: hooks.onMessage?.bind(hooks),
    onStored: hooks.onStored?.bind(hooks),
    onJoin: hooks.onJoin?.bind(hooks),
    onLeave: hooks.onLeave?.bind(hooks),
  };
}

/** How long the application may take to answer. */
const ANSWER_MS = 10_000;
const RETRY_MS = 1000;

/**
 * Calls a function of the application.
 *
 * @param what the function's name, for the log.
 * @param check turns what it returns into what is wanted, or throws.
 * @throws {Refusal} `unavailable` if the function throws or does not answer in time. A `Refusal` that it
 * throws is passed on.
 */
export function askApplication<T>(
  what: string,
  log: Log,
  act: () => unknown,
  check: (answer: unknown) => T,
): T | Promise<T> {
  const fail = (thrown: unknown): never => {
    if (thrown instanceof Refusal) throw thrown;
    log.error("application failed", { function: what, reason: reason(thrown) });
    throw new Refusal("unavailable", "The application did not answer.", { retryAfterMs: RETRY_MS });
  };
  try {
    const answer = act();
    if (!isPromise(answer)) return check(answer);
    return inTime(answer).then(check).catch(fail);
  } catch (thrown) {
    return fail(thrown);
  }
}

/**
 * Tells the application something, after what is going on now: it may act on the very thing that it is told
 * of, such as remove a user who joins. If it throws or rejects, that is logged, and nothing else.
 */
export function tellApplication(what: string, log: Log, act: () => unknown): void {
  Promise.resolve().then(act).catch((thrown) => {
    log.error("application failed", { function: what, reason: reason(thrown) });
  });
}

/** Rejects when the answer takes too long. */
async function inTime(answer: PromiseLike<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer came in ${ANSWER_MS} ms.`)), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}

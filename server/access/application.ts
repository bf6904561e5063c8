/**
 * What an embedding program decides: who its users are, and what they may do.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";
import type { User } from "../protocol/messages.ts";
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

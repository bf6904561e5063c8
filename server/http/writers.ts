/**
 * Who says something over HTTP, and how often. A person with a token has one allowance, the same
 * as on a socket and wherever the requests come from; the guests of one address share theirs, since each could be new every time.
 *
 * @module
 */
import { Refusal } from "../protocol/refusal.ts";
import type { User } from "../protocol/messages.ts";
import type { Hub } from "../rooms/hub.ts";
import type { ConnectedUser } from "../rooms/user.ts";
import { forbidden, userOf } from "./caller.ts";
import type { Call } from "./router.ts";

/** Somebody whose request was let in. */
export interface Writer {
  /** Whom the token proves, or a guest of this one request. */
  readonly user: User;
  /** What to be called from now on. */
  readonly name: string | undefined;
}

export class Writers {
  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /**
   * Takes what a request costs its address and its user, before anything of its body is read.
   *
   * @returns whom its token proves, or `undefined` for a guest.
   * @throws {Refusal} `unauthorized`, `rate_limited`
   */
  admit(call: Call, cost: number): User | undefined {
    call.source.spend(cost);
    const user = userOf(call, this.#hub);
    const wait = this.#hub.allowances.take(user?.id ?? `address ${call.source.group}`);
    if (wait === 0) return user;
    throw new Refusal("rate_limited", "Too many requests. Slow down.", { retryAfterMs: wait });
  }

  /** A guest with the same id for the same `ref` from the same place, so that a retry is a retry. */
  guest(call: Call, ref: string | undefined): User {
    const { identity } = this.#hub.context;
    if (ref === undefined) return identity.newGuest();
    return identity.guestFor(JSON.stringify([call.source.address, call.room, ref]));
  }

  /**
   * Lets somebody, connected or not, do something in the room that the path names.
   *
   * @throws {Refusal} `forbidden`
   */
  async as<T>(
    { room }: Call,
    { user, name }: Writer,
    act: (person: ConnectedUser) => T | Promise<T>,
  ): Promise<T> {
    const { users, context: { authorize } } = this.#hub;
    const person = users.hold(user.id, user.name);
    try {
      if (name !== undefined) person.rename(name);
      if (!authorize(person.user, "join", room)) throw forbidden("join", room);
      if (!authorize(person.user, "speak", room)) throw forbidden("speak in", room);
      return await act(person);
    } finally {
      users.release(person);
    }
  }
}

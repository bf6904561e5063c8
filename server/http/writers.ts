/**
 * Who says something over HTTP, and how often. A person with a token has one allowance, the same
 * as on a socket and wherever the requests come from; the guests of one address share theirs, since each could be new every time.
 *
 * @module
 */
import { Refusal } from "../protocol.ts";
import type { Hub } from "../rooms/hub.ts";
import type { Person } from "../rooms/person.ts";
import { forbidden, idOf } from "./caller.ts";
import type { Call } from "./router.ts";

/** Somebody whose request was let in. */
export interface Writer {
  readonly id: string;
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
   * @returns the id that its token proves, or `undefined` for a guest.
   * @throws {Refusal} `unauthorized`, `rate_limited`
   */
  admit(call: Call, cost: number): string | undefined {
    call.source.spend(cost);
    const id = idOf(call, this.#hub);
    const wait = this.#hub.allowances.take(id ?? `address ${call.source.group}`);
    if (wait === 0) return id;
    throw new Refusal("rate_limited", "Too many requests. Slow down.", { retryAfterMs: wait });
  }

  /** A guest's id: the same for the same `ref` from the same place, so that a retry is a retry. */
  guest(call: Call, ref: string | undefined): string {
    const { identity } = this.#hub.context;
    if (ref === undefined) return identity.newId();
    return identity.idFor(JSON.stringify([call.source.address, call.room, ref]));
  }

  /**
   * Lets somebody, connected or not, do something in the room that the path names.
   *
   * @throws {Refusal} `forbidden`
   */
  async as<T>(
    { room }: Call,
    { id, name }: Writer,
    act: (person: Person) => T | Promise<T>,
  ): Promise<T> {
    const { people, context: { authorize } } = this.#hub;
    const person = people.hold(id);
    try {
      if (name !== undefined) person.rename(name);
      if (!authorize(person.user, "join", room)) throw forbidden("join", room);
      if (!authorize(person.user, "speak", room)) throw forbidden("speak in", room);
      return await act(person);
    } finally {
      people.release(person);
    }
  }
}

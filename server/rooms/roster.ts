/**
 * A `Roster` is this node's copy of who is in a room on all nodes, as the broker reports it. Every node
 * has the same copy. Users who have just come by this node are listed here at once, but are counted in
 * what is announced only when all nodes know them.
 *
 * @module
 */
import type { MemberChange } from "../broker/broker.ts";
import type { User } from "../protocol/messages.ts";

/** A change that one member made. */
export type SingleChange = Exclude<MemberChange, { kind: "everyone" }>;

/** A change that has to be announced. */
export interface News {
  readonly change: SingleChange;
  /** Whether it is the joining of a user who has just come by this node. */
  readonly isExpected: boolean;
}

export class Roster {
  /** The members whom the broker has reported, and so all nodes know. */
  readonly #known = new Map<string, User>();
  /** The users who came by this node and whom the broker has not reported yet. */
  readonly #expected = new Map<string, User>();
  #isComplete = false;

  /** The number of members whom all nodes know. */
  get count(): number {
    return this.#known.size;
  }

  /** The same, and those who have just come by this node. */
  get countHere(): number {
    return this.#known.size + this.#expected.size;
  }

  *users(): Generator<User> {
    yield* this.#known.values();
    yield* this.#expected.values();
  }

  /** Lists a user who has just come by this node. */
  expect(user: User): void {
    if (!this.#known.has(user.id)) this.#expected.set(user.id, user);
  }

  /** Applies what the broker reports, change by change, and yields each that has to be announced. */
  *apply(change: MemberChange): Iterable<News> {
    if (change.kind === "everyone") return yield* this.#replace(change.users);
    const { id } = change.user;
    const wasKnown = this.#known.has(id);
    const isExpected = this.#expected.delete(id);
    if (change.kind === "left") this.#known.delete(id);
    else this.#known.set(id, change.user);
    if (wasKnown !== (change.kind === "joined") && !isUnseen(change)) yield { change, isExpected };
  }

  /** Applies the changes that were missed. The first list of all members is no news, so nothing is yielded. */
  *#replace(users: readonly User[]): Iterable<News> {
    const isAnnounced = this.#isComplete;
    this.#isComplete = true;
    const changes: SingleChange[] = [];
    const ids = new Set(users.map(({ id }) => id));
    for (const user of this.#known.values()) {
      if (!ids.has(user.id)) changes.push({ kind: "left", user });
    }
    for (const user of users) {
      const old = this.#known.get(user.id)?.name;
      if (old === undefined) changes.push({ kind: "joined", user });
      else changes.push({ kind: "renamed", user, old }); // or nothing of it has changed
    }
    for (const change of changes) {
      for (const news of this.apply(change)) if (isAnnounced) yield news;
    }
  }
}

/** Whether a change is not announced, because the name is the same: something else of the user changed. */
export function isUnseen(change: SingleChange): boolean {
  return change.kind === "renamed" && change.old === change.user.name;
}

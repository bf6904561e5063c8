/**
 * Who is in a room on all nodes, as the broker tells it: this node's copy, which every other node's
 * is like. Our own people are in it at once, but counted for the others only when all are told.
 *
 * @module
 */
import type { MemberChange } from "../broker/broker.ts";
import type { User } from "../protocol/messages.ts";

/** A change that is news. */
export type News = Exclude<MemberChange, { kind: "everyone" }>;

/** A change that is news, and whether it is of one of ours who came just now. */
export interface Heard {
  readonly news: News;
  readonly isExpected: boolean;
}

export class Roster {
  readonly #told = new Map<string, User>();
  readonly #expected = new Map<string, User>();
  #isComplete = false;

  /** People whom all nodes know to be there. */
  get count(): number {
    return this.#told.size;
  }

  /** And those of ours besides, of whom the others are being told. */
  get countHere(): number {
    return this.#told.size + this.#expected.size;
  }

  *users(): Generator<User> {
    yield* this.#told.values();
    yield* this.#expected.values();
  }

  /** One of ours came. */
  expect(user: User): void {
    if (!this.#told.has(user.id)) this.#expected.set(user.id, user);
  }

  /** Takes in what the broker tells, and yields what of it is news, one change after the other. */
  *hear(change: MemberChange): Iterable<Heard> {
    if (change.kind === "everyone") return yield* this.#compare(change.users);
    const { id } = change.user;
    const wasThere = this.#told.has(id);
    const isExpected = this.#expected.delete(id);
    if (change.kind === "left") this.#told.delete(id);
    else this.#told.set(id, change.user);
    if (wasThere !== (change.kind === "joined")) yield { news: change, isExpected };
  }

  /** What was missed; none of it is news if this is the first that we hear. */
  *#compare(users: readonly User[]): Iterable<Heard> {
    const isNews = this.#isComplete;
    this.#isComplete = true;
    const changes: News[] = [];
    const there = new Set(users.map(({ id }) => id));
    for (const user of this.#told.values()) {
      if (!there.has(user.id)) changes.push({ kind: "left", user });
    }
    for (const user of users) {
      const old = this.#told.get(user.id)?.name;
      if (old === undefined) changes.push({ kind: "joined", user });
      else if (old !== user.name) changes.push({ kind: "renamed", user, old });
    }
    for (const change of changes) {
      for (const heard of this.hear(change)) if (isNews) yield heard;
    }
  }
}

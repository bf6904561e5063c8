/**
 * The members of one room as Redis has them now, whether or not the room is open on this node.
 *
 * @module
 */
import type { User } from "../../protocol/messages.ts";
import type { RedisLink } from "./link.ts";
import { MEMBERS, usersOf } from "./members_script.ts";

export class MemberQueries {
  readonly #link: RedisLink;
  readonly #node: string;
  readonly #leaseMs: number;
  /** When the lease of this node ends, if the node stops: by `performance.now()`. */
  #endsAt: number | undefined;

  constructor(link: RedisLink, node: string, leaseMs: number) {
    this.#link = link;
    this.#node = node;
    this.#leaseMs = leaseMs;
  }

  async list(room: string): Promise<readonly User[]> {
    if (!await this.#hasMembers(room)) return [];
    const [, , , , all] = await this.run(room, [], true);
    return Array.isArray(all) ? usersOf(all) : [];
  }

  async find(room: string, id: string): Promise<User | undefined> {
    if (!await this.#hasMembers(room)) return undefined;
    await this.run(room, [], false); // removes the users of nodes whose lease has ended
    const value = await this.#link.ask("HGET", this.#link.names.key(room, "people"), id);
    return typeof value === "string" ? usersOf([id, value])[0] : undefined;
  }

  /** Lets the lease of this node end after this time. From now on no script renews it. */
  end(absenceMs: number): void {
    this.#endsAt ??= performance.now() + absenceMs;
  }

  /** Runs the script with some changes, as {@linkcode MEMBERS} says. */
  run(room: string, ops: readonly string[], readsAll: boolean): Promise<readonly unknown[]> {
    const { names } = this.#link;
    const keys = ["people", "turn", "nodes", "at"].map((what) => names.key(room, what));
    const args = [this.#node, String(this.#leaseMs), names.channel(room), readsAll ? "1" : ""];
    return this.#link.run(MEMBERS, keys, [...args, ...ops, ...this.#stop()]);
  }

  /** The change that says that this node stops, if it does. */
  #stop(): string[] {
    if (this.#endsAt === undefined) return [];
    return [".", String(Math.max(0, Math.round(this.#endsAt - performance.now()))), "", ""];
  }

  /** The script would leave keys behind in a room that nobody is in. */
  async #hasMembers(room: string): Promise<boolean> {
    return await this.#link.ask("EXISTS", this.#link.names.key(room, "people")) === 1;
  }
}

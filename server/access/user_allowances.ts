/**
 * `UserAllowances` says how much each user may do, over all of the user's connections to this node. A
 * user has one allowance for everything, and others for the rooms of rules that set a rate.
 *
 * @module
 */
import type { Command } from "../protocol/messages.ts";
import { Refusal } from "../protocol/refusal.ts";
import { type Clock, costOf, COSTS, type Limit, TokenBuckets } from "./allowances.ts";
import type { RoomRule, Rules } from "./rules.ts";

/** What has to be known of a command, or of a request that does the same. */
export interface Charged {
  readonly type: Command["type"];
  readonly room?: string;
  readonly durable?: boolean;
  readonly retain?: boolean;
}

/** How many users' allowances are remembered, and how many of those for the rooms of rules. */
const MAX_ALLOWANCES = 65_536;

/** A rate of a rule. */
interface RuleLimit extends Limit {
  /** What the keys of its buckets begin with. */
  readonly prefix: string;
}

interface RuleLimits {
  readonly commands: RuleLimit | undefined;
  readonly signals: RuleLimit | undefined;
}

export class UserAllowances {
  readonly #rules: Rules;
  readonly #general: TokenBuckets;
  readonly #ofRules: TokenBuckets;
  readonly #limits = new Map<RoomRule, RuleLimits>();

  /** @param general the limit wherever no rule sets another. */
  constructor(general: Limit, rules: Rules, now: Clock) {
    this.#rules = rules;
    this.#general = new TokenBuckets(general.rate, general.burst, now, MAX_ALLOWANCES);
    this.#ofRules = new TokenBuckets(0, 0, now, MAX_ALLOWANCES);
    for (const [rule, limits] of rules.limits) {
      const commands = named(limits.commands, `${this.#limits.size} commands `);
      const signals = named(limits.signals, `${this.#limits.size} signals `) ?? commands;
      if (signals !== undefined) this.#limits.set(rule, { commands, signals });
    }
  }

  /**
   * Takes one command from the user's allowance for the room's rule, or from the general one.
   *
   * @throws {Refusal} `rate_limited`
   */
  spend(userId: string, command: Charged): void {
    const limit = this.#limits.size === 0 ? undefined : this.#limitFor(command);
    const retryAfterMs = limit === undefined
      ? this.#general.take(userId)
      : this.#ofRules.take(limit.prefix + userId, 1, limit);
    if (retryAfterMs === 0) return;
    throw limit === undefined
      ? new Refusal("rate_limited", "Too many commands. Slow down.", {
        limit: "rate",
        retryAfterMs,
      })
      : new Refusal("rate_limited", "Too many commands to this room. Slow down.", {
        field: "room",
        limit: "rule_rate",
        retryAfterMs,
      });
  }

  /** Lets a user go on with no more than is left to the previous one. */
  inherit(userId: string, previous: string): void {
    this.#general.inherit(userId, previous);
    for (const { commands, signals } of this.#limits.values()) {
      for (const limit of new Set([commands, signals])) {
        if (limit === undefined) continue;
        this.#ofRules.inherit(limit.prefix + userId, limit.prefix + previous, limit);
      }
    }
  }

  #limitFor(command: Charged): RuleLimit | undefined {
    const { type, room } = command;
    // A join reads the log. Whatever may be said in a room, coming and going costs as much as elsewhere.
    if (room === undefined || type === "join" || type === "leave") return undefined;
    const rule = this.#rules.of(room);
    const limits = rule && this.#limits.get(rule);
    return costOf(command) === COSTS.signal ? limits?.signals : limits?.commands;
  }
}

function named(limit: Limit | undefined, prefix: string): RuleLimit | undefined {
  return limit && { ...limit, prefix };
}

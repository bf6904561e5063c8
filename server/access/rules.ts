/**
 * `Rules` says what holds for the rooms whose names match a pattern: who may read and write, how fast,
 * and what is kept. An operator writes them into the file of `--rules`, or a program gives them to
 * `createServer`. They are read once, and checked like the options.
 *
 * @module
 */
import { reason } from "../log.ts";
import { LIMIT, OptionError, OPTIONS, type Range } from "../options.ts";
import { NAME } from "../protocol/names.ts";
import { quote, Refusal } from "../protocol/refusal.ts";
import type { AnnouncedRate, AnnouncedRoomLimits } from "../protocol/messages.ts";
import { BOOLEAN, isRecord } from "../protocol/rules.ts";
import { type Right, RIGHTS } from "../protocol/tables.ts";
import { matches } from "../protocol/pattern.ts";

/**
 * A `RoomRule` is what holds in the rooms of one pattern. The first rule whose pattern matches a room is
 * the only one that holds there. What it leaves out is as without rules.
 */
export interface RoomRule {
  /** The names of the rooms, written like one name; `*` stands for any characters: `team-*`. */
  readonly match: string;
  /**
   * The right of each user to whom neither the application nor a token gives one.
   *
   * @default {"write"}
   */
  readonly everyone?: Right;
  /**
   * The right of guests, in place of `everyone`. `--guests` may lower it.
   */
  readonly guests?: Right;
  /**
   * Seconds that a user waits between two messages that are stored; 0 is no wait. It does not hold for
   * users with the right `manage`, nor for signals.
   *
   * @default {0}
   */
  readonly slowSeconds?: number;
  /**
   * Commands per second that a user may sustain in all rooms of the rule, in place of `--rate`; 0 is no
   * limit. Three seconds' worth may be sent at once. `join` and `leave` count as without rules.
   */
  readonly rate?: number;
  /**
   * The same for signals: `typing`, and `custom` that is not stored. Without it they count as commands.
   */
  readonly signalRate?: number;
  /** Days that a message is kept, in place of `--retain-days`; 0 is for ever. */
  readonly retainDays?: number;
  /**
   * Whether anything may be stored. If not, `chat`, and `custom` that is durable or retained, are refused
   * with `forbidden`, and the rooms carry signals only. What is there from before the rule stays its time.
   *
   * @default {true}
   */
  readonly store?: boolean;
}

interface Field {
  readonly accepts: (value: unknown) => boolean;
  readonly expects: string;
}

const RIGHT: Field = {
  accepts: (value) => RIGHTS.some((right) => right === value),
  expects: RIGHTS.join(", ").replace(/, (?=[^,]*$)/, " or "),
};

function number([min, max]: Range): Field {
  return {
    accepts: (value) => typeof value === "number" && value >= min && value <= max,
    expects: `a number from ${min} to ${max}`,
  };
}

/** The longest wait of slow mode: a day. */
const MAX_SLOW_SECONDS = 86_400;

/** The keys of a rule, and what each must hold. */
export const RULE_FIELDS: { readonly [F in keyof RoomRule]-?: Field } = {
  match: NAME,
  everyone: RIGHT,
  guests: RIGHT,
  slowSeconds: number([0, MAX_SLOW_SECONDS]),
  rate: number(LIMIT),
  signalRate: number(LIMIT),
  retainDays: number(OPTIONS.retainDays.range ?? LIMIT),
  store: BOOLEAN,
};

/** How many seconds of a rate may be used at once: the proportion of the defaults of `--rate` and `--burst`. */
const BURST_SECONDS = 3;
/** How many rules there may be: each is tried for a room that was not seen lately. */
const MAX_RULES = 1000;
/** For how many rooms the rule is remembered at most. The first is forgotten first. */
const MAX_REMEMBERED = 10_000;

export class Rules {
  readonly list: readonly RoomRule[];
  /** The limits of each rule that sets any. */
  readonly limits: ReadonlyMap<RoomRule, AnnouncedRoomLimits>;
  /** The rule of each room that was asked for lately; null if it has none. */
  readonly #remembered = new Map<string, RoomRule | null>();

  /**
   * Checks rules, the first of which wins.
   *
   * @param where names where they come from, for the error.
   * @throws {OptionError} in one line that names the rule by its number, and the key.
   */
  constructor(rules: unknown = [], where = "rules") {
    this.list = checked(rules, where);
    const limits = this.list.map((rule) => [rule, limitsOf(rule)] as const);
    this.limits = new Map(limits.filter(([, limits]) => Object.keys(limits).length > 0));
    this.#assertAllUsed(where);
  }

  /**
   * Reads rules from a file. Without a path there are none.
   *
   * @throws {OptionError} if the file cannot be read, or a rule is wrong.
   */
  static async load(path: string): Promise<Rules> {
    if (path === "") return new Rules();
    let value: unknown;
    try {
      value = JSON.parse(await Deno.readTextFile(path));
    } catch (thrown) {
      // The message of JSON.parse may quote several lines of the file.
      const why = reason(thrown).replace(/\s+/g, " ");
      throw new OptionError(`Cannot read the rules in ${path}: ${why}.`);
    }
    return new Rules(value, path);
  }

  /** For how many rooms the rule is remembered. */
  get rememberedRooms(): number {
    return this.#remembered.size;
  }

  /** Returns the rule that holds in a room, if there is one. */
  of(room: string): RoomRule | undefined {
    if (this.list.length === 0) return undefined;
    let rule = this.#remembered.get(room);
    if (rule === undefined) {
      rule = this.list.find(({ match }) => matches(match, room)) ?? null;
      this.#remember(room, rule);
    }
    return rule ?? undefined;
  }

  /** Returns the limits of a room's rule, if it sets any. */
  limitsOf(room: string): AnnouncedRoomLimits | undefined {
    const rule = this.of(room);
    return rule && this.limits.get(rule);
  }

  /**
   * Refuses to store something in a room that keeps nothing.
   *
   * @throws {Refusal} `forbidden`
   */
  assertStored(room: string): void {
    if (this.of(room)?.store !== false) return;
    const sentence = `Cannot store this in ${JSON.stringify(room)}: the room keeps nothing.`;
    throw new Refusal("forbidden", sentence, { field: "room" });
  }

  #remember(room: string, rule: RoomRule | null): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      const [first = ""] = this.#remembered.keys();
      this.#remembered.delete(first);
    }
    this.#remembered.set(room, rule);
  }

  /** Refuses a rule all of whose rooms match an earlier one. It would look as if it did something. */
  #assertAllUsed(where: string): void {
    this.list.forEach(({ match }, index) => {
      // A `*` in the text is itself matched by `*` alone, so the text stands for all of its names.
      const earlier = this.list.findIndex((other) => matches(other.match, match));
      if (earlier === index) return;
      const first = JSON.stringify(this.list[earlier]?.match);
      throw new OptionError(
        `${where}, rule ${index + 1}: "match" is never used, because rule ${earlier + 1}, ` +
          `${first}, matches the same rooms first.`,
      );
    });
  }
}

function limitsOf({ rate, signalRate, slowSeconds }: RoomRule): AnnouncedRoomLimits {
  return {
    ...(rate !== undefined && { commands: withBurst(rate) }),
    ...(signalRate !== undefined && { signals: withBurst(signalRate) }),
    ...(slowSeconds !== undefined && slowSeconds > 0 && { slowSeconds }),
  };
}

function withBurst(rate: number): AnnouncedRate {
  return { rate, burst: rate === 0 ? 0 : Math.max(1, Math.ceil(rate * BURST_SECONDS)) };
}

function checked(rules: unknown, where: string): readonly RoomRule[] {
  if (!Array.isArray(rules) || rules.length > MAX_RULES) {
    throw new OptionError(`${where}: The rules must be a list of at most ${MAX_RULES} objects.`);
  }
  return rules.map((rule: unknown, index) => {
    assertRule(rule, `${where}, rule ${index + 1}`);
    return { ...rule };
  });
}

function assertRule(rule: unknown, where: string): asserts rule is RoomRule {
  if (!isRecord(rule)) throw new OptionError(`${where}: It must be an object.`);
  for (const key of Object.keys(rule)) {
    if (Object.hasOwn(RULE_FIELDS, key)) continue;
    throw new OptionError(`${where}: There is no key ${quote(key)}.`);
  }
  for (const [key, { accepts, expects }] of Object.entries(RULE_FIELDS)) {
    const value = rule[key];
    if (accepts(value) || value === undefined && key !== "match") continue;
    throw new OptionError(`${where}: "${key}" must be ${expects}, not ${shown(value)}.`);
  }
}

/** Returns a wrong value as text on one line. */
function shown(value: unknown): string {
  if (typeof value === "string") return quote(value);
  return typeof value === "object" && value !== null ? "an object or a list" : String(value);
}

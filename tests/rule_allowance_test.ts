/**
 * How much a user may do in the rooms of a rule: rates, and slow mode.
 *
 * @module
 */
import { Rules } from "../server/access/rules.ts";
import { SlowMode } from "../server/access/slow_mode.ts";
import { type Charged, UserAllowances } from "../server/access/user_allowances.ts";
import { Refusal } from "../server/protocol/refusal.ts";
import { assert, assertEquals, assertThrows } from "./support/assert.ts";

Deno.test("UserAllowances takes from a rule's own allowance, and from the general one elsewhere", () => {
  let now = 0;
  const rules = new Rules([
    { match: "fast-*", rate: 2, signalRate: 20 },
    { match: "calm", rate: 0.1 },
    { match: "cursors", signalRate: 10 },
    { match: "free", rate: 0 },
  ]);
  const allowances = new UserAllowances({ rate: 1, burst: 2 }, rules, () => now);
  const waitOf = (userId: string, command: Charged) => {
    try {
      allowances.spend(userId, command);
      return 0;
    } catch (thrown) {
      assert(thrown instanceof Refusal && thrown.code === "rate_limited");
      return thrown.retryAfterMs ?? 0;
    }
  };
  const count = (userId: string, command: Charged) => {
    for (let taken = 0; taken < 500; taken++) if (waitOf(userId, command) > 0) return taken;
    return 500;
  };
  const chat = (room: string) => ({ type: "chat", room } as const);
  const signal = (room: string) => ({ type: "custom", room, durable: false } as const);
  // All rooms of one rule share an allowance: three seconds of its rate at once.
  assertEquals([count("a", chat("fast-1")), count("a", chat("fast-2"))], [6, 0]);
  assertEquals([count("a", signal("fast-1")), count("a", { type: "typing", room: "fast-1" })], [
    60,
    0,
  ]);
  // The general one is untouched by that, and is what all else takes from.
  assertEquals([count("a", chat("lobby")), count("a", { type: "rename" })], [2, 0]);
  assertEquals([count("b", { type: "join", room: "fast-1" }), count("b", chat("fast-1"))], [2, 6]);
  // Without a rate of their own, signals are commands.
  assertEquals([count("c", chat("calm")), count("c", signal("calm"))], [1, 0]);
  assertEquals([count("c", signal("cursors")), count("c", chat("cursors"))], [30, 2]);
  assertEquals(count("c", chat("free")), 500);
  // What is stored is no signal.
  assertEquals(count("d", { type: "custom", room: "fast-1", durable: true }), 6);
  assertEquals(waitOf("a", chat("fast-1")), 500);
  now += 500;
  assertEquals(count("a", chat("fast-1")), 1);
  // A change of user is no way to more.
  allowances.inherit("e", "a");
  assertEquals([count("e", chat("fast-1")), count("e", chat("lobby"))], [0, 0]);
});

Deno.test("SlowMode lets a user store one message in the time, and a retry of it at any time", () => {
  let now = 1000;
  const rules = new Rules([{ match: "slow", slowSeconds: 10 }, { match: "other", slowSeconds: 0 }]);
  const slow = new SlowMode(rules, () => now);
  const refused = (userId: string, ref?: string) => {
    const refusal = assertThrows(() => slow.take(userId, "slow", "write", ref), Refusal);
    return [refusal.code, refusal.retryAfterMs];
  };
  slow.take("a", "slow", "write", "1");
  slow.take("a", "slow", "write", "1");
  assertEquals(refused("a", "2"), ["rate_limited", 10_000]);
  assertEquals(refused("a"), ["rate_limited", 10_000]);
  slow.take("b", "slow", "write", undefined);
  assertEquals(refused("b"), ["rate_limited", 10_000]);
  for (let n = 0; n < 3; n++) {
    slow.take("a", "slow", "manage", `${n}`);
    slow.take("a", "other", "write", `${n}`);
    slow.take("a", "lobby", "write", `${n}`);
  }
  now += 9_999;
  assertEquals(refused("a", "2"), ["rate_limited", 1]);
  now += 1;
  slow.take("a", "slow", "write", "2");
  assertEquals(refused("a", "3"), ["rate_limited", 10_000]);
  for (let n = 0; n < 70_000; n++) slow.take(`user ${n}`, "slow", "write", undefined);
  assertEquals(slow.size, 65_536);
});

/**
 * Allowances of many who come and go.
 *
 * @module
 */
import { TokenBuckets } from "../server/limits.ts";
import { assert, assertEquals } from "./assert.ts";

Deno.test("TokenBuckets gives each key its own allowance, which comes back with time", () => {
  let now = 0;
  const buckets = new TokenBuckets(1, 2, () => now);
  assertEquals([buckets.take("a"), buckets.take("a"), buckets.take("b")], [0, 0, 0]);
  assertEquals(buckets.take("a"), 1000);
  now = 1000;
  assertEquals(buckets.take("a"), 0);
});

Deno.test("TokenBuckets forgets who has been away longest, and holds no more than it may", () => {
  const buckets = new TokenBuckets(1, 1, () => 0, { most: 100 });
  for (let n = 0; n < 99; n++) buckets.take(`${n}`);
  buckets.take("regular");
  for (let n = 0; n < 1000; n++) {
    buckets.take(`stranger ${n}`);
    // Whoever keeps coming is not forgotten, or coming often would be the way around the limit.
    assert(buckets.take("regular") > 0);
  }
  assertEquals(buckets.size, 100);
});

Deno.test("TokenBuckets without a rate has no limit", () => {
  const buckets = new TokenBuckets(0, 5, () => 0);
  for (let n = 0; n < 100; n++) assertEquals(buckets.take("a"), 0);
});

Deno.test("TokenBuckets that are shared say what was spent once, and owe what others spent", () => {
  let now = 0;
  const here = new TokenBuckets(1, 3, () => now, { isShared: true });
  const there = new TokenBuckets(1, 3, () => now, { isShared: true });
  for (const key of ["a", "a", "a", "b"]) assertEquals(here.take(key), 0);
  for (const _ of [1, 2, 3]) assertEquals(there.take("a"), 0);
  assert(here.take("a") > 0); // and that is no spending
  const spent = here.spent();
  assertEquals([spent, here.spent()], [[["a", 3], ["b", 1]], []]);
  there.charge(spent);
  assertEquals([there.take("a"), there.take("b", 3)], [4000, 1000]);
  now = 4000;
  assertEquals([there.take("a"), there.take("a")], [0, 1000]);
  assertEquals(there.spent(), [["a", 4]]); // what was charged is not told on
});

Deno.test("TokenBuckets: who goes on under another key has no more for it, nor less", () => {
  const buckets = new TokenBuckets(1, 3, () => 0);
  for (let n = 0; n < 3; n++) buckets.take("poor");
  buckets.follow("new", "poor");
  assertEquals(buckets.take("new"), 1000);
  buckets.follow("poor", "rich");
  assertEquals([buckets.take("poor"), buckets.take("rich", 3)], [1000, 0]);
});

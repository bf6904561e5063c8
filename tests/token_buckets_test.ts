/**
 * Allowances of many who come and go.
 *
 * @module
 */
import { TokenBucket, TokenBuckets } from "../server/access/allowances.ts";
import { assert, assertEquals } from "./support/assert.ts";

Deno.test("TokenBuckets gives each key its own allowance, which comes back with time", () => {
  let now = 0;
  const buckets = new TokenBuckets(1, 2, () => now);
  assertEquals([buckets.take("a"), buckets.take("a"), buckets.take("b")], [0, 0, 0]);
  assertEquals(buckets.take("a"), 1000);
  now = 1000;
  assertEquals(buckets.take("a"), 0);
});

Deno.test("TokenBuckets forgets the key that was away longest, and holds no more than its maximum", () => {
  const buckets = new TokenBuckets(1, 1, () => 0, 100);
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

Deno.test("TokenBucket lets through what costs more than it can hold, for all that it holds", () => {
  let now = 0;
  const bucket = new TokenBucket(1, 3, () => now);
  assertEquals([bucket.take(1), bucket.take(100)], [0, 1000]);
  now = 1000;
  assertEquals([bucket.take(100), bucket.take(1)], [0, 1000]);
});

Deno.test("TokenBuckets follow() gives a key no more than the other key had, and no less", () => {
  const buckets = new TokenBuckets(1, 3, () => 0);
  for (let n = 0; n < 3; n++) buckets.take("poor");
  buckets.inherit("new", "poor");
  assertEquals(buckets.take("new"), 1000);
  buckets.inherit("poor", "rich");
  assertEquals([buckets.take("poor"), buckets.take("rich", 3)], [1000, 0]);
});

/**
 * Publishes steadily to a room full of members, and checks that each of them gets everything in order.
 *
 * @module
 */
import type { Server } from "../../server/mod.ts";
import { assertEquals } from "./assert.ts";
import { type Client, member } from "./harness.ts";

/** How much is published, to how many, and how fast. */
export interface Publishing {
  readonly members: number;
  readonly publishes: number;
  /** `Infinity`: one after the other, without a pause. */
  readonly perSecond: number;
}

/** How many members connect at once. */
const CONNECT_AT_ONCE = 50;

/** @returns the milliseconds from each publish to its arrival at the last member. */
export async function publishSteadily(
  server: Server,
  { members, publishes, perSecond }: Publishing,
): Promise<number[]> {
  await using stack = new AsyncDisposableStack();
  const clients: Client[] = [];
  while (clients.length < members) {
    const some = Array.from(
      { length: Math.min(CONNECT_AT_ONCE, members - clients.length) },
      () => member(server, { protocol: "parley.v1.batched" }),
    );
    for (const client of await Promise.all(some)) clients.push(stack.use(client));
  }
  const publishedAt: number[] = [];
  const milliseconds = Array<number>(publishes).fill(0);
  const listening = clients.map(async (client) => {
    for (let index = 0; index < publishes; index++) {
      const { seq, payload } = await client.next("chat");
      assertEquals([seq, payload], [index + 1, `message ${index}`]);
      const elapsed = performance.now() - (publishedAt[index] ?? 0);
      milliseconds[index] = Math.max(milliseconds[index] ?? 0, elapsed);
      client.frames.length = 0;
    }
  });
  const begin = performance.now();
  for (let index = 0; index < publishes; index++) {
    const waitMs = begin + index * 1000 / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    publishedAt.push(performance.now());
    await server.publish("lobby", `message ${index}`);
  }
  await Promise.all(listening);
  return milliseconds;
}

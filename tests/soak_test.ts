/**
 * The short form of `deno task soak`, and whether its verdict can be trusted.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { cutConnections } from "./support/cut_connections.ts";
import { type Row, soak, verdict } from "./support/soak.ts";
import { named, WORKERS } from "./support/workers.ts";

for (const workers of WORKERS) {
  Deno.test(`rooms, connections and messages leave nothing behind (the short form)${named(workers)}`, async () => {
    const part = workers === 0 ? 1 : 2;
    const plan = { rounds: 6, rooms: 12_000 / part, connections: 600, messages: 180_000 / part };
    const rows = await soak({ ...plan, workers }, () => {});
    assertEquals([rows.length, verdict(rows)], [6, []]);
  });
}

const seed = Math.floor(Math.random() * 2 ** 32);

Deno.test(`streams and sockets that are cut at once harm nobody and leave no connection behind (the short form), seed ${seed}`, async () => {
  // The runtime keeps a socket that was cut for as long as a heartbeat: in this test, to the end.
  const plan = { streams: 300, sockets: 300, restSeconds: 0, heartbeatSeconds: 3600, seed };
  const { said, heard, after } = await cutConnections(plan); // RSS is for the long form
  assertEquals([heard, after.connections, after.keptConnections], [said, 2, 2]);
});

Deno.test("the verdict of a soak names what grew for good, and nothing else", () => {
  const flat: Row = {
    rssBytes: 1e8,
    heapBytes: 1e7,
    queuedBytes: 0,
    mostQueuedBytes: 0,
    stuck: 0,
    sockets: 0,
    connections: 0,
    keptConnections: 0,
    rooms: 0,
    timers: 2,
    files: 28,
    databaseBytes: 1e6,
    walBytes: 4e6,
    seconds: 1,
  };
  assertEquals(verdict([{ ...flat, rssBytes: 5e7 }, flat, { ...flat, rssBytes: 1.1e8 }]), []);
  for (const [what, grown] of [["rssBytes", 1.3e8], ["timers", 3], ["files", 40]] as const) {
    const said = verdict([flat, flat, { ...flat, [what]: grown }]);
    assertEquals(said, [`${what} grew from ${flat[what]} to ${grown}`]);
  }
  assertEquals(verdict([]), ["there is nothing to compare"]);
});

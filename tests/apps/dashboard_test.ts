/**
 * A live dashboard. The application says how things are; everyone sees the newest values at once when they
 * come, and each change after that. Nobody else can say anything.
 *
 * @module
 */
import { createServer, silentLog } from "../../server/mod.ts";
import { connect } from "../../static/client/mod.ts";
import { assertEquals } from "../support/assert.ts";
import { until } from "../../server/testing.ts";

/** What the dashboard shows: the names of events, and their payloads. */
interface Metrics {
  readonly load: { readonly cpu: number; readonly memory: number };
  readonly alert: string;
}

Deno.test("app: a dashboard shows what is true now, and what changes", async () => {
  await using server = await createServer({ port: 0, db: ":memory:", page: false }, {
    authorize: () => "read",
    log: silentLog,
  });
  server.listen();
  const measure = (cpu: number) =>
    server.emit("metrics", "load", { cpu, memory: 0.5 }, { retain: true });
  await measure(0.1);
  await measure(0.2);

  // In the browser:
  const seen: number[] = [];
  const client = connect<Metrics>(server.url);
  client.on("custom:load", ({ payload }) => seen.push(payload.cpu));
  const { right } = await client.join("metrics");
  assertEquals(right, "read");
  await until(() => seen.length === 1, "the newest value");

  await measure(0.3);
  await until(() => seen.length === 2, "the change");
  assertEquals(seen, [0.2, 0.3]);
  client.close();
});

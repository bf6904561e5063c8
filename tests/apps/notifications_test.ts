/**
 * Notifications. Each user has a room that nobody else may read. The application writes to it; who is away
 * finds everything when coming back, on every device, once.
 *
 * @module
 */
import { createServer, silentLog } from "../../server/mod.ts";
import { ClientError, connect } from "../../static/client/mod.ts";
import { until } from "../../server/testing.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";

/** What a user is told of. */
interface Notifications {
  readonly order: { readonly number: number; readonly state: "paid" | "sent" };
}

Deno.test("app: notifications reach their user, and wait for who is away", async () => {
  await using server = await createServer({ port: 0, db: ":memory:", guests: "none" }, {
    // A real application verifies a signature: see --jwt-secret-file and --jwks.
    authenticate: ({ token }) => token === undefined ? undefined : { id: token },
    authorize: ({ id }, room) => room === `inbox-${id}` ? "read" : "none",
    log: silentLog,
  });
  server.listen();
  const notify = (id: string, number: number, state: Notifications["order"]["state"]) =>
    server.emit(`inbox-${id}`, "order", { number, state }, {
      durable: true,
      ref: `order-${number}-${state}`, // said again after a crash, it is stored once
    });

  const seen: number[] = [];
  const listen = (token: string) => {
    const client = connect<Notifications>(server.url, { token });
    client.on("custom:order", ({ payload }) => seen.push(payload.number));
    return client;
  };
  await notify("ada", 1, "paid"); // nobody is there yet
  const ada = listen("ada");
  await ada.join("inbox-ada");
  await notify("ada", 2, "paid");
  await notify("ada", 2, "paid");
  await notify("bob", 3, "paid");
  await notify("ada", 4, "sent");
  await until(() => seen.includes(4), "the newest");
  assertEquals(seen, [1, 2, 4]);

  const bob = listen("bob");
  await assertRejects(() => bob.join("inbox-ada"), ClientError);
  ada.close();
  bob.close();
});

/**
 * Rooms in front of an application that exists already, written with Hono. Parley answers under
 * `/realtime`; the application's own requests speak in the rooms.
 *
 * @module
 */
import { Hono } from "npm:hono@4.13.19";
import { createServer, silentLog } from "../../server/mod.ts";
import { connect } from "../../static/client/mod.ts";
import { until } from "../../server/testing.ts";
import { assertEquals } from "../support/assert.ts";

/** The events of the shop. */
interface Shop {
  readonly sold: { readonly item: string };
}

Deno.test("app: an order in Hono is told in the room of the shop", async () => {
  await using parley = await createServer({ db: ":memory:", basePath: "/realtime" }, {
    authorize: () => "read",
    log: silentLog,
  });
  const app = new Hono<{ Bindings: Deno.ServeHandlerInfo }>();
  app.get("/", (context) => context.html("<h1>The shop</h1>"));
  app.post("/orders", async (context) => {
    const { item } = await context.req.json();
    await parley.emit("shop", "sold", { item }, { durable: true });
    return context.body(null, 204);
  });
  app.all("/realtime/*", (context) => parley.fetch(context.req.raw, context.env));
  await using listener = Deno.serve({ port: 0, onListen() {} }, app.fetch);
  const url = `http://127.0.0.1:${listener.addr.port}`;

  const seen: string[] = [];
  const client = connect<Shop>(`${url}/realtime`);
  client.on("custom:sold", ({ payload }) => seen.push(payload.item));
  await client.join("shop");
  const ordered = await fetch(`${url}/orders`, { method: "POST", body: '{"item":"tea"}' });
  assertEquals(ordered.status, 204);
  await until(() => seen.length > 0, "the sale");
  assertEquals(seen, ["tea"]);
  const { messages } = await (await fetch(`${url}/realtime/rooms/shop/messages`)).json();
  assertEquals(messages.length, 1);
  client.close();
  await parley.stop();
});

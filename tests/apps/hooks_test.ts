/**
 * Hooks. The application greets who comes, writes down what was said, and knows who is there.
 *
 * @module
 */
import { member, serve, until } from "../../server/testing.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("app: hooks greet who comes, keep a record, and know who is there", async () => {
  const record: string[] = [];
  const present = new Set<string>();
  await using server = await serve({ graceSeconds: 0 }, {
    onJoin: async (room, { id, name }) => {
      present.add(id);
      await server.publish(room, `Welcome, ${name}!`, { from: { id: "host", name: "Host" } });
    },
    onLeave: (_room, { id }) => void present.delete(id),
    onStored: (event) => {
      if (event.type === "revised") return; // a message was edited, deleted or reacted to
      record.push(`${event.seq} ${event.from.name}: ${event.payload}`);
    },
  });
  await using ada = await member(server, { as: { id: "ada", name: "Ada" } });
  assertEquals((await ada.next("chat")).payload, "Welcome, Ada!");
  {
    await using bob = await member(server, { as: { id: "bob", name: "Bob" } });
    await bob.next("chat", ({ payload }) => payload === "Welcome, Bob!");
    bob.send({ type: "chat", payload: "hello" });
    await ada.next("chat", ({ payload }) => payload === "hello");
    assertEquals([...present], ["ada", "bob"]);
  }
  await until(() => !present.has("bob"), "Bob's leaving");
  await until(() => record.length === 3, "the record");
  assertEquals(record, ["1 Host: Welcome, Ada!", "2 Host: Welcome, Bob!", "3 Bob: hello"]);
});

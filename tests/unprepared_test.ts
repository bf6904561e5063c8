/**
 * Messages for a room that the broker has to prepare first: they wait, in order, and nobody else does.
 *
 * @module
 */
import { assertEquals } from "./support/assert.ts";
import { FaultyBroker, serveOn } from "./support/faulty_broker.ts";
import { member } from "./support/harness.ts";
import { say } from "./support/http.ts";

Deno.test("messages for an unprepared room wait in order, and those of other rooms do not", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using client = await member(server, { room: "long" });
  client.send({ type: "join", room: "other" });
  await client.next("joined");
  const { prepared } = broker.holdRoom("long");
  for (const payload of ["1", "2"]) client.send({ type: "chat", room: "long", payload });
  client.send({ type: "chat", room: "other", payload: "at once" });
  assertEquals((await client.next("chat")).payload, "at once");
  client.send({ type: "chat", room: "long", payload: "3" });
  client.send({ type: "chat", room: "other", payload: "also at once" });
  assertEquals((await client.next("chat")).payload, "also at once");
  prepared();
  const late = await client.take("chat", 3);
  assertEquals(late.map(({ payload, seq }) => [payload, seq]), [["1", 1], ["2", 2], ["3", 3]]);
});

Deno.test("messages for a room that cannot be prepared are refused, and later ones are stored", async () => {
  const broker = await FaultyBroker.make();
  await using server = await serveOn(broker);
  await using client = await member(server, { room: "long" });
  const { failed } = broker.holdRoom("long");
  client.send({ type: "chat", room: "long", payload: "1", ref: "one" });
  client.send({ type: "custom", room: "long", name: "marker", payload: 0 });
  await client.next("custom");
  failed();
  const { code, ref } = await client.next("error");
  assertEquals([code, ref], ["unavailable", "one"]);
  client.send({ type: "chat", room: "long", payload: "2", ref: "two" });
  assertEquals((await client.next("chat")).seq, 1);
});

Deno.test("a server that stops stores what waits for its room", async () => {
  const broker = await FaultyBroker.make();
  const server = await serveOn(broker);
  const { prepared } = broker.holdRoom("lobby");
  const posted = say(server, "kept", {});
  await using bystander = await member(server, { room: "other" });
  bystander.send({ type: "chat", room: "other", payload: "later than that" });
  await bystander.next("chat");
  const stopped = server.stop();
  prepared();
  assertEquals((await posted).status, 201);
  await stopped;
});

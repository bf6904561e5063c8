/**
 * The table of commands against a real server: what a row says of a command is what happens to it.
 *
 * @module
 */
import { costOf, COSTS } from "../server/access/allowances.ts";
import { COMMANDS } from "../server/protocol/commands.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { EXAMPLES, STORED_EXAMPLES, variantsOf } from "./support/examples.ts";
import { member, serve } from "./support/harness.ts";
import { Stream } from "./support/stream.ts";

/** Sends a command after a first message. @returns the `seq` of a last message after it. */
async function seqAfter(command: Record<string, unknown>): Promise<number> {
  await using server = await serve();
  await using client = await member(server);
  client.send(
    { type: "chat", payload: "first" },
    command,
    { type: "join" }, // in case the command left
    { type: "chat", payload: "last", ref: "last" },
  );
  return (await client.next("chat", ({ ref }) => ref === "last")).seq;
}

for (const example of EXAMPLES) {
  const { stored } = COMMANDS[example.type];
  const word = stored === true ? "stored" : "not stored";
  Deno.test(`a command "${example.type}" without options is ${word}`, async () => {
    assertEquals(await seqAfter(example), stored === true ? 3 : 2);
  });
}

for (const example of STORED_EXAMPLES) {
  const { type } = example;
  Deno.test(`a stored "${type}" is told to sockets, to event streams and in pages alike`, async () => {
    await using server = await serve();
    await using client = await member(server);
    await using stream = await Stream.open(server);
    await stream.next("joined");
    client.send({ type: "chat", payload: "first" }, { ...example, ref: "r" });
    const event = await client.next(type as "chat", ({ ref }) => ref === "r");
    assertEquals([event.room, event.seq], ["lobby", 2]);
    assert(event.at > 0 && event.from.id !== "");
    await stream.next(type as "chat", ({ ref }) => ref === "r");
    const block = stream.blocks.find(({ data }) => data === JSON.stringify(event));
    assert(block?.id?.endsWith(":2"), `id ${block?.id}`);
    const page = await (await fetch(`${server.url}/rooms/lobby/messages?after=1`)).json();
    assertEquals(page.messages, [event]);
  });
}

for (const example of STORED_EXAMPLES) {
  Deno.test(`a "${example.type}" with a known ref is stored once, and is a conflict if any field differs`, async () => {
    await using server = await serve();
    await using client = await member(server);
    client.send({ type: "chat", payload: "1" }, { type: "chat", payload: "2" });
    client.send({ ...example, ref: "r" }, { ...example, ref: "r" });
    const isAnswer = ({ ref }: { ref?: string }) => ref === "r";
    const stored = await client.next(example.type as "chat", isAnswer);
    assertEquals(await client.next(example.type as "chat", isAnswer), stored);
    for (const variant of variantsOf(example)) {
      client.send({ ...variant, ref: "r" });
      assertEquals((await client.next("error")).code, "conflict", JSON.stringify(variant));
    }
    client.send({ type: "chat", payload: "last", ref: "last" });
    assertEquals((await client.next("chat", ({ ref }) => ref === "last")).seq, 4);
  });
}

/** What is said in a room: all commands that name one, but for what a reader may do. */
const IN_ROOMS = EXAMPLES.filter(({ type }) =>
  "room" in COMMANDS[type].fields && !["join", "leave", "read"].includes(type)
);

Deno.test("who may not speak in a room is refused all that is said there, and so is who is not in it", async () => {
  await using server = await serve({}, { authorize: () => "read" });
  await using client = await member(server);
  for (const example of [...IN_ROOMS, ...STORED_EXAMPLES]) {
    client.send({ ...example, ref: "in" }, { ...example, ref: "out", room: "elsewhere" });
    const forbidden = await client.next("error");
    const notInRoom = await client.next("error");
    assertEquals([forbidden.code, forbidden.ref], ["forbidden", "in"], example.type);
    assertEquals([notInRoom.code, notInRoom.ref], ["not_in_room", "out"], example.type);
  }
});

Deno.test("costOf() asks of a stored command no less than of any message", () => {
  for (const example of STORED_EXAMPLES) assert(costOf(example) >= COSTS.command, example.type);
});

Deno.test("costOf() asks of a command what its row says, and of what is none as much as of one", () => {
  for (const example of EXAMPLES) {
    assertEquals(costOf(example), COSTS[COMMANDS[example.type].cost], example.type);
  }
  for (const value of [null, 1, "chat", [], {}, { type: "__proto__" }, { type: 1 }]) {
    assertEquals(costOf(value), COSTS.command);
  }
});

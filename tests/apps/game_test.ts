/**
 * A game whose referee is the application: it lets a move through, changes it, or refuses it before anyone
 * sees it. The board is a retained event, so who comes later sees the game as it stands.
 *
 * @module
 */
import { type Json, Refusal } from "../../server/mod.ts";
import { member, serve } from "../../server/testing.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("app: a game refuses moves out of turn, and shows the board to who comes later", async () => {
  const board: Json[] = Array(9).fill(null);
  let turn = "ada";
  await using server = await serve({}, {
    authorize: ({ id }) => ["ada", "bob"].includes(id) ? "write" : "read",
    onMessage: (message) => {
      if (message.type !== "custom" || message.name !== "move") return;
      const { from: { id }, payload } = message;
      if (id !== turn) throw new Refusal("forbidden", "It is not your turn.");
      if (typeof payload !== "number" || board[payload] !== null) {
        throw new Refusal("bad_field", "That field is taken.", { field: "payload" });
      }
      board[payload] = id;
      turn = id === "ada" ? "bob" : "ada";
      return { payload: { field: payload, by: id } };
    },
    onStored: async ({ type, room }) => {
      if (type === "custom") await server.emit(room, "board", board, { retain: true });
    },
  });
  const move = (field: number) => ({
    type: "custom",
    room: "game",
    name: "move",
    payload: field,
    durable: true,
  });

  await using ada = await member(server, { as: "ada", room: "game" });
  await using bob = await member(server, { as: "bob", room: "game" });
  bob.send(move(0));
  assertEquals((await bob.next("error")).payload, "It is not your turn.");
  ada.send(move(4));
  assertEquals((await bob.next("custom")).payload, { field: 4, by: "ada" });
  bob.send(move(4));
  assertEquals((await bob.next("error")).field, "payload");
  bob.send(move(0));
  await ada.next("custom", ({ seq, name }) => name === "move" && seq === 2);
  await ada.next(
    "custom",
    ({ name, payload }) => name === "board" && Array.isArray(payload) && payload[0] === "bob",
  );

  await using watcher = await member(server, { as: "carol", room: "game" });
  const { retained, payload } = await watcher.next("custom", ({ name }) => name === "board");
  assertEquals([retained, payload], [true, board]);
  watcher.send(move(1));
  assertEquals((await watcher.next("error")).code, "forbidden");
});

/**
 * A moderated room. The application softens words before anyone sees them; a moderator mutes somebody for a
 * time, removes, or bans. The user is told each time, and why.
 *
 * @module
 */
import { member, serve } from "../../server/testing.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("app: a moderator mutes, removes and bans, and the application softens words", async () => {
  await using server = await serve({}, {
    onMessage: (message) =>
      message.type === "chat" ? { payload: message.payload.replaceAll("darn", "****") } : undefined,
  });
  const room = "town";
  await using ada = await member(server, { as: "ada", room });
  await using bob = await member(server, { as: "bob", room });
  const say = (payload: string) => bob.send({ type: "chat", room, payload });

  say("darn it");
  assertEquals((await ada.next("chat")).payload, "**** it");

  await server.mute(room, "bob", { seconds: 600, payload: "Cool down." });
  const muted = await bob.next("right");
  assertEquals([muted.right, muted.payload, muted.seconds], ["read", "Cool down.", 600]);
  say("I will not");
  assertEquals((await bob.next("error")).code, "forbidden");
  ada.send({ type: "chat", room, payload: "he still reads" });
  assertEquals((await bob.next("chat", ({ from }) => from.id === "ada")).payload, "he still reads");
  await server.unmute(room, "bob");
  assertEquals((await bob.next("right")).right, "write");

  await server.remove(room, "bob", { payload: "Please come back later." });
  assertEquals((await bob.next("right")).right, "none");
  bob.send({ type: "join", room });
  assertEquals((await bob.next("joined")).right, "write"); // who is removed may return …

  await server.ban(room, "bob");
  assertEquals((await bob.next("right")).right, "none");
  bob.send({ type: "join", room }); // … and who is banned may not
  assertEquals((await bob.next("error")).code, "forbidden");
});

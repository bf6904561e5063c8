/**
 * The tests of an application. The test kit starts its server, lets its users come, and waits for what
 * they are sent; nothing sleeps.
 *
 * @module
 */
import type { Application } from "../../server/mod.ts";
import { member, serve } from "../../server/testing.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";

/** The application: only teachers write in a class, and pupils who are late are told so. */
function school(isLate: (id: string) => boolean): Application {
  return {
    authorize: ({ info }) => info === "teacher" ? "manage" : "read",
    onJoin(room, { id }) {
      if (isLate(id) && room === "maths") {
        void server?.remove(room, id, { payload: "Class has begun." });
      }
    },
  };
}

let server: Awaited<ReturnType<typeof serve>> | undefined;

Deno.test("app: the rules of a school are tested as conversations", async () => {
  await using started = server = await serve({}, school((id) => id === "tom"));
  const teacher = { id: "mary", name: "Mary", info: "teacher" };
  await using mary = await member(started, { as: teacher, room: "maths" });
  await using sue = await member(started, { as: "sue", room: "maths" });

  mary.send({ type: "chat", room: "maths", payload: "2 + 2?" });
  assertEquals((await sue.next("chat")).from, teacher);
  sue.send({ type: "chat", room: "maths", payload: "4", ref: "answer" });
  const { code, ref } = await sue.next("error");
  assertEquals([code, ref], ["forbidden", "answer"]);

  await using tom = await member(started, { as: "tom" });
  tom.send({ type: "join", room: "maths" });
  assertEquals((await tom.next("right")).payload, "Class has begun.");
  assertEquals((await mary.next("system", ({ kind }) => kind === "left")).user?.id, "tom");
});

Deno.test("app: a member who may not enter fails the test at once, and says why", async () => {
  await using started = await serve({}, { authorize: () => "none" });
  const { message } = await assertRejects(
    () => member(started, { as: "sue", room: "maths" }),
    Error,
  );
  assertEquals(
    message,
    'The member cannot enter "maths": forbidden: Cannot join "maths": you do not have the right.',
  );
});

/**
 * What the application answers late: an answer from before a right was changed never replaces a newer one,
 * at a join, on a stream or at a refresh; and what fails or waits meanwhile disturbs nobody.
 *
 * @module
 */
import type { Right } from "../server/mod.ts";
import { member, serve } from "../server/testing.ts";
import { assertEquals } from "./support/assert.ts";
import { connect, told, until } from "./support/harness.ts";
import { Stream } from "./support/stream.ts";

/** An application that answers when the test says so, once it is slow. */
class SlowRights {
  readonly questions: PromiseWithResolvers<Right>[] = [];
  isSlow = false;

  authorize = (): Right | Promise<Right> => {
    if (!this.isSlow) return "write";
    const question = Promise.withResolvers<Right>();
    this.questions.push(question);
    return question.promise;
  };

  async asked(times: number): Promise<void> {
    await until(() => this.questions.length === times, `question ${times}`);
  }
}

Deno.test("of two refreshes, the answer of the later one stays", async () => {
  const rights = new SlowRights();
  await using server = await serve({}, rights);
  await using ada = await member(server, { as: "ada" });
  rights.isSlow = true;
  await server.refresh("ada");
  await server.refresh("ada");
  rights.questions[1]?.resolve("read");
  assertEquals((await ada.next("right")).right, "read");
  rights.questions[0]?.resolve("manage");
  assertEquals(await told(ada), []);
});

Deno.test("a refresh from before a new join does not change what the join got", async () => {
  const rights = new SlowRights();
  await using server = await serve({}, rights);
  await using ada = await member(server, { as: "ada" });
  rights.isSlow = true;
  await server.refresh("ada");
  ada.send({ type: "join", room: "lobby" });
  await rights.asked(2);
  rights.questions[1]?.resolve("read");
  assertEquals((await ada.next("joined")).right, "read");
  rights.questions[0]?.resolve("manage");
  assertEquals((await told(ada)).filter(({ type }) => type === "right"), []);
});

Deno.test("a join asks again if the user is refreshed before the answer comes", async () => {
  const rights = new SlowRights();
  await using server = await serve({}, rights);
  await using ada = await member(server, { as: "ada" });
  rights.isSlow = true;
  ada.send({ type: "join", room: "tea" });
  await rights.asked(1);
  await server.refresh("ada");
  rights.questions[0]?.resolve("manage");
  rights.questions[1]?.resolve("write"); // of the room that Ada is in
  await rights.asked(3);
  rights.questions[2]?.resolve("read");
  assertEquals((await ada.next("joined")).right, "read");
});

Deno.test("a stream asks again if the user is refreshed before the answer comes", async () => {
  const rights = new SlowRights();
  const authenticate = () => ({ id: "ada" });
  await using server = await serve({}, { authorize: rights.authorize, authenticate });
  rights.isSlow = true;
  const opening = Stream.open(server);
  await rights.asked(1);
  await server.refresh("ada");
  rights.questions[0]?.resolve("manage");
  await rights.asked(2);
  rights.questions[1]?.resolve("read");
  await using stream = await opening;
  assertEquals((await stream.next("joined")).right, "read");
});

Deno.test("authorize() that throws for one room and rejects for another fails both, and nothing else", async () => {
  let rejected: PromiseWithResolvers<Right> | undefined;
  const authorize = (_user: unknown, room: string) => {
    if (rejected === undefined) return "write" as const;
    if (room === "b") throw new Error("at once");
    return rejected.promise;
  };
  const reasons: unknown[] = [];
  const note = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reasons.push(event.reason);
  };
  addEventListener("unhandledrejection", note);
  try {
    await using server = await serve({}, { authorize });
    await using ada = await member(server, { as: "ada", room: "a" });
    ada.send({ type: "join", room: "b" });
    await ada.next("joined");
    rejected = Promise.withResolvers();
    await server.refresh("ada");
    const opening = Stream.open(server, { rooms: ["a", "b"] });
    rejected.reject(new Error("later"));
    await using stream = await opening;
    for (let count = 0; count < 2; count++) {
      assertEquals((await stream.next("error")).code, "unavailable");
    }
    ada.send({ type: "chat", room: "b", payload: "still here" });
    await ada.next("chat");
    assertEquals(reasons, []);
  } finally {
    removeEventListener("unhandledrejection", note);
  }
});

Deno.test("empty frames that wait for the application are bounded like others", async () => {
  const who = Promise.withResolvers<undefined>();
  await using server = await serve({}, { authenticate: () => who.promise });
  await using client = await connect(server, { protocol: "parley.v1" });
  for (let count = 0; count < 5000; count++) client.raw("");
  assertEquals((await client.closed).code, 1013);
  assertEquals(client.frames, []); // it was closed before the application's time was over
  who.resolve(undefined);
});

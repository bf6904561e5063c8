/**
 * The answer of a language model, token by token. The pieces are events that are not stored; the whole
 * answer is, when it is complete. An event stream is enough to watch it: `curl` is a client.
 *
 * @module
 */
import { createServer, silentLog } from "../../server/mod.ts";
import { Stream } from "../support/stream.ts";
import { assertEquals } from "../support/assert.ts";

/** Stands for a language model. */
async function* answerTo(_question: string) {
  for (const token of ["The ", "answer ", "is ", "42."]) {
    await Promise.resolve();
    yield token;
  }
}

Deno.test("app: an answer is seen token by token, and kept as a whole", async () => {
  const model = { id: "model", name: "Model" };
  await using server = await createServer({ port: 0, db: ":memory:" }, {
    onStored: async (event) => {
      if (event.type !== "chat" || event.from.id === model.id) return;
      const { room, payload } = event;
      let text = "";
      let index = 0;
      for await (const token of answerTo(payload)) {
        await server.emit(room, "token", { index: index++, token }, { from: model });
        text += token;
      }
      await server.publish(room, text, { from: model });
    },
    log: silentLog,
  });
  server.listen();

  await using stream = await Stream.open(server, { room: "talk-1" });
  await stream.next("joined");
  await fetch(`${server.url}/rooms/talk-1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ payload: "What is the answer?" }),
  }).then((response) => response.body?.cancel());

  const tokens = (await stream.take("custom", 4)).map(({ payload }) => payload);
  assertEquals(tokens[1], { index: 1, token: "answer " });
  const whole = await stream.next("chat", ({ from }) => from.id === "model");
  assertEquals([whole.seq, whole.payload], [2, "The answer is 42."]);
});

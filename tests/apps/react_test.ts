/**
 * A front-end in React: one hook, `useRoom`, gives a component the messages of a room and a way to speak.
 *
 * @module
 */
// @ts-types="npm:@types/react@19.3.0"
import { createElement as h, useCallback, useEffect, useState } from "npm:react@19.3.1";
// @ts-types="npm:@types/react-dom@19.3.0/client"
import { createRoot } from "npm:react-dom@19.3.1/client";
import { DOMParser } from "npm:linkedom@0.18.15";
import { type ChatEvent, createServer, silentLog } from "../../server/mod.ts";
import { type Client, connect } from "../../static/client/mod.ts";
import { member, until } from "../../server/testing.ts";
import { assertEquals } from "../support/assert.ts";

/** The messages of a room, and what says something in it. */
function useRoom(client: Client, room: string) {
  const [messages, setMessages] = useState<readonly ChatEvent[]>([]);
  useEffect(() => {
    const ofRoom = (event: { readonly room: string }) => event.room === room;
    const ends = [
      client.on("chat", (event) => ofRoom(event) && setMessages((shown) => [...shown, event])),
      client.on("joined", (event) => ofRoom(event) && !event.recovered && setMessages([])),
    ];
    client.join(room).catch(() => {}); // shown by the event `error`
    return () => ends.forEach((end) => end());
  }, [client, room]);
  const say = useCallback((text: string) => client.send(room, text), [client, room]);
  return { messages, say };
}

function Room({ client, room }: { readonly client: Client; readonly room: string }) {
  const { messages, say } = useRoom(client, room);
  const lines = messages.map(({ seq, from, payload }) =>
    h("li", { key: seq }, `${from.name}: ${payload}`)
  );
  return h("main", {}, h("ul", {}, lines), h("button", { onClick: () => say("hello") }, "Say"));
}

Deno.test("app: a React component shows a room and speaks in it", async () => {
  await using server = await createServer({ port: 0, db: ":memory:" }, { log: silentLog });
  server.listen();
  await using bob = await member(server, { name: "Bob", room: "tea" });
  const client = connect(server.url, { name: "Ada" });
  const document = new DOMParser().parseFromString("<div id='root'></div>", "text/html");
  Object.assign(globalThis, { document, window: document.defaultView });
  const root = createRoot(document.getElementById("root"));
  root.render(h(Room, { client, room: "tea" }));
  await until(() => document.querySelector("button") !== null, "the component");
  document.querySelector("button").click();
  assertEquals((await bob.next("chat")).payload, "hello");
  bob.send({ type: "chat", room: "tea", payload: "hi" });
  const lines = () => [...document.querySelectorAll("li")].map(({ textContent }) => textContent);
  await until(() => lines().length === 2, "both messages");
  assertEquals(lines(), ["Ada: hello", "Bob: hi"]);
  root.unmount();
  client.close();
});

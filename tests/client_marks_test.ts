/**
 * unread() and read() of the client library: every tab and device of a user agrees with the server, over every
 * transport, also after a connection was lost.
 *
 * @module
 */
import { type Client, type ClientOptions, connect } from "../static/client/mod.ts";
import { overHttp } from "../static/client/http_transport.ts";
import { assertEquals } from "./support/assert.ts";
import { member, patiently, serve, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { faultProxy } from "./support/proxy.ts";

/** Storage that the devices of one guest have in common. */
function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

const DEVICES: readonly ClientOptions[] = [
  {},
  { shared: "tabs" },
  { shared: "tabs" },
  { transport: (url, handlers) => overHttp(5000, url, handlers) },
];

Deno.test("tabs and devices agree on what is unread, over WebSocket, a shared connection and HTTP", async () => {
  await using server = await serve();
  await using proxy = faultProxy(server.url);
  const kept = new BroadcastChannel("kept"); // Deno forgets a channel made while the last one closes
  await using bob = await member(server, { name: "Bob" });
  const identity = memory();
  const devices: Client[] = [];
  /** The last message of each device. */
  const heard: number[] = [];
  let head = 0;
  const agreeOn = (unread: number) =>
    until(
      () => devices.every((device, n) => device.unread("lobby") === unread && heard[n] === head),
      `${unread} unread at ${head}`,
    );
  const say = async (text: string) => {
    bob.send({ type: "chat", payload: text });
    head = (await bob.next("chat", ({ payload }) => payload === text)).seq;
  };
  try {
    for (const options of DEVICES) {
      const device = connect(proxy.url, { identity, backoffMs: { min: 5, max: 50 }, ...options });
      const n = devices.push(device) - 1;
      device.on("chat", ({ seq }) => heard[n] = seq);
      await patiently(device.join("lobby"), "the room");
    }
    const [alone, tab, otherTab, phone] = devices;
    await say("before any mark");
    await agreeOn(0);
    for (const [index, device] of devices.entries()) {
      device.read("lobby", 1 + index * 3);
      await agreeOn(0);
      for (const text of ["a", "b", "c"]) await say(`${index}${text}`);
      await agreeOn(3);
    }
    await tab?.send("lobby", "mine");
    head++;
    await agreeOn(0);
    await say("while nobody looks");
    await agreeOn(1);
    proxy.cut();
    phone?.read("lobby", 15);
    alone?.read("lobby", 14);
    await agreeOn(0);
    await say("the last");
    await agreeOn(1);
    otherTab?.read("lobby", 16);
    await agreeOn(0);
    const token = JSON.parse(identity.getItem("parley.me") ?? "{}").token;
    const { json } = await ask(server, "/me/rooms", {
      headers: { authorization: `Bearer ${token}` },
    });
    assertEquals(Object(json).rooms[0].unread, 0);
  } finally {
    for (const device of devices) device.close();
    kept.close();
  }
});

Deno.test("a tab that is not in a room is told that it was read on another device, as without shared", async () => {
  await using server = await serve();
  const kept = new BroadcastChannel("kept"); // Deno forgets a channel made while the last one closes
  const identity = memory();
  const one = connect(server.url, { identity, shared: true });
  const two = connect(server.url, { identity, shared: true });
  try {
    await patiently(Promise.all([one.join("a"), two.join("b")]), "the rooms");
    const told = new Promise((resolve) => two.on("read", ({ room, seq }) => resolve([room, seq])));
    await patiently(one.send("a", "hi"), "the message");
    assertEquals(await patiently(told, "the mark"), ["a", 1]);
  } finally {
    one.close();
    two.close();
    kept.close();
  }
});

/**
 * Managers: users with the right `manage` in a room, who take back what others may do there with their own
 * tokens. What they may not do, what is logged of it, and what holds on other nodes.
 *
 * @module
 */
import type { Facts, Options, Right } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { member, serve, told, until } from "./support/harness.ts";
import { ask, bearer } from "./support/http.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

/** What the tokens of this application claim. A token is the id of its user. */
const CLAIMS: Readonly<Record<string, Readonly<Record<string, Right>>>> = {
  mia: { town: "manage", lobby: "manage" },
  max: { town: "manage" },
  ada: {},
};
const KEY = "k".repeat(32);

/** Starts a server that knows these users, and keeps the facts of its audit lines. */
async function start(options: Partial<Options> = {}) {
  const audited: Facts[] = [];
  const server = await serve({ apiKeys: KEY, ...options }, {
    authenticate: ({ token = "" }) => {
      const rooms = CLAIMS[token];
      return rooms && { id: token, rooms };
    },
    log: { info() {}, warn() {}, error() {}, audit: (_event, facts = {}) => audited.push(facts) },
  });
  const order = async (as: string, method: string, path: string, body?: unknown) => {
    const { status, json } = await ask(server, `/rooms/${path}`, {
      method,
      body,
      headers: bearer(as),
    });
    return [status, json?.code, json?.field].filter((it) => it !== undefined);
  };
  const enter = (token: string, room = "town") => member(server, { token, room });
  return { server, audited, order, enter, [Symbol.asyncDispose]: () => server.stop() };
}

Deno.test("a manager mutes, bans and removes with a token, in that room only, and each act is logged", async () => {
  await using world = await start();
  const { order, audited } = world;
  await using ada = await world.enter("ada");
  ada.send({ type: "join", room: "other" });
  await ada.next("joined");
  const acts = [
    ["PUT", "mutes", "read", "mute"],
    ["DELETE", "mutes", "write", "unmute"],
    ["DELETE", "members", "none", "remove"],
    ["PUT", "bans", "none", "ban"],
    ["DELETE", "bans", undefined, "unban"],
  ] as const;
  for (const [method, what, right, logged] of acts) {
    assertEquals(await order("mia", method, `town/${what}/ada`), [204]);
    assertEquals(await order("mia", method, `other/${what}/ada`), [403, "forbidden", "room"]);
    assertEquals(audited.at(-1), { who: "mia", what: logged, whom: "ada", room: "town" });
    const heard = await told(ada);
    const rights = heard.flatMap((event) => event.type === "right" ? [event] : []);
    const isMember = logged !== "ban";
    assertEquals(
      rights.map((event) => [event.room, event.right]),
      right && isMember ? [["town", right]] : [],
    );
    if (logged === "ban" || logged === "remove") {
      ada.send({ type: "join", room: "town" });
      if (logged === "remove") await ada.next("joined");
      else assertEquals((await ada.next("error")).code, "forbidden");
    }
    if (logged === "remove") ada.send({ type: "leave", room: "town" });
  }
  assertEquals(audited.length, acts.length);
  assertEquals(await order("mia", "PUT", "town/mutes/ada", { seconds: -1 }), [
    400,
    "bad_field",
    "seconds",
  ]);
});

Deno.test("a manager can do nothing to another manager or to oneself; the application can", async () => {
  await using world = await start();
  const { order, audited } = world;
  await using mia = await world.enter("mia");
  {
    await using max = await world.enter("max");
    for (const what of ["mutes", "bans"]) {
      assertEquals(await order("mia", "PUT", `town/${what}/max`), [403, "forbidden", "id"]);
      for (const method of ["PUT", "DELETE"]) {
        assertEquals(await order("mia", method, `town/${what}/mia`), [403, "forbidden", "id"]);
      }
    }
    assertEquals(await order("mia", "DELETE", "town/members/max"), [403, "forbidden", "id"]);
    assertEquals(await order("mia", "DELETE", "town/members/mia"), [403, "forbidden", "id"]);
    assertEquals((await told(max)).filter(({ type }) => type === "right"), []);
  }
  assertEquals(audited, []);
  // Nobody knows what a user may do who is not here. What a manager orders then does not bind a manager.
  assertEquals(await order("mia", "PUT", "town/mutes/max"), [204]);
  await using max = await world.enter("max");
  max.send({ type: "chat", room: "town", payload: "not muted" });
  await mia.next("chat");
  assertEquals(await order(KEY, "PUT", "town/mutes/max"), [204]);
  assertEquals((await max.next("right")).right, "read"); // who is no manager any more
  assertEquals(await order("max", "DELETE", "town/mutes/max"), [403, "forbidden", "room"]);
  assertEquals(await order("mia", "DELETE", "town/mutes/max"), [204]);
  assertEquals((await told(max)).filter(({ type }) => type === "right"), []); // the application's holds
  assertEquals(await order("mia", "PUT", "town/mutes/max"), [204]);
  assertEquals(await order(KEY, "DELETE", "town/mutes/max"), [204]); // lifts those of managers too
  assertEquals((await max.next("right")).right, "manage");
  assertEquals((await told(mia)).filter(({ type }) => type === "right"), []);
});

Deno.test("what a manager orders takes from the allowance of that user", async () => {
  await using world = await start({ rate: 1, burst: 2 });
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push((await world.order("mia", "PUT", "town/mutes/x"))[0]);
  assertEquals(answers, [204, 204, 429]);
});

Deno.test("a manager who deletes or edits what another has said is logged, and nobody else is", async () => {
  await using world = await start();
  const { order, audited } = world;
  await using ada = await world.enter("ada");
  await using mia = await world.enter("mia");
  for (let seq = 1; seq <= 3; seq++) ada.send({ type: "chat", room: "town", payload: `${seq}` });
  await mia.next("chat", ({ seq }) => seq === 3);
  mia.send({ type: "chat", room: "town", payload: "mine" });
  ada.send({ type: "delete", room: "town", seq: 1 });
  mia.send({ type: "delete", room: "town", seq: 2, ref: "d" });
  mia.send({ type: "react", room: "town", seq: 3, payload: "x" });
  mia.send({ type: "edit", room: "town", seq: 4, payload: "mine still", ref: "e" });
  await mia.next("revised", ({ ref }) => ref === "e");
  assertEquals((await order("mia", "DELETE", "town/messages/3"))[0], 200);
  assertEquals((await order("mia", "DELETE", "town/messages/3"))[0], 200); // changes nothing
  assertEquals((await order(KEY, "DELETE", "town/messages/4"))[0], 200);
  assertEquals(
    audited,
    [2, 3].map((seq) => ({ who: "mia", what: "delete", whom: "ada", room: "town", seq })),
  );
});

Deno.test({
  name:
    "over Redis, what a manager orders spares a manager on another node, and binds others there",
  ignore: WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    await using here = await start({ redis: redis.url });
    await using there = await start({ redis: redis.url });
    await using max = await there.enter("max");
    await using ada = await there.enter("ada");
    for (const user of ["max", "ada"]) {
      assertEquals(await here.order("mia", "PUT", `town/mutes/${user}`), [204]);
      assertEquals(await here.order("mia", "DELETE", `town/members/${user}`), [204]);
    }
    assertEquals((await ada.next("right")).right, "read");
    assertEquals((await ada.next("right")).right, "none");
    max.send({ type: "chat", room: "town", payload: "still here" });
    await max.next("chat");
    assert(max.pending.every(({ type }) => type !== "right"));
    ada.send({ type: "join", room: "town" });
    assertEquals((await ada.next("joined")).right, "read");
    await here.order("mia", "DELETE", "town/mutes/ada");
    await until(() => ada.pending.some(({ type }) => type === "right"), "the end of the mute");
  },
});

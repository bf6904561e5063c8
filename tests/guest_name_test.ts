/**
 * The name that belongs to a token: whoever holds it goes by that name, connected or not, on this node,
 * on another one with the same secret, and after a restart.
 *
 * @module
 */
import { GuestTokens } from "../server/access/guest_tokens.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { connect, member, serve } from "./support/harness.ts";
import { ask, bearer, say } from "./support/http.ts";
import { Stream } from "./support/stream.ts";

type Server = Awaited<ReturnType<typeof serve>>;

async function hello(server: Server, body: { name?: string }, token?: string) {
  const headers = token === undefined ? {} : bearer(token);
  return (await ask(server, "/hello", { method: "POST", body, headers })).json;
}

Deno.test("a post has the name that POST /hello was given with its token", async () => {
  await using server = await serve();
  const { user, token } = await hello(server, { name: "metrics" });
  assertEquals((await say(server, "cpu 3 %", {}, bearer(token))).json.from, user);
  assertEquals(user.name, "metrics");
  assertEquals((await hello(server, {}, token)).user, user);
  await using stream = await Stream.open(server, { query: { token } });
  assertEquals((await stream.next("joined")).members, [user]);
  await using socket = await connect(server, { protocol: "parley.v1" });
  socket.send({ type: "hello", token });
  assertEquals((await socket.next("welcome")).user, user);
});

Deno.test("POST /hello needs no body, and a body needs its type", async () => {
  await using server = await serve();
  const { status, json } = await ask(server, "/hello", { method: "POST" });
  assertEquals([status, json.user.name], [200, `Guest-${json.user.id.slice(0, 4)}`]);
  const again = await ask(server, "/hello", { method: "POST", headers: bearer(json.token) });
  assertEquals(again.json.user, json.user);
  const headers = { "content-type": "text/plain" };
  const typed = await ask(server, "/hello", { method: "POST", body: { name: "Ada" }, headers });
  assertEquals(typed.status, 415);
});

Deno.test("a token keeps its name over a restart, and another hello changes it", async () => {
  const folder = await Deno.makeTempDir();
  const db = `${folder}/parley.db`;
  const over = async <T>(use: (server: Server) => Promise<T>): Promise<T> => {
    await using server = await serve({ db });
    return await use(server);
  };
  const first = await over((server) => hello(server, { name: "😀".repeat(64) }));
  const heard = await over((server) => say(server, "x", {}, bearer(first.token)));
  assertEquals(heard.json.from, first.user);
  const second = await over((server) => hello(server, { name: "Ada" }, first.token));
  assertEquals(second.user, { id: first.user.id, name: "Ada" });
  const again = await over((server) => say(server, "x", {}, bearer(second.token)));
  assertEquals(again.json.from, second.user);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a connected user keeps the present name, whatever the token holds", async () => {
  await using server = await serve();
  const { token } = await hello(server, { name: "Ada" });
  await using ada = await connect(server, { protocol: "parley.v1" });
  ada.send({ type: "hello", token }, { type: "join" });
  await ada.next("joined");
  ada.send({ type: "rename", name: "Countess" });
  await ada.next("system", ({ kind }) => kind === "renamed");
  assertEquals((await say(server, "x", {}, bearer(token))).json.from.name, "Countess");
  await using second = await connect(server, { protocol: "parley.v1" });
  second.send({ type: "hello", token });
  const welcome = await second.next("welcome");
  assertEquals(welcome.user.name, "Countess");
  await ada.close();
  await second.close();
  assertEquals((await hello(server, {}, welcome.token)).user.name, "Countess");
});

Deno.test("a hello with a token announces no other name first", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  const { token } = await hello(server, { name: "Ada" });
  await using ada = await connect(server, { protocol: "parley.v1" });
  ada.send({ type: "hello", token }, { type: "join" });
  const { user } = await bob.next("system", ({ kind }) => kind === "joined");
  assertEquals(user?.name, "Ada");
});

Deno.test("GuestTokens verifies tokens with and without a name, and no others", () => {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const guests = new GuestTokens(secret);
  const guest = guests.newGuest();
  const plain = guests.mint(guest);
  assertEquals(plain.split(".").length, 2); // as it was before names were in it
  assertEquals(guests.verify(plain), guest);
  const ada = { id: guest.id, name: "Ada L. 👩‍💻" };
  const token = guests.mint(ada);
  assertEquals(new GuestTokens(secret).verify(token), ada);
  const [id, name, signature] = token.split(".");
  const other = guests.mint({ id: "0123456789abcdef", name: "Eve" }).split(".");
  const forged = [
    `${id}.${signature}`,
    `${id}.${other[1]}.${signature}`,
    `${other[0]}.${name}.${signature}`,
    `${id}.${name}.${plain.split(".")[1]}`,
    `${id}.${name}.`,
    `${id}.${name}`,
    `.${name}.${signature}`,
    `${token}.`,
    `.${token}`,
    "",
    ".",
    "..",
  ];
  for (const text of forged) assertEquals(guests.verify(text), undefined, text);
  assert(new GuestTokens(new Uint8Array(32)).verify(token) === undefined);
});

/**
 * A chat behind a login. The application has sessions of its own, in a cookie. It says who somebody is and
 * what they are called; nobody without a session sees anything, and a logout ends the connection.
 *
 * @module
 */
import { type ApplicationUser, createServer, silentLog } from "../../server/mod.ts";
import { connect } from "../../server/testing.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("app: a chat behind a login knows the application's users, and nobody else", async () => {
  const sessions = new Map<string, ApplicationUser>([
    ["s1", { id: "u-ada", name: "Ada", info: { avatar: "/ada.png" } }],
    ["s2", { id: "u-bob", name: "Bob", rooms: { "team-*": "write" } }],
  ]);
  await using server = await createServer({ port: 0, db: ":memory:", guests: "none" }, {
    authenticate: ({ request }) => {
      const [, session = ""] = /\bsession=(\w+)/.exec(request.headers.get("cookie") ?? "") ?? [];
      return sessions.get(session);
    },
    authorize: ({ id }, room) => room === "board" && id !== "u-ada" ? "none" : undefined,
    log: silentLog,
  });
  server.listen();
  const cookie = (session: string) => ({ headers: { cookie: `session=${session}` } });

  await using ada = await connect(server, { ...cookie("s1"), room: "team-1" });
  assertEquals((await ada.next("welcome")).user.info, { avatar: "/ada.png" });
  await using bob = await connect(server, { ...cookie("s2"), room: "team-1" });
  await bob.next("joined");

  // Who they are is settled: nobody can take another's name.
  bob.send({ type: "rename", name: "Ada" }, { type: "chat", room: "team-1", payload: "hi" });
  assertEquals((await bob.next("error")).code, "forbidden");
  assertEquals((await ada.next("chat")).from, { id: "u-bob", name: "Bob" });
  bob.send({ type: "join", room: "board" });
  assertEquals((await bob.next("error")).code, "forbidden");

  // Without a session there is nothing to see.
  await using eve = await connect(server, { room: "team-1" });
  assertEquals((await eve.next("error")).code, "unauthorized");
  assertEquals((await (await fetch(`${server.url}/rooms`)).json()).rooms, []);

  // A logout ends all connections of the user.
  sessions.delete("s2");
  await server.disconnect("u-bob");
  assertEquals((await bob.closed).code, 3003);
  await using again = await connect(server, cookie("s2"));
  assertEquals((await again.next("error")).code, "unauthorized");
});

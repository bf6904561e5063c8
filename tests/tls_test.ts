/**
 * `https://` and `wss://`, with a certificate made here: the program reads PEM files, and clients
 * that trust the certificate are served as over plain text.
 *
 * @module
 */
import { type Cursor, type Log, silentLog } from "../server/mod.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "./support/assert.ts";
import { type Certificate, makeCertificate } from "./support/certificate.ts";
import { connect, patiently, serve, until } from "./support/harness.ts";
import { Program } from "./support/program.ts";
import { Directory } from "./support/sqlite_directory.ts";

Deno.test("with --cert and --key a room is joined over wss", async () => {
  await using identity = await makeCertificate();
  const { cert, key, authority } = identity;
  await using server = await serve({ cert, key });
  assertMatch(server.url, /^https:/);
  using client = Deno.createHttpClient({ caCerts: [authority] });
  await using alice = await connect(server, { client });
  alice.send({ type: "chat", payload: "secret" });
  assertEquals((await alice.next("chat")).payload, "secret");
});

Deno.test("with --cert and --key the page and its refusals are served over https", async () => {
  await using identity = await makeCertificate();
  const { cert, key, authority } = identity;
  await using server = await serve({ cert, key });
  using client = Deno.createHttpClient({ caCerts: [authority] });
  const page = await fetch(server.url, { client });
  assertStringIncludes(await page.text(), "<html");
  const refusal = await fetch(`${server.url}/ws`, { client });
  assertEquals(refusal.status, 426);
  await refusal.body?.cancel();
});

Deno.test("a client that does not trust the certificate is not connected", async () => {
  await using identity = await makeCertificate();
  const { cert, key } = identity;
  await using server = await serve({ cert, key });
  const socket = new WebSocket(
    server.url.replace("https", "wss"),
  );
  const failed = Promise.withResolvers<void>();
  socket.onerror = () => failed.resolve();
  const closed = new Promise((resolve) => socket.onclose = resolve);
  await patiently(Promise.all([failed.promise, closed]), "the connection to fail");
  assert(server.connectionCount === 0);
});

/** What is at a server for a client that trusts one authority alone, or `undefined` if it is not trusted. */
async function seenBy(url: string, authority: string): Promise<string | undefined> {
  using client = Deno.createHttpClient({ caCerts: [authority] });
  try {
    return await (await fetch(`${url}/healthz`, { client })).text();
  } catch {
    return undefined;
  }
}

async function replace(one: Certificate, other: Certificate): Promise<void> {
  await Deno.copyFile(other.cert, one.cert);
  await Deno.copyFile(other.key, one.key);
}

Deno.test("a renewed certificate costs no message: clients are sent away and resume", async () => {
  await using identity = await makeCertificate();
  await using next = await makeCertificate();
  const { cert, key, authority } = identity;
  await using server = await serve({ cert, key });
  using client = Deno.createHttpClient({ caCerts: [authority, next.authority] });
  const options = { client, protocol: "parley.v1" } as const;
  const seqs: number[] = [];
  let since: Cursor;
  {
    await using alice = await connect(server, options);
    alice.send({ type: "join" });
    const { epoch } = await alice.next("joined");
    for (let n = 1; n <= 3; n++) alice.send({ type: "chat", payload: `${n}` });
    for (let n = 1; n <= 3; n++) seqs.push((await alice.next("chat")).seq);
    since = { epoch, seq: seqs.at(-1) ?? 0 };
    await replace(identity, next);
    assertEquals(await seenBy(server.url, next.authority), undefined);
    const renewed = server.renewCertificate();
    const { retryAfterMs } = await alice.next("bye");
    assert(retryAfterMs >= 500);
    assertEquals((await alice.closed).code, 1012);
    await renewed;
  }
  assertEquals(await seenBy(server.url, authority), undefined);
  assertEquals(await seenBy(server.url, next.authority), "ok\n");
  await server.publish("lobby", "while she was away");
  await using alice = await connect(server, options);
  alice.send({ type: "join", since });
  assert((await alice.next("joined")).recovered);
  alice.send({ type: "chat", payload: "back" });
  for (let n = 0; n < 2; n++) seqs.push((await alice.next("chat")).seq);
  assertEquals(seqs, [1, 2, 3, 4, 5]);
});

Deno.test("two renewals at once come one after the other, and the listener is not lost", async () => {
  await using identity = await makeCertificate();
  await using next = await makeCertificate();
  const { cert, key } = identity;
  const lines: string[] = [];
  const note = (event: string) => void lines.push(event);
  await using server = await serve({ cert, key }, {
    log: { ...silentLog, info: note, warn: note },
  });
  await replace(identity, next);
  await Promise.all([server.renewCertificate(), server.renewCertificate()]);
  assertEquals(lines, ["certificate renewed", "certificate renewed"]);
  assertEquals(await seenBy(server.url, next.authority), "ok\n");
});

Deno.test("a certificate that cannot be used is not taken, and nobody is disturbed", async () => {
  await using identity = await makeCertificate();
  await using next = await makeCertificate();
  const { cert, key, authority } = identity;
  const lines: string[] = [];
  const log: Log = { ...silentLog, error: (event) => void lines.push(event) };
  await using server = await serve({ cert, key }, { log });
  using client = Deno.createHttpClient({ caCerts: [authority] });
  await using alice = await connect(server, { client });
  await Deno.copyFile(next.cert, cert); // its key has not come yet
  await server.renewCertificate();
  await Deno.writeTextFile(cert, "half a fi");
  await server.renewCertificate();
  await Deno.remove(cert);
  await server.renewCertificate();
  await using ended = await makeCertificate(new Date(Date.now() - 1000));
  await replace(identity, ended);
  await server.renewCertificate();
  assertEquals(lines, [
    "certificate not renewed",
    "certificate not renewed",
    "certificate not renewed",
    "certificate not renewed",
  ]);
  alice.send({ type: "chat", payload: "still here" });
  await alice.next("chat");
  assertEquals(await seenBy(server.url, authority), "ok\n");
});

Deno.test("a certificate that cannot be used ends the program in one line, before it opens the database", async () => {
  await using one = await makeCertificate();
  await using other = await makeCertificate();
  await using at = new Directory();
  const empty = `${at.path}/empty`;
  await Deno.writeTextFile(empty, "");
  for (
    const [cert, key] of [
      [one.cert, other.key],
      [at.path, one.key],
      [empty, empty],
    ] as const
  ) {
    await using program = await Program.run(["--db", at.file, "--cert", cert, "--key", key]);
    const { code, err } = await program.ended();
    assertEquals([code, err.trim().split("\n").length], [1, 1], err);
    assertMatch(err, new RegExp(`^parley: Cannot use --cert ${cert} with --key ${key}. \\w+: `));
  }
  const left = await Array.fromAsync(Deno.readDir(at.path), ({ name }) => name);
  assertEquals(left, ["empty"]);
});

Deno.test("a certificate that has ended is served, and the log says so", async () => {
  await using identity = await makeCertificate(new Date(Date.now() - 1000));
  const { cert, key } = identity;
  await using program = await Program.start(["--cert", cert, "--key", key, "--db", ":memory:"]);
  await program.prints(/ warn certificate has ended /);
});

Deno.test("SIGHUP renews the certificate of every thread, and the program goes on", async () => {
  await using identity = await makeCertificate();
  await using next = await makeCertificate();
  const { cert, key } = identity;
  const args = ["--cert", cert, "--key", key, "--db", ":memory:", "--workers", "2"];
  await using program = await Program.start(args);
  await replace(identity, next);
  program.signal("SIGHUP");
  const renewed = () => program.err.match(/certificate renewed/g)?.length === 2;
  await until(renewed, "both threads to say so");
  for (let n = 0; n < 10; n++) assertEquals(await seenBy(program.url, next.authority), "ok\n");
  program.signal("SIGTERM");
  assertEquals((await program.ended()).code, 0);
});

Deno.test("plain http on the TLS port gets no answer, and the server goes on", async () => {
  await using identity = await makeCertificate();
  const { cert, key, authority } = identity;
  await using server = await serve({ cert, key });
  // Deno ends the connection before a request can be seen: OPERATIONS.md says what to put in front.
  await assertRejects(() => fetch(server.url.replace("https:", "http:")), TypeError);
  assertEquals(await seenBy(server.url, authority), "ok\n");
});

/**
 * `https://` and `wss://`, with a certificate made here: the program reads PEM files, and clients
 * that trust the certificate are served as over plain text.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "./support/assert.ts";
import { makeCertificate } from "./support/certificate.ts";
import { connect, patiently, serve } from "./support/harness.ts";

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

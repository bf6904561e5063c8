/**
 * Bodies that are not what they say: endless, lying, broken off, stalled. They are refused while
 * somebody chats and does not notice, and memory stays as it was.
 *
 * @module
 */
import type { Options, Server } from "../server/mod.ts";
import { assertEquals, assertLess, assertMatch } from "./support/assert.ts";
import { member, patiently, serve } from "./support/harness.ts";
import { ask, MESSAGES } from "./support/http.ts";

/** Sends a request's head and what follows as far as it is taken; answers all that came back. */
async function raw(
  server: Server,
  headers: readonly string[],
  body: () => Iterable<Uint8Array>,
): Promise<string> {
  const { hostname, port } = new URL(server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [`POST ${MESSAGES} HTTP/1.1`, `host: ${hostname}:${port}`, ...headers, "", ""];
  const answer = readAll(connection);
  try {
    await writeAll(connection, new TextEncoder().encode(head.join("\r\n")));
    for (const piece of body()) await writeAll(connection, piece);
  } catch {
    // It hung up on us, as it may.
  }
  return await patiently(answer, "an answer");
}

async function readAll(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  try {
    // The body of a problem ends with a line feed, and nothing follows it.
    while (!text.endsWith("}\n")) {
      const length = await connection.read(buffer);
      if (length === null) break;
      text += new TextDecoder().decode(buffer.subarray(0, length));
    }
  } catch {
    // Reset after the answer.
  }
  return text;
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

const HEADERS = ["content-type: application/json"];
const MEBIBYTE = new Uint8Array(1 << 20).fill(0x20);

function* times(count: number, piece: Uint8Array): Generator<Uint8Array> {
  for (let n = 0; n < count; n++) yield piece;
}

function* chunked(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const piece of pieces) {
    yield new TextEncoder().encode(`${piece.length.toString(16)}\r\n`);
    yield piece;
    yield new TextEncoder().encode("\r\n");
  }
}

/** Does something bad while somebody chats, who must not notice. */
async function whileChatting(
  options: Partial<Options>,
  bad: (server: Server) => Promise<unknown>,
): Promise<void> {
  await using server = await serve(options);
  await using alice = await member(server);
  const before = Deno.memoryUsage().rss;
  const done = bad(server);
  for (let n = 0; n < 20; n++) {
    alice.send({ type: "chat", payload: `${n}` });
    assertEquals((await alice.next("chat")).payload, `${n}`);
  }
  await done;
  assertEquals((await ask(server, MESSAGES)).json.head, 20);
  assertLess(Deno.memoryUsage().rss - before, 64 << 20);
}

Deno.test("a body of 200 MB is refused at its header", async () => {
  await whileChatting({}, async (server) => {
    const headers = [...HEADERS, `content-length: ${200 << 20}`];
    assertMatch(await raw(server, headers, () => times(200, MEBIBYTE)), /^HTTP\/1.1 413 /);
    // Before anything of it is sent.
    assertMatch(await raw(server, headers, () => []), /^HTTP\/1.1 413 /);
  });
});

Deno.test("a body of 200 MB in chunks is refused when it gets too large", async () => {
  await whileChatting({}, async (server) => {
    const headers = [...HEADERS, "transfer-encoding: chunked"];
    const answer = await raw(server, headers, () => chunked(times(200, MEBIBYTE)));
    assertMatch(answer, /^HTTP\/1.1 413 /);
  });
});

Deno.test("chunks that lie about their length are refused", async () => {
  await whileChatting({ stallSeconds: 0.2 }, async (server) => {
    const headers = [...HEADERS, "transfer-encoding: chunked"];
    for (
      const lie of ["5\r\n{}\r\n0\r\n\r\n", "zz\r\n{}\r\n", "-1\r\n\r\n", "ffffffffffffffff\r\n"]
    ) {
      const answer = await raw(server, headers, () => [new TextEncoder().encode(lie)]);
      assertMatch(answer, /^(HTTP\/1.1 4\d\d |$)/, lie);
    }
  });
});

for (const length of ["much", "-1000000"]) {
  Deno.test(`a content-length of ${length} makes no allowance endless`, async () => {
    await using server = await serve({ addressRate: 1, addressBurst: 20 });
    const remoteAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 };
    const info = { remoteAddr, completed: Promise.resolve() };
    const { host } = new URL(server.url);
    const statuses: number[] = [];
    for (let n = 0; n < 25; n++) {
      // As from a program that makes requests anew: the runtime itself lets such a length in from nobody.
      const headers = { "content-type": "application/json", "content-length": length, host };
      const request = new Request(server.url + MESSAGES, {
        method: "POST",
        headers,
        body: '{"payload":"x"}',
      });
      statuses.push((await server.fetch(request, info)).status);
    }
    assertEquals([statuses[0], statuses.at(-1)], [201, 429]);
  });
}

Deno.test("a body that breaks off stores nothing", async () => {
  await using server = await serve();
  const { hostname, port } = new URL(server.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [`POST ${MESSAGES} HTTP/1.1`, "host: x", ...HEADERS, "content-length: 100", "", ""];
  await writeAll(connection, new TextEncoder().encode(head.join("\r\n") + '{"payload":"x"}'));
  connection.close();
  assertEquals((await ask(server, MESSAGES)).json.head, 0);
});

Deno.test("a body that stalls is refused after stallSeconds", async () => {
  await whileChatting({ stallSeconds: 0.2 }, async (server) => {
    const stalled = Array.from(
      { length: 20 },
      () => raw(server, [...HEADERS, "content-length: 100"], () => [new Uint8Array([0x7b])]),
    );
    for (const answer of await Promise.all(stalled)) assertMatch(answer, /^HTTP\/1.1 408 /);
  });
});

/**
 * HTTP/2, as browsers speak it to `--cert` and proxies with prior knowledge: the host is in the URL,
 * and a refusal reaches the client although nobody has read the request's body. Told by curl, because
 * Deno's own client hides the stream's errors.
 *
 * @module
 */
import { connect } from "node:http2";
import type { Options } from "../server/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { makeCertificate } from "./support/certificate.ts";
import { patiently, serve } from "./support/harness.ts";

interface Reply {
  /** curl's own: 92 is an error of the HTTP/2 stream. */
  readonly code: number;
  readonly status: string;
  readonly version: string;
}

async function curl(flags: readonly string[]): Promise<Reply> {
  const { code, stdout } = await new Deno.Command("curl", {
    args: ["-sk", "-m", "20", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", ...flags],
  }).output();
  const [status = "", version = ""] = new TextDecoder().decode(stdout).split(" ");
  return { code, status, version };
}

/** Both ways to HTTP/2: what the server is told, and curl. */
async function overHttp2(
  options: Partial<Options>,
  test: (url: string, speak: string) => Promise<void>,
): Promise<void> {
  await using certificate = await makeCertificate();
  const { cert, key } = certificate;
  for (
    const [tls, speak] of [[{ cert, key }, "--http2"], [{}, "--http2-prior-knowledge"]] as const
  ) {
    await using server = await serve({ ...options, ...tls });
    await test(server.url, speak);
  }
}

const POST = ["--json", '{"payload":"x"}'];

Deno.test("over HTTP/2 the server's own pages are answered, and no others", async () => {
  await overHttp2({}, async (url, speak) => {
    const ask = (origin: string, more: readonly string[]) =>
      curl([speak, "-H", `Origin: ${origin}`, `${url}/rooms/lobby/messages`, ...more]);
    for (const [more, status] of [[[], "200"], [POST, "201"]] as const) {
      assertEquals(await ask(url, more), { code: 0, status, version: "2" });
      assertEquals((await ask("https://evil.example", more)).status, "403");
    }
  });
});

Deno.test("over HTTP/2 a loopback address answers to loopback names only", async () => {
  await overHttp2({}, async (url, speak) => {
    const { host, port } = new URL(url);
    const name = url.replace("127.0.0.1", "evil.example");
    const connect = ["--connect-to", `evil.example:${port}:${host}`];
    for (const path of ["/", "/rooms", "/rooms/lobby/events", "/healthz"]) {
      assertEquals((await curl([speak, ...connect, name + path])).status, "421", path);
    }
    assertEquals((await curl([speak, ...connect, ...POST, `${name}/hello`])).status, "421");
    const origin = ["-H", `Origin: ${name}`];
    assertEquals((await curl([speak, ...connect, ...origin, `${name}/rooms`])).status, "421");
  });
});

/** Requests that are refused before anybody reads their body. */
const REFUSALS: readonly (readonly [status: string, path: string, flags: readonly string[]])[] = [
  ["401", "/rooms/lobby/messages", ["-H", "Authorization: Bearer forged"]],
  ["403", "/rooms/lobby/messages", ["-H", "Origin: https://evil.example"]],
  ["405", "/nowhere", []],
  ["405", "/rooms", []],
  ["413", "/rooms/lobby/messages", ["-H", "Content-Type: application/json"]],
  // Without a length, so that it is found out while reading.
  ["413", "/rooms/lobby/messages", [
    "-H",
    "Content-Type: application/json",
    "-H",
    "Content-Length:",
    "-H",
    "Transfer-Encoding: chunked",
  ]],
  ["415", "/rooms/lobby/messages", []],
];

Deno.test("over HTTP/2 a refusal reaches the client, though its body was not read", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, `"${"x".repeat(500_000)}"`);
  try {
    await overHttp2({}, async (url, speak) => {
      for (const [status, path, flags] of REFUSALS) {
        for (let i = 0; i < 3; i++) {
          const reply = await curl([speak, "--data-binary", `@${file}`, ...flags, url + path]);
          assertEquals(reply, { code: 0, status, version: "2" }, `${path} ${flags}`);
        }
      }
    });
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("over HTTP/2 too many requests are answered 429, whatever their bodies hold", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, "x".repeat(500_000));
  try {
    await overHttp2({ rate: 0.001, burst: 1 }, async (url, speak) => {
      const post = () => curl([speak, "--data-binary", `@${file}`, `${url}/rooms/lobby/messages`]);
      assertEquals((await post()).status, "415");
      for (let i = 0; i < 3; i++) {
        assertEquals(await post(), { code: 0, status: "429", version: "2" });
      }
    });
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("over HTTP/2 a body that never ends does not hold the refusal back", async () => {
  await using server = await serve();
  const client = connect(server.url);
  const request = client.request({ ":method": "POST", ":path": "/nowhere" });
  request.write("x");
  const answer = new Promise((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", reject);
  });
  assertEquals(Object(await patiently(answer, "the refusal"))[":status"], 405);
  const closed = new Promise((resolve) => client.on("close", resolve));
  client.destroy();
  await closed;
});

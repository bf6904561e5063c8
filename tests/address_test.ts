/**
 * An address is an address, however it is written, and is believed only where a trusted proxy wrote it.
 *
 * @module
 */
import { LOCAL, parseAddress } from "../server/access/address.ts";
import { clientAddress } from "../server/http/client_address.ts";
import { createServer } from "../server/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { connect } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { RawSocket } from "./support/raw_socket.ts";

const SITE = "2001:db8:1:2:3::4";

/** How one address may be written. */
const SPELLINGS: readonly (readonly [address: string, spellings: readonly string[]])[] = [
  ["203.0.113.7", [
    ...["203.0.113.7", " 203.0.113.7\t", "203.0.113.7:40000", "203.000.113.007", "203.0.0113.7:1"],
    ...['"203.0.113.7"', '"203.0.113.7:80"', "::ffff:203.0.113.7", "::FFFF:203.0.113.7"],
    ...["[::ffff:203.0.113.7]:443", "::ffff:cb00:7107", "0:0:0:0:0:ffff:cb00:7107"],
    ...["0000:0000:0000:0000:0000:FFFF:203.0.113.7", '"[::ffff:203.0.113.7]:1"'],
  ]],
  [SITE, [
    ...[SITE, "2001:DB8:1:2:3::4", "2001:0db8:0001:0002:0003:0000:0000:0004", `[${SITE}]`],
    ...[`[${SITE}]:40000`, `"[${SITE}]:40000"`, `${SITE}%eth0`, `[${SITE}%25eth0]:1`],
    ...["2001:db8:1:2:3:0:0.0.0.4", "2001:db8:1:2:3:0:0:4"],
  ]],
  ["::1", ["::1", "[::1]", "[::1]:9", "0:0:0:0:0:0:0:1", "::0001"]],
  ["::", ["::", "0::0", "[::]:80"]],
];

for (const [address, spellings] of SPELLINGS) {
  Deno.test(`parseAddress() knows ${address} however it is written`, () => {
    for (const spelling of spellings) assertEquals(parseAddress(spelling)?.text, address, spelling);
  });
}

const GARBAGE = [
  ...["", " ", "unknown", "_hidden", "localhost", "example.com", "1.2.3", "1.2.3.4.5", "1.2.3.256"],
  ...["1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456", "1.2..4", "-1.2.3.4", "0x1.2.3.4", "1.2.3.4/8"],
  ...["[1.2.3.4]", "[::1", "::1]", "[]", "[]:1", ":", ":::", "1::2::3", "1:2:3:4:5:6:7"],
  ...["1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::1", "::1.2.3", "::1.2.3.256"],
  ...["[::1]x", "[::1]:x", '"', '""', "١.2.3.4", "::1\u0000", "for=1.2.3.4", "\xff"],
];

Deno.test("parseAddress() returns undefined when the text is no address", () => {
  for (const text of GARBAGE) assertEquals(parseAddress(text), undefined, text);
});

Deno.test("parseAddress() is quick when the text is far too long for an address", () => {
  // By its square this took eight minutes, and nothing else was done meanwhile.
  for (const text of [`:${".".repeat(650_000)}x`, "1".repeat(650_000), ":".repeat(650_000)]) {
    assertEquals(parseAddress(text), undefined);
  }
});

Deno.test("parseAddress() puts an IPv4 address in a group of its own, an IPv6 address in its /64 and its /48", () => {
  const groups = (text: string) => parseAddress(text)?.groups;
  assertEquals(groups("192.0.2.1:5"), [{ key: "192.0.2.1", times: 1 }]);
  assertEquals(groups(SITE), [
    { key: "2001:db8:1:2::/64", times: 1 },
    { key: "2001:db8:1::/48", times: 16 },
  ]);
  assertEquals(groups("2001:db8:1:2:ffff:ffff:ffff:ffff"), groups(SITE));
});

/** Which address counts, and which header was not believed. */
const BELIEVED: readonly (readonly [
  headers: Record<string, string>,
  trustProxies: number,
  address: string,
  unbelieved?: string,
])[] = [
  [{}, 0, "192.0.2.9"],
  [{}, 2, "192.0.2.9"],
  [{ "x-forwarded-for": "1.1.1.1" }, 0, "192.0.2.9", "X-Forwarded-For"],
  [{ "x-forwarded-for": "1.1.1.1" }, 1, "1.1.1.1"],
  [{ "x-forwarded-for": "9.9.9.9, 1.1.1.1:55" }, 1, "1.1.1.1"],
  [{ "x-forwarded-for": "9.9.9.9, 1.1.1.1, [2001:db8::1]:7" }, 2, "1.1.1.1"],
  [{ "x-forwarded-for": "1.1.1.1" }, 2, "192.0.2.9", "X-Forwarded-For"],
  [{ "x-forwarded-for": "1.1.1.1, unknown" }, 1, "192.0.2.9", "X-Forwarded-For"],
  [{ "x-forwarded-for": "" }, 1, "192.0.2.9", "X-Forwarded-For"],
  [{ forwarded: "for=1.1.1.1" }, 0, "192.0.2.9", "Forwarded"],
];

for (const [headers, trustProxies, address, unbelieved] of BELIEVED) {
  Deno.test(`clientAddress() with ${JSON.stringify(headers)} and ${trustProxies} proxies`, () => {
    const request = new Request("http://h/", { headers });
    const remoteAddr: Deno.NetAddr = {
      transport: "tcp",
      hostname: "::ffff:192.0.2.9",
      port: 1,
    };
    const found = clientAddress(
      request,
      { remoteAddr, completed: Promise.resolve() },
      trustProxies,
    );
    assertEquals([found.address.text, found.unbelieved], [address, unbelieved]);
  });
}

Deno.test("clientAddress() of a peer on a Unix socket is local", () => {
  const remoteAddr: Deno.UnixAddr = { transport: "unix", path: "/run/parley" };
  const info = { remoteAddr, completed: Promise.resolve() };
  assertEquals(clientAddress(new Request("http://h/"), info, 1).address, LOCAL);
});

const PORTS = { "port": 0, "db": ":memory:" } as const;

Deno.test("connections are counted by address, however it is spelled, and a /48 may have 16 times as many", async () => {
  const log = { info() {}, warn() {}, error() {} };
  await using server = await createServer(
    { ...PORTS, trustProxies: 1, maxConnectionsPerAddress: 3 },
    { log },
  );
  server.listen();
  const open: RawSocket[] = [];
  const statuses = async (addresses: readonly string[]) => {
    const found: number[] = [];
    for (const address of addresses) {
      const socket = await RawSocket.dial(server);
      open.push(socket);
      found.push(
        (await socket.request(server, { headers: { "x-forwarded-for": address } })).status,
      );
    }
    return found;
  };
  const ports = Array.from({ length: 6 }, (_, n) => `203.0.113.7:4000${n}`);
  assertEquals(await statuses(ports), [101, 101, 101, 429, 429, 429]);
  assertEquals(await statuses([`::ffff:203.0.113.7`, "203.0.113.8"]), [429, 101]);
  const host = (n: number) => `[2001:db8:5:${n >> 2}:1::${n}]:${n + 1}`;
  const site = await statuses(Array.from({ length: 72 }, (_, n) => host(n)));
  assertEquals(site.filter((status) => status === 101).length, 48);
  assertEquals(site.slice(0, 8), [101, 101, 101, 429, 101, 101, 101, 429]);
  for (const socket of open) socket[Symbol.dispose]();
});

Deno.test("a forwarded header that is not believed is logged once, and named in every refusal", async () => {
  const lines: string[] = [];
  const warn = (event: string, facts = {}) => void lines.push(`${event} ${JSON.stringify(facts)}`);
  const options = { ...PORTS, maxConnectionsPerAddress: 1 };
  await using server = await createServer(options, { log: { info() {}, error() {}, warn } });
  server.listen();
  const headers = { "x-forwarded-for": "203.0.113.7" };
  await using _client = await connect(server, { headers });
  const refused = await ask(server, "/rooms/lobby/events", { headers });
  assertEquals([refused.status, refused.json.code], [429, "rate_limited"]);
  const detail = String(Reflect.get(refused.json, "detail"));
  for (const said of ["127.0.0.1", "--max-connections-per-address", "--trust-proxies"]) {
    assert(detail.includes(said), detail);
  }
  const without = await ask(server, "/rooms/lobby/events");
  assert(!String(Reflect.get(without.json, "detail")).includes("--trust-proxies"));
  assertEquals(lines.filter((line) => line.startsWith("forwarded header")).length, 1);
  assertEquals(lines.filter((line) => line.startsWith("address refused")).length, 2);
});

/**
 * Sockets that never open, as when a framework upgrades a copy of the request: they are given up, and
 * their place is given back.
 *
 * @module
 */
import { createServer, silentLog } from "../server/mod.ts";
import { assertEquals } from "./support/assert.ts";
import { connect, until } from "./support/harness.ts";
import { RawSocket } from "./support/raw_socket.ts";

const MOST = 5;

Deno.test("a socket that never opens is released, and the next client of its address connects", async () => {
  await using parley = await createServer({
    db: ":memory:",
    stallSeconds: 1, // longer than it takes to open them all
    heartbeatSeconds: 0.05,
    maxConnectionsPerAddress: MOST,
  }, { log: silentLog });
  let remake = true;
  await using embedding = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request, info) => parley.fetch(remake ? new Request(request.url, request) : request, info),
  );
  const server = { url: `http://127.0.0.1:${embedding.addr.port}` };
  using disposables = new DisposableStack();
  for (let n = 0; n < MOST; n++) {
    disposables.use(await RawSocket.open(server, n % 2 ? { protocol: "parley.v1" } : {}));
  }
  remake = false;
  using early = await RawSocket.dial(server);
  assertEquals((await early.request(server)).status, 429);
  await until(() => parley.connectionCount === 0, "the sockets to be released");
  await using client = await connect(server);
  await client.next("joined");
  await client.next("ping");
  assertEquals([parley.connectionCount, parley.roomCount], [1, 1]);
});

Deno.test("a stop does not wait for a socket that never opens", async () => {
  const parley = await createServer({ db: ":memory:" }, { log: silentLog });
  await using embedding = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request, info) => parley.fetch(new Request(request.url, request), info),
  );
  const server = { url: `http://127.0.0.1:${embedding.addr.port}` };
  using _never = await RawSocket.open(server);
  await parley.stop();
  assertEquals(parley.connectionCount, 0);
});

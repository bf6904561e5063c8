/**
 * Several nodes in one program: one port, one room, one end.
 *
 * @module
 */
import { createServer, type Log, silentLog } from "../server/mod.ts";
import { completeOptions } from "../server/options.ts";
import { Workers } from "../server/process/workers.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { type Client, connect, patiently, until } from "./support/harness.ts";
import { Program } from "./support/program.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { KEY, Scrape } from "./support/scrape.ts";

const TROUBLED = new URL("./support/troubled_worker.ts", import.meta.url);

function test(behaviour: string, act: (redis: RedisProcess) => Promise<void>): void {
  Deno.test({
    name: `workers: ${behaviour}`,
    ignore: WITHOUT_REDIS,
    fn: async () => {
      await using redis = await RedisProcess.start();
      await act(redis);
    },
  });
}

/** How many nodes have members in the lobby: each listens to its channel once. */
async function nodes(redis: RedisProcess): Promise<number> {
  const answer = await redis.ask("PUBSUB", "NUMSUB", "parley:{lobby}:heard:0");
  return Number(answer.split("\n").at(-1));
}

/** Clients in the lobby, as many as it takes until so many nodes have some: the kernel deals them out. */
async function everywhere(redis: RedisProcess, url: string, most: number): Promise<Client[]> {
  const clients: Client[] = [];
  await until(async () => {
    const client = await again(() => connect({ url })); // a thread that dies resets what waits
    clients.push(client);
    await client.next("joined");
    return await nodes(redis) === most;
  }, `clients on ${most} nodes`);
  return clients;
}

test("clients of one port are spread over all workers, share one room, and all get bye at SIGTERM", async (redis) => {
  await using program = await Program.start(["--redis", redis.url, "--workers", "3"]);
  const clients = await everywhere(redis, program.url, 3);
  for (const [index, client] of clients.entries()) {
    client.send({ type: "chat", payload: `${index}` });
  }
  const heard = await Promise.all(clients.map((client) => client.take("chat", clients.length)));
  for (const events of heard) assertEquals(events, heard[0]);
  assertEquals(heard[0]?.map(({ seq }) => seq), clients.map((_, index) => index + 1));
  program.signal("SIGTERM");
  for (const client of clients) {
    await client.next("bye");
    assertEquals((await client.closed).code, 1012);
  }
  const { code, err } = await program.ended();
  assertEquals([code, err.includes("failed")], [0, false], err);
  assertEquals(await nodes(redis), 0);
});

test("any worker shows the metrics of all, and says that they drain", async (redis) => {
  const port = freePort();
  const args = ["--redis", redis.url, "--workers", "3", "--metrics-port", String(port)];
  const program = await Program.start([...args, "--drain-seconds", "600"], {
    PARLEY_API_KEYS: KEY,
  });
  await using _end = program;
  const clients = await everywhere(redis, program.url, 3);
  for (const [index, client] of clients.entries()) {
    client.send({ type: "chat", payload: `${index}` });
    await client.next("chat", ({ payload }) => payload === `${index}`);
  }
  const own = `http://127.0.0.1:${port}/metrics`;
  const commands = 'parley_commands_total{verdict="accepted",type="chat"}';
  await until(async () => {
    const totals = await Scrape.of(own); // some seconds old, maybe of the middle of a commit
    return [commands, "parley_messages_total"].every((one) => totals.get(one) === clients.length);
  }, "the totals");
  // Each request comes over a connection of its own, which the kernel gives to any of the threads.
  const apart = { authorization: `Bearer ${KEY}`, connection: "close" };
  await until(async () => {
    const threads = await Promise.all(Array.from({ length: 12 }, async () => {
      const response = await fetch(`${program.url}/metrics`, { headers: apart });
      return new Scrape(await response.text()).get('parley_connections_open{kind="websocket"}');
    }));
    return threads.every((count) => count === clients.length);
  }, "each thread to tell of all connections");
  program.signal("SIGTERM");
  await until(async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, async () => {
      const response = await fetch(`${program.url}/readyz`, { headers: { connection: "close" } });
      return (await response.json()).reason;
    }));
    return answers.every((reason) => reason === "draining");
  }, "all threads to say that they drain");
  for (const client of clients) await client.close();
});

/** A first node in this process, and the log of what happens to the others. */
async function first(redis: RedisProcess) {
  const own = { redis: redis.url, port: freePort(), rate: 0, addressRate: 0 };
  const server = await createServer(own, { log: silentLog });
  server.listen({ reusePort: true });
  const { url, port } = server;
  const options = completeOptions({ redis: redis.url, workers: 2, port, rate: 0, addressRate: 0 });
  const failures: string[] = [];
  const error: Log["error"] = (_, { reason } = {}) => void failures.push(String(reason));
  const log = { ...silentLog, error };
  return { url, options, failures, log, [Symbol.asyncDispose]: () => server.stop() };
}

test("a worker that dies is logged and replaced, and the others go on", async (redis) => {
  await using node = await first(redis);
  const { url, failures } = node;
  const workers = new Workers(node.options, node.log, { script: TROUBLED });
  await workers.start();
  const clients = await everywhere(redis, url, 2);
  const channel = new BroadcastChannel("parley: troubled worker");
  channel.postMessage("die");
  channel.close();
  await until(async () => await nodes(redis) === 1, "the node to be gone");
  await until(() => failures.length > 0, "it to be logged");
  const [failure = ""] = failures;
  assertEquals([failures.length, failure.includes("died, as it was told to")], [1, true], failure);
  const isOpen = ({ socket }: Client) => socket.readyState === WebSocket.OPEN;
  await until(() => !clients.every(isOpen), "its clients to notice");
  const more = await everywhere(redis, url, 2); // it is replaced
  const survivors = clients.filter(isOpen);
  assert(survivors.length > 0);
  more[0]?.send({ type: "chat", payload: "still here" });
  for (const client of [...survivors, ...more]) {
    assertEquals((await client.next("chat")).payload, "still here");
  }
  await workers.stop();
  assertEquals(failures.length, 1);
  for (const client of clients) await client.close();
  for (const client of more) await client.close();
});

test("a worker goes on with its clients when something unforeseen is thrown", async (redis) => {
  await using node = await first(redis);
  const { url, failures } = node;
  const workers = new Workers(node.options, node.log, { script: TROUBLED });
  await workers.start();
  const clients = await everywhere(redis, url, 2);
  const channel = new BroadcastChannel("parley: troubled worker");
  const done = new Promise((resolve) => channel.onmessage = resolve);
  channel.postMessage("reject");
  await patiently(done, "the trouble");
  channel.close();
  clients[0]?.send({ type: "chat", payload: "still here" });
  for (const client of clients) {
    assertEquals((await client.next("chat")).payload, "still here");
  }
  assertEquals([failures, await nodes(redis)], [[], 2]);
  await workers.stop();
  for (const client of clients) await client.close();
});

test("a worker that cannot start is tried again", async (redis) => {
  const { url, options, failures, log, ...node } = await first(redis);
  await node[Symbol.asyncDispose]();
  const inTheWay = Deno.listen({ hostname: "127.0.0.1", port: options.port });
  const workers = new Workers(options, log);
  await workers.start();
  await until(() => failures.length > 0, "the failure to be logged");
  inTheWay.close();
  const client = await patiently(again(() => connect({ url })), "the worker to start");
  await client.next("joined");
  const closed = client.closed;
  await workers.stop();
  assertEquals((await closed).code, 1012);
});

/** Does it until it succeeds. */
async function again<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

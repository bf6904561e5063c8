/**
 * What OPERATIONS.md says of deploying, tried as far as that goes without systemd and without a container
 * daemon: its commands, its unit, its proxies, and the command that tells whether a container is healthy.
 *
 * @module
 */
import type { Server } from "../server/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "./support/assert.ts";
import { freePort, isMissing } from "./support/child.ts";
import { connect, member, serve, until } from "./support/harness.ts";
import { ask, MESSAGES, say } from "./support/http.ts";
import { Paper, ROOT } from "./support/paper.ts";
import { Program } from "./support/program.ts";
import { ProxyProcess, WITHOUT_CADDY, WITHOUT_HAPROXY } from "./support/proxy_process.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const OPERATIONS = await Paper.read("server/OPERATIONS.md");
const UNIT = OPERATIONS.snippet("ini", "[Service]");

/** The arguments of a command of the paper that starts Parley with the least permissions. */
function argumentsOf(command: string, folder: string, port: number): string[] {
  const own = command.replaceAll("/var/lib/parley", folder).replace(
    "127.0.0.1:8080",
    `127.0.0.1:${port}`,
  );
  return own.trim().split(/\s+/).slice(1);
}

Deno.test("OPERATIONS.md: the program stores and serves with the least permissions", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const port = freePort();
    const command = OPERATIONS.snippet("sh", "--allow-net=127.0.0.1:8080");
    const unit = UNIT.match(/^ExecStart=(.*)$/m)?.[1] ?? "";
    assertEquals(command.trim().split(" --db ")[0], unit.replace("/usr/local/bin/", ""));
    const script = argumentsOf(command, folder, port);
    const env = { PARLEY_API_KEYS: "k".repeat(32) };
    await using program = await Program.run(["--port", `${port}`], env, [], script);
    await program.prints(/Parley is at/);
    await using client = await connect(program);
    client.send({ type: "chat", payload: "kept" });
    await client.next("chat");
    assert((await Deno.stat(`${folder}/parley.db`)).isFile);
    const headers = { authorization: `Bearer ${env.PARLEY_API_KEYS}` };
    const backup = await fetch(`${program.url}/backup`, { headers });
    await backup.body?.cancel();
    assertEquals(backup.status, 200, program.err);
    program.signal("SIGTERM");
    assertEquals((await program.ended()).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "OPERATIONS.md: systemd takes the unit, and finds it well protected",
  ignore: isMissing("systemd-analyze", "--version"),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/parley.service`;
      await Deno.writeTextFile(file, UNIT.replace("/usr/local/bin/deno", Deno.execPath()));
      const analyze = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", { args })
          .output();
        const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
        return { code, text };
      };
      const { text } = await analyze("verify", "--man=no", file);
      assert(!text.includes("parley.service"), text); // it names what it does not understand
      const { code, text: verdict } = await analyze(
        ...["security", "--offline=true", "--threshold=20", "--no-pager", file],
      );
      assertEquals(code, 0, verdict);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("OPERATIONS.md: a container's health is that of its server", async () => {
  const dockerfile = OPERATIONS.snippet("dockerfile", "HEALTHCHECK");
  for (const [, sources = ""] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
    for (const source of sources.split(" ")) await Deno.stat(new URL(source, ROOT));
  }
  const cached = OPERATIONS.snippet("sh", "deno cache").trim().split("\n").at(-1) ?? "";
  assertStringIncludes(dockerfile, `RUN ${cached}`);
  const [, list = "[]"] = dockerfile.match(/^HEALTHCHECK.* CMD (\[.*\])$/m) ?? [];
  const [, ...args]: string[] = JSON.parse(list);
  const server = await serve();
  const check = async () => {
    const own = args.map((arg) => arg.replace("127.0.0.1:8080", `127.0.0.1:${server.port}`));
    return (await new Deno.Command(Deno.execPath(), { args: own }).output()).code;
  };
  assertEquals(await check(), 0);
  await server.stop();
  assertEquals(await check(), 1);
});

/** Two nodes on one Redis. */
async function twoNodes(redis: RedisProcess): Promise<[Server, Server]> {
  const start = () => serve({ redis: redis.url, trustProxies: 1 });
  return [await start(), await start()];
}

/** Members on both nodes talk through the proxy; one node goes, and the other takes who comes. */
async function converse(proxy: ProxyProcess, [one, two]: [Server, Server]): Promise<void> {
  const isUp = async () => {
    const answer = await fetch(`${proxy.url}/rooms`);
    await answer.body?.cancel();
    return answer.ok;
  };
  await until(isUp, "the proxy to find the nodes ready");
  await using alice = await member(proxy, { name: "Alice" });
  await using bob = await member(proxy, { name: "Bob" });
  await until(() => one.connectionCount === 1 && two.connectionCount === 1, "one on each node");
  alice.send({ type: "chat", payload: "hello" });
  assertEquals((await bob.next("chat")).payload, "hello");
  await one.stop();
  await using carol = await member(proxy, { name: "Carol" });
  await ask(proxy, MESSAGES, { method: "POST", body: { payload: "posted" } });
  assertEquals((await carol.next("chat", ({ payload }) => payload === "posted")).seq, 2);
}

Deno.test({
  name: "OPERATIONS.md: two nodes behind Caddy carry one conversation, and one goes",
  ignore: WITHOUT_CADDY || WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    const nodes = await twoNodes(redis);
    await using _one = nodes[0];
    await using two = nodes[1];
    await using caddy = await ProxyProcess.start("caddyfile", "lb_policy", (port) => ({
      "chat.example.com {": `{\n admin off\n}\nhttp://127.0.0.1:${port} {`,
      "127.0.0.1:8081": `127.0.0.1:${nodes[0].port}`,
      "127.0.0.1:8082": `127.0.0.1:${two.port}`,
    }));
    await converse(caddy, nodes);
  },
});

Deno.test({
  name: "OPERATIONS.md: two nodes behind HAProxy carry one conversation, and one goes",
  ignore: WITHOUT_HAPROXY || WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    const nodes = await twoNodes(redis);
    await using _one = nodes[0];
    await using two = nodes[1];
    await using haproxy = await ProxyProcess.start("haproxy", "mode http", (port) => ({
      "127.0.0.1:8000": `127.0.0.1:${port}`,
      "127.0.0.1:8081": `127.0.0.1:${nodes[0].port}`,
      "127.0.0.1:8082": `127.0.0.1:${two.port}`,
    }));
    await converse(haproxy, nodes);
  },
});

Deno.test({
  name: "OPERATIONS.md: HAProxy leads to whichever Redis is the master",
  ignore: WITHOUT_HAPROXY || WITHOUT_REDIS,
  async fn() {
    // By default a master lets a replica wait 5 seconds for others before it sends its data.
    const atOnce = ["--repl-diskless-sync-delay", "0"];
    await using first = await RedisProcess.start("nothing", ...atOnce);
    await using second = await RedisProcess.start("nothing", ...atOnce);
    await second.ask("REPLICAOF", "127.0.0.1", String(first.port));
    const isUp = async () => (await second.ask("INFO", "replication")).includes("link_status:up");
    await until(isUp, "the replica to have it all");
    await using haproxy = await ProxyProcess.start("haproxy", "mode tcp", (port) => ({
      "127.0.0.1:6400": `127.0.0.1:${port}`,
      "127.0.0.1:6379": `127.0.0.1:${first.port}`,
      "127.0.0.1:6380": `127.0.0.1:${second.port}`,
      "inter 500ms": "inter 50ms",
    }));
    let server: Server | undefined;
    await until(async () => {
      server = await serve({ redis: `redis://127.0.0.1:${haproxy.port}` }).catch(() => undefined);
      return server !== undefined;
    }, "the proxy to find the master");
    assert(server !== undefined);
    await using parley = server;
    await until(async () => (await say(parley, "before")).status === 201, "the master");
    await second.ask("REPLICAOF", "NO", "ONE");
    await first.ask("REPLICAOF", "127.0.0.1", String(second.port));
    await until(async () => (await say(parley, "after")).status === 201, "the new master");
  },
});

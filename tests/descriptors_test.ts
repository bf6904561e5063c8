/**
 * A process that is out of file descriptors: it stays, its members stay, and others are let in as soon
 * as there is room.
 *
 * @module
 */
import { descriptorLimit } from "../server/process/descriptor_limit.ts";
import { assert, assertEquals, assertGreater, assertStringIncludes } from "./support/assert.ts";
import { type Client, connect, until } from "./support/harness.ts";
import { Program } from "./support/program.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";

const LIMIT = 64;
const MANY = 130;
/** The limit of descriptors holds for the program, and for nothing else. */
const LIMITED = ["bash", "-c", `ulimit -n ${LIMIT}; exec "$@"`, "bash"];
/** What each worker listens to while it has members in the lobby. */
const CHANNEL = "parley:{lobby}:heard:0";
const ARGS = ["--db", ":memory:", "--max-connections-per-address", "0"];

/** Connects so many at once; what is refused is passed over. */
async function crowd<T>(count: number, one: () => Promise<T>): Promise<T[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, one));
  return outcomes.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : []);
}

/** A client that is let in within the patience of a test. */
async function letIn(program: Program): Promise<Client> {
  let client: Client | undefined;
  await until(async () => {
    client = await connect(program).catch(() => undefined);
    return client !== undefined;
  }, "a client to be let in");
  if (client === undefined) throw new Error("Nobody was let in");
  await client.next("joined");
  return client;
}

async function silent(program: Program): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(program.url);
  return await Deno.connect({ hostname, port: Number(port) });
}

/** Sees that the members are all there, and that they and a new client hear each other. */
async function goesOn(program: Program, members: readonly Client[]): Promise<void> {
  await using other = await letIn(program);
  other.send({ type: "chat", payload: "let in" });
  for (const member of members) await member.next("chat", ({ payload }) => payload === "let in");
  members[0]?.send({ type: "chat", payload: "still here" });
  await other.next("chat", ({ payload }) => payload === "still here");
  await until(() => program.err.includes("info listener back"), "the listener to be back");
  const warnings = program.err.split("\n").filter((line) => line.includes("warn listener lost"));
  assertGreater(warnings.length, 0);
  assertStringIncludes(warnings[0] ?? "", "Too many open files");
  program.signal("SIGTERM");
  for (const member of members) assertEquals((await member.closed).code, 1012);
  const { code, err } = await program.ended();
  assertEquals([code, err.includes("unforeseen")], [0, false], err);
}

Deno.test("descriptorLimit() reads this process's limit without all permissions", async () => {
  const limit = await descriptorLimit();
  if (Deno.build.os === "linux") assertGreater(limit ?? 0, 0);
});

Deno.test(`${MANY} silent connections at ${LIMIT} descriptors: the members stay, others come in`, async () => {
  await using program = await Program.start(ARGS, {}, LIMITED);
  const members = [await connect(program), await connect(program)];
  const connections = await crowd(MANY, () => silent(program));
  await until(() => program.err.includes("listener lost"), "the listener to be lost");
  members[0]?.send({ type: "chat", payload: "meanwhile" });
  for (const member of members) await member.next("chat");
  for (const connection of connections) connection.close();
  await goesOn(program, members);
});

Deno.test(`${MANY} WebSockets at ${LIMIT} descriptors: the members stay, others come in`, async () => {
  await using program = await Program.start(ARGS, {}, LIMITED);
  const members = [await connect(program), await connect(program)];
  const many: Client[] = [];
  while (!program.err.includes("listener lost")) {
    many.push(...await crowd(MANY, () => connect(program)));
  }
  members[0]?.send({ type: "chat", payload: "meanwhile" });
  for (const member of members) await member.next("chat");
  for (const client of many) await client.close();
  await goesOn(program, members);
});

Deno.test(`a room full of members at ${LIMIT} descriptors: they stay and hear each other`, async () => {
  await using program = await Program.start(ARGS, {}, LIMITED);
  const members: Client[] = [];
  while (!program.err.includes("listener lost")) {
    const client = await connect(program).catch(() => undefined);
    if (client !== undefined) members.push(client);
  }
  assertGreater(members.length, 5);
  members[0]?.send({ type: "chat", payload: "full" });
  for (const member of members) await member.next("chat", ({ payload }) => payload === "full");
  for (const member of members.splice(-3)) await member.close();
  await goesOn(program, members);
});

Deno.test({
  name:
    `${MANY} silent connections at ${LIMIT} descriptors, with two workers: both let others in again`,
  ignore: WITHOUT_REDIS,
  async fn() {
    await using redis = await RedisProcess.start();
    const args = [...ARGS, "--redis", redis.url, "--workers", "2"];
    await using program = await Program.start(args, {}, LIMITED);
    /** Lets clients in until both workers have one: the kernel deals them out. */
    const everywhere = async () => {
      const clients: Client[] = [];
      await until(async () => {
        clients.push(await letIn(program));
        return (await redis.ask("PUBSUB", "NUMSUB", CHANNEL)).endsWith("\n2");
      }, "a client at each worker");
      return clients;
    };
    const members = await everywhere();
    const connections = await crowd(MANY, () => silent(program));
    await until(() => program.err.includes("listener lost"), "a listener to be lost");
    members[0]?.send({ type: "chat", payload: "meanwhile" });
    for (const member of members) await member.next("chat");
    for (const connection of connections) connection.close();
    for (const member of members) await member.close();
    await until(
      async () => (await redis.ask("PUBSUB", "NUMSUB", CHANNEL)).endsWith("\n0"),
      "the members to be gone",
    );
    await goesOn(program, await everywhere());
  },
});

Deno.test("the program warns at start when it may have fewer descriptors than connections", async () => {
  await using program = await Program.start(["--db", ":memory:"], {}, LIMITED);
  await until(() => program.err.includes("\n"), "the warning");
  const { err } = program;
  assertStringIncludes(err, "warn descriptor limit is below max-connections limit=64 needed=10050");
  await using few = await Program.start(
    ["--db", ":memory:", "--max-connections", "10"],
    {},
    LIMITED,
  );
  await using client = await connect(few);
  await client.next("joined");
  assert(!few.err.includes("descriptor"), few.err);
});

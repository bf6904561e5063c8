/**
 * Export, import, and the backup of a running server by its command.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Archive } from "../server/broker/archive.ts";
import type { Broker } from "../server/broker/broker.ts";
import { digestOf, epochOf } from "../server/broker/epoch.ts";
import { userSubject } from "../server/broker/orders.ts";
import { MAX_RETAINED, RetainedBoundError } from "../server/broker/retained.ts";
import { RedisArchive } from "../server/broker/redis/redis_archive.ts";
import { RedisBroker } from "../server/broker/redis/redis_broker.ts";
import { exportData } from "../server/data/export_data.ts";
import { DataImport, linesOf } from "../server/data/import_data.ts";
import { Progress } from "../server/data/progress.ts";
import { OptionError } from "../server/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "./support/assert.ts";
import { draft, textsOf } from "./support/broker_suite.ts";
import { connect, serve } from "./support/harness.ts";
import { mark } from "./support/marks_suite.ts";
import { Dice, SEED } from "./support/random.ts";
import { Paper } from "./support/paper.ts";
import { RedisProcess, WITHOUT_REDIS } from "./support/redis_process.ts";
import { edit, react, remove } from "./support/revision_suite.ts";
import { Directory } from "./support/sqlite_directory.ts";

const QUIET = new Progress({ write: () => Promise.resolve(), isTerminal: false });

interface OpenStore extends AsyncDisposable {
  readonly broker: Broker;
  readonly archive: Archive;
}

async function open(at: Directory | RedisProcess): Promise<OpenStore> {
  if (at instanceof Directory) {
    const broker = await at.open();
    return {
      broker,
      archive: broker.archive,
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  }
  const policy = { retainMessages: 0, retainDays: 0, dedupeMessages: 1000 };
  const options = { url: at.url, prefix: "parley", ...policy };
  const broker = await RedisBroker.open(options);
  const archive = await RedisArchive.open(options);
  return {
    broker,
    archive,
    async [Symbol.asyncDispose]() {
      await archive[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}

async function exported({ broker, archive }: OpenStore): Promise<string> {
  let text = "";
  await exportData(broker, archive, async (some) => void (text += await some), QUIET);
  return text;
}

/** The lines of an export in an order that does not depend on the store. */
function sorted(text: string): string[] {
  return text.trim().split("\n").slice(1).toSorted();
}

async function take(store: OpenStore, text: string, skipsExisting = false): Promise<void> {
  const reading = new DataImport(store.broker, store.archive, { skipsExisting });
  await reading.run(linesOf(new Blob([text]).stream()), QUIET);
}

/** Says and does much, in several rooms. */
async function fill(broker: Broker, dice: Dice): Promise<void> {
  for (let round = 0; round < 60; round++) {
    const [room, user] = [`room ${dice.below(3)} {%}`, `user ${dice.below(3)}`];
    await broker.publish(
      Array.from(
        { length: 1 + dice.below(4) },
        (_, index) =>
          draft(`text ${round} ${index} "é\\n"`, {
            ...{ room, user },
            ...(dice.chance(0.5) && { ref: `${round} ${index}` }),
          }),
      ),
    );
    const { head } = await broker.state(room);
    const seq = 1 + dice.below(head);
    const asked = { room, user, isManager: true };
    await broker.publish([
      dice.chance(0.3)
        ? remove(seq, asked)
        : dice.chance(0.5)
        ? edit(seq, `edited ${round}`, asked)
        : react(seq, `r${round % 5}`, asked),
    ]);
    if (dice.chance(0.2)) {
      const name = `topic ${dice.below(3)}`;
      const from = { id: user, name: "N" };
      const event = JSON.stringify({ type: "custom", room, name, from, payload: { round } });
      await broker.retain(room, { name, event, isRemoval: false });
    }
    const log = digestOf(epochOf(await broker.state(room), room));
    await broker.marks.write([mark(seq, { userId: user, room, log })]);
  }
  await broker.marks.write([mark(1, { room: "room 0 {%}", log: "a log that is gone" })]);
  const subject = userSubject("eve");
  await broker.order({ kind: "ban", room: "room 1 {%}", subject, until: null });
  await broker.order({ kind: "mute", room: "other", subject, until: 1e15 });
}

async function allTexts(broker: Broker): Promise<string[]> {
  const rooms = [0, 1, 2].map((index) => textsOf(broker, `room ${index} {%}`));
  return (await Promise.all(rooms)).map((texts) => texts.join());
}

Deno.test({
  name: `all that a store holds goes from sqlite to Redis and back, seed ${SEED}`,
  ignore: WITHOUT_REDIS,
  fn: async () => {
    await using at = new Directory();
    await using back = new Directory();
    await using redis = await RedisProcess.start();
    await using first = await open(at);
    await fill(first.broker, new Dice(SEED));
    const text = await exported(first);
    await using second = await open(redis);
    await take(second, text);
    assertEquals(sorted(await exported(second)), sorted(text));
    await using third = await open(back);
    await take(third, await exported(second));
    assertEquals(sorted(await exported(third)), sorted(text));
    const texts = await allTexts(first.broker);
    for (const { broker } of [second, third]) {
      assertEquals(await allTexts(broker), texts);
      // Life goes on there: a repeated ref is known, and the next message and revision have the next numbers.
      const room = "room 0 {%}";
      const { head, rev } = await broker.state(room);
      const page = await broker.read(room, { limit: 1e6 });
      const known = page?.batch.events.map((event) => JSON.parse(event))
        .findLast(({ ref, deleted, edited }) => ref && !deleted && !edited);
      const [again] = await broker.publish([
        draft(known.payload, { room, user: known.from.id, ref: known.ref }),
      ]);
      assertEquals([again?.seq, again?.repeated], [known.seq, true]);
      const [receipt] = await broker.publish([draft("next", { room, receipt: true })]);
      await broker.publish([react(head + 1, "x", { room })]);
      assertEquals([receipt?.seq, (await broker.state(room)).rev], [head + 1, rev + 1]);
    }
  },
});

Deno.test("a client with a cursor from before an import starts afresh", async () => {
  await using at = new Directory();
  await using other = new Directory();
  let cursor = { epoch: "", seq: 3 };
  let text = "";
  {
    await using server = await serve({ db: at.file });
    for (let i = 0; i < 5; i++) await server.publish("lobby", `text ${i}`);
    cursor = { ...cursor, epoch: (await server.history("lobby")).epoch };
  }
  {
    await using store = await open(at);
    text = await exported(store);
    await store.broker.eraser.room("lobby");
    await take(store, text); // into the same file
  }
  {
    await using store = await open(other);
    await take(store, text);
  }
  for (const { file } of [at, other]) {
    await using server = await serve({ db: file });
    await using client = await connect(server, { protocol: "parley.v1" });
    client.send({ type: "join", since: cursor });
    const { recovered, seq } = await client.next("joined");
    assertEquals([recovered, seq], [false, 5]);
    assertEquals((await client.next("chat")).payload, "text 0");
  }
});

const HEAD = '{"parley":{"version":1}}\n{"room":{"name":"lobby","head":3,"rev":1}}\n';
const FROM = '"from":{"id":"ada","name":"Ada"}';
const message = (seq: number, more = "") =>
  `{"message":{"type":"chat","room":"lobby","seq":${seq},"at":1,${FROM},"payload":"x"${more}}}\n`;

const REACTION = '{"reaction":{"seq":3,"user":"bob","reaction":"👍"}}\n';

/** What is wrong, and what the one line says. */
const BAD: readonly (readonly [text: string, says: string])[] = [
  ["", "Line 1: the file ends before its last line."],
  ["{}\n", "Line 1: it must be an object with one of parley, room, message"],
  ["nonsense\n", "Line 1: it must be JSON."],
  ['{"parley":{"version":2}}\n', 'Line 1: it must be {"parley":{"version":1}}.'],
  [message(1), 'Line 1: it must be {"parley":{"version":1}}.'],
  ['{"parley":{"version":1}}\n' + message(1), "Line 2: a message must be within a room."],
  [HEAD + message(1) + message(3), 'Line 4: field "seq" must be 2, the next one.'],
  [HEAD + message(4), 'Line 3: field "seq" must be at most 3.'],
  [HEAD + message(0), 'Line 3: field "seq" must be a whole number from 1 to 4294967295.'],
  [
    '{"parley":{"version":1}}\n{"room":{"name":"lobby","head":4294967296,"rev":0}}\n',
    'Line 2: field "head" must be a whole number from 0 to 4294967295.',
  ],
  [
    '{"parley":{"version":1}}\n{"room":{"name":"\\u00011","head":1,"rev":0}}\n',
    'Line 2: field "name" must be 1 to 256 characters.',
  ],
  [
    HEAD + message(3) + REACTION + REACTION,
    "Line 5: it cannot be stored: Error: UNIQUE constraint failed",
  ],
  [HEAD + message(1) + '{"end":{"messages":1}}\n', "Line 4: the last message must have the seq 3."],
  [
    HEAD + `{"retained":{"type":"custom","room":"other","name":"n",${FROM},"payload":1}}\n`,
    'Line 3: field "room" must be "lobby".',
  ],
  [
    '{"parley":{"version":1}}\n' +
    '{"sanction":{"kind":"ban","room":"lobby","subject":"ada","until":null}}\n',
    'Line 2: field "subject" must be "user <id>"',
  ],
  [HEAD + message(1, ',"rev":2'), 'Line 3: field "rev" must be at most 1.'],
  [HEAD + message(1, ',"color":"red"'), 'Line 3: there is no field "color" in a message.'],
  [HEAD + message(1).replace("lobby", "other"), 'Line 3: field "room" must be "lobby".'],
  [HEAD + message(1).replace('"x"', "7"), 'Line 3: field "payload" must be text.'],
  [HEAD + message(1).replace('"id":"ada",', ""), 'Line 3: field "from" must be a user'],
  [HEAD + '{"mark":{"user":"a","room":"lobby","seq":1}}\n', "Line 3: a mark must not be within"],
  [HEAD + message(1) + '{"end":{"messages":2}}\n', 'Line 4: field "messages" must be 1'],
  [HEAD + message(1), "Line 4: the file ends before its last line."],
];

for (const [text, says] of BAD) {
  Deno.test(`import refuses: ${says}`, async () => {
    await using at = new Directory();
    await using store = await open(at);
    const { message } = await assertRejects(() => take(store, text), OptionError);
    assert(message.startsWith(says) && !message.includes("\n"), message);
    assertEquals(await store.broker.read("lobby", { limit: 9 }), undefined);
    assertEquals(await Array.fromAsync(store.archive.rooms()), []);
    await store.broker.publish([draft("a")]); // as if nothing had happened
    assertEquals((await store.broker.state("lobby")).head, 1);
  });
}

const GOOD = HEAD + message(2) + message(3, ',"rev":1') + '{"end":{"messages":2}}\n';
const NEXT = '{"room":{"name":"next","head":1,"rev":0}}\n';
const END = '{"end":{"messages":1}}\n{"end":{"rooms":2}}\n';

for (const kind of ["sqlite", "redis"]) {
  Deno.test({
    name: `${kind}: an import that was cut off goes on where it was, room by room`,
    ignore: kind === "redis" && WITHOUT_REDIS,
    fn: async () => {
      await using at = kind === "sqlite" ? new Directory() : await RedisProcess.start();
      await using store = await open(at);
      const next = message(1).replace("lobby", "next");
      await assertRejects(() => take(store, GOOD + NEXT + next + next), OptionError, "Line 8");
      assertEquals(await Array.fromAsync(store.archive.rooms()), ["lobby"]);
      const whole = GOOD + NEXT + next + END;
      const { message: exists } = await assertRejects(() => take(store, whole), OptionError);
      assertMatch(exists, /^Line 2: The room "lobby" is there already.*--skip-existing/);
      await take(store, whole, true);
      const { broker } = store;
      assertEquals([await textsOf(broker), await textsOf(broker, "next")], [["x", "x"], ["x"]]);
      assertEquals((await broker.state("lobby")).head, 3);
      assertEquals((await broker.revisedSince("lobby", { after: 0, limit: 9 })).length, 1);
    },
  });
}

for (const kind of ["sqlite", "redis"]) {
  Deno.test({
    name:
      `${kind}: a room that would retain too much is not imported, and one that is there is kept`,
    ignore: kind === "redis" && WITHOUT_REDIS,
    fn: async () => {
      await using at = kind === "sqlite" ? new Directory() : await RedisProcess.start();
      await using store = await open(at);
      const { broker, archive } = store;
      const from = { id: "ada", name: "Ada" };
      const eventOf = (name: string, payload: unknown) =>
        JSON.stringify({ type: "custom", room: "lobby", name, from, payload });
      const text = (count: number) =>
        HEAD + message(3) +
        Array.from({ length: count }, (_, i) => `{"retained":${eventOf(`n${i}`, i)}}\n`).join("") +
        '{"end":{"messages":1}}\n{"end":{"rooms":1}}\n';
      const { message: says } = await assertRejects(
        () => take(store, text(MAX_RETAINED + 1)),
        RetainedBoundError,
      );
      assertMatch(says, /a room keeps at most 100 events/);
      assertEquals(await Array.fromAsync(archive.rooms()), []);
      assertEquals((await archive.retained("lobby")).size, 0);
      await broker.retain("lobby", { name: "own", event: eventOf("own", 1), isRemoval: false });
      await assertRejects(() => take(store, text(2)), OptionError, "is there already");
      assertEquals([...(await archive.retained("lobby")).keys()], ["own"]);
      await broker.retain("lobby", { name: "own", event: eventOf("own", null), isRemoval: true });
      await take(store, text(MAX_RETAINED));
      assertEquals((await archive.retained("lobby")).size, MAX_RETAINED);
      await broker.retain("lobby", { name: "n7", event: eventOf("n7", "new"), isRemoval: false });
      assertEquals((await archive.retained("lobby")).get("n7"), eventOf("n7", "new"));
    },
  });
}

/** The rows of each table, with their texts as bytes, and the definitions of all parts. */
function contentOf(file: string): Record<string, unknown> {
  using database = new DatabaseSync(file, { readOnly: true });
  const all = (sql: string) => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return statement.all();
  };
  const parts = all(
    "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name",
  );
  const tables = parts.filter(({ type }) => type === "table").map(({ name }) => {
    const columns = all(`PRAGMA table_info("${name}")`).map(({ name, type }) =>
      type === "TEXT" ? `CAST("${name}" AS BLOB)` : `"${name}"`
    );
    return [name, all(`SELECT ${columns} FROM "${name}"`)];
  });
  const settings = ["application_id", "user_version", "auto_vacuum", "page_size"];
  return {
    parts,
    settings: settings.map((name) => all(`PRAGMA ${name}`)),
    ...Object.fromEntries(tables),
  };
}

// It is copied within memory, or through files.
for (const [name, pieces] of [["small", 0], ["large", 90]] as const) {
  Deno.test(`a ${name} backup has every row of the file, to the byte, seed ${SEED}`, async () => {
    await using at = new Directory();
    await using copy = new Directory();
    {
      await using broker = await at.open();
      await fill(broker, new Dice(SEED));
      for (let i = 0; i < pieces; i++) await broker.publish([draft("x".repeat(100_000))]);
      await broker.marks.write([mark(1, { userId: "a\0b", room: "\0", log: "\u{10ffff}\0" })]);
    }
    at.sql("INSERT INTO rooms (id, name) VALUES (4000000, 'far')"); // its places are above 2 ** 53
    at.sql("INSERT INTO batches VALUES (900719925, 4000000 << 32, 1, 1, x'00', '[]')");
    {
      await using broker = await at.open();
      using backup = await broker.backups?.make();
      assert(backup !== undefined);
      const bytes = new Uint8Array(backup.bytes);
      for (let read = 0; read < bytes.length;) {
        const piece = await backup.next();
        assert(piece !== null);
        bytes.set(piece, read);
        read += piece.length;
      }
      copy.write(bytes);
    }
    assertEquals(contentOf(copy.file), contentOf(at.file));
  });
}

Deno.test("the queries of OPERATIONS.md answer what they promise", async () => {
  await using at = new Directory();
  {
    await using server = await serve({ db: at.file });
    for (let i = 1; i <= 3; i++) await server.publish("lobby", `text ${i}`);
    const from = { id: "0123456789abcdef", name: "Eve" };
    await server.publish("kitchen", "the longest text of all ".repeat(20), { from });
    await server.emit("kitchen", "total", { open: 3 }, { from, durable: true });
  }
  const paper = await Paper.read("server/OPERATIONS.md");
  using database = new DatabaseSync(at.file, { readOnly: true });
  const ask = (part: string) => database.prepare(paper.snippet("sql", part)).all();
  assertEquals(ask("WHERE room").map(({ name, text }) => [name, text]), [
    ...[["Server", "text 3"], ["Server", "text 2"], ["Server", "text 1"]],
  ]);
  const [long, total] = ask("WHERE user");
  assertEquals([long?.room, long?.seq, total?.text], ["kitchen", 1, '{"open":3}']);
  assertMatch(String(long?.time), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assertEquals(ask("ORDER BY characters").map(({ name, messages }) => [name, messages]), [
    ...[["kitchen", 2], ["lobby", 3]],
  ]);
});

/** Runs the program with a command. */
async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-A", "main.ts", ...args],
    cwd: new URL("../", import.meta.url),
    env,
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test("the commands export, import and back up, and say how it went", async () => {
  await using at = new Directory();
  await using other = new Directory();
  const key = "k".repeat(32);
  const [lines, backup] = [`${at.path}/all.jsonl`, `${at.path}/backup.db`];
  {
    await using server = await serve({ db: at.file, apiKeys: key });
    for (let i = 0; i < 3; i++) await server.publish("lobby", `text ${i}`);
    const args = ["backup", "--url", server.url, "--out", backup];
    const made = await run(args, { PARLEY_API_KEYS: key });
    assertEquals([made.code, made.stdout], [0, ""], made.stderr);
    assertMatch(made.stderr, /^Wrote .*backup\.db: 0\.\d MB, checked\.\n$/);
    assertEquals((await Deno.stat(backup)).mode, 0o100600);
    const refused = await run(args, { PARLEY_API_KEYS: "x".repeat(32) });
    assertEquals([refused.code, refused.stderr], [
      ...[1, "parley: No backup: 401 This needs an API key of the server, in Authorization.\n"],
    ]);
    // The file of a server that runs is not replaced, by whatever name.
    const link = `${at.path}/link.db`;
    await Deno.symlink(at.file, link);
    for (const live of [at.file, link]) {
      const { code, stderr } = await run([...args.slice(0, -1), live], { PARLEY_API_KEYS: key });
      assertEquals(code, 1);
      assertMatch(stderr, /^parley: Cannot write .*: a server uses it, or was killed: .*-wal.*\n$/);
    }
    await server.publish("lobby", "text 3");
    const used = await run(["export", "--db", at.file]);
    assertEquals(used.code, 1);
    assertMatch(used.stderr, /^parley: The database .* is in use by another process\.\n$/);
  }
  const out = await run(["export", "--db", backup, "--out", lines]);
  assertEquals([out.code, out.stderr], [0, "Exported 1 rooms, 3 messages, 0 read marks.\n"]);
  const printed = await run(["export", "--db", backup]);
  assertEquals(sorted(printed.stdout), sorted(await Deno.readTextFile(lines)));
  const read = await run(["import", "--db", other.file, "--in", lines]);
  assertEquals([read.code, read.stderr], [0, "Imported 1 rooms, 3 messages.\n"]);
  for (
    const [args, says] of [
      [["export", "--db", `${at.path}/typo.db`], /^parley: There is no database .*typo\.db\.$/],
      [
        ["export", "--db", backup, "--out", "/tmp"],
        /^parley: Cannot write \/tmp: it is a folder\.$/,
      ],
      [["export", "--db", backup, "--out", "/dev/null"], /Cannot write .*: it is not a file\.$/],
      [["export", "--db", backup, "--out", backup], /^parley: Cannot write .*: a server uses it/],
      [
        ["backup", "--out", "/no/such"],
        /^parley: Cannot write \/no\/such: there is no such folder\.$/,
      ],
      [["backup", "--url", "127.0.0.1:9", "--out", lines], /^parley: --url must be a URL such as /],
      [
        ["import", "--db", other.file, "--in", "/"],
        /^parley: The import failed: IsADirectory: .*$/,
      ],
      [
        ["backup", "--url", "http://127.0.0.1:9", "--out", backup],
        /^parley: No backup from .*:9: .*$/,
      ],
    ] as const
  ) {
    const { code, stderr } = await run(args, { PARLEY_API_KEYS: key });
    assertEquals(code, 1);
    assertMatch(stderr.trimEnd().split("\n").at(-1) ?? "", says);
    assert(!/ at /.test(stderr), stderr); // no stack
  }
  const wrong = await run(["import", "--url", "x"]);
  assertEquals([wrong.code, wrong.stderr], [1, "parley: There is no --url for import.\n"]);
  using database = new DatabaseSync(other.file, { readOnly: true });
  assertEquals(database.prepare("SELECT room, seq, text FROM messages").all().map(Object.values), [
    ...[["lobby", 1, "text 0"], ["lobby", 2, "text 1"], ["lobby", 3, "text 2"]],
  ]);
});

/**
 * Options: flags over environment over defaults, each of them checked, each of them documented.
 *
 * @module
 */
import {
  completeOptions,
  flagOf,
  OPTION_NAMES,
  OptionError,
  OPTIONS,
  type Options,
  variableOf,
} from "../server/options.ts";
import { helpText, readOptions, shownOptions, tableRows } from "../server/read_options.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "./support/assert.ts";
import { codeIn, Paper, ROOT, unpadded } from "./support/paper.ts";

function read(args: string, env: Record<string, string> = {}): Options {
  const options = readOptions(args.split(" ").filter(Boolean), (variable) => env[variable]);
  assert(typeof options === "object");
  return options;
}

Deno.test("readOptions() gives every option its default", () => {
  assertEquals(
    read(""),
    Object.fromEntries(
      Object.entries(OPTIONS).map(([name, row]) => [name, row.default]),
    ) as unknown as Options,
  );
  assertEquals([read("").port, read("").host, read("").db], [8080, "127.0.0.1", "parley.db"]);
});

Deno.test("readOptions() reads every option from its flag and from its variable", () => {
  const others: Readonly<Record<string, string>> = {
    page: "false",
    basePath: "/x",
    guests: "read",
    log: "json",
    logLevel: "debug",
  };
  const pairs = { lowWaterBytes: "1", cert: "c", key: "k", redis: "redis://r" };
  // Only one key may be given, and only with a key may these be.
  const company: Record<string, object> = {
    jwtIssuer: { jwks: "j" },
    jwtAudience: { jwks: "j" },
    webhook: { redis: "", webhookSecretFile: "f" },
    webhookSecret: { redis: "", webhook: "https://h.example" },
    webhookSecretFile: { redis: "", webhook: "https://h.example" },
  };
  for (const name of OPTION_NAMES) {
    const { default: value, secret } = OPTIONS[name];
    const text = Array.isArray(value)
      ? "https://a.example"
      : typeof value === "number"
      ? "7"
      : others[name] ?? "x";
    const said: Record<string, string> = {
      ...pairs,
      ...company[name],
      highWaterBytes: "2000",
      frameBytes: "9000",
      [name]: name === "jwtSecret" ? "x".repeat(32) : text,
    };
    if (name === "webhook") said[name] = "https://h.example/messages";
    if (name === "redis") said[name] = "redis://s";
    if (name === "highWaterBytes") said[name] = "2007";
    if (name === "frameBytes") said[name] = "9007";
    const env = Object.fromEntries(
      Object.entries(said).map(([name, text]) => [variableOf(name), text]),
    );
    assertEquals(String(Reflect.get(read("", env), name)), said[name]);
    if (secret) continue;
    const flags = Object.entries(said).map(([name, text]) => `--${flagOf(name)}=${text}`).join(" ");
    assertEquals(read(flags), read("", env));
  }
});

Deno.test("readOptions() lets a flag win over the environment", () => {
  assertEquals(read("--port 1", { PORT: "2" }).port, 1);
  assertEquals(read("--port 1 --port 3").port, 3);
  assertEquals(read("", { PORT: "" }).port, 8080);
});

Deno.test("readOptions() reads a list from repeated flags or from commas", () => {
  const list = ["https://a.example", "null", "*"];
  assertEquals(
    read("--allow-origin https://a.example --allow-origin null --allow-origin=*").allowOrigin,
    list,
  );
  assertEquals(read("", { PARLEY_ALLOW_ORIGIN: "https://a.example, null ,*" }).allowOrigin, list);
});

Deno.test("readOptions() passes over the -- that task runners hand on", () => {
  assertEquals(read("-- --port 1").port, 1);
});

Deno.test("readOptions() answers help to --help and -h, even beside what is wrong", () => {
  assertEquals(readOptions(["--help"], () => undefined), "help");
  assertEquals(readOptions(["-h"], () => undefined), "help");
  assertEquals(readOptions(["--help", "--port", "x"], () => undefined), "help");
});

/** What is wrong, and what the one line must name. */
const WRONG: readonly (readonly [args: string, names: string, env?: Record<string, string>])[] = [
  ["--prot 1", "--prot"],
  ["--toString 1", "--toString"],
  ["-p 1", "-p"],
  ["--no-port", "--no-port"],
  ["serve", "serve"],
  ["--port 1 -- --host x", "--host"],
  ["--port", "--port"],
  ["--port=", "--port"],
  ["--port --host x", "--port"],
  ["--log xml", "--log"],
  ["--log-level loud", "--log-level"],
  ["", "--log-level", { PARLEY_LOG_LEVEL: "7" }],
  ["--db --port 1", "--db"],
  ["--port x", "--port"],
  ["--port 0x10", "--port"],
  ["--port 1e3", "--port"],
  ["--port=-1", "--port"],
  ["--port 65536", "--port"],
  ["--port 80.5", "--port"],
  ["--port NaN", "--port"],
  ["--rate Infinity", "--rate"],
  ["--rate=-0.5", "--rate"],
  ["--frame-bytes 1", "--frame-bytes"],
  ["--frame-bytes 8191", "--frame-bytes"],
  ["--trust-proxies 17", "--trust-proxies"],
  ["--db=", "--db"],
  ["--host=", "--host"],
  ["--cert c.pem", "--key"],
  ["--key k.pem", "--cert"],
  ["--allow-origin example.com", "--allow-origin"],
  ["--allow-origin https://example.com/", "--allow-origin"],
  ["--allow-origin https://EXAMPLE.com", "--allow-origin"],
  ["--allow-origin=", "--allow-origin"],
  ["--low-water-bytes 300000", "--low-water-bytes"],
  ["--redis localhost", "--redis"],
  ["--redis http://127.0.0.1:6379", "--redis"],
  ["", "--redis", { PARLEY_REDIS: "localhost:6379" }],
  ["--redis-prefix {room}", "--redis-prefix"],
  ["--redis-prefix=", "--redis-prefix"],
  ["", "--redis-prefix", { PARLEY_REDIS_PREFIX: "a b" }],
  ["--workers 65", "--workers"],
  ["--metrics-port 65536", "--metrics-port"],
  ["--metrics-port 127.0.0.1:9090", "--metrics-port"],
  ["--drain-seconds 10s", "--drain-seconds"],
  ["--drain-seconds 3601", "--drain-seconds"],
  ["--return-seconds=-1", "--return-seconds"],
  ["--max-database-mb 4GB", "--max-database-mb"],
  ["--max-database-mb 0.5", "--max-database-mb"],
  ["--max-database-mb=-1", "--max-database-mb"],
  ["--guests admin", "--guests"],
  ["--api-key-file", "--api-key-file"],
  ["--jwt-issuer me", "--jwt-issuer"],
  ["--jwt-audience me", "--jwks"],
  ["--jwks a.json --jwt-secret-file b", "--jwks"],
  ["--jwks a.json", "PARLEY_JWT_SECRET", { PARLEY_JWT_SECRET: "x".repeat(32) }],
  ["--jwks https://me:pass@example.com/jwks", "--jwks"],
  ["", "PARLEY_JWT_SECRET", { PARLEY_JWT_SECRET: "x".repeat(31) }],
  ["--webhook https://h.example", "PARLEY_WEBHOOK_SECRET"],
  ["--webhook-secret-file f", "--webhook"],
  ["", "--webhook", { PARLEY_WEBHOOK_SECRET: "whsec_x" }],
  ["--webhook https://h.example --webhook-secret-file f", "--webhook-secret-file", {
    PARLEY_WEBHOOK_SECRET: "whsec_x",
  }],
  ["--webhook h.example --webhook-secret-file f", "--webhook"],
  ["--webhook ftp://h.example --webhook-secret-file f", "--webhook"],
  ["--webhook https://me:pass@h.example --webhook-secret-file f", "--webhook"],
  ["--webhook https://h.example --webhook-secret-file f --redis redis://r", "--redis"],
  ["--page no", "--page"],
  ["--page=", "--page"],
  ["", "PARLEY_PAGE", { PARLEY_PAGE: "0" }],
  ["--base-path realtime", "--base-path"],
  ["--base-path /", "--base-path"],
  ["--base-path /realtime/", "--base-path"],
  ["--base-path //realtime", "--base-path"],
  ["--base-path /a/../b", "--base-path"],
  ["--base-path /a/.", "--base-path"],
  ["--base-path /a%20b", "--base-path"],
  ["--base-path /a?b", "--base-path"],
  ["--base-path http://a.example/b", "--base-path"],
  ["", "PORT", { PORT: "http" }],
  ["", "port", { PORT: "70000" }],
  ["", "PARLEY_MAX_ROOMS", { PARLEY_MAX_ROOMS: "many" }],
];

for (const [args, names, env] of WRONG) {
  Deno.test(`readOptions() refuses "${args}" ${env ? JSON.stringify(env) : ""} in one line`, () => {
    const { message } = assertThrows(() => read(args, env), OptionError);
    assertStringIncludes(message, names);
    assert(!message.includes("\n") && message.endsWith("."), message);
  });
}

for (const name of OPTION_NAMES.filter((name) => OPTIONS[name].secret)) {
  const flag = flagOf(name);
  const secret = "hush".repeat(8);
  for (const args of [`--${flag} ${secret}`, `--${flag}=${secret}`, `--port 1 --${flag}`]) {
    Deno.test(`readOptions() takes ${name} from its variable alone, not from "${args}"`, () => {
      const { message } = assertThrows(() => read(args), OptionError);
      assertStringIncludes(message, variableOf(name));
      assert(!message.includes("hush"), message);
    });
  }
}

Deno.test("a secret that is wrong is not repeated", () => {
  const env = { PARLEY_JWT_SECRET: "hush" };
  const { message } = assertThrows(() => read("", env), OptionError);
  assert(!message.includes("hush"), message);
});

Deno.test("readOptions() answers version to --version, and help before it", () => {
  assertEquals(readOptions(["--version", "--port", "x"], () => undefined), "version");
  assertEquals(readOptions(["--version", "--help"], () => undefined), "help");
});

Deno.test("shownOptions() names what differs from the default, and holds no secret", () => {
  assertEquals(shownOptions(read("")), "");
  const env = { PARLEY_API_KEYS: "hush".repeat(8), PARLEY_WEBHOOK_SECRET: "hush-hush" };
  const shown = shownOptions(read(
    "--guests read --webhook https://h.example/in?key=hush --redis-prefix a --jwks j.json",
    env,
  ));
  assertEquals(
    shown,
    "--redis-prefix a --jwks j.json --api-keys (set) --webhook https://h.example/in " +
      "--webhook-secret (set) --guests read",
  );
  const redis = shownOptions(read("--redis rediss://user:hush@r.example:7000/1 --allow-origin *"));
  assertEquals(redis, "--redis rediss://r.example:7000/1 --allow-origin *");
});

Deno.test("completeOptions() checks what an embedding program gives", () => {
  assertEquals(completeOptions({ port: 0 }).port, 0);
  assertThrows(() => completeOptions({ port: -1 }), OptionError, "--port");
  const wrong: unknown[] = [
    { port: "80" },
    { page: "false" },
    { basePath: null },
    { nothing: 1 },
    { db: 7 },
    { allowOrigin: "*" },
    {
      rate: NaN,
    },
  ];
  for (const given of wrong) {
    assertThrows(() => completeOptions(given as Partial<Options>), OptionError);
  }
});

Deno.test("helpText() names every flag with its default, in lines that fit", () => {
  const lines = helpText().split("\n");
  for (const name of OPTION_NAMES) {
    const { secret } = OPTIONS[name];
    const source = secret ? variableOf(name) : `--${flagOf(name)}`;
    const line = lines.find((line) => line.startsWith(`  ${source} `));
    assert(line !== undefined, name);
    const value = OPTIONS[name].default;
    if (typeof value === "number") assertStringIncludes(line, `(${value})`);
  }
  for (const line of lines) assert(line.length <= 110, line);
});

Deno.test("OPERATIONS.md has exactly the options that there are", async () => {
  const paper = await Paper.read("server/OPERATIONS.md");
  assertEquals(paper.tableLines("Options").map(unpadded), tableRows().map(unpadded));
});

Deno.test("CHANGELOG.md gives the present variable of each that was renamed", async () => {
  const paper = await Paper.read(".github/CHANGELOG.md");
  const variables: readonly string[] = OPTION_NAMES.map(variableOf);
  for (const [, variable = ""] of paper.table("For operators")) {
    assert(variables.includes(variable), variable);
  }
});

Deno.test("whatever runs the program may read the variable of every option, by one wildcard", async () => {
  const config = await Deno.readTextFile(new URL("deno.json", ROOT));
  const { tasks }: { tasks: Record<string, string> } = JSON.parse(config);
  for (const task of ["start", "dev", "compile"]) {
    const permissions = tasks[task]?.match(/--allow-\S+/g);
    const wanted = ["--allow-net", "--allow-read", "--allow-write"];
    const rest = ["--allow-env=PORT,HOST,PARLEY_*,OTEL_DENO", "--allow-sys=statfs"];
    assertEquals(permissions, [...wanted, ...rest], task);
  }
  // What is loaded only when it is asked for is imported by a name that the compiler does not see.
  for (const code of await codeIn("server/")) {
    for (const [, name = ""] of code.matchAll(/"(npm:[^"]+)"/g)) {
      assertStringIncludes(tasks.compile ?? "", ` --include=${name} `);
    }
  }
  for (const script of await threadScripts("server/")) {
    assertStringIncludes(tasks.compile ?? "", ` --include=${script} `);
  }
  const others = OPTION_NAMES.map(variableOf).filter((name) => !name.startsWith("PARLEY_"));
  assertEquals(others, ["PORT", "HOST"]);
});

/** The scripts of all threads. The compiler does not see them. */
async function threadScripts(folder: string): Promise<string[]> {
  const scripts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) scripts.push(...await threadScripts(`${folder}${name}/`));
    else if (name.endsWith(".ts")) {
      const code = await Deno.readTextFile(new URL(folder + name, ROOT));
      const found = code.matchAll(/new URL\("\.\/(\w+\.ts)", import\.meta\.url\)/g);
      scripts.push(...[...found].map(([, script]) => `${folder}${script}`));
    }
  }
  return scripts;
}

Deno.test("the documentation of Options says what the table says", async () => {
  const source = await Deno.readTextFile(new URL("server/options.ts", ROOT));
  const fields = [...source.matchAll(/\/\*\*\n((?: {3}\*.*\n)+) {3}\*\/\n {2}readonly (\w+):/g)];
  assertEquals(fields.map(([, , name]) => name), OPTION_NAMES);
  for (const [, doc = "", name] of fields) {
    const { default: value, help, range, fraction } = OPTIONS[name as keyof Options];
    const lines = doc.split("\n").map((line) => line.replace(/^ *\* ?/, ""));
    assertEquals(lines[0], `${help.charAt(0).toUpperCase()}${help.slice(1)}.`);
    assertEquals(lines.at(-2), `@default {${JSON.stringify(value)}}`);
    if (range === undefined) continue;
    const [min, max] = range.map((bound) => bound.toLocaleString("en"));
    assertEquals(lines.at(-4), `From ${min} to ${max}${fraction ? "; may have a fraction" : ""}.`);
  }
});

/**
 * The papers say what the code does: their tables have exactly the commands, events, errors, close codes,
 * costs, requests and log lines that there are, and what they refer to exists.
 *
 * @module
 */
import { COSTS } from "../server/access/allowances.ts";
import { RULE_FIELDS } from "../server/access/rules.ts";
import { openApi } from "../server/http/documents/openapi.ts";
import { SCHEMAS } from "../server/http/documents/schemas.ts";
import { CLOSE_CODES, ERRORS } from "../server/mod.ts";
import { prometheusName } from "../server/monitoring/prometheus.ts";
import { TROUBLES } from "../server/monitoring/readiness.ts";
import { METRIC_NAMES, METRIC_ROWS } from "../server/monitoring/table.ts";
import { Client } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { type Client as TestClient, connect, serve } from "./support/harness.ts";
import { codeIn, Paper, PAPERS, ROOT } from "./support/paper.ts";

const PROTOCOL = await Paper.read("server/PROTOCOL.md");
const OPERATIONS = await Paper.read("server/OPERATIONS.md");

interface ObjectSchema {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
}

/** Returns `chat` and its fields, the optional ones with "?", for `ChatCommand`. */
function fieldsOf(kind: "Command" | "Event"): string[][] {
  return Object.entries(SCHEMAS).filter(([name]) => name.endsWith(kind)).map(([name, schema]) => {
    const { properties, required } = schema as unknown as ObjectSchema; // each has its `type`
    const fields = Object.keys(properties).filter((field) => field !== "type")
      .map((field) => required.includes(field) ? field : `${field}?`);
    return [name.charAt(0).toLowerCase() + name.slice(1, -kind.length), sorted(fields)];
  });
}

function sorted(fields: readonly string[]): string {
  return [...fields].sort().join(", ");
}

for (const [heading, kind] of [["Commands", "Command"], ["Events", "Event"]] as const) {
  Deno.test(`PROTOCOL.md has exactly the ${heading.toLowerCase()} and fields that there are`, () => {
    const rows = PROTOCOL.table(heading).map(([type = "", fields = ""]) => [
      type,
      sorted(fields.split(", ")),
    ]);
    assertEquals(rows.sort(), fieldsOf(kind).sort());
  });
}

Deno.test("PROTOCOL.md has exactly the error codes that there are, with status and retry", () => {
  assertEquals(
    PROTOCOL.table("Errors").map((row) => row.slice(0, 3)),
    Object.entries(ERRORS).map(([code, { status, retry }]) => [code, `${status}`, yesOrNo(retry)]),
  );
});

Deno.test("PROTOCOL.md has exactly the close codes that there are, and who comes back", () => {
  assertEquals(
    PROTOCOL.table("Close codes").map((row) => row.slice(0, 3)),
    Object.entries(CLOSE_CODES).map((
      [code, { reason, comeBack }],
    ) => [code, reason, yesOrNo(comeBack)]),
  );
});

function yesOrNo(value: boolean): string {
  return value ? "yes" : "no";
}

Deno.test("PROTOCOL.md has exactly the costs that there are", () => {
  assertEquals(
    PROTOCOL.table("Costs").map((row) => row.slice(0, 2)),
    Object.entries(COSTS).map(([name, units]) => [name, String(units)]),
  );
});

Deno.test("OPERATIONS.md has exactly the keys of a rule that there are", () => {
  const keys = OPERATIONS.table("Rules for rooms").map(([key]) => key);
  assertEquals(keys, Object.keys(RULE_FIELDS));
});

Deno.test("PROTOCOL.md has every request of openapi.json, with its parameters and fields", () => {
  const rows = PROTOCOL.table("HTTP").map(([request = ""]) => request);
  const operations = Object.entries(openApi().paths as Readonly<Record<string, object>>)
    .flatMap(([path, methods]) =>
      Object.entries(methods).filter(([method]) => /^(get|post|put|patch|delete)$/.test(method))
        .map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const)
    );
  for (const [request, operation] of operations) {
    const row = rows.find((row) => row.split(" ").slice(0, 2).join(" ") === request);
    assert(row !== undefined, `${request} is missing`);
    const text = JSON.stringify(operation);
    const parameters = [...text.matchAll(/"name":"(\w+)","in":"query"/g)].map(([, name]) => name);
    assertEquals([...row.matchAll(/\?(\w+)=/g)].map(([, name]) => name).sort(), parameters.sort());
    const body = text.match(/schemas\/(\w+Request)"/)?.[1];
    const fields = row.match(/ \{([^}]*)\}$/)?.[1] ?? "";
    assertEquals(body === undefined ? "" : fieldNamesOf(body), sorted(fields.split(", ")));
  }
});

function fieldNamesOf(schema: string): string {
  const { properties, required } = SCHEMAS[schema] as unknown as ObjectSchema;
  return sorted(
    Object.keys(properties).map((field) => required.includes(field) ? field : `${field}?`),
  );
}

Deno.test("PROTOCOL.md's conversation takes place word for word", async () => {
  await using server = await serve({ rate: 10 });
  await using client = await connect(server, { protocol: "parley.v1" });
  for (const line of PROTOCOL.snippet("text", '> {"type":"hello"').trim().split("\n")) {
    const said: unknown = JSON.parse(line.slice(2));
    if (line.startsWith(">")) client.send(said);
    else assertEquals(masked(await anyNext(client)), masked(said));
  }
});

async function anyNext(client: TestClient): Promise<unknown> {
  while (client.pending.length === 0) await client.arrival();
  return await client.next(client.pending[0]?.type ?? "error");
}

/** An event without what is different each time. */
function masked(event: unknown): unknown {
  const changing = ["id", "token", "epoch", "at"];
  return JSON.parse(JSON.stringify(event, (key, value) => changing.includes(key) ? "…" : value));
}

Deno.test("OPERATIONS.md has exactly the lines that the code logs, with their levels", async () => {
  const logged = new Set<string>();
  for (const code of await codeIn("server/", "main.ts")) {
    const calls = code.matchAll(/\.(debug|info|warn|error)(?:\?\.)?\(\s*"([^"]+)"/g);
    const thrown = code.matchAll(/\blogThrown\([^"]*"([^"]+)"/g);
    const literals = code.matchAll(/level: "(\w+)", event: "([^"]+)"/g);
    for (const [, level, event] of [...calls, ...literals]) logged.add(`${level} ${event}`);
    for (const [, event] of thrown) logged.add(`error ${event}`);
  }
  const rows = OPERATIONS.table("The log").map(([level, event]) => `${level} ${event}`);
  assertEquals(rows.sort(), [...logged].sort());
});

Deno.test("OPERATIONS.md has exactly the metrics that there are, with their labels", () => {
  assertEquals(
    OPERATIONS.table("Metrics").map(([name, labels]) => [name, labels]),
    METRIC_NAMES.map((name) => [
      prometheusName(name),
      (METRIC_ROWS[name].labels ?? []).join(", "),
    ]),
  );
});

Deno.test("OPERATIONS.md has exactly the reasons why a server is not ready", () => {
  const [, start = ""] = OPERATIONS.text.split("However many ask");
  const rows = [...start.split("**Draining.**")[0]?.matchAll(/^\| `(\w+)`/gm) ?? []];
  assertEquals(rows.map(([, reason]) => reason), Object.keys(TROUBLES));
});

Deno.test("OPERATIONS.md's alerts ask for series that there are", async () => {
  await using server = await serve({ workers: 1 });
  const text = await server.metrics();
  const alerts = OPERATIONS.tableLines("Alerts").map((line) => line.split("` |")[0] ?? "");
  assert(alerts.length > 8);
  for (const alert of alerts) {
    for (
      const [, name = "", labels = ""] of alert.matchAll(/\b(parley_\w+|process_\w+)(\{[^}]*\})?/g)
    ) {
      const isConditional = name === "parley_redis_up" || name === "parley_webhook_lag_seconds";
      assert(isConditional || text.includes(`\n${name}`), name);
      for (const [, label] of labels.matchAll(/(\w+)[!=]/g)) {
        assert(text.includes(`${label}=`), alert);
      }
    }
  }
});

Deno.test("tests/README.md has a place for every test file", async () => {
  const paper = await Paper.read("tests/README.md");
  const patterns = paper.table("What is where").flatMap(([files = ""]) => files.split(", "))
    .map((name) => new RegExp(`^${name.replaceAll("*", ".*")}\\.ts$`));
  for await (const { name } of Deno.readDir(new URL("tests/", ROOT))) {
    if (!name.endsWith("_test.ts")) continue;
    const hasPlace = patterns.some((pattern) => pattern.test(name));
    assert(hasPlace, `${name} is missing in the table "What is where"`);
  }
});

Deno.test("static/README.md has exactly the methods of the client", async () => {
  const paper = await Paper.read("static/README.md");
  const rows = paper.table("Methods").map(([call = ""]) => call.replace(/\(.*/, ""));
  const methods: string[] = [];
  for (let at = Client.prototype; at !== EventTarget.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== "constructor" && typeof value === "function") methods.push(name);
    }
  }
  assertEquals(rows.sort(), ["connect", ...methods].sort());
});

Deno.test("README.md is within 150 lines", async () => {
  const { text } = await Paper.read("README.md");
  assert(text.split("\n").length <= 151);
});

for (const path of PAPERS) {
  Deno.test(`${path} refers only to files, headings and tasks that exist`, async () => {
    const { text } = await Paper.read(path);
    const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
    for (const [, task = ""] of text.matchAll(/deno (?:\S+ )?task ([\w:]+)/g)) {
      assert(task in tasks, `there is no task ${task}`);
    }
    for (const [, link = ""] of text.matchAll(/\]\((?!http)([^)]+)\)/g)) {
      const url = new URL(link, new URL(path, ROOT));
      assert(await exists(url), `${link} does not exist`);
      if (url.hash === "") continue;
      url.hash = "";
      const target = link.startsWith("#") ? text : await Deno.readTextFile(url);
      const anchors = [...target.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => anchorOf(title));
      assert(anchors.includes(link.split("#")[1] ?? ""), `${link} has no such heading`);
    }
    for (const [, file = ""] of text.matchAll(/`((?:server|static|tests)\/[\w./]*)`/g)) {
      assert(isOld(path) || await exists(new URL(file, ROOT)), `${file} does not exist`);
    }
  });
}

Deno.test("no comment and no test cites a paper that is not in this repository", async () => {
  const names = PAPERS.map((path) => path.split("/").at(-1));
  const others = ["RESULTS.md", "PROFILE.md"]; // the benchmark's
  for (const code of await codeIn("server/", "static/", "tests/", "main.ts")) {
    for (const [cited] of code.matchAll(/\b[A-Z]{4,}\.md\b/g)) {
      assert([...names, ...others].includes(cited), `${cited} is cited`);
    }
  }
});

/** The changelog names files that are gone. */
function isOld(path: string): boolean {
  return path === ".github/CHANGELOG.md";
}

/** Returns what GitHub makes of a heading. */
function anchorOf(title: string): string {
  return title.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
}

async function exists(url: URL): Promise<boolean> {
  return await Deno.stat(url).then(() => true, () => false);
}

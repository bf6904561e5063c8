/**
 * The shape of the code: imports run downwards, and what touches the world is where one looks for it.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { serve } from "./support/harness.ts";

const ROOT = new URL("../", import.meta.url);

/** From top to bottom. A file may import from its own layer and from those below. */
const LAYERS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["server/testing.ts", "server/testing/"],
  ["server/process/"],
  ["server/data/"],
  ["server/mod.ts"],
  ["server/create_server.ts"],
  ["server/server.ts"],
  [
    "server/open_storage.ts",
    "server/server_parts.ts",
    "server/front_door.ts",
    "server/upgrader.ts",
    "server/moderation.ts",
    "server/voice.ts",
    "server/renew_certificate.ts",
  ],
  ["server/webhooks/"],
  ["server/http/"],
  ["server/monitoring/"],
  ["server/connections/"],
  ["server/rooms/"],
  ["server/access/"],
  ["server/broker/"],
  ["server/read_options.ts"],
  ["server/options.ts", "server/listener.ts"],
  ["server/safety_net.ts"],
  ["server/log.ts", "server/metrics.ts"],
  ["server/certificate.ts"],
  ["server/line_log.ts"],
  ["server/deadline.ts", "server/log_line.ts", "server/runtime.ts"],
  ["server/protocol/"],
  ["static/files.ts", "static/status_files.ts"], // texts: the server runs nothing of them
];

/** These know nothing of the rest. */
const LEAVES = ["options", "log", "metrics"].map((name) => `server/${name}.ts`);

/** And these even less: leaves may import them. */
const BELOW_LEAVES = [
  ...["deadline", "line_log", "log_line"].map((name) => `server/${name}.ts`),
  "server/protocol/",
];

async function* filesIn(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(directory, ROOT))) {
    const path = `${directory}${name}`;
    if (isDirectory) yield* filesIn(`${path}/`);
    else if (path.endsWith(".ts") && !path.endsWith(".d.ts")) yield path;
  }
}

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, ROOT));
}

/** The code of a file without its comments and, as far as it matters here, without its strings. */
async function codeOf(path: string): Promise<string> {
  return (await read(path)).replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
}

/** Every relative import, of types and of workers too, as a path from the root. */
async function importsOf(path: string): Promise<string[]> {
  const code = await codeOf(path);
  const found = code.matchAll(/(?:\bfrom|\bimport|new URL)\s*\(?\s*"(\.[^"]+\.ts)"/g);
  return [...found].map(([, specifier = ""]) =>
    new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length)
  );
}

async function graph(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  imports.set("main.ts", await importsOf("main.ts"));
  for await (const path of filesIn("server/")) imports.set(path, await importsOf(path));
  return imports;
}

function layerOf(path: string): number {
  const layer = LAYERS.findIndex((prefixes) => prefixes.some((prefix) => path.startsWith(prefix)));
  assert(layer >= 0, `${path} is in no layer: give it one in tests/layers_test.ts`);
  return layer;
}

Deno.test("no import runs upwards", async () => {
  const upwards: string[] = [];
  for (const [path, imports] of await graph()) {
    for (const other of imports) {
      if (layerOf(other) < layerOf(path)) upwards.push(`${path} imports ${other}`);
    }
  }
  assertEquals(upwards, []);
});

Deno.test("the leaves import nothing but the protocol", async () => {
  const imports = await graph();
  for (const leaf of LEAVES) {
    const others = imports.get(leaf)
      ?.filter((path) => !BELOW_LEAVES.some((below) => path.startsWith(below)));
    assertEquals(others, [], leaf);
  }
});

Deno.test("no imports run in a circle, types included", async () => {
  const imports = await graph();
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]) => {
    assert(!way.includes(path), `A circle: ${[...way, path].join(" → ")}`);
    if (done.has(path)) return;
    for (const other of imports.get(path) ?? []) visit(other, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  assert(done.size > 15);
});

Deno.test("every file of server/ can be reached from main.ts, but for the test kit", async () => {
  const imports = await graph();
  const reached = new Set<string>();
  const visit = (path: string) => {
    if (reached.has(path)) return;
    reached.add(path);
    imports.get(path)?.forEach(visit);
  };
  visit("main.ts");
  visit("server/testing.ts");
  assertEquals([...imports.keys()].filter((path) => !reached.has(path)), []);
});

/** What may be used in few places only. */
const ONLY: readonly (readonly [what: string, use: RegExp, where: readonly string[]])[] = [
  [
    "arguments, environment, signals and exit",
    /Deno\.(args|env|exit|\w*[sS]ignalListener)/,
    ["main.ts"],
  ],
  ["the fields of wire text", /"(type|at|from|payload)":/, ["server/protocol/encode.ts"]],
  ["standard output and error", /\bconsole\.|Deno\.std(out|err)/, ["main.ts", "server/log.ts"]],
];

for (const [what, use, where] of ONLY) {
  Deno.test(`only ${where.join(" and ")} use ${what}`, async () => {
    const users: string[] = [];
    for (const path of (await graph()).keys()) {
      if (use.test(await codeOf(path))) users.push(path);
    }
    assertEquals(users, where);
  });
}

Deno.test("static/client/ does not touch the DOM, and imports nothing else but types of the protocol", async () => {
  for await (const path of filesIn("static/client/")) {
    const code = await codeOf(path);
    const dom = code.match(/\b(document|window)\s*[.[?]|\bHTML\w*Element\b|querySelector/);
    assertEquals(dom, null, path);
    for (const [statement, keyword, specifier = ""] of importStatements(code)) {
      const isProtocol = specifier.startsWith("../../server/protocol/");
      assert(
        specifier.startsWith("./") || isProtocol && keyword === "type",
        `${path}: ${statement}`,
      );
    }
  }
});

Deno.test("static/page/ imports the client by its public surface alone", async () => {
  for await (const path of filesIn("static/page/")) {
    for (const [statement, , specifier = ""] of importStatements(await codeOf(path))) {
      assert(/^\.\/|^\.\.\/client\/mod\.ts$/.test(specifier), `${path}: ${statement}`);
    }
  }
});

Deno.test("the page that is served names all of its modules, and no other", async () => {
  await using server = await serve();
  const html = await (await fetch(server.url)).text();
  const named = [...html.matchAll(/rel="modulepreload" href="([^"]+)"/g)]
    .map(([, href]) => `static/${href}`);
  const reached = await modulesFrom("static/page/app.ts");
  // The page asks for these at once, by an import() of each.
  for (const name of ["shared_transport", "http"]) {
    for (const path of await modulesFrom(`static/client/${name}.ts`)) reached.add(path);
  }
  assert(reached.size > 25);
  assertEquals(named.toSorted(), [...reached].toSorted());
});

/** The import and export statements of some code: each with `type` if it is one of types, and its module. */
function importStatements(code: string): RegExpMatchArray[] {
  return [...code.matchAll(/^(?:import|export)\s+(type\b)?[^;"]*?\bfrom\s+"([^"]+)"/gm)];
}

/** The modules that a browser loads with one, itself included. */
async function modulesFrom(entry: string): Promise<Set<string>> {
  const found = new Set([entry]);
  for (const path of found) {
    for (const [, keyword, specifier = ""] of importStatements(await codeOf(path))) {
      const other = new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length);
      if (keyword !== "type") found.add(other);
    }
  }
  return found;
}

Deno.test("every file of server/, static/ and main.ts has an opening comment, and none uses any", async () => {
  const paths = await Array.fromAsync(filesIn("static/"));
  for (const path of [...paths, ...(await graph()).keys()]) {
    assert((await read(path)).startsWith("/**\n"), path);
    const any = (await codeOf(path)).match(/[:<|]\s*any\b|\bas any\b/);
    assertEquals(any, null, path);
  }
});

/**
 * Parley as a library of other projects. Each is an empty folder elsewhere, as on somebody's own machine:
 * one imports the server by path, one over the network, and one installs the packed client.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "./support/assert.ts";
import { member, serve } from "./support/harness.ts";
import { pack } from "./pack.ts";
import { ROOT } from "./support/paper.ts";
import { isMissing } from "./support/child.ts";
import { Program } from "./support/program.ts";

const LOCK = `--lock=${ROOT.pathname}tests/deno.lock`;

/** A folder with these files, which is gone after the test. */
async function project(files: Readonly<Record<string, string>>) {
  const folder = await Deno.makeTempDir({ prefix: "parley-" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return {
    folder,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Runs a program to its end. @returns what it said on standard output. */
async function run(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  await using program = Program.spawn(command, env);
  const { code, out, err } = await program.ended();
  assertEquals(code, 0, out + err);
  return out;
}

const EMBEDDING = `
import { createServer } from "@parley/parley";
import { connect } from "@parley/parley/client";

await using parley = await createServer({ db: ":memory:", port: 0 });
parley.listen();
const client = connect(new URL("ws", parley.url + "/"), { name: "Ada" });
await client.join("lobby");
console.log("number", (await client.send("lobby", "hello")).seq);
client.close();
const page = await fetch(parley.url);
console.log("page", page.status, (await page.text()).length > 5000);
`;

Deno.test("a project elsewhere that names a checkout in links imports it, and chats", async () => {
  const byPath = EMBEDDING
    .replace("@parley/parley/client", `${ROOT}static/client/mod.ts`)
    .replace("@parley/parley", `${ROOT}server/mod.ts`);
  await using here = await project({
    "deno.json": JSON.stringify({ links: [ROOT.pathname] }),
    "by_name.ts": EMBEDDING,
    "by_path.ts": byPath,
  });
  for (const name of ["by_name.ts", "by_path.ts"]) {
    const out = await run([Deno.execPath(), "run", "-A", `${here.folder}/${name}`]);
    assertEquals(out, "number 1\npage 200 true\n");
  }
});

/** Serves the files of the repository. */
function serveFiles() {
  const listener = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      const path = new URL(request.url).pathname.slice(1);
      const type = path.endsWith(".ts") ? "text/typescript" : "text/plain";
      const text = await Deno.readTextFile(new URL(path, ROOT));
      return new Response(text, { headers: { "content-type": type } });
    },
  );
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  return { url, [Symbol.asyncDispose]: () => listener.shutdown() };
}

for (const page of [true, false]) {
  Deno.test(`modules that come over the network bring the page along: page ${page}`, async () => {
    await using files = serveFiles();
    const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
    await using here = await project({
      "deno.json": JSON.stringify({ imports }),
      "app.ts": `
import { createServer } from "${files.url}server/mod.ts";

await using parley = await createServer({ db: ":memory:", port: 0, page: ${page} });
parley.listen();
const answers = ["/", "/page/app.ts", "/rooms"].map((path) => fetch(parley.url + path));
for (const answer of answers) {
  console.log((await answer).status, (await answer).headers.get("content-type"));
  await (await answer).body?.cancel();
}
`,
    });
    // Remote modules are cached for ever. This cache ends with the test, and only borrows npm's.
    const info = JSON.parse(await run([Deno.execPath(), "info", "--json"]));
    await Deno.symlink(`${info.denoDir}/npm`, `${here.folder}/npm`);
    const env = { DENO_DIR: here.folder };
    const out = await run([Deno.execPath(), "run", "-A", `${here.folder}/app.ts`], env);
    const problem = "404 application/problem+json";
    const wanted = page
      ? ["200 text/html; charset=UTF-8", "200 text/javascript; charset=UTF-8"]
      : [problem, problem];
    assertEquals(out.trim().split("\n"), [...wanted, "200 application/json"]);
  });
}

const FRONT_END = `
import { type ChatEvent, connect } from "@parley/client";

const client = connect("URL", { name: "Ada" });
client.addEventListener("chat", ({ detail }: CustomEvent<ChatEvent>) => {
  console.log("number", detail.seq);
});
client.addEventListener("custom", () => client.close());
await client.join("lobby");
await client.send("lobby", "hello");
`;

Deno.test("a project that installs the packed client builds under tsc --strict, and chats", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  const socketUrl = server.url.replace("http", "ws") + "/ws";
  await using here = await project({
    "package.json": '{ "name": "front-end", "type": "module" }',
    "app.ts": FRONT_END.replace("URL", socketUrl),
    "wrong.ts": FRONT_END.replace('"hello"', "7"),
  });
  const { folder } = here;
  await install(await pack(folder), folder);
  await assertManifest(`${folder}/node_modules/@parley/client`);
  await using tsc = Program.spawn([
    ...[Deno.execPath(), "run", "-A", LOCK, "--frozen", "npm:typescript@6.0.3/tsc"],
    ...["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom"],
    ...["--module", "nodenext", `${folder}/app.ts`, `${folder}/wrong.ts`],
  ]);
  const { out } = await tsc.ended();
  const errors = [...out.matchAll(/(\w+\.ts)\(.*(TS\d+)/g)].map(([, file, code]) => [file, code]);
  assertEquals(errors, [["wrong.ts", "TS2345"]], out);
  const esbuild = [Deno.execPath(), "run", "-A", LOCK, "--frozen", "npm:esbuild@0.28.2"];
  const flags = ["--bundle", "--format=esm", "--target=es2022", `--outfile=${folder}/app.js`];
  await run([...esbuild, `${folder}/app.ts`, ...flags, "--log-level=warning"]);
  await using app = Program.spawn([Deno.execPath(), "run", "--allow-net", `${folder}/app.js`]);
  await app.prints(/number 1\n/);
  bob.send({ type: "custom", name: "close", payload: null });
  assertEquals((await app.ended()).code, 0);
});

/** The package has the version of the whole, no dependency, and a paper that imports it by its name. */
async function assertManifest(folder: string): Promise<void> {
  const manifest: Record<string, unknown> = JSON.parse(
    await Deno.readTextFile(`${folder}/package.json`),
  );
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assertEquals([manifest.version, manifest.dependencies], [version, undefined]);
  const paper = await Deno.readTextFile(`${folder}/README.md`);
  assertStringIncludes(paper, 'import { connect } from "@parley/client";');
}

/** Installs the package as npm does, or where there is no npm, as it lays it. */
async function install(tarball: string, folder: string): Promise<void> {
  if (!isMissing("npm", "--version")) {
    await run([
      "npm",
      "install",
      "--offline",
      "--no-audit",
      "--no-fund",
      "--prefix",
      folder,
      tarball,
    ]);
    return;
  }
  const target = `${folder}/node_modules/@parley/client`;
  await Deno.mkdir(target, { recursive: true });
  await run(["tar", "xzf", tarball, "-C", target, "--strip-components=1"]);
}

Deno.test("every file of the client library and the page is in the list of what is served", async () => {
  const files: Readonly<Record<string, string>> = await import("../static/files.ts");
  const paths: string[] = [];
  for (const folder of ["client", "page"]) {
    for await (const { name } of Deno.readDir(new URL(`static/${folder}`, ROOT))) {
      paths.push(`${folder}/${name}`);
      assertEquals(
        files[`${folder}/${name}`],
        await Deno.readTextFile(new URL(`static/${folder}/${name}`, ROOT)),
      );
    }
  }
  assertEquals(Object.keys(files), paths.sort(), "mend static/files.ts");
});

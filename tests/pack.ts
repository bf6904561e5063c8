/**
 * `deno task pack --out FOLDER` makes the npm package of the client library: JavaScript for ES2022, its
 * types, and no dependency. Without `--out` it goes into a temporary folder. The task prints its path.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { writeAll } from "../server/log.ts";
import ts from "npm:typescript@6.0.3";
import { ROOT } from "./support/paper.ts";
import { tarball } from "./support/tarball.ts";

/** The folders of the sources, and where their files are in the package. */
const FOLDERS = [["static/client/", "client/"], ["server/protocol/", "protocol/"]] as const;

/** As strict as `deno.json`, but with the library of types that ES2022 and a browser have. */
const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  rewriteRelativeImportExtensions: true,
  declaration: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  rootDir: ROOT.pathname,
  outDir: ROOT.pathname,
};

/**
 * Makes the package in a folder.
 *
 * @returns the path of the file, which npm can install.
 * @throws {Error} if the library does not compile for ES2022.
 */
export async function pack(folder: string): Promise<string> {
  const manifest = manifestOf(JSON.parse(await readText("deno.json")));
  const files = compile();
  files.set("package.json", JSON.stringify(manifest, null, 2) + "\n");
  const readme = await readText("static/README.md");
  files.set("README.md", readme.replaceAll("./static/client/mod.ts", manifest.name));
  files.set("LICENSE", await readText("LICENSE"));
  const path = `${folder}/${
    manifest.name.replace("@", "").replace("/", "-")
  }-${manifest.version}.tgz`;
  await Deno.writeFile(path, await tarball("package/", files));
  return path;
}

function manifestOf({ version, license }: { version: string; license: string }) {
  return {
    name: "@parley/client",
    version,
    description: "A connection to a Parley server that mends itself.",
    license,
    type: "module",
    sideEffects: false,
    exports: { ".": { types: "./client/mod.d.ts", default: "./client/mod.js" } },
    engines: { node: ">=22" },
  };
}

/** Compiles the client library, and returns its files by their paths in the package. */
function compile(): Map<string, string> {
  const program = ts.createProgram([`${ROOT.pathname}static/client/mod.ts`], COMPILER_OPTIONS);
  const files = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (path, text) => {
    const name = nameOf(path.slice(ROOT.pathname.length));
    if (name !== undefined) files.set(name, withinPackage(text));
  });
  const wrong = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (wrong.length > 0) throw new Error(ts.formatDiagnostics(wrong, FORMAT));
  return files;
}

const FORMAT: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => ROOT.pathname,
  getNewLine: () => "\n",
};

/** Returns the path in the package. The library has only types of the protocol, so no JavaScript of it. */
function nameOf(path: string): string | undefined {
  for (const [source, folder] of FOLDERS) {
    if (!path.startsWith(source)) continue;
    return folder === "protocol/" && path.endsWith(".js")
      ? undefined
      : folder + path.slice(source.length);
  }
  throw new Error(`The client library imports ${path}, which is not packed.`);
}

/** Leads imports to where their files are in the package. The compiler does not rename them in types. */
function withinPackage(text: string): string {
  return text
    .replaceAll("../../server/protocol/", "../protocol/")
    .replace(/(\bfrom "\.[^"]*|\bimport\("\.[^"]*)\.ts"/g, '$1.js"');
}

async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, ROOT));
}

if (import.meta.main) {
  const { values } = parseArgs({ args: Deno.args, options: { out: { type: "string" } } });
  const folder = values.out ?? await Deno.makeTempDir({ prefix: "parley-" });
  await Deno.mkdir(folder, { recursive: true });
  await writeAll(Deno.stdout, await pack(folder) + "\n");
}

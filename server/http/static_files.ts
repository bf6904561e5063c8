/**
 * `StaticFiles` serves the page and the client library. The files are few: they are read once at start,
 * and types are stripped from TypeScript. Paths are looked up in a map, so that no path can lead
 * outside the folders.
 *
 * @module
 */
import { stripTypeScriptTypes } from "node:module";
// @ts-types="./std.d.ts"
import { eTag, ifNoneMatch } from "@std/http/etag";
// @ts-types="./std.d.ts"
import { contentType } from "@std/media-types";
// @ts-types="./std.d.ts"
import { extname } from "@std/path";

const DIRECTORY = new URL("../../static/", import.meta.url);
/** The folders of the client library and the page. Each is served under its own name. */
const FOLDERS = ["client/", "page/"];
/** The page, which is served at `/` as well: its links are relative to that. */
const INDEX = "/page/index.html";

const HEADERS = {
  "cache-control": "no-cache",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "vary": "accept-encoding",
  "x-content-type-options": "nosniff",
};

interface File {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly tag: string;
}

export class StaticFiles {
  readonly #files: ReadonlyMap<string, File>;

  private constructor(files: ReadonlyMap<string, File>) {
    this.#files = files;
  }

  /** Reads all files. */
  static async load(): Promise<StaticFiles> {
    const files = new Map<string, File>();
    for (const folder of FOLDERS) {
      for await (const { name, isFile } of Deno.readDir(new URL(folder, DIRECTORY))) {
        if (isFile) files.set(`/${folder}${name}`, await read(`${folder}${name}`));
      }
    }
    const index = files.get(INDEX);
    if (index !== undefined) files.set("/", index);
    return new StaticFiles(files);
  }

  /** Answers `GET` and `HEAD`. @returns `undefined` if there is no such file. */
  answer(request: Request, path: string): Response | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    const headers = new Headers({ ...HEADERS, "content-type": file.type, "etag": file.tag });
    if (!ifNoneMatch(request.headers.get("if-none-match"), file.tag)) {
      return new Response(null, { status: 304, headers });
    }
    const zip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(
      request.headers.get("accept-encoding") ?? "",
    );
    const body = zip ? file.gzipped : file.plain;
    if (zip) headers.set("content-encoding", "gzip");
    headers.set("content-length", String(body.byteLength));
    return new Response(request.method === "HEAD" ? null : body, { headers });
  }
}

async function read(name: string): Promise<File> {
  const isScript = extname(name) === ".ts";
  let plain = await Deno.readFile(new URL(name, DIRECTORY));
  if (isScript) {
    plain = new TextEncoder().encode(stripTypeScriptTypes(new TextDecoder().decode(plain)));
  }
  const type = contentType(isScript ? ".js" : extname(name)) ?? "application/octet-stream";
  return { plain, gzipped: await gzip(plain), type, tag: await eTag(plain, { weak: true }) };
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

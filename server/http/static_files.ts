/**
 * `StaticFiles` serves the page and the client library. The files are few: they are imported once at
 * start, and types are stripped from TypeScript. Paths are looked up in a map, so that no path can lead
 * anywhere else.
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
import { preloadLinks } from "./module_graph.ts";

/** The page, which is served at `/` as well: its links are relative to that. */
const INDEX = "page/index.html";
/** The page of the metrics, likewise. */
const STATUS = "status/index.html";
/** Where else they are served. */
const ALIASES: Readonly<Record<string, string>> = { [INDEX]: "/", [STATUS]: "/status" };
/** The modules that the page asks for, and the place in the page where all that they need is named. */
const ENTRIES = ["page/app.ts", "client/shared_transport.ts", "client/http.ts"];
const MODULES = "<!-- modules -->";
/** The line of a style sheet in whose place another one is written, so that a page needs no request for it. */
const IMPORT = /^@import "\.\.\/(\S+)";$/m;

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

  /** Imports all files. A server without the page does not call it, and so does not load them. */
  static async load(): Promise<StaticFiles> {
    return await StaticFiles.#of(await import("../../static/files.ts"));
  }

  /** Imports the files of the page of the metrics. */
  static async loadStatus(): Promise<StaticFiles> {
    return await StaticFiles.#of(await import("../../static/status_files.ts"));
  }

  static async #of(sources: Readonly<Record<string, string>>): Promise<StaticFiles> {
    const texts = new Map<string, string>();
    for (const [path, source] of Object.entries(sources)) {
      texts.set(path, extname(path) === ".ts" ? stripTypeScriptTypes(source) : source);
    }
    const files = new Map<string, File>();
    for (const [path, text] of texts) {
      const served = path === INDEX
        ? text.replace(MODULES, preloadLinks(texts, ENTRIES))
        : text.replace(IMPORT, (_, imported) => texts.get(imported) ?? "");
      const file = await fileOf(path, served);
      files.set(`/${path}`, file);
      const alias = ALIASES[path];
      if (alias !== undefined) files.set(alias, file);
    }
    return new StaticFiles(files);
  }

  /**
   * Answers `GET` and `HEAD`.
   *
   * @param path the path without the base path.
   * @returns `undefined` if there is no such file.
   */
  answer(request: Request, path: string, { pathname, search }: URL): Response | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    if (path === "/" && !pathname.endsWith("/")) return addSlash(pathname, search);
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

/**
 * Leads a browser from `/realtime` to `/realtime/`, because the page's links are relative. So is the
 * `Location`: it is right behind a proxy that adds a prefix.
 */
function addSlash(pathname: string, search: string): Response {
  const location = `${pathname.slice(pathname.lastIndexOf("/") + 1)}/${search}`;
  return new Response(null, { status: 308, headers: { ...HEADERS, location } });
}

async function fileOf(name: string, text: string): Promise<File> {
  const plain = new TextEncoder().encode(text);
  const extension = extname(name) === ".ts" ? ".js" : extname(name);
  const type = contentType(extension) ?? "application/octet-stream";
  return { plain, gzipped: await gzip(plain), type, tag: await eTag(plain, { weak: true }) };
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * `Paper` is a Markdown file of this repository, read for its tables and snippets, so that tests can hold
 * both to the code.
 *
 * @module
 */
import { assert } from "./assert.ts";

/** The root of the repository. */
export const ROOT = new URL("../../", import.meta.url);

/** All papers, as paths from the root. */
export const PAPERS = [
  "README.md",
  "server/README.md",
  "server/PROTOCOL.md",
  "server/OPERATIONS.md",
  "server/GUIDE.md",
  "static/README.md",
  "tests/README.md",
  ".github/CHANGELOG.md",
  ".github/SECURITY.md",
] as const;

export class Paper {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  static async read(path: typeof PAPERS[number]): Promise<Paper> {
    return new Paper(await Deno.readTextFile(new URL(path, ROOT)));
  }

  /** Returns the lines of the first table under that heading, without the two lines of its head. */
  tableLines(heading: string): string[] {
    const lines = this.text.split("\n");
    const start = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(` ${heading}`));
    assert(start >= 0, `There is no heading "${heading}".`);
    const first = lines.findIndex((line, index) => index > start && line.startsWith("| "));
    const end = lines.findIndex((line, index) => index > first && !line.startsWith("|"));
    return lines.slice(first + 2, end);
  }

  /** Returns the cells of that table, without backquotes. */
  table(heading: string): string[][] {
    return this.tableLines(heading).map((line) =>
      line.split("|").slice(1, -1).map((cell) => cell.replaceAll("`", "").trim())
    );
  }

  /** Returns the first snippet in that language that holds that text. */
  snippet(language: string, part: string): string {
    const snippets = [...this.text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
    const found = snippets.find(([, named, code = ""]) =>
      named === language && code.includes(part)
    );
    assert(found !== undefined, `There is no snippet in ${language} with ${part}.`);
    return found[2] ?? "";
  }
}

/** Returns a line of a table as it was before `deno fmt` padded it. */
export function unpadded(line: string): string {
  return line.replace(/\s+/g, " ");
}

/** Returns the text of every TypeScript file there. */
export async function codeIn(...paths: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(paths.map(async (path) => {
    if (!path.endsWith("/")) return [await Deno.readTextFile(new URL(path, ROOT))];
    const entries = await Array.fromAsync(Deno.readDir(new URL(path, ROOT)));
    return await codeIn(
      ...entries.filter(({ name, isDirectory }) => isDirectory || name.endsWith(".ts"))
        .filter(({ name }) => name !== "node_modules")
        .map(({ name, isDirectory }) => `${path}${name}${isDirectory ? "/" : ""}`),
    );
  }));
  return texts.flat();
}

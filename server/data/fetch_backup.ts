/**
 * `fetchBackup` asks a running server for a backup, checks it, and puts it under its name only when it is
 * whole.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { reason } from "../log.ts";
import { OptionError } from "../options.ts";
import { type Add, writeNewFile } from "./new_file.ts";
import type { Progress } from "./progress.ts";

/** Where the backup comes from and goes to. */
export interface BackupOrder {
  /** The server's URL, with its base path if it has one. */
  readonly url: string;
  readonly key: string;
  /** The file to write. */
  readonly out: string;
}

/** @throws {OptionError} in one line; then the file is as it was before. */
export async function fetchBackup(order: BackupOrder, progress: Progress): Promise<void> {
  const { out } = order;
  let bytes = 0;
  try {
    await writeNewFile(out, async (add) => {
      bytes = await download(order, add, progress);
    }, check);
    await progress.end(`Wrote ${out}: ${megabytes(bytes)}, checked.`);
  } catch (thrown) {
    throw thrown instanceof OptionError ? thrown : new OptionError(`No backup: ${reason(thrown)}`);
  }
}

/** @returns how many bytes came. */
async function download({ url, key }: BackupOrder, add: Add, progress: Progress): Promise<number> {
  const where = URL.parse(url)?.host;
  if (where === undefined) {
    throw new OptionError(`--url must be a URL such as http://127.0.0.1:8080.`);
  }
  const begunAt = performance.now();
  const waiting = setInterval(() => {
    const seconds = Math.round((performance.now() - begunAt) / 1000);
    void progress.show(() => `The server makes a copy … ${seconds} s`);
  }, 500);
  let response: Response;
  try {
    const headers = { authorization: `Bearer ${key}` };
    response = await fetch(`${url.replace(/\/$/, "")}/backup`, { headers });
  } catch (thrown) {
    const { cause } = thrown instanceof Error ? thrown : {};
    throw new OptionError(`No backup from ${where}: ${reason(cause ?? thrown)}`);
  } finally {
    clearInterval(waiting);
  }
  if (response.status !== 200 || response.body === null) {
    throw new OptionError(`No backup: ${await sentenceOf(response)}`);
  }
  const all = Number(response.headers.get("content-length"));
  let bytes = 0;
  for await (const chunk of response.body) {
    await add(chunk);
    bytes += chunk.length;
    await progress.show(() => `${megabytes(bytes)} of ${megabytes(all)}`);
  }
  if (bytes !== all) throw new OptionError("No backup: the server broke off.");
  return bytes;
}

/** @throws {OptionError} if the file is no sound database. */
function check(path: string): void {
  using database = new DatabaseSync(path, { readOnly: true });
  const result = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (result !== "ok") throw new OptionError(`No backup: it is damaged (${result}).`);
}

/** Returns the sentence of a refusal (RFC 9457), or its status. */
async function sentenceOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  const isProblem = typeof body === "object" && body !== null && "detail" in body;
  return `${response.status} ${isProblem ? body.detail : response.statusText}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}

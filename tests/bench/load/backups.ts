/**
 * Who backs a server up once a second, as a process of its own: it fetches a copy at each full second and
 * writes it into a folder. The answer is one line of JSON.
 */

/** What the downloader did. Each copy is a file of the folder, named by its number. */
export interface BackupsResult {
  readonly copies: number;
  /** From the request to the last byte, for each copy. */
  readonly milliseconds: readonly number[];
  readonly bytes: number;
}

const [url = "", keyFile = "", folder = "", seconds = ""] = Deno.args;
const headers = { authorization: `Bearer ${Deno.readTextFileSync(keyFile)}` };
const begunAt = performance.now();
const milliseconds: number[] = [];
let bytes = 0;
for (let second = 1; second <= Number(seconds); second++) {
  const early = begunAt + 1000 * second - performance.now();
  if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
  const askedAt = performance.now();
  const response = await fetch(`${url}/backup`, { headers });
  if (response.status !== 200) throw new Error(await response.text());
  const copy = await response.bytes();
  milliseconds.push(performance.now() - askedAt);
  bytes += copy.length;
  await Deno.writeFile(`${folder}/${milliseconds.length}.db`, copy);
}
const result: BackupsResult = { copies: milliseconds.length, milliseconds, bytes };
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(result)}\n`));

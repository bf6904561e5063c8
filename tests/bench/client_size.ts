/** How much of a browser's time the client takes to come. */
import { esbuild } from "./generator.ts";

/** Bytes of `static/client/`, minified and gzipped. */
export async function clientSize(): Promise<number> {
  const entry = `${import.meta.dirname}/../../static/client/mod.ts`;
  const script = await esbuild(entry, "--bundle", "--minify", "--format=esm", "--log-level=error");
  const gzip = new Blob([script]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(gzip).bytes()).length;
}

/**
 * `tarball` makes the file that npm installs: a tape archive (POSIX.1-1988 "ustar"), compressed by gzip.
 *
 * @module
 */

const BLOCK_BYTES = 512;
/** The longest name that fits in a header without its other half. */
const MAX_NAME_BYTES = 100;
/** One time for all files, so that the same files make the same tarball. npm does so too. */
const MODIFIED_SECONDS = Date.UTC(1985, 9, 26, 8, 15) / 1000;

/**
 * Makes a tarball of text files.
 *
 * @param folder what all paths in it begin with: npm wants one folder.
 */
export async function tarball(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<Uint8Array<ArrayBuffer>> {
  const blocks: Uint8Array<ArrayBuffer>[] = [];
  for (const [path, text] of files) {
    const content = new TextEncoder().encode(text);
    const padding = new Uint8Array(-content.length & BLOCK_BYTES - 1);
    blocks.push(header(folder + path, content.length), content, padding);
  }
  blocks.push(new Uint8Array(2 * BLOCK_BYTES));
  const zipped = new Blob(blocks).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

function header(path: string, length: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_BYTES);
  const name = new TextEncoder().encode(path);
  if (name.length > MAX_NAME_BYTES) throw new Error(`The path ${path} is too long for a tarball.`);
  block.set(name);
  const write = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset);
  write(100, "0000644\0" + "0000000\0" + "0000000\0"); // the mode, the user and the group
  write(124, octal(length) + octal(MODIFIED_SECONDS));
  write(148, " ".repeat(8)); // the sum counts its own field as blanks
  write(156, "0"); // a regular file
  write(257, "ustar\0" + "00");
  const sum = block.reduce((sum, byte) => sum + byte, 0);
  write(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return block;
}

/** Writes a number as a field of 12 bytes. */
function octal(value: number): string {
  return value.toString(8).padStart(11, "0") + "\0";
}

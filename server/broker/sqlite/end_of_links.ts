/**
 * `endOfLinks` follows a symbolic link to a file that may not be there yet. Without `-A` Deno creates no file
 * through a link: it says that there is no such file.
 *
 * @module
 */
import { dirname, resolve } from "node:path";

/** How many symbolic links may follow each other, as in Linux. */
const MAX_LINKS = 40;

/** Returns the path of the file itself. @throws {Error} if it is in no folder. */
export function endOfLinks(path: string): string {
  let file = path;
  for (let links = 0; links < MAX_LINKS && isLink(file); links++) {
    file = resolve(Deno.realPathSync(dirname(file)), Deno.readLinkSync(file));
  }
  return file;
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch {
    return false; // opening it says what is wrong
  }
}

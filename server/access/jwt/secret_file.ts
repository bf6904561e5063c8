/**
 * `readSecretFile` reads the secret that the application signs its tokens with from the file of
 * `--jwt-secret-file`. It may be any bytes.
 *
 * @module
 */
import { reason } from "../../log.ts";
import { MIN_SECRET_BYTES, OptionError } from "../../options.ts";

/** @throws {OptionError} if the file cannot be read, or holds too little. */
export async function readSecretFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await Deno.readFile(path).catch((thrown: unknown) => {
    throw new OptionError(`Cannot read --jwt-secret-file ${path}. ${reason(thrown)}`);
  });
  const secret = bytes.subarray(0, lengthWithoutLineBreak(bytes));
  if (secret.length >= MIN_SECRET_BYTES) return secret;
  throw new OptionError(`--jwt-secret-file must hold at least ${MIN_SECRET_BYTES} bytes.`);
}

/** Editors and `echo` put a line break at the end of a file. It is not part of the secret. */
function lengthWithoutLineBreak(bytes: Uint8Array): number {
  const { length } = bytes;
  if (bytes[length - 1] !== 0x0a) return length;
  return bytes[length - 2] === 0x0d ? length - 2 : length - 1;
}

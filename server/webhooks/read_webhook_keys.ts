/**
 * Reads what requests to the webhook are signed with.
 *
 * @module
 */
import { reason } from "../log.ts";
import { OptionError, type Options } from "../options.ts";
import { webhookKeys } from "./signature.ts";

/**
 * `readWebhookKeys` reads the webhook's keys from the options, or from the file that they name.
 *
 * @returns `undefined` without a webhook.
 * @throws {OptionError} if the file cannot be read, or holds something else.
 */
export async function readWebhookKeys(
  { webhook, webhookSecret, webhookSecretFile: path }: Options,
): Promise<readonly Uint8Array[] | undefined> {
  if (webhook === "") return undefined;
  const source = path === ""
    ? "PARLEY_WEBHOOK_SECRET"
    : `The file of --webhook-secret-file, ${path},`;
  const keys = webhookKeys(path === "" ? webhookSecret : await readFile(path));
  if (keys !== undefined) return keys;
  throw new OptionError(`${source} must be "whsec_" and 24 to 64 bytes in Base64.`);
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    throw new OptionError(`Cannot read the file of --webhook-secret-file. ${reason(thrown)}.`);
  }
}

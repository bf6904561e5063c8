/**
 * `readJwks` reads a JWK Set from a file or a URL, with a limit on its size and, for a URL, on the time.
 *
 * @module
 */

/** A set of a hundred RSA keys has about 50 KB. */
const MAX_CHARS = 262_144;

/** Says whether an option names a URL and not a file. */
export function isUrl(jwks: string): boolean {
  return /^https?:/i.test(jwks);
}

/**
 * Reads a JWK Set as JSON. A redirect is not followed: it could lead from https to http.
 *
 * @param jwks the path of a file, or an http or https URL.
 * @param deadlineMs how long a URL may take.
 * @throws {Error} if it cannot be read in time or is not JSON.
 */
export async function readJwks(jwks: string, deadlineMs: number): Promise<unknown> {
  if (!isUrl(jwks)) return parse(await Deno.readTextFile(jwks));
  const controller = new AbortController();
  const late = new Error(`No answer within ${deadlineMs} ms.`);
  const timer = setTimeout(() => controller.abort(late), deadlineMs);
  try {
    const response = await fetch(jwks, {
      headers: { accept: "application/jwk-set+json, application/json" },
      redirect: "error",
      signal: controller.signal,
    });
    return parse(await textOf(response));
  } finally {
    clearTimeout(timer);
  }
}

/** The runtime's own error would quote the text, which may be a private key that somebody confused. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("It is not JSON.");
  }
}

async function textOf({ ok, status, body }: Response): Promise<string> {
  if (!ok) {
    await body?.cancel();
    throw new Error(`The answer has the status ${status}.`);
  }
  let text = "";
  for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.length > MAX_CHARS) {
      throw new Error(`The answer is longer than ${MAX_CHARS} characters.`);
    }
  }
  return text;
}

/**
 * Where a request carries its token.
 *
 * @module
 */
import { bearerOf } from "../access/api_keys.ts";
import { badField } from "../protocol/refusal.ts";
import { TOKEN } from "../protocol/rules.ts";

/**
 * Returns the token of the `Authorization` header (RFC 6750 §2.1), or of the query, for clients that
 * cannot set headers. A header of another form gives `""`, which no user has.
 *
 * @throws {Refusal} `bad_field` if the token is too long, or has a character that no token has.
 */
export function tokenOf({ headers }: Request, query: URLSearchParams): string | undefined {
  const token = bearerOf(headers) ?? (query.get("token") || undefined);
  if (!token || TOKEN.accepts(token)) return token;
  throw badField("token", `Field "token" must be ${TOKEN.expects}.`);
}

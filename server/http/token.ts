/**
 * Where a request carries its token.
 *
 * @module
 */

import { bearerOf } from "../access/api_keys.ts";

/**
 * Returns the token of the `Authorization` header (RFC 6750 §2.1), or of the query, for clients that
 * cannot set headers. A header of another form gives `""`, which no user has.
 */
export function tokenOf({ headers }: Request, query: URLSearchParams): string | undefined {
  return bearerOf(headers) ?? (query.get("token") || undefined);
}

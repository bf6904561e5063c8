/**
 * Where a request carries its token.
 *
 * @module
 */

/**
 * Returns the token of the `Authorization` header (RFC 6750 §2.1), or of the query, for clients that
 * cannot set headers. A header of another form gives `""`, which no user has.
 */
export function tokenOf({ headers }: Request, query: URLSearchParams): string | undefined {
  const header = headers.get("authorization");
  if (header === null) return query.get("token") || undefined;
  return /^Bearer +([^ ]+) *$/i.exec(header)?.[1] ?? "";
}

/** A name for a message: 96 random bits. `crypto.randomUUID` is missing on plain http. */
export function newRef(): string {
  return crypto.getRandomValues(new Uint32Array(3)).reduce((ref, n) => ref + n.toString(36), "");
}

/**
 * `release` gives the memory of bytes back at once. Without it, V8 keeps the buffers of some ten copies of a
 * database, of 8 MB each, until it collects garbage: to V8 they are small objects.
 *
 * @module
 */

/** Frees what the bytes, and all other views of the same buffer, lie in. They are empty afterwards. */
export function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

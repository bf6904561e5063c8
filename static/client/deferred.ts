/**
 * `deferred` makes a promise that is settled from outside. It is `Promise.withResolvers`, which came only
 * with ES2024: the library is packed for ES2022.
 *
 * @module
 */

/** A promise, and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T>(): Deferred<T> {
  let settle!: Omit<Deferred<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => settle = { resolve, reject });
  return { promise, ...settle };
}

/**
 * `settleWithin` waits for a promise, but not for ever.
 *
 * @module
 */

/**
 * `settleWithin` returns when the promise has settled or when the time is over, whichever comes first.
 * It does not say which: `deadline` of the standard library throws when the time is over, and
 * everything here goes on then.
 *
 * @throws what the promise is rejected with, if that happens in time.
 */
export async function settleWithin(
  milliseconds: number,
  promise: Promise<unknown> | undefined,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  try {
    await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

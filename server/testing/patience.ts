/**
 * Waiting for what ought to happen, but not for ever.
 *
 * @module
 */

/**
 * How long something is waited for, in milliseconds. It is no timing but a way to fail, and far more than a
 * machine needs that is five times slower.
 */
export const PATIENCE_MS = 60_000;

/** Waits for a promise, but fails after a minute, and says what for. */
export async function patiently<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again until something holds; fails after a minute, and says what for. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

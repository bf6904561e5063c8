/**
 * A deadline for what may never come.
 *
 * @module
 */

/**
 * Waits for something, but not longer than that.
 *
 * @throws what it is rejected with, if that comes in time.
 */
export async function within(
  milliseconds: number,
  something: Promise<unknown> | undefined,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  try {
    await Promise.race([something, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A thread that does something before it runs its script.
 *
 * @module
 */

/** This thread. With the types of a worker, scripts that have others could not import this file. */
declare const self: { onmessage: (event: MessageEvent) => void };

/**
 * Loads the script of this thread, and hands it the messages that came before it listened. Without that they
 * would be lost: Deno delivers messages while a module waits at its top level.
 */
export async function runLate(load: () => Promise<unknown>): Promise<void> {
  const early: MessageEvent[] = [];
  self.onmessage = (event) => early.push(event);
  await load();
  for (const event of early) self.onmessage(event);
}

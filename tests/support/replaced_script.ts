/**
 * Threads that run another script than they should: one that has trouble, or can be looked into, and that
 * imports the real one.
 *
 * @module
 */

/**
 * Has every worker thread that this thread starts with a script run another one.
 *
 * @param end of the URL of the script.
 */
export function replaceScript(end: string, script: URL): void {
  const Before = globalThis.Worker;
  class Replaced extends Before {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(String(url).endsWith(end) ? script : url, options);
    }
  }
  Object.assign(globalThis, { Worker: Replaced });
}

/**
 * Imported before `server/worker.ts`, it lets nothing through to that worker's safety net: what is
 * thrown then ends the thread.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
for (const type of ["error", "unhandledrejection"] as const) {
  self.addEventListener(type, (event) => event.stopImmediatePropagation());
}

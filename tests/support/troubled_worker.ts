/**
 * A worker like any other, to which the unforeseen happens when the test says so: a promise is rejected
 * that nobody awaits, or the thread dies, because its safety net is passed by.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />

let isDying = false;
// Before the worker's own listeners, which are its safety net.
self.addEventListener("error", (event) => {
  if (isDying) event.stopImmediatePropagation();
});
await import("../../server/process/worker.ts");

const channel = new BroadcastChannel("parley: troubled worker");
channel.onmessage = ({ data }) => {
  if (data === "die") {
    isDying = true;
    throw new Error("died, as it was told to");
  }
  void Promise.reject(new Error("unforeseen, as it was told to be"));
  channel.postMessage("done");
};

/**
 * A thread like any other, to which the unforeseen happens when the test says so: a promise is rejected
 * that nobody awaits, the thread dies, because its safety net is passed by, or it stands still, for a while
 * or for ever.
 *
 * It serves, or with the query `?store` it stores.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { runLate } from "./late_script.ts";

const isStore = new URL(import.meta.url).search === "?store";
let isDying = false;
// Before the thread's own listeners, which are its safety net.
self.addEventListener("error", (event) => {
  if (isDying) event.stopImmediatePropagation();
});
await runLate(() =>
  isStore
    ? import("../../server/broker/threads/storing_worker.ts")
    : import("../../server/process/worker.ts")
);

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const channel = new BroadcastChannel(`parley: troubled ${isStore ? "store" : "worker"}`);
channel.onmessage = ({ data }) => {
  if (data === "die") {
    isDying = true;
    throw new Error("died, as it was told to");
  }
  if (data === "hang") { for (;;); }
  if (typeof data === "object") { // it stands still until there is such a file
    channel.postMessage("stands");
    while (!isThere(data.untilThere));
    return;
  }
  void Promise.reject(new Error("unforeseen, as it was told to be"));
  channel.postMessage("done");
};

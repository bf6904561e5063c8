/**
 * A worker like any other, in which a promise is rejected that nobody awaits, when the test says so.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import "../../server/process/worker.ts";

const channel = new BroadcastChannel("parley: troubled worker");
channel.onmessage = () => {
  void Promise.reject(new Error("unforeseen, as it was told to be"));
  channel.postMessage("done");
};

/**
 * A serving thread that can be looked into: see `watched_server.ts`.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { runLate } from "./late_script.ts";
import { CHANNEL, collect, sample, watch } from "./watched_thread.ts";

await runLate(async () => {
  await watch();
  await import("../../server/process/worker.ts");
});
const channel = new BroadcastChannel(CHANNEL);
channel.onmessage = () => {
  collect();
  channel.postMessage(sample());
};

/**
 * A worker like any other, that dies when the test says so: by a throw that nobody catches.
 *
 * @module
 */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import "./netless.ts";
import "../../server/process/worker.ts";

const channel = new BroadcastChannel("parley: dying worker");
channel.onmessage = () => {
  throw new Error("died, as it was told to");
};

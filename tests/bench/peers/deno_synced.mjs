/**
 * No peer, but a yardstick: the bare Deno loop, and every message written to a file and synced before
 * it is sent. Nothing that is durable can do less for a message that comes alone.
 */
import { loop } from "./deno.mjs";

/** The file is written round and round, so that a sync need not make it longer. */
const SLOTS = 1000;
const SLOT_BYTES = 4096;

const file = Deno.openSync(Deno.args[1], { write: true, create: true });
file.writeSync(new Uint8Array(SLOTS * SLOT_BYTES));
file.syncSync();
const encoder = new TextEncoder();
let slot = 0;

loop((text) => {
  file.seekSync(SLOT_BYTES * (slot++ % SLOTS), Deno.SeekMode.Start);
  file.writeSync(encoder.encode(text));
  file.syncDataSync();
});

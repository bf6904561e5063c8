/**
 * The server as a program that can be looked into: for each line that it reads it lets go of all that
 * it need not hold, and says what is left, in all serving threads together. Started by `watched_process.ts`,
 * with its options as JSON.
 *
 * @module
 */
import { tell, told } from "./line_process.ts";
import { replaceScript } from "./replaced_script.ts";
import type { Sample } from "./watched_process.ts";
import { CHANNEL, collect, sample, watch } from "./watched_thread.ts";

await watch();
replaceScript("/process/worker.ts", new URL("./watched_worker.ts", import.meta.url));
const { completeOptions } = await import("../../server/options.ts");
const { silentLog } = await import("../../server/mod.ts");
const { Serving } = await import("../../server/process/serving.ts");
const options = completeOptions(JSON.parse(Deno.args[0] ?? "{}"));
const serving = await Serving.listen(options, silentLog);
await serving.startWorkers();
const channel = new BroadcastChannel(CHANNEL);
tell({ url: serving.server.url });
for await (const _ of told()) {
  const others = await askOthers();
  collect();
  freeMemory();
  tell([sample(), ...others].reduce(together));
}
Deno.exit(); // whoever started it is done with it, or gone

/** Asks the other serving threads what they hold. */
async function askOthers(): Promise<Sample[]> {
  const samples: Sample[] = [];
  const count = options.workers - 1;
  if (count < 1) return samples;
  const { promise, resolve } = Promise.withResolvers<void>();
  channel.onmessage = ({ data }: MessageEvent<Sample>) => {
    if (samples.push(data) === count) resolve();
  };
  channel.postMessage("sample");
  await promise;
  return samples;
}

/** Adds up what two threads hold. The memory of the process is told by the first. */
function together(a: Sample, b: Sample): Sample {
  return {
    rssBytes: a.rssBytes,
    heapBytes: a.heapBytes + b.heapBytes,
    queuedBytes: a.queuedBytes + b.queuedBytes,
    mostQueuedBytes: Math.max(a.mostQueuedBytes, b.mostQueuedBytes),
    stuck: a.stuck + b.stuck,
    sockets: a.sockets + b.sockets,
    connections: a.connections + b.connections,
    keptConnections: a.keptConnections + b.keptConnections,
    rooms: a.rooms + b.rooms,
    timers: a.timers + b.timers,
  };
}

/** Hands back to the system what glibc keeps of the memory of all threads. */
function freeMemory(): void {
  try {
    const libc = Deno.dlopen("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32" },
    });
    libc.symbols.malloc_trim(0n);
    libc.close();
  } catch {
    // Another libc, which keeps less.
  }
}

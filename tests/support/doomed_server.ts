/**
 * A server that kills itself at a moment that cannot be met from outside: just before its n-th commit,
 * or when that is on disk and nobody has been told. For the crash tests.
 *
 *     PORT=… PARLEY_DB=… deno run -A tests/support/doomed_server.ts "before the commit" 3
 *
 * @module
 */
import type { BrokerListener } from "../../server/broker/broker.ts";
import { SqliteBroker } from "../../server/broker/sqlite/sqlite_broker.ts";
import { StaticFiles } from "../../server/http/static_files.ts";
import { silentLog } from "../../server/mod.ts";
import { readOptions } from "../../server/read_options.ts";
import type { Draft } from "../../server/protocol/encode.ts";
import { Server } from "../../server/server.ts";

const [moment = "", nth = ""] = Deno.args;
const options = readOptions([], (variable) => Deno.env.get(variable));
if (typeof options === "string") throw new Error("It takes no options.");

let commits = 0;
function dieAt(now: string): void {
  if (now === moment && commits === Number(nth)) Deno.kill(Deno.pid, "SIGKILL");
}

const broker = await SqliteBroker.open({ ...options, path: options.db });
const publish = broker.publish.bind(broker);
broker.publish = <D extends Draft>(batch: readonly D[]) => {
  commits++;
  dieAt("before the commit");
  return publish(batch);
};
const listen = broker.listen.bind(broker);
broker.listen = (listener: BrokerListener) =>
  listen({
    ...listener,
    committed(room, page) {
      dieAt("between commit and echo");
      listener.committed(room, page);
    },
  });

const files = await StaticFiles.load();
new Server({ options, broker, files, log: silentLog }).listen();

/**
 * A server whose broker kills the process at a given moment, in whichever thread it is. For the crash tests.
 *
 *     PORT=… PARLEY_DB=… deno run -A tests/support/doomed_server.ts "before the commit" 3
 *
 * @module
 */
import { silentLog } from "../../server/mod.ts";
import { Serving } from "../../server/process/serving.ts";
import { readOptions } from "../../server/read_options.ts";
import { doom } from "./doomed_broker.ts";
import { replaceScript } from "./replaced_script.ts";

const [moment = "", nth = ""] = Deno.args;
const options = readOptions([], (variable) => Deno.env.get(variable));
if (typeof options === "string") throw new Error("It takes no options.");
doom(moment, Number(nth));
const doomed = new URL("./doomed_store.ts", import.meta.url);
doomed.search = String(new URLSearchParams({ moment, nth }));
replaceScript("storing_worker.ts", doomed);
const serving = await Serving.listen(options, silentLog);
await serving.startWorkers();

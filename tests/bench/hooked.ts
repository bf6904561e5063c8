/** Parley in an application that brings the smallest hooks, with the options of a command line. */
import { createServer } from "../../server/mod.ts";
import { readOptions } from "../../server/read_options.ts";

const options = readOptions(Deno.args, (variable) => Deno.env.get(variable));
if (typeof options === "string") throw new Error(`there is no ${options} here`);
const server = await createServer(options, { authorize: () => undefined, onMessage() {} });
await server.listen();
Deno.stdout.writeSync(new TextEncoder().encode(`Parley is at ${server.url}\n`));
Deno.addSignalListener("SIGTERM", async () => {
  await server.stop();
  Deno.exit();
});

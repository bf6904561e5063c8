/**
 * The program as it is, and a door through which a test lets in what nobody thought of: a request for
 * `/trouble/…` throws where nothing catches it, or has this thread hang, or the other serving threads die or
 * hang, or the storing one; or has that one stand still until a file is there, whose name is that of the
 * database and `.go`.
 *
 *     deno run -A tests/support/troubled_program.ts --db … --port 0
 *
 * @module
 */
import { consoleLog } from "../../server/log.ts";
import { replaceScript } from "./replaced_script.ts";

const TROUBLES: Readonly<Record<string, () => void>> = {
  rejection: () => void Promise.reject(error()),
  throw: () =>
    queueMicrotask(() => {
      throw error();
    }),
  timer: () =>
    setTimeout(() => {
      throw error();
    }, 0),
  /** More than a pipe holds. */
  flood: () => {
    for (let n = 0; n < 50; n++) consoleLog.warn(`flood ${n}`, { fact: "x".repeat(2000) });
  },
  worker: () => trouble("worker", "die"),
  hang: () => trouble("worker", "hang"),
  loop: () => {
    for (;;);
  },
  store: () => trouble("store", "die"),
  stuck: () => trouble("store", "hang"),
  still: () => trouble("store", { untilThere: `${Deno.args[Deno.args.indexOf("--db") + 1]}.go` }),
};

function trouble(kind: string, what: string | { readonly untilThere: string }): void {
  const channel = new BroadcastChannel(`parley: troubled ${kind}`);
  channel.postMessage(what);
  channel.close();
}

function error(): Error {
  return new Error("as it was told to");
}

const serve = Deno.serve;
const troubled = (options: Deno.ServeTcpOptions, handler: Deno.ServeHandler<Deno.NetAddr>) =>
  serve(options, (request, info) => {
    const [, what] = /\/trouble\/(\w+)$/.exec(request.url) ?? [];
    if (what === undefined) return handler(request, info);
    TROUBLES[what]?.();
    return new Response(what);
  });
Object.assign(Deno, { serve: troubled });
replaceScript("/process/worker.ts", new URL("./troubled_worker.ts", import.meta.url));
replaceScript("storing_worker.ts", new URL("./troubled_worker.ts?store", import.meta.url));
await import("../../main.ts");

/**
 * A node like any other, whose word about its people is good for a second only, so that a test can
 * wait until it has run out. It is a program too: its arguments are Redis's URL and the port.
 *
 * @module
 */
import { RedisBroker } from "../../server/broker/redis/redis_broker.ts";
import { StaticFiles } from "../../server/http/static_files.ts";
import { silentLog } from "../../server/mod.ts";
import { completeOptions } from "../../server/options.ts";
import { Server } from "../../server/server.ts";

const LEASE_MS = 1_000;

export async function serveHasty(redis: string, port = 0): Promise<Server> {
  const options = completeOptions({ redis, port, graceSeconds: 0, rate: 0 });
  const server = new Server({
    options,
    broker: await RedisBroker.open({ ...options, url: redis, log: silentLog, leaseMs: LEASE_MS }),
    files: await StaticFiles.load(),
    log: silentLog,
  });
  server.listen();
  return server;
}

if (import.meta.main) await serveHasty(Deno.args[0] ?? "", Number(Deno.args[1]));

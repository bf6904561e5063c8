/**
 * A SQLite broker that kills its process at a moment that cannot be met from outside: just before its n-th
 * commit, or when that is on disk and nobody has been told.
 *
 * @module
 */
import type { BrokerListener } from "../../server/broker/broker.ts";
import { SqliteBroker } from "../../server/broker/sqlite/sqlite_broker.ts";
import type { Draft } from "../../server/protocol/encode.ts";

/** Dooms every broker of this thread. */
export function doom(moment: string, nth: number): void {
  let commits = 0;
  const dieAt = (now: string) => {
    if (now === moment && commits === nth) Deno.kill(Deno.pid, "SIGKILL");
  };
  const { publish, listen } = SqliteBroker.prototype;
  Object.assign(SqliteBroker.prototype, {
    publish<D extends Draft>(this: SqliteBroker, batch: readonly D[]) {
      commits++;
      dieAt("before the commit");
      return publish.call(this, batch);
    },
    listen(this: SqliteBroker, listener: BrokerListener) {
      listen.call(this, {
        ...listener,
        committed(room, page) {
          dieAt("between commit and echo");
          listener.committed(room, page);
        },
      });
    },
  });
}

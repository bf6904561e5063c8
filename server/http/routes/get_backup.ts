/**
 * `GET /backup` makes a copy of the database and sends it as a file. It needs an API key. The first byte comes
 * when the copy is complete and checked.
 *
 * @module
 */
import { type Backup, type BackupProblem, BackupRefusal } from "../../broker/backups.ts";
import type { Hub } from "../../rooms/hub.ts";
import { assertIsApplication } from "../requester.ts";
import { HttpError } from "../responses.ts";
import type { Call } from "../router.ts";

/** The status for each reason why there is no copy (RFC 9110 §15, RFC 4918 §11.5). */
const STATUS: Readonly<Record<BackupProblem, number>> = { busy: 409, full: 507, failed: 503 };

export async function getBackup(call: Call, hub: Hub): Promise<Response> {
  assertIsApplication(call);
  const { broker: { backups, location }, options, log } = hub.context;
  if (backups === undefined) throw new HttpError(501, insteadOf(location));
  const headers = {
    "content-type": "application/vnd.sqlite3",
    "content-disposition": 'attachment; filename="parley.db"',
    "cache-control": "no-store",
  };
  if (call.request.method === "HEAD") return new Response(null, { headers });
  try {
    // A client that goes away meanwhile is noticed when the copy is sent: asking for the request's signal
    // would have the runtime print a warning.
    const backup = await backups.make();
    const body = stream(backup, options.stallSeconds * 1000);
    return new Response(body, { headers: { ...headers, "content-length": String(backup.bytes) } });
  } catch (thrown) {
    if (!(thrown instanceof BackupRefusal)) throw thrown;
    log.warn("backup refused", { reason: thrown.message });
    throw new HttpError(STATUS[thrown.problem], thrown.message);
  }
}

function insteadOf(location: string): string {
  return location === "memory"
    ? "The messages are in memory only: there is nothing to back up."
    : "The messages are in Redis: back that up, for example by its file dump.rdb after BGSAVE.";
}

/** Sends a copy, and disposes of it at the end, when the client goes away, or when it reads no more. */
function stream(backup: Backup, stallMs: number): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isEnded = false;
  const end = () => {
    clearTimeout(timer);
    if (!isEnded) backup[Symbol.dispose]();
    isEnded = true;
  };
  return new ReadableStream({
    async pull(controller) {
      clearTimeout(timer);
      const piece = await backup.next().catch((thrown) => {
        end(); // else no other backup could be made until the next start
        throw thrown;
      });
      if (piece === null) {
        end();
        return controller.close();
      }
      if (isEnded) return;
      timer = setTimeout(() => {
        end();
        controller.error(new Error("The client reads no more."));
      }, stallMs);
      controller.enqueue(piece);
    },
    cancel: end,
  }, { highWaterMark: 0 });
}

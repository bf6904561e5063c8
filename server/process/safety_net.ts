/**
 * The last net, for what nobody thought of: a throw in a timer, a promise that nobody awaits. Without it
 * the runtime ends the process, and every client with it. It belongs to programs: whoever embeds the
 * library decides for himself.
 *
 * @module
 */
import { type Log, reason } from "../log.ts";

/** What is asked whether it can go on. */
export interface Checked {
  /** @throws {Error} if it cannot. */
  check(): Promise<void>;
}

/**
 * Catches what would end this thread, and logs it with its stack. If the server is sound, that is all.
 * If it is not, `unsound` is called once, to stop it in order.
 *
 * @returns what takes the net away.
 */
export function catchUnforeseen(log: Log, server: Checked, unsound: () => void): () => void {
  let checking = false;
  const check = async () => {
    if (checking) return;
    checking = true;
    try {
      await server.check();
      checking = false; // and not when it is unsound, which is for ever
    } catch (thrown) {
      log.error("unsound", { reason: reason(thrown) });
      unsound();
    }
  };
  const caught = (event: Event, what: unknown) => {
    event.preventDefault();
    log.error("unforeseen", { reason: reason(what), stack: stackOf(what) });
    void check();
  };
  const thrown = (event: ErrorEvent) => caught(event, event.error);
  const rejected = (event: PromiseRejectionEvent) => caught(event, event.reason);
  addEventListener("error", thrown);
  addEventListener("unhandledrejection", rejected);
  return () => {
    removeEventListener("error", thrown);
    removeEventListener("unhandledrejection", rejected);
  };
}

function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack?.replace(/\s*\n\s*/g, " | ") : undefined;
}

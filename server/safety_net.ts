/**
 * `catchUnforeseen` keeps the process alive after an error that no code caught, such as a throw in a timer
 * or a rejected promise that is not awaited. Without it the runtime ends the process, and all clients are
 * cut off. Only programs use it: an application that embeds the library decides for itself.
 *
 * @module
 */
import { type Log, reason } from "./log.ts";

/** A server that can say whether it still works. */
export interface Checkable {
  /** @throws {Error} if it does not work. */
  check(): Promise<void>;
}

/**
 * Catches every error that would end this thread, logs it with its stack, and checks the server.
 *
 * @param onUnsound is called once, if the check fails: then the server must be stopped.
 * @returns a function that ends the catching.
 */
export function catchUnforeseen(log: Log, server: Checkable, onUnsound: () => void): () => void {
  let isChecking = false;
  const check = async () => {
    if (isChecking) return;
    isChecking = true;
    try {
      await server.check();
      isChecking = false; // stays true after a failure, which is reported once
    } catch (thrown) {
      log.error("unsound", { reason: reason(thrown) });
      onUnsound();
    }
  };
  const handle = (event: Event, thrown: unknown) => {
    event.preventDefault();
    log.error("unforeseen", { reason: reason(thrown), stack: stackOf(thrown) });
    void check();
  };
  const onError = (event: ErrorEvent) => handle(event, event.error);
  const onRejection = (event: PromiseRejectionEvent) => handle(event, event.reason);
  addEventListener("error", onError);
  addEventListener("unhandledrejection", onRejection);
  return () => {
    removeEventListener("error", onError);
    removeEventListener("unhandledrejection", onRejection);
  };
}

/** Returns the stack of an error in one line. */
function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error ? thrown.stack?.replace(/\s*\n\s*/g, " | ") : undefined;
}

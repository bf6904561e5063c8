/**
 * `BackupThread` has a worker thread finish copies of the database. It keeps the thread for the next copy:
 * starting one blocks the event loop for 10 to 200 milliseconds, which a busy room notices.
 *
 * @module
 */
import type { Finished, FinishOrder } from "./finish_backup.ts";

/** A thread that was not needed for so long is ended: it takes some megabytes. */
const IDLE_MS = 60_000;

export class BackupThread {
  #worker: Worker | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /**
   * Checks a copy, and writes its rows anew. One at a time.
   *
   * @returns what was made of a copy that is in memory.
   */
  async finish(order: FinishOrder, signal: AbortSignal): Promise<Finished> {
    signal.throwIfAborted();
    clearTimeout(this.#idle);
    const script = new URL("./finish_backup.ts", import.meta.url);
    const worker = this.#worker ??= new Worker(script, { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<Finished>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    worker.onmessage = ({ data }: MessageEvent<Finished>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault(); // an error that is not handled here would end the whole process
      reject(new Error(event.message));
    };
    try {
      const buffer = "image" in order ? order.image.buffer : undefined;
      worker.postMessage(order, buffer instanceof ArrayBuffer ? [buffer] : []);
      const finished = await promise;
      if (finished.error !== undefined) throw new Error(finished.error);
      this.#idle = setTimeout(() => this.end(), IDLE_MS);
      return finished;
    } catch (thrown) {
      this.end(); // whatever it still does
      throw thrown;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends the thread. The next copy starts another one. */
  end(): void {
    clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

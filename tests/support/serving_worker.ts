/**
 * A thread that is connected to a storing thread, and dies when the test says so.
 *
 * @module
 */
import type { StoringThread } from "../../server/broker/threads/storing_thread.ts";
import type { Deed } from "./serving_script.ts";

export class ServingWorker implements Disposable {
  readonly #worker = new Worker(new URL("./serving_script.ts", import.meta.url), {
    type: "module",
  });

  /** Starts the thread and connects it. */
  static async start(storing: StoringThread): Promise<ServingWorker> {
    const serving = new ServingWorker();
    await serving.act({ connect: storing.connect() });
    return serving;
  }

  /** Does something there. @returns what the thread has heard of rooms. */
  act(deed: Deed): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#worker.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
    this.#worker.postMessage(deed, "connect" in deed ? [deed.connect] : []);
    return promise;
  }

  /** Ends the thread, which has no time for anything. */
  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

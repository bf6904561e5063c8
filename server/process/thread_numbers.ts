/**
 * `ThreadNumbers` adds up the metrics of all threads, so that whoever asks any of them gets the numbers of
 * the whole program. Each thread sends its own to the main thread, which sends back the totals.
 *
 * @module
 */
import { SAMPLE_MS } from "../monitoring/history.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import { countedOf, merge, type Snapshot } from "../monitoring/snapshot.ts";

/** How often a thread sends its numbers. */
const SEND_MS = SAMPLE_MS / 2;

/** The main thread's end of the way to another thread. */
export interface NumbersOf {
  /** The other end. It is transferred to the thread. */
  readonly port: MessagePort;
  /** Ends it. What the thread has counted stays in the totals. */
  close(): void;
}

export class ThreadNumbers {
  readonly #monitor: Monitor;
  readonly #latest = new Map<MessagePort, Snapshot>();
  /** What threads had counted that are gone: a counter never falls. */
  #gone: Snapshot = {};
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param monitor the main thread's own. */
  constructor(monitor: Monitor) {
    this.#monitor = monitor;
    monitor.start();
    this.#timer = setInterval(() => this.#add(), SAMPLE_MS);
  }

  /** Opens a way to a thread that is about to start. */
  open(): NumbersOf {
    const { port1: own, port2: port } = new MessageChannel();
    this.#latest.set(own, {});
    own.onmessage = ({ data }: MessageEvent<Snapshot>) => {
      if (this.#latest.has(own)) this.#latest.set(own, data);
    };
    const close = () => {
      this.#gone = merge([this.#gone, countedOf(this.#latest.get(own) ?? {})]);
      this.#latest.delete(own);
      own.close();
    };
    return { port, close };
  }

  /** Ends all ways. */
  stop(): void {
    clearInterval(this.#timer);
    for (const port of this.#latest.keys()) port.close();
    this.#latest.clear();
  }

  #add(): void {
    const totals = merge([this.#monitor.snapshot(), ...this.#latest.values(), this.#gone]);
    this.#monitor.show(totals);
    for (const port of this.#latest.keys()) port.postMessage(totals);
  }
}

/**
 * Sends a thread's numbers to the main thread, and shows the totals that come back.
 *
 * @returns a function that ends it.
 */
export function shareNumbers(monitor: Monitor, port: MessagePort): () => void {
  monitor.start();
  const timer = setInterval(() => port.postMessage(monitor.snapshot()), SEND_MS);
  port.onmessage = ({ data }: MessageEvent<Snapshot>) => monitor.show(data);
  return () => {
    clearInterval(timer);
    port.close();
  };
}

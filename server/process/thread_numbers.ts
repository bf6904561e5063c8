/**
 * `ThreadNumbers` adds up the metrics of all threads, so that whoever asks any of them gets the numbers of
 * the whole program. Each thread sends its own to the main thread, which sends back the totals. A thread that
 * sends nothing any more hangs, and so does the main thread when no totals come.
 *
 * @module
 */
import { SAMPLE_MS } from "../monitoring/history.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import { countedOf, merge, type Snapshot } from "../monitoring/snapshot.ts";
import { HangWatch } from "./hang_watch.ts";

/** How often a thread sends its numbers. */
const SEND_MS = SAMPLE_MS / 2;

/** A thread, as the main thread hears of it. */
interface Told {
  readonly port: MessagePort;
  /** What it sent last. */
  latest: Snapshot;
}

export class ThreadNumbers<Thread extends object> {
  readonly #monitor: Monitor;
  readonly #threads = new Map<Thread, Told>();
  /** What threads had counted that are gone: a counter never falls. */
  #gone: Snapshot = {};
  readonly #watch = new HangWatch<Thread>(SAMPLE_MS);
  readonly #hangs: (thread: Thread) => void;
  readonly #timer: ReturnType<typeof setInterval>;

  /**
   * @param monitor the main thread's own.
   * @param hangs is called for a thread that hangs. Then the thread must be closed.
   */
  constructor(monitor: Monitor, hangs: (thread: Thread) => void) {
    this.#monitor = monitor;
    this.#hangs = hangs;
    monitor.start();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Begins to listen to a thread that is about to start. @returns the port to hand over to it. */
  open(thread: Thread): MessagePort {
    const { port1: port, port2 } = new MessageChannel();
    const told: Told = { port, latest: {} };
    this.#threads.set(thread, told);
    port.onmessage = ({ data }: MessageEvent<Snapshot>) => {
      told.latest = data;
      this.#watch.heard(thread);
    };
    return port2;
  }

  /** Forgets a thread that is gone, but not what it had counted. */
  close(thread: Thread): void {
    const told = this.#threads.get(thread);
    if (told === undefined) return;
    this.#threads.delete(thread);
    this.#watch.forget(thread);
    this.#gone = merge([this.#gone, countedOf(told.latest)]);
    told.port.close();
  }

  /** Listens to no thread any more. */
  stop(): void {
    clearInterval(this.#timer);
    for (const { port } of this.#threads.values()) port.close();
    this.#threads.clear();
  }

  #sample(): void {
    for (const thread of this.#watch.check()) this.#hangs(thread);
    const threads = [...this.#threads.values()];
    const latest = threads.map(({ latest }) => latest);
    const totals = merge([this.#monitor.snapshot(), ...latest, this.#gone]);
    this.#monitor.show(totals);
    for (const { port } of threads) port.postMessage(totals);
  }
}

/**
 * Sends a thread's numbers to the main thread, and shows the totals that come back.
 *
 * @param mainHangs is called once, when none come any more.
 * @returns a function that ends it.
 */
export function shareNumbers(
  monitor: Monitor,
  port: MessagePort,
  mainHangs: () => void,
): () => void {
  monitor.start();
  const watch = new HangWatch<MessagePort>(SEND_MS);
  watch.heard(port); // the main thread has started already
  const send = () => {
    port.postMessage(monitor.snapshot());
    if (watch.check().length === 0) return;
    watch.forget(port);
    mainHangs();
  };
  send();
  const timer = setInterval(send, SEND_MS);
  port.onmessage = ({ data }: MessageEvent<Snapshot>) => {
    watch.heard(port);
    monitor.show(data);
  };
  return () => {
    clearInterval(timer);
    port.close();
  };
}

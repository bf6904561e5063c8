/**
 * `OutgoingSignals` passes signals on to the other serving threads, by way of the storing thread. While that
 * one waits for a disk that hangs it takes nothing, and a port takes any amount: so what is too much is lost,
 * as signals may be.
 *
 * @module
 */
import type { Signal } from "../broker.ts";
import { MAX_CHARS } from "./backlog.ts";
import type { ToStoring } from "./exchange.ts";
import type { ThreadPort } from "./thread_port.ts";

export class OutgoingSignals {
  readonly #port: Pick<ThreadPort<ToStoring, never>, "say">;
  /** Text that was sent and not taken yet, in characters. */
  #chars = 0;
  /** How many threads serve. */
  threads = 1;

  constructor(port: Pick<ThreadPort<ToStoring, never>, "say">) {
    this.#port = port;
  }

  /** Sends a signal, if another thread may have members of its room. */
  send(room: string, signal: Signal): void {
    if (this.threads === 1 || this.#chars > MAX_CHARS) return;
    this.#chars += signal.event.length;
    this.#port.say("signal", room, signal);
  }

  /** Counts text that the storing thread has taken. */
  took(chars: number): void {
    this.#chars -= chars;
  }
}

/**
 * `liveness` notices that an open connection is dead: the server is silent, or a command stays
 * unanswered. Before it gives the connection up, it probes it.
 *
 * @module
 */
import { now, timerMs } from "./clock.ts";

/** The connection is lost after a silence of two heartbeats, and a little for the network. */
const MAX_SILENT_HEARTBEATS = 2.2;
/** The connection is lost when a command is unanswered for this long. After half of it, it is probed. */
const ANSWER_TIMEOUT_MS = 10_000;
/** The connection is lost when a probe is unanswered for this long. */
const PROBE_TIMEOUT_MS = 5_000;
/** After this part of the probe's time, the client dispatches `doubt`. */
const DOUBT_AFTER = 0.4;

/** Watches one connection after the other. */
export interface Liveness {
  /** The connection is open. */
  start(heartbeatSeconds: number): void;
  /** The connection is lost. */
  stop(): void;
  /** Notes that the server has sent something. */
  answered(): void;
  /** Notes whether a command is unanswered. The time to answer counts from the first of them. */
  setAwaiting(isAwaiting: boolean): void;
  /** Probes the connection, if it is open. */
  check(): void;
}

/**
 * Makes a watch.
 *
 * @param lost is called when the connection is dead.
 * @param doubt is called when that is in doubt, and when it is not any more.
 * @param probe sends something that every server answers.
 */
export function liveness(
  lost: () => void,
  doubt: (isInDoubt: boolean) => void,
  probe: () => void,
): Liveness {
  /** How long the server may be silent; 0 while no connection is open. */
  let maxSilenceMs = 0;
  let receivedAt = 0;
  /** When the oldest unanswered command was sent; Infinity without one. */
  let awaitingSince = Infinity;
  /** Whether that command has caused a probe. */
  let hasProbed = false;
  let probedAt = Infinity;
  let isInDoubt = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Sets the timer to the next deadline: a probe, the doubt, or the end of the connection. */
  function watch(): void {
    clearTimeout(timer);
    const answerMs = Math.min(ANSWER_TIMEOUT_MS, 2 * maxSilenceMs);
    const probeMs = Math.min(PROBE_TIMEOUT_MS, maxSilenceMs);
    const probeAt = hasProbed ? Infinity : awaitingSince + Math.min(answerMs, maxSilenceMs) / 2;
    const doubtAt = isInDoubt ? Infinity : probedAt + probeMs * DOUBT_AFTER;
    const lostAt = Math.min(
      receivedAt + maxSilenceMs,
      awaitingSince + answerMs,
      probedAt + probeMs,
    );
    const time = now();
    if (lostAt <= time) return lost();
    if (doubtAt <= time) {
      isInDoubt = true;
      doubt(true);
      return watch();
    }
    if (probeAt <= time) {
      hasProbed = true;
      return probedAt < Infinity ? watch() : check();
    }
    timer = setTimeout(watch, timerMs(Math.min(lostAt, probeAt, doubtAt) - time));
  }

  function check(): void {
    if (!maxSilenceMs || probedAt < Infinity) return;
    probedAt = now();
    probe();
    watch();
  }

  return {
    start(heartbeatSeconds) {
      maxSilenceMs = heartbeatSeconds * 1000 * MAX_SILENT_HEARTBEATS || Infinity;
      watch();
    },
    stop() {
      clearTimeout(timer);
      maxSilenceMs = 0;
      awaitingSince = probedAt = Infinity;
      isInDoubt = hasProbed = false;
    },
    answered() {
      receivedAt = now();
      probedAt = Infinity;
      if (!isInDoubt) return;
      isInDoubt = false;
      doubt(false);
    },
    setAwaiting(isAwaiting) {
      if (isAwaiting === awaitingSince < Infinity) return;
      awaitingSince = isAwaiting ? now() : Infinity;
      hasProbed = false;
      if (maxSilenceMs) watch();
    },
    check,
  };
}

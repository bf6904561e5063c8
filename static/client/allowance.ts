/**
 * `allowance` counts the commands that the server still allows, so that the client stays within the
 * limits that it was told.
 *
 * @module
 */
import type { AnnouncedRate } from "../../server/protocol/messages.ts";
import { now } from "./clock.ts";

/**
 * Takes one command of an allowance.
 *
 * @returns 0, or in how many milliseconds the server allows one.
 */
export type Spend = (time: number) => number;

/** Makes the allowance of one connection, or of its signals to one room. */
export function allowance({ rate, burst }: AnnouncedRate): Spend {
  let left = burst - 1; // the `hello` was one
  let refilledAt = now();
  return (time) => {
    if (!(rate > 0 && burst > 0)) return 0;
    left = Math.min(burst, left + (time - refilledAt) * rate / 1000);
    refilledAt = time;
    if (left < 1) return Math.ceil((1 - left) * 1000 / rate);
    left--;
    return 0;
  };
}

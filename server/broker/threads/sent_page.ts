/**
 * A `SentPage` is a page as it crosses to another thread: `first`, `last`, and the array of its events as one
 * text.
 *
 * @module
 */
import { Batch, type Page } from "../page.ts";

export type SentPage = readonly [first: number, last: number, array: string];

/** Writes a page. */
export function sendPage({ first, last, batch }: Page): SentPage {
  return [first, last, batch.array];
}

/** Reads a page. */
export function receivePage([first, last, array]: SentPage): Page {
  return { first, last, batch: Batch.fromArray(array) };
}

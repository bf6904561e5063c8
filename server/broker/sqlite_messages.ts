/**
 * What the event loop and the worker say to each other. A file of its own, so that neither imports
 * the other.
 *
 * @module
 */
import type { Range } from "./broker.ts";
import type { Row, StoreOptions } from "./sqlite_store.ts";

/** What the worker is asked. */
export type Request =
  | { readonly call: "open"; readonly options: StoreOptions }
  | { readonly call: "head"; readonly room: string }
  | { readonly call: "append"; readonly rows: readonly Row[] }
  | { readonly call: "read"; readonly room: string; readonly range: Range }
  | { readonly call: "prune"; readonly now: number }
  | { readonly call: "close" };

/** What it answers, in the order of the requests. */
export type Answer =
  | { readonly value: unknown }
  | { readonly error: string; readonly isOurs: boolean };

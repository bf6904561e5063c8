/**
 * The files of the page at `/status`, as text, each under its path: as in `files.ts`, but loaded only when
 * somebody opens that page.
 *
 * @module
 */
export { default as "page/colours.css" } from "./page/colours.css" with { type: "text" };
export { default as "status/index.html" } from "./status/index.html" with { type: "text" };
export { default as "status/charts.ts" } from "./status/charts.ts" with { type: "text" };
export { default as "status/status.ts" } from "./status/status.ts" with { type: "text" };
export { default as "status/style.css" } from "./status/style.css" with { type: "text" };

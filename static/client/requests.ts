/**
 * The single requests of a client, which are loaded together.
 *
 * @module
 */
export { readPage, readRooms } from "./http.ts";
export { moderate } from "./moderate.ts";

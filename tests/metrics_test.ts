/**
 * The metrics.
 *
 * @module
 */
import parsePrometheus from "npm:parse-prometheus-text-format@1.1.1";
console.log(parsePrometheus);

/**
 * `lineOf` writes one event of the log as a line, in one of three formats. It knows nothing of where lines
 * go: that is `log.ts`.
 *
 * @module
 */

/** How serious a line of the log is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The levels, from the most talkative to the most serious. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** `text` is for people, `json` for collectors, `journald` for systemd, which keeps the time itself. */
export type LogFormat = "text" | "json" | "journald";

/** The formats. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json", "journald"];

/** `Facts` are what a line says besides its event, as `key=value`. Those that are undefined are left out. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** How many characters of one fact are written. */
const MAX_FACT = 2000;

/**
 * What other programs call the levels: Google Cloud and OpenTelemetry by name, and syslog (RFC 5424 §6.2.1)
 * by number, which systemd reads from a prefix such as `<4>`.
 */
const SEVERITIES: { readonly [L in LogLevel]: readonly [name: string, syslog: number] } = {
  debug: ["DEBUG", 7],
  info: ["INFO", 6],
  warn: ["WARNING", 4],
  error: ["ERROR", 3],
};

/** Returns the line of an event, with a line break at its end and none before. */
export function lineOf(format: LogFormat, level: LogLevel, event: string, facts: Facts): string {
  const [severity, syslog] = SEVERITIES[level];
  const time = new Date().toISOString();
  if (format === "json") {
    const entries = Object.entries(facts).map(([key, value]) => [key, shortened(value)]);
    const fields: object = Object.fromEntries(entries);
    const own = { time, level, severity, message: event };
    return JSON.stringify({ ...own, ...fields, ...own }) + "\n";
  }
  const pairs = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${quoted(String(shortened(value)))}`);
  const head = format === "text" ? `${time} ${level}` : `<${syslog}>${level}`;
  return `${head} ${event}${pairs.join("")}\n`;
}

function shortened(value: Facts[string]): Facts[string] {
  return typeof value === "string" ? value.slice(0, MAX_FACT) : value;
}

/** Quotes what is not a plain word, so that a line stays one line. */
function quoted(value: string): string {
  return /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value);
}

/**
 * What the operator sees: one line per event, `time level event key=value …`. The only user of the
 * console. It must never be handed a message's text or a token.
 *
 * @module
 */

/** Something that writes lines; an embedding program may bring its own. */
export interface Log {
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
}

export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/** To standard error, so that standard output stays free for those who pipe it. */
export const consoleLog: Log = {
  info: (event, facts) => write("info", event, facts),
  warn: (event, facts) => write("warn", event, facts),
  error: (event, facts) => write("error", event, facts),
};

/** For tests and for programs that want silence. */
export const silentLog: Log = { info() {}, warn() {}, error() {} };

/** An unknown thrown thing, as one line. */
export function reason(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}

function write(level: string, event: string, facts: Facts = {}): void {
  const pairs = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${plain(String(value))}`);
  // deno-lint-ignore no-console
  console.error(`${new Date().toISOString()} ${level} ${event}${pairs.join("")}`);
}

/** A line stays a line, whatever is put into it. */
function plain(value: string): string {
  return /^[\w./:@%+-]+$/.test(value) ? value : JSON.stringify(value);
}

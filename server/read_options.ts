/**
 * `readOptions` reads the options of the program from its flags and its environment, and `helpText` lists
 * them. Neither touches the process: `main.ts` hands in the arguments and a way to read variables.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  completeOptions,
  flagOf,
  OPTION_NAMES,
  OptionError,
  OPTIONS,
  type Options,
  variableOf,
} from "./options.ts";

const QUESTIONS: readonly string[] = ["help", "version"] satisfies Question[];

/** The options that have a flag: all but the secrets. */
const FLAG_NAMES = OPTION_NAMES.filter((name) => !isSecret(name));

/** What the program is asked for in place of a start. */
export type Question = "help" | "version";

/**
 * `readOptions` takes each option from its flag, else from its variable, else its default. A list is a
 * repeated flag, or one variable with commas. An empty variable counts as not set. Secrets have no flag.
 *
 * @returns `"help"` if `--help` or `-h` is among the flags, and `"version"` for `--version`.
 * @throws {OptionError} in one line, for the first thing that is wrong.
 */
export function readOptions(
  args: readonly string[],
  readVariable: (variable: string) => string | undefined,
): Options | Question {
  const flags = parseFlags(args);
  if (flags.help) return "help";
  if (flags.version) return "version";
  const given: Record<string, unknown> = {};
  for (const name of OPTION_NAMES) {
    const flag = `--${flagOf(name)}`;
    const variable = variableOf(name);
    const fromFlag = flags[flagOf(name)];
    const fromVariable = readVariable(variable);
    if (fromFlag !== undefined) given[name] = parseValue(name, fromFlag, flag);
    else if (fromVariable) given[name] = parseValue(name, fromVariable, variable);
  }
  return completeOptions(given);
}

/** Returns what `--help` prints. */
export function helpText(): string {
  const rows = OPTION_NAMES.map((name) => {
    const value = shownDefault(name);
    const source = isSecret(name) ? variableOf(name) : `--${flagOf(name)}`;
    return `  ${source.padEnd(31)}${OPTIONS[name].help}${value && ` (${value})`}`;
  });
  return [
    "Parley, a real-time room server.",
    "",
    "  deno task start [flags]",
    "",
    ...rows,
    `  --${"help".padEnd(29)}this text`,
    `  --${"version".padEnd(29)}the version of Parley and of Deno`,
    "",
    "Each flag has an environment variable: --max-rooms is PARLEY_MAX_ROOMS. Flags win.",
    "--port and --host are PORT and HOST. Secrets have no flag, only their variable.",
  ].join("\n");
}

/**
 * Returns the options that differ from their defaults as flags, for the log. Of a secret it says only that
 * there is one; of a URL it leaves out the user, the password and the query, which may hold one.
 */
export function shownOptions(options: Options): string {
  return OPTION_NAMES.filter((name) => String(options[name]) !== shownDefault(name))
    .map((name) => `--${flagOf(name)} ${isSecret(name) ? "(set)" : withoutSecrets(options[name])}`)
    .join(" ");
}

function withoutSecrets(value: Options[keyof Options]): string {
  const text = String(value);
  if (!/^[a-z][a-z+.-]*:\/\//i.test(text)) return text;
  const url = URL.parse(text);
  if (url === null) return "(set)";
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** Returns the rows of the table of options in the papers, in Markdown. */
export function tableRows(): string[] {
  return OPTION_NAMES.map((name) => {
    const value = shownDefault(name);
    const flag = isSecret(name) ? "" : `\`--${flagOf(name)}\``;
    const cells = [flag, `\`${variableOf(name)}\``, value && `\`${value}\``];
    return `| ${cells.join(" | ")} | ${OPTIONS[name].help} |`;
  });
}

function isSecret(name: keyof Options): boolean {
  return OPTIONS[name].secret === true;
}

/** The default as text: nothing for a list, which is empty. */
function shownDefault(name: keyof Options): string {
  return String(OPTIONS[name].default);
}

type FlagValue = string | boolean | (string | boolean)[];

function parseFlags(args: readonly string[]): Record<string, FlagValue | undefined> {
  const options = Object.fromEntries(
    FLAG_NAMES.map((name) => [flagOf(name), {
      type: "string" as const,
      multiple: Array.isArray(OPTIONS[name].default),
    }]),
  );
  // `deno task start -- --port 1` hands the "--" on.
  const rest = args[0] === "--" ? args.slice(1) : [...args];
  const { values, tokens } = parseArgs({
    args: rest,
    options: { ...options, help: { type: "boolean", short: "h" }, version: { type: "boolean" } },
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") {
      throw new OptionError(`"${token.value}" is not a flag. See --help.`);
    }
    if (token.kind !== "option" || QUESTIONS.includes(token.name)) continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(options, name)) {
      throw new OptionError(`There is no flag ${rawName}. ${insteadOf(name)}`);
    }
    // In `--db --port 1` the parser takes the next flag for the value.
    const isFlag = !inlineValue && value?.startsWith("--");
    if (value === undefined || isFlag) throw new OptionError(`${rawName} needs a value.`);
  }
  return values;
}

/** Says what to do in place of a flag that does not exist. */
function insteadOf(flag: string): string {
  const secret = OPTION_NAMES.find((name) => flagOf(name) === flag);
  if (secret === undefined) return "See --help.";
  return `Everyone on this machine could read it: set the variable ${variableOf(secret)}.`;
}

/** @param source the flag or the variable, for the error. */
function parseValue(name: keyof Options, value: FlagValue, source: string): unknown {
  const { default: normal } = OPTIONS[name];
  if (Array.isArray(normal)) {
    return Array.isArray(value) ? value : String(value).split(",").map((item) => item.trim());
  }
  const text = String(value).trim();
  if (typeof normal === "boolean") {
    if (text === "true" || text === "false") return text === "true";
    throw new OptionError(`${source} must be true or false, not "${value}".`);
  }
  if (typeof normal !== "number") return value;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new OptionError(`${source} must be a number, not "${value}".`);
}

/**
 * A valid command of every type, made from the table of commands, so that a new command is tried too.
 *
 * @module
 */
import { COMMANDS } from "../../server/protocol/commands.ts";
import type { Field, Rule } from "../../server/protocol/rules.ts";

/** A command with its required fields. */
export interface Example {
  readonly type: keyof typeof COMMANDS;
  readonly [field: string]: unknown;
}

/** Of these, every rule accepts two or more. */
const VALUES: readonly unknown[] = [
  ...["x", "y", 1, 2, true, false],
  ...[{ epoch: "e", seq: 1 }, { epoch: "e", seq: 2 }],
];

/** The values of the required fields of a command, the first or the second that each rule accepts. */
function requiredFields(type: Example["type"], index: 0 | 1): Record<string, unknown> {
  const fields = Object.entries<Field<Rule>>(COMMANDS[type].fields);
  return Object.fromEntries(
    fields.filter(([, { required }]) => required)
      .map(([name, { accepts }]) => [name, VALUES.filter(accepts)[index]]),
  );
}

/** One for every command, without its optional fields. */
export const EXAMPLES: readonly Example[] = Object.keys(COMMANDS)
  .map((key) => key as Example["type"]) // a cast: it is a key of the table
  .map((type) => ({ type, ...requiredFields(type, 0) }));

/** The same command with another value in one of its fields, for each of them. */
export function variantsOf(example: Example): Example[] {
  const others = Object.entries(requiredFields(example.type, 1));
  return others.map(([name, value]) => ({ ...example, [name]: value }));
}

/** One for every command that can be in the log, such that it is. What is only retained is not. */
export const STORED_EXAMPLES: readonly Example[] = EXAMPLES.flatMap((example) => {
  const { stored } = COMMANDS[example.type];
  if (stored === false) return [];
  return [stored === true ? example : { ...example, [stored]: true }];
});

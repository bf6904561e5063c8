/**
 * Reads a document from standard input, and prints what a public validator objects to as a JSON array.
 *
 * @module
 */
import { Parser } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";

const ERROR = 0; // of Spectral's severities: below it are only opinions

async function asyncapi(text: string): Promise<unknown[]> {
  const { document, diagnostics } = await new Parser().parse(text);
  const errors = diagnostics.filter(({ severity }) => severity === ERROR);
  return document === undefined && errors.length === 0 ? ["not parsed"] : errors;
}

async function openapi(text: string): Promise<unknown[]> {
  const { valid, errors } = await new Validator().validate(JSON.parse(text));
  return valid ? [] : [errors];
}

const text = await new Response(Deno.stdin.readable).text();
const validate = Deno.args[0] === "asyncapi" ? asyncapi : openapi;
console.log(JSON.stringify(await validate(text)));

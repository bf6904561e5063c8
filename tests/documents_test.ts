/**
 * The documents that the server publishes about itself: valid, complete, and about this server.
 *
 * @module
 */
import type { Schema } from "../server/protocol/rules.ts";
import { assert, assertEquals, assertNotEquals } from "./support/assert.ts";
import { serve } from "./support/harness.ts";
import { ask } from "./support/http.ts";

async function documentAt(path: string): Promise<Schema> {
  await using server = await serve();
  const response = await fetch(server.url + path);
  assertEquals(response.headers.get("content-type"), "application/json");
  return await response.json();
}

/**
 * What a public validator objects to. They bring two hundred packages along: in a program of its
 * own, with a lock file of its own, or everybody who starts the server would download them.
 */
async function objections(kind: "asyncapi" | "openapi", document: Schema): Promise<unknown> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "-A", "--config=deno.json", "validate.ts", kind],
    cwd: new URL("validators/", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([JSON.stringify(document)]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await child.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("/asyncapi.json is valid, says AsyncAPI's own parser", async () => {
  const document = await documentAt("/asyncapi.json");
  assertEquals(await objections("asyncapi", document), []);
  // And it does object to something.
  assertNotEquals(await objections("asyncapi", { ...document, channels: { c: 1 } }), []);
});

Deno.test("/openapi.json is valid, says a public validator", async () => {
  const document = await documentAt("/openapi.json");
  assertEquals(await objections("openapi", document), []);
  assertNotEquals(await objections("openapi", { ...document, paths: { rooms: 1 } }), []);
});

Deno.test("/openapi.json has 503 where a user may ask: the keys of tokens can be away", async () => {
  const { paths } = await documentAt("/openapi.json");
  assert(typeof paths === "object" && paths !== null);
  const without = Object.entries<Record<string, Schema>>({ ...paths }).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, { security, responses }]) => {
      const isForUsers = security === undefined || JSON.stringify(security).includes("bearer");
      const isLacking = typeof responses === "object" && !Object.hasOwn(responses ?? {}, "503");
      return method !== "parameters" && isForUsers && isLacking ? [`${method} ${path}`] : [];
    })
  );
  assertEquals(without, []);
});

Deno.test("/openapi.json has the paths and methods that there are", async () => {
  const { paths } = await documentAt("/openapi.json");
  assert(typeof paths === "object" && paths !== null);
  await using server = await serve();
  for (const [path, item] of Object.entries<object>({ ...paths })) {
    if (["/healthz", "/readyz"].includes(path)) continue; // not one of the router's
    const { headers } = await ask(server, path.replace("{room}", "lobby").replace("{id}", "x"), {
      method: "OPTIONS",
    });
    const methods = Object.keys(item).filter((key) => key !== "parameters");
    const allowed = headers.get("allow")?.toLowerCase().split(", ") ?? [];
    assertEquals(methods.sort(), allowed.filter((m) => !["head", "options"].includes(m)).sort());
  }
});

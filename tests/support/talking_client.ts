/**
 * The client library as a program of its own, so that it can be stopped as a laptop is when it is
 * closed: in the lobby of the server in its argument, it says each line that it reads, and tells
 * whatever its client tells.
 *
 * @module
 */
import { connect } from "../../static/client/mod.ts";
import { tell, told } from "./line_process.ts";

const client = connect(Deno.args[0] ?? "", { backoffMs: { min: 50, max: 500 } });
for (const type of ["state", "joined", "chat"] as const) {
  client.addEventListener(type, ({ detail }) => tell({ type, ...detail }));
}
void client.join("lobby");
for await (const payload of told<string>()) void client.send("lobby", payload);
Deno.exit();

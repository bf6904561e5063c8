/** Where and when it was measured. */
import { cpus, release, totalmem, type } from "node:os";
import { output } from "./generator.ts";
import { SCRATCH } from "./servers.ts";

export async function machine(): Promise<string> {
  const disk = (await output("df", ["--output=fstype", SCRATCH])).trim().split("\n").at(-1);
  const node = (await output("node", ["--version"])).trim();
  const { dependencies } = JSON.parse(
    await Deno.readTextFile(`${import.meta.dirname}/peers/package.json`),
  );
  return [
    `${cpus()[0]?.model ?? "an unknown CPU"} × ${cpus().length}`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GB`,
    `${type()} ${release()}`,
    `database on ${disk}`,
    `Deno ${Deno.version.deno}`,
    `Node ${node}`,
    `Bun ${dependencies.bun}`,
    `ws ${dependencies.ws}`,
    `Socket.IO ${dependencies["socket.io"]}`,
    await version(),
    new Date().toISOString().slice(0, 10),
  ].join(" · ");
}

/** Which state of the sources it was; they may have come without git. */
async function version(): Promise<string> {
  try {
    const commit = (await output("git", ["rev-parse", "--short", "HEAD"])).trim();
    const changes = await output("git", ["status", "--porcelain", "server", "main.ts"]);
    return `commit ${commit}${changes === "" ? "" : " and changes"}`;
  } catch {
    return "commit unknown";
  }
}

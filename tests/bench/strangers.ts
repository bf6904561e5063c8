/** What one address that tries every door at once gets, and what that costs a bystander. */
import { OPTIONS } from "../../server/options.ts";
import type { BystanderResult, StrangerResult } from "./load/strangers.ts";
import { note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { DEFAULT_LIMITS, start } from "./servers.ts";
import { table } from "./table.ts";

const LOAD = `${import.meta.dirname}/load/strangers.ts`;
/** How much later a bystander may be answered. */
const MOST_MS = 10;

export async function strangers(plan: Plan): Promise<Section> {
  const seconds = plan.quick ? 6 : 60;
  // The bystander says 20 messages a second: more than a user may by default.
  const flags = [...DEFAULT_LIMITS, "--rate", "40", "--trust-proxies", "1"];
  const server = await start("parley", { flags });
  const url = `http://127.0.0.1:${server.port}`;
  try {
    const quiet = await load<BystanderResult>("bystander", url, seconds / 6);
    const attack = load<StrangerResult>("stranger", url, seconds);
    const [stranger, busy] = await Promise.all([
      attack,
      load<BystanderResult>("bystander", url, seconds - 1),
    ]);
    const allowed = OPTIONS.addressRate.default * stranger.seconds + OPTIONS.addressBurst.default;
    note(`(strangers) ${JSON.stringify(stranger.got)}`);
    const rows = ([["quiet", quiet], ["attacked", busy]] as const).map(([label, result]) => [
      label,
      result.joinMs.toFixed(0),
      at(result, 0.5).toFixed(1),
      at(result, 0.99).toFixed(1),
      String(result.errors),
    ]);
    const text =
      table(["(strangers) a bystander", "joined ms", "echo p50", "p99", "errors"], rows) +
      `\nOne address in ${stranger.seconds.toFixed(0)} s: ${JSON.stringify(stranger.got)}\n`;
    const part = stranger.units / allowed;
    const later = at(busy, 0.5) - at(quiet, 0.5);
    return {
      text,
      bars: [
        ["(strangers) of its allowance", "≤ 1", part.toFixed(2), part <= 1 ? "yes" : "no"],
        [
          "(strangers) a bystander's echo, ms later",
          `≤ ${MOST_MS}`,
          later.toFixed(1),
          later <= MOST_MS ? "yes" : "no",
        ],
      ],
    };
  } finally {
    await server.stop();
  }
}

function at({ echoMs }: BystanderResult, part: number): number {
  return echoMs[Math.floor(echoMs.length * part)] ?? NaN;
}

async function load<T>(role: string, url: string, seconds: number): Promise<T> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", LOAD, role, url, `${seconds * 1000}`],
    stdout: "piped",
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`The ${role} failed.`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

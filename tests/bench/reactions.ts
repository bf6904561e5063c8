/**
 * (k) What it costs when a thousand people react to one message within a second, beside what it costs when
 * they all say something.
 */
import { output } from "./generator.ts";
import type { ReactionsResult } from "./load/reactions.ts";
import { note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { start } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";

const LOAD = `${import.meta.dirname}/load/reactions.ts`;
/** The part of the CPU of as many chats that reactions may take. */
const MAX_RATIO = 1;

export async function reactions(plan: Plan): Promise<Section> {
  const members = plan.quick ? 200 : 1000;
  const server = await start("parley");
  try {
    const args = [
      ...["run", "--no-prompt", "-A", LOAD],
      ...[`http://127.0.0.1:${server.port}`, `${server.pid}`, `${members}`, `${plan.rounds}`],
    ];
    const result: ReactionsResult = JSON.parse(await output(Deno.execPath(), args));
    const { chatSeconds, reactionSeconds } = result;
    note(`(k) ${JSON.stringify(result)}`);
    const parts = ratios(reactionSeconds, chatSeconds);
    const text = table([`(k) ${members} people within a second`, "server CPU s"], [
      ["each says one thing", spread(chatSeconds)],
      ["each reacts to one message", spread(reactionSeconds)],
    ]);
    const ratio = median(parts);
    return {
      text,
      bars: [[
        "(k) reactions, of the CPU of as many chats",
        `< ${MAX_RATIO}`,
        ratio.toFixed(2),
        ratio < MAX_RATIO ? "yes" : "no",
      ]],
    };
  } finally {
    await server.stop();
  }
}

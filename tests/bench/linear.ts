/** What joins, typing, renames and leaves cost in rooms of any size. */
import { generate } from "./generator.ts";
import { faultless, note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { start } from "./servers.ts";
import { table } from "./table.ts";

export async function linear(plan: Plan): Promise<Section> {
  const sizes = plan.quick ? [100, 1000] : [100, 1000, 10_000];
  const rows: string[][] = [];
  for (const members of sizes) {
    const server = await start("parley");
    const { port, pid, dialect } = server;
    const job = { kind: "scale" as const, port, pid, dialect, members };
    const result = await generate<"scale">(job).finally(() => server.stop());
    faultless(`room of ${members}`, result);
    const { typing, rename } = result;
    const each = (cost: number) => (cost / members).toFixed(2);
    rows.push([
      String(members),
      result.join.toFixed(0),
      result.leave.toFixed(0),
      each(typing),
      each(rename),
      String(result.typingDeliveries),
      String(result.renameDeliveries),
    ]);
    note(`linear: ${members} done`);
  }
  const text = table(
    [
      "members",
      "a join, µs",
      "a leave, µs",
      "a typing signal, µs a member",
      "a rename, µs a member",
      "20 typing: events",
      "20 renames: events",
    ],
    rows,
  );
  return { text, bars: [] };
}

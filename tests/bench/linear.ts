/** What joins, typing, renames and leaves cost in rooms of any size. */
import { generate } from "./generator.ts";
import { faultless, note, type Plan } from "./plan.ts";
import type { Section } from "./section.ts";
import { start } from "./servers.ts";
import { table } from "./table.ts";

/** Members in all rooms together, whatever the size of each. */
const MEMBERS = 10_000;

export async function linear(plan: Plan): Promise<Section> {
  const members = plan.quick ? MEMBERS / 10 : MEMBERS;
  const rows: string[][] = [];
  for (const size of [100, 1000, 10_000].filter((size) => size <= members)) {
    const server = await start("parley");
    const { port, pid, dialect } = server;
    const job = { kind: "scale" as const, port, pid, dialect, members, rooms: members / size };
    const result = await generate<"scale">(job).finally(() => server.stop());
    faultless(`rooms of ${size}`, result);
    const { join, leave, typing, typingDeliveries, rename, renameDeliveries } = result;
    rows.push([
      `${members / size} × ${size}`,
      join.toFixed(0),
      leave.toFixed(0),
      typing.toFixed(0),
      typingDeliveries.toFixed(0),
      (typing / typingDeliveries).toFixed(2),
      rename.toFixed(0),
      renameDeliveries.toFixed(0),
    ]);
    note(`linear: rooms of ${size} done`);
  }
  const text = table(
    [
      "rooms × members; server CPU µs",
      "a join",
      "a leave",
      "typing",
      "its events",
      "each",
      "a rename",
      "its events",
    ],
    rows,
  );
  return { text, bars: [] };
}

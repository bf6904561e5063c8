/** (f) what an idle connection costs, and (g) what it takes when all come back at once. */
import { generate } from "./generator.ts";
import type { IdleResult, ReturnResult } from "./load/job.ts";
import { faultless, note, type Plan, rotated } from "./plan.ts";
import { COMPARED, SERVERS, start } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import type { Section } from "./section.ts";

/** What was put off is done by then, and the collector has been by. */
const SETTLE_SECONDS = 8;

export async function idle(plan: Plan): Promise<Section> {
  const members = plan.quick ? 2000 : 10_000;
  const crowd = { members, rooms: members / 10, senders: 0 };
  const bytes = {
    ...{ parley: [] as number[], bun: [] as number[], deno: [] as number[] },
    ...{ ws: [] as number[], socketio: [] as number[] },
  };
  for (let round = 0; round < Math.min(plan.rounds, 3); round++) {
    for (const id of rotated(COMPARED, round)) {
      const server = await start(id);
      const { port, pid, dialect } = server;
      const job = { kind: "idle", port, pid, dialect, ...crowd, settleSeconds: SETTLE_SECONDS };
      const result: IdleResult = await generate<"idle">({ ...job, kind: "idle" })
        .finally(() => server.stop());
      faultless(`idle, ${id}`, result);
      bytes[id].push((result.after.rssBytes - result.before.rssBytes) / members);
      note(`(f) round ${round + 1} ${id}: ${(bytes[id].at(-1) ?? 0).toFixed(0)} bytes each`);
    }
  }
  const over = COMPARED.map((id) =>
    median(bytes[id].map((each, i) => each - (bytes.deno[i] ?? NaN)))
  );
  const text = table(
    [`(f) ${members} idle, ten in a room`, "KB each", "over the Deno loop"],
    COMPARED.map((id, i) => [
      SERVERS[id].label,
      spread(bytes[id].map((each) => each / 1024), 1),
      ((over[i] ?? NaN) / 1024).toFixed(1),
    ]),
  );
  const reached = (over[COMPARED.indexOf("parley")] ?? NaN) / 1024;
  const verdict = reached <= 4 ? "yes" : "no";
  return { text, bars: [["(f) KB over the Deno loop", "≤ 4", reached.toFixed(1), verdict]] };
}

export async function comeBack(plan: Plan): Promise<Section> {
  const members = plan.quick ? 1000 : 5000;
  const results: Record<"parley" | "deno", ReturnResult[]> = { parley: [], deno: [] };
  for (let round = 0; round < plan.rounds; round++) {
    for (const id of rotated(["parley", "deno"] as const, round)) {
      const server = await start(id);
      const { port, pid, dialect } = server;
      const missed = id === "parley" ? 20 : 0;
      const job = { kind: "return" as const, port, pid, dialect, members, missed };
      const result = await generate<"return">(job).finally(() => server.stop());
      faultless(`return, ${id}`, result);
      results[id].push(result);
      note(`(g) round ${round + 1} ${id}: ${result.seconds.toFixed(2)} s`);
    }
  }
  const { parley, deno } = results;
  const seconds = (of: readonly ReturnResult[]) => of.map((result) => result.seconds);
  const cpu = (of: readonly ReturnResult[]) => of.map((result) => result.serverCpuSeconds);
  const row = (label: string, of: readonly ReturnResult[], upToDate: string) => [
    label,
    spread(seconds(of)),
    spread(cpu(of)),
    median(of.map((result) => result.loadCpuSeconds)).toFixed(2),
    upToDate,
  ];
  const exact = Math.min(...parley.map((result) => result.recovered));
  const text = table(
    [`(g) ${members} at once`, "seconds", "server CPU s", "generator CPU s", "exactly up to date"],
    [
      row("Parley: each resumes 20 messages", parley, String(exact)),
      row("Deno loop: accepts", deno, "–"),
    ],
  );
  const reached = median(ratios(seconds(parley), seconds(deno)));
  return {
    text,
    bars: [
      ["(g) time over the Deno loop's", "≤ 2", reached.toFixed(2), reached <= 2 ? "yes" : "no"],
      ["(g) exactly up to date", `${members}`, `${exact}`, exact === members ? "yes" : "no"],
    ],
  };
}

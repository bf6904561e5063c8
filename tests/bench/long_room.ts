/** (h) a room with a million stored messages: start, a page anywhere, a resume, the next message. */
import { generate } from "./generator.ts";
import type { PagesResult } from "./load/job.ts";
import { faultless, note, type Plan } from "./plan.ts";
import { removeDatabase, type Running, SCRATCH, start } from "./servers.ts";
import type { Section } from "./section.ts";
import { median, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { run } from "./throughput.ts";
import { WORKLOADS } from "./workloads.ts";

const KEEP_ALL = ["--retain-messages", "0"];

export async function longRoom(plan: Plan): Promise<Section> {
  const messages = plan.quick ? 50_000 : 1_000_000;
  const db = `${SCRATCH}/long.db`;
  await removeDatabase(db);
  const options = { flags: KEEP_ALL, db };
  const filling = await start("parley", options);
  const filled = await generate<"fill">({ kind: "fill", ...place(filling), messages })
    .finally(() => filling.stop());
  faultless("fill", filled);
  note(`(h) ${messages} messages stored in ${filled.seconds.toFixed(1)} s`);

  const starts = { long: [] as number[], empty: [] as number[] };
  const pages: PagesResult[] = [];
  const resumes: number[] = [];
  const costs = { long: [] as number[], empty: [] as number[] };
  const busy = WORKLOADS.a;
  if (busy === undefined) throw new Error("There is no workload a.");
  for (let round = 0; round < plan.rounds; round++) {
    const empty = await start("parley", { flags: KEEP_ALL });
    starts.empty.push(empty.startSeconds);
    await empty.stop();
    const server = await start("parley", options);
    starts.long.push(server.startSeconds);
    try {
      pages.push(await generate<"pages">({ kind: "pages", ...place(server), messages }));
      const job = { kind: "return" as const, ...place(server), members: 1, missed: 20 };
      const resumed = await generate<"return">(job);
      faultless("resume", resumed);
      resumes.push(resumed.seconds * 1000);
    } finally {
      await server.stop();
    }
    const long = await run("parley", busy, plan, options);
    const fresh = await run("parley", busy, plan, { flags: KEEP_ALL });
    costs.long.push(long.serverCpuSeconds / long.messages * 1e6);
    costs.empty.push(fresh.serverCpuSeconds / fresh.messages * 1e6);
    note(`(h) round ${round + 1}: start ${server.startSeconds.toFixed(2)} s`);
  }
  await removeDatabase(db);

  const page = median(pages.map(({ serverCpuMs }) => serverCpuMs));
  const begun = median(starts.long);
  const text = table([`(h) ${messages} stored messages in one room`, "with them", "without"], [
    ["start to listening, s", spread(starts.long), spread(starts.empty)],
    [
      "page of 50 anywhere, server CPU ms",
      spread(pages.map(({ serverCpuMs }) => serverCpuMs)),
      "–",
    ],
    ["page of 50 anywhere, answered within ms", spread(pages.map(({ ms }) => ms)), "–"],
    ["connect and resume 20, ms", spread(resumes, 1), "–"],
    ["a message of (a), server CPU µs", spread(costs.long, 1), spread(costs.empty, 1)],
    ["filling: messages a second", (messages / filled.seconds).toFixed(0), "–"],
  ]);
  const growth = median(costs.long) / median(costs.empty);
  return {
    text,
    bars: [
      ["(h) start, s", "< 1", begun.toFixed(2), begun < 1 ? "yes" : "no"],
      ["(h) page of 50, server ms", "< 2", page.toFixed(2), page < 2 ? "yes" : "no"],
      ["(h) a message, over an empty log's", "≈ 1", growth.toFixed(2), growth < 1.1 ? "yes" : "no"],
    ],
  };
}

function place({ port, pid, dialect }: Running) {
  return { port, pid, dialect };
}

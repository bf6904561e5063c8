/**
 * This checkout beside another one, such as the commit before a change:
 * `deno task bench:against ../before a b c --pairs 9`. Each pair is run next to each other, in the
 * order A B, then B A, so that a machine that grows slower harms both alike. Prints the ratio of
 * server CPU for a delivery, this checkout's to the other's: 1.03 means 3 % more work.
 */
import { parseArgs } from "node:util";
import { bundleGenerator, generate, install } from "./generator.ts";
import type { FloodResult } from "./load/job.ts";
import { faultless, note } from "./plan.ts";
import { parley, type ServerKind, start } from "./servers.ts";
import { median, ratios, spread } from "./statistics.ts";
import { table } from "./table.ts";
import { byClock, byCpu } from "./throughput.ts";
import { WORKLOADS } from "./workloads.ts";

async function run(kind: ServerKind, key: string, seconds: number): Promise<FloodResult> {
  const workload = WORKLOADS[key];
  if (workload === undefined) throw new Error(`There is no workload ${key}.`);
  const server = await start(kind);
  try {
    const { members, rooms, senders, inFlight, dialect } = workload;
    const result = await generate<"flood">({
      ...{ kind: "flood", port: server.port, pid: server.pid, dialect },
      ...{ members, rooms, senders, inFlight, rate: 0, warmUpSeconds: 2, seconds },
    });
    faultless(`${workload.title}, ${kind.label}`, result);
    return result;
  } finally {
    await server.stop();
  }
}

async function main(args: string[]): Promise<number> {
  const { values, positionals: [other, ...keys] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      pairs: { type: "string", default: "9" },
      seconds: { type: "string", default: "3" },
    },
  });
  if (other === undefined) {
    note("usage: deno task bench:against FOLDER [a] [b] … [--pairs n] [--seconds n]");
    return 2;
  }
  await install();
  await bundleGenerator();
  const kinds = [parley("this", (file) => file), parley("other", (file) => file, other)] as const;
  const rows: string[][] = [];
  for (const key of keys.length > 0 ? keys : ["a", "b", "c"]) {
    const [ours, theirs]: [FloodResult[], FloodResult[]] = [[], []];
    for (let pair = 0; pair < Number(values.pairs); pair++) {
      const order = pair % 2 === 0 ? [0, 1] as const : [1, 0] as const;
      for (const which of order) {
        const result = await run(kinds[which], key, Number(values.seconds));
        (which === 0 ? ours : theirs).push(result);
      }
      const cpu = ratios(theirs.map(byCpu), ours.map(byCpu));
      note(`(${key}) pair ${pair + 1}: CPU × ${cpu.at(-1)?.toFixed(3)}`);
    }
    const cpu = ratios(theirs.map(byCpu), ours.map(byCpu));
    const clock = ratios(ours.map(byClock), theirs.map(byClock));
    rows.push([
      `(${key})`,
      spread(cpu, 3),
      spread(clock, 3),
      median(ours.map(byClock)).toFixed(0),
    ]);
  }
  const head = ["work", "CPU for a delivery, × the other's", "by clock", "deliveries/s"];
  Deno.stdout.writeSync(new TextEncoder().encode(table(head, rows) + "\n"));
  return 0;
}

Deno.exit(await main(Deno.args));

/**
 * This checkout beside another one, such as the commit before a change:
 * `deno task bench:against ../before a b c --pairs 9`. The other may be this checkout as well, and this
 * side may have other options: `deno task bench:against . c --with="--workers 1"`. Each pair is run next
 * to each other, in the order A B, then B A, so that a machine that grows slower harms both alike. Prints
 * the ratios of this side to the other: 1.03 of the CPU means 3 % more work.
 */
import { parseArgs } from "node:util";
import { compareAll, type Comparison, tables } from "./comparison.ts";
import { bundleGenerator, install } from "./generator.ts";
import { note, type Plan } from "./plan.ts";
import { parley } from "./servers.ts";
import { run } from "./throughput.ts";
import { workload } from "./workloads.ts";

async function main(args: string[]): Promise<number> {
  const { values, positionals: [folder, ...keys] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      pairs: { type: "string", default: "9" },
      seconds: { type: "string", default: "3" },
      with: { type: "string", default: "" },
    },
  });
  if (folder === undefined) {
    const options = "[--pairs n] [--seconds n] [--with=OPTIONS]";
    note(`usage: deno task bench:against FOLDER [a] [b] … ${options}`);
    return 2;
  }
  await install();
  await bundleGenerator();
  const label = `this ${values.with}`.trim();
  const flags = values.with.split(" ").filter((flag) => flag !== "");
  const ours = { label, kind: parley(label, (file) => file), flags };
  const other = { label: folder, kind: parley(folder, (file) => file, folder), flags: [] };
  const comparisons: Comparison[] = (keys.length > 0 ? keys : ["a", "b", "c"]).map((key) => ({
    ...{ title: `(${key})`, work: workload(key), ours, other, bars: [] },
  }));
  const plan: Plan = {
    ...{ rounds: Number(values.pairs), warmUpSeconds: 2, seconds: Number(values.seconds) },
    ...{ quick: false, only: "" },
  };
  const { all, failed } = await compareAll(
    comparisons,
    plan,
    ({ work }, { kind, flags }) => run(kind, work, plan, { flags }),
  );
  Deno.stdout.writeSync(new TextEncoder().encode(`${tables("work", all)}\n`));
  return failed.length === 0 ? 0 : 1;
}

Deno.exit(await main(Deno.args));

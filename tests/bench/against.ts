/**
 * This checkout beside others, such as the commit before a change:
 * `deno task bench:against ../before a b c --rounds 4`. The other may be this checkout as well, and this
 * side may have other options: `deno task bench:against . c --with="--workers 1"`; `--other-with` are the
 * other side's. `--in-flight 64 --sync-ms 5` changes the work, for both sides alike. The two take turns of
 * `--seconds`, `--turns` pairs of them in each of `--rounds`, in which both are started anew. Prints the
 * ratios of this side to the other: 1.03 of the CPU means 3 % more work. Each side first warms up for 8 s
 * (`--warm-up`): until V8 has compiled what is run for each message, a build with more code costs more.
 * Read marks are sent once a second: where they count, as in (b), a turn is of `--seconds 1`.
 */
import { parseArgs } from "node:util";
import { compareAll, type Comparison, tables } from "./comparison.ts";
import { bundleGenerator, install } from "./generator.ts";
import { note, type Plan } from "./plan.ts";
import { parley, ROOT, type Side } from "./servers.ts";
import { compileSlowSync, slowSync } from "./slow_sync.ts";
import { workload, WORKLOADS } from "./workloads.ts";

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "3" },
      turns: { type: "string", default: "24" },
      seconds: { type: "string", default: "0.3" },
      "warm-up": { type: "string", default: "8" },
      with: { type: "string", default: "" },
      "other-with": { type: "string", default: "" },
      "in-flight": { type: "string" },
      "sync-ms": { type: "string", default: "0" },
    },
  });
  const folders = positionals.filter((word) => WORKLOADS[word] === undefined);
  const keys = positionals.filter((word) => WORKLOADS[word] !== undefined);
  if (folders.length === 0) {
    note(
      "usage: deno task bench:against FOLDER … [a] [b] … [--rounds n] [--turns n] [--seconds n] [--warm-up n] " +
        "[--with=OPTIONS] [--other-with=OPTIONS] [--in-flight n] [--sync-ms n]",
    );
    return 2;
  }
  await install();
  await bundleGenerator();
  const syncMs = Number(values["sync-ms"]);
  if (syncMs > 0 && !await compileSlowSync()) {
    note("--sync-ms needs a C compiler (`cc`).");
    return 2;
  }
  const settings = syncMs > 0 ? slowSync(syncMs) : [];
  const ours = side("this", ROOT, values.with, settings);
  const others = folders.map((folder) => side(folder, folder, values["other-with"], settings));
  const inFlight = values["in-flight"];
  const comparisons = (keys.length > 0 ? keys : ["a", "b", "c"]).flatMap((key) => {
    const work = {
      ...workload(key),
      ...(inFlight !== undefined && { inFlight: Number(inFlight) }),
    };
    return others.map((other): Comparison => ({ title: `(${key})`, work, ours, other, bars: [] }));
  });
  const plan: Plan = {
    rounds: Number(values.rounds),
    turns: Number(values.turns),
    seconds: Number(values.seconds),
    warmUpSeconds: Number(values["warm-up"]),
    ...{ quick: false, only: "" },
  };
  const { all, failed } = await compareAll(comparisons, plan);
  Deno.stdout.writeSync(new TextEncoder().encode(`${tables("work", all)}\n`));
  return failed.length === 0 ? 0 : 1;
}

/** @param options as on a command line, such as `--workers 1`. */
function side(
  name: string,
  root: string,
  options: string,
  settings: readonly string[],
): Side {
  const label = `${name} ${options}`.trim();
  const flags = options.split(" ").filter((flag) => flag !== "");
  return { label, kind: parley(label, (file) => file, root), options: { flags, settings } };
}

Deno.exit(await main(Deno.args));

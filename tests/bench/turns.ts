/**
 * Servers that are measured in turns. All run at the same time, each with a crowd of its own, and one works
 * for a third of a second while the others are silent: in the order A B, then B A, and so on. What two do
 * next to each other is a pair. A machine that is slower for a while is so for both: pairs of shorter turns
 * are closer to each other, and there are more of them.
 */
import type { FloodResult } from "./load/job.ts";
import { Measured } from "./measured.ts";
import { type Plan, rotated } from "./plan.ts";
import type { Side } from "./servers.ts";
import type { Workload } from "./workloads.ts";

/**
 * Measures all sides: `plan.turns` times each, in each of `plan.rounds`, for which they are started anew.
 *
 * @param done is told of each turn of all, counted from 1, in the order of the sides.
 * @returns what each did, in the order of the sides.
 */
export async function inTurns(
  sides: readonly Side[],
  work: Workload,
  plan: Plan,
  done: (turn: number, results: readonly FloodResult[]) => void,
): Promise<FloodResult[][]> {
  const all = sides.map((side) => ({ side, results: [] as FloodResult[] }));
  for (let round = 0; round < plan.rounds; round++) {
    const running: { server: Measured; results: FloodResult[] }[] = [];
    try {
      for (const { side, results } of rotated(all, round)) {
        const server = await Measured.start(side, work);
        running.push({ server, results });
        await server.warmUp(plan.warmUpSeconds);
      }
      for (let turn = 0; turn < plan.turns; turn++) {
        for (const { server, results } of turn % 2 === 0 ? running : running.toReversed()) {
          results.push(await server.measure(plan.seconds));
        }
        done(round * plan.turns + turn + 1, all.flatMap(({ results }) => results.slice(-1)));
      }
    } finally {
      for (const { server } of running) await server.stop();
    }
  }
  return all.map(({ results }) => results);
}

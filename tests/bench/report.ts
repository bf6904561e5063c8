/** What the figures mean, and how they came to be: the text around the tables. */
import type { Plan } from "./plan.ts";
import { table } from "./table.ts";

const METHOD = `
Every server sends the same event to every member of a room, the sender included: parsed, numbered,
made into JSON once. Peers keep nothing and check nothing; Parley checks every command and has every
message on disk before it is sent (SQLite, WAL, \`synchronous=FULL\`), with its limits off.

One load generator (Node, its own process, \`load/\`) plays all clients. A sender has so many messages
in flight and sends the next when its own comes back. Every delivery is counted, and every client
checks that \`seq\` comes without hole or repeat; in the end every message must have come to every
member of its room, once, and to nobody else, or the run is void. Parley's clients speak \`parley.v1.batched\` but in (e): a frame
carries all events that are due, and the generator answers the echoes of one read with one list of
commands. Peers get one message a frame, several frames in one write; their own coalescing of writes
counts for them.

Servers marked * are no peers but yardsticks, each without one thing that costs. \`Parley in memory\` is
Parley with \`--db :memory:\`: what the disk costs. \`Deno, batched\` sends Parley's frames and sets the
allocator as it does, but checks nothing and keeps nothing: what this runtime allows anybody who sends
so. \`Deno loop, synced\` is the bare loop that writes each message to a file and syncs it before it is
sent: the least that durability costs there. [PROFILE.md](PROFILE.md) says where the time goes.

CPU is user and system time from /proc, of all threads; others' is that of everything else on the
machine, and of its host: where it is more than a few per cent, the clock was disturbed. The generator and a server share the machine:
where the generator's CPU is near 100 %, the clock measures both, and the figure for each server CPU
second is the truer one.

In (a) to (e), (workers), (backups), (metrics) and (hooks) servers are measured in turns (\`turns.ts\`). All
that are compared run at the same time, each with a generator of its own, connected and warm. One works
while the others are silent, in the order A B, then B A, and so on: what two do in a turn is a pair. The
result is the median of the pairs' ratios (least–greatest), and \`±\` how far that may be from the truth. All are started anew, in rotated order, in each
round: two processes of one build differ as well. What goes on beside a server, such as backups, goes on
during its turns. The other parts run one server at a time; figures are medians of rounds.

(workers) compares two ways to run a server at a time. On a machine whose cores the generator shares,
what scales is the CPU of the busiest thread for a delivery, read from /proc for each thread. In (slow) each sync of the server takes at least so long (\`slow_sync.c\`, loaded by \`LD_PRELOAD\`), and the
bench asks for \`/healthz\` a hundred times a second.
`.trim();

export interface Report {
  readonly machine: string;
  readonly plan: Plan;
  readonly work: string;
  readonly sections: readonly string[];
  readonly bars: readonly (readonly string[])[];
  readonly clientBytes: number;
}

export function markdown(report: Report): string {
  const { machine, plan, work, sections, bars, clientBytes } = report;
  return [
    "# Parley beside its peers",
    `${machine} · ${plan.rounds} rounds of ${plan.turns} turns of ${plan.seconds} s`,
    "## The work",
    work,
    ...(bars.length === 0
      ? []
      : ["## What it had to reach", table(["", "must be", "is", "met"], bars)]),
    "## What was measured",
    ...sections,
    `\`static/client/\`, minified and gzipped: ${clientBytes} bytes.`,
    "## How",
    METHOD,
  ].join("\n\n") + "\n";
}

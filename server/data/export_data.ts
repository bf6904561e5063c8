/**
 * `exportData` writes all that a store holds as lines of JSON, which `importData` reads. OPERATIONS.md says
 * what they are.
 *
 * @module
 */
import type { Archive } from "../broker/archive.ts";
import type { Broker } from "../broker/broker.ts";
import { digestOf, epochOf } from "../broker/epoch.ts";
import type { Progress } from "./progress.ts";

/** The version of the format. */
export const FORMAT_VERSION = 1;

/** What is read at once. */
const PAGE = { limit: 1000, chars: 1_048_576 };

/** Where lines go. It is awaited, so that no more is read than can be written. */
export type WriteText = (text: string) => Promise<unknown>;

/** Writes all rooms, then the read marks and the sanctions. */
export async function exportData(
  broker: Broker,
  archive: Archive,
  write: WriteText,
  progress: Progress,
): Promise<void> {
  await write(line("parley", { version: FORMAT_VERSION, at: new Date().toISOString() }));
  let [rooms, messages, marks] = [0, 0, 0];
  const show = () => `${rooms} rooms, ${messages} messages, ${marks} read marks`;
  for await (const room of archive.rooms()) {
    await exportRoom(broker, archive, room, write, (count) => {
      messages += count;
      return progress.show(show);
    });
    rooms++;
  }
  const logs = new Map<string, string>();
  for await (const { userId: user, room, log, seq } of archive.marks()) {
    let known = logs.get(room);
    if (known === undefined) {
      known = digestOf(epochOf(await broker.state(room), room));
      if (logs.size < 10_000) logs.set(room, known);
    }
    if (log !== known) continue; // the mark of a log that is gone
    await write(line("mark", { user, room, seq }));
    marks++;
    await progress.show(show);
  }
  for (const sanction of broker.sanctions()) await write(line("sanction", sanction));
  await write(line("end", { rooms }));
  await progress.end(`Exported ${show()}.`);
}

async function exportRoom(
  broker: Broker,
  archive: Archive,
  name: string,
  write: WriteText,
  wrote: (messages: number) => Promise<unknown>,
): Promise<void> {
  const { head, rev } = await broker.state(name);
  const retained = await archive.retained(name);
  if (head === 0 && retained.size === 0) return;
  await write(line("room", { name, head, rev }));
  let messages = 0;
  for (let after = 0; after < head;) {
    const page = await broker.read(name, { after, ...PAGE });
    if (page === undefined) break;
    const events = page.batch.events.slice(0, head - page.first + 1);
    await write(events.map((event) => `{"message":${event}}\n`).join(""));
    messages += events.length;
    after = page.last;
    await wrote(events.length);
  }
  for await (const { seq, userId: user, reaction } of archive.reactions(name)) {
    if (seq <= head) await write(line("reaction", { seq, user, reaction }));
  }
  for (const event of retained.values()) await write(`{"retained":${event}}\n`);
  await write(line("end", { messages }));
}

/** Writes a line: an object with one field, which says what it is. */
function line(kind: string, fields: object): string {
  return JSON.stringify({ [kind]: fields }) + "\n";
}

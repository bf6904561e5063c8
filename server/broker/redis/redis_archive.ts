/**
 * `RedisArchive` reads all that a Redis holds, and writes rooms into it. A room is gathered in keys of its
 * own, which expire if the import does not come to its end.
 *
 * @module
 */
import { silentLog } from "../../log.ts";
import { Metrics } from "../../metrics.ts";
import {
  type Archive,
  type ArchivedMessage,
  type Reaction,
  RoomExistsError,
  type RoomHead,
  type RoomWriter,
} from "../archive.ts";
import type { UserMark } from "../marks.ts";
import { assertCanRetain, type RetainedEvent } from "../retained.ts";
import { withoutPlace } from "./batch_text.ts";
import { script } from "./entries_script.ts";
import { RedisLink } from "./link.ts";
import { LOG } from "./log_scripts.ts";
import { markOf } from "./marks.ts";
import { databaseOf, RedisNames } from "./names.ts";
import { readHash } from "./read_hash.ts";
import { RedisKeys } from "./redis_keys.ts";
import { reactionsBy } from "./revision_batch.ts";
import { type LogPolicy, RoomScripts } from "./room_scripts.ts";

/** How long the keys of a room stay that is not complete. */
const UNFINISHED_MS = 86_400_000;
/** The end of the names of those keys. */
const UNFINISHED = "import";
const KINDS = ["entries", "young", "revs", "reactions", "about", "retained"];
const MEMBERS_AT_ONCE = 1000;

/**
 * Makes an imported room appear. Further arguments: a time and a number, which are not used; head, rev, and
 * when the newest message was stored. Nodes find what it retains at their next heartbeat. → `ok`, or `exists`
 */
const IMPORT = script(`${LOG}
local retained = string.gsub(log, 'log$', 'retained')
local is_there = tonumber(redis.call('HGET', log, 'head') or 0) > 0
if is_there or redis.call('EXISTS', retained) == 1 then return { 'exists' } end
redis.call('DEL', unpack(KEYS))
local function finish(key)
  local unfinished = key .. ':${UNFINISHED}'
  if redis.call('EXISTS', unfinished) == 0 then return end
  redis.call('RENAME', unfinished, key)
  redis.call('PERSIST', key)
end
for i = 2, #KEYS do finish(KEYS[i]) end
finish(retained)
redis.call('HSET', log, 'epoch', candidate, 'head', ARGV[15], 'rev', ARGV[16], 'start', ARGV[16])
redis.call('HSET', log, 'at', ARGV[17], 'life', run_id, 'refs', redis.call('EXISTS', young))
if redis.call('EXISTS', entries) == 0 then redis.call('HSET', log, 'emptied', ARGV[15]) end
count_kept()
age()
redis.call('PUBLISH', channel, 'e')
return { 'ok' }
`);

/** Which Redis, and how long it keeps messages. */
export interface RedisArchiveOptions extends LogPolicy {
  readonly url: string;
  readonly prefix: string;
}

export class RedisArchive implements Archive, AsyncDisposable {
  readonly #link: RedisLink;
  readonly #scripts: RoomScripts;
  readonly #keys: RedisKeys;

  static async open(options: RedisArchiveOptions): Promise<RedisArchive> {
    const { url, prefix } = options;
    const names = new RedisNames(prefix, databaseOf(url));
    const link = await RedisLink.open({
      ...{ url, names, scripts: [IMPORT], log: silentLog, metrics: new Metrics(), settlingMs: 0 },
    });
    return new RedisArchive(link, options);
  }

  private constructor(link: RedisLink, policy: LogPolicy) {
    this.#link = link;
    this.#scripts = new RoomScripts(link, policy);
    this.#keys = new RedisKeys(link);
  }

  async *rooms(): AsyncGenerator<string> {
    const found = new Set<string>();
    for (const what of ["entries", "log", "retained"]) {
      for await (const room of this.#keys.rooms(what)) {
        if (found.has(room)) continue;
        found.add(room);
        yield room;
      }
    }
  }

  async *reactions(room: string): AsyncGenerator<Reaction> {
    const key = this.#scripts.key(room, "reactions");
    for (let from = 0;; from += MEMBERS_AT_ONCE) {
      const range = [String(from), String(from + MEMBERS_AT_ONCE - 1)];
      const members = await this.#link.ask("ZRANGE", key, ...range);
      if (!Array.isArray(members) || members.length === 0) return;
      for (const member of members) {
        const [userId = "", seq, reaction = ""] = String(member).split("\0");
        yield { seq: Number(seq), userId, reaction };
      }
    }
  }

  async retained(room: string): Promise<ReadonlyMap<string, string>> {
    const fields = await readHash(this.#link, this.#scripts.key(room, "retained"));
    fields.delete(""); // the version
    return fields;
  }

  async *marks(): AsyncGenerator<UserMark> {
    const start = this.#link.names.marks("");
    for await (const keys of this.#keys.marks()) {
      for (const key of keys) {
        for (const [room, value] of await readHash(this.#link, key)) {
          const mark = markOf(room, value);
          if (mark !== undefined) yield { userId: key.slice(start.length), ...mark };
        }
      }
    }
  }

  async write(room: RoomHead): Promise<RoomWriter> {
    const { name } = room;
    const head = await this.#link.ask("HGET", this.#scripts.key(name, "log"), "head");
    const retained = await this.#link.ask("EXISTS", this.#scripts.key(name, "retained"));
    if (Number(head ?? 0) > 0 || retained === 1) throw new RoomExistsError(name);
    const abort = async () => {
      await this.#link.ask("UNLINK", ...KINDS.map((kind) => this.#unfinished(name, kind)));
    };
    await abort(); // what an earlier import has left behind
    let newestAt = 0;
    const oldestRef = room.head - this.#scripts.policy.dedupeMessages;
    return {
      add: async (messages) => {
        newestAt = messages.at(-1)?.at ?? newestAt;
        await this.#add(name, messages, oldestRef);
      },
      react: (reactions) => this.#react(name, reactions),
      retain: (events) => this.#retain(name, events),
      commit: async () => {
        const args = [room.head, room.rev, newestAt].map(String);
        const [outcome] = await this.#scripts.commit(IMPORT, name, () => undefined, args);
        if (outcome !== "ok") throw new RoomExistsError(name);
      },
      abort,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
  }

  #unfinished(room: string, kind: string): string {
    return `${this.#scripts.key(room, kind)}:${UNFINISHED}`;
  }

  async #add(room: string, messages: readonly ArchivedMessage[], oldestRef: number): Promise<void> {
    const entries = messages.flatMap(({ seq, at, text }) => [
      String(seq),
      `${seq} 1 ${at}\n${withoutPlace(text, seq, at)}`,
    ]);
    await this.#put("ZADD", room, "entries", entries);
    const refs = messages.flatMap(({ seq, userId, ref }) =>
      ref === undefined || seq <= oldestRef ? [] : [`${userId}\0${ref}`, String(seq)]
    );
    await this.#put("HSET", room, "young", refs);
    const revised = messages.filter(({ rev }) => rev > 0);
    const byRev = revised.flatMap(({ seq, rev }) => [String(rev), String(seq)]);
    await this.#put("ZADD", room, "revs", byRev);
    const about = revised.flatMap(({ seq }) => [String(seq), String(seq)]);
    await this.#put("ZADD", room, "about", about);
  }

  async #react(room: string, reactions: readonly Reaction[]): Promise<void> {
    const members = reactions.map(({ seq, userId, reaction }) =>
      [String(seq), reactionsBy(userId, seq) + reaction] as const
    );
    await this.#put("ZADD", room, "reactions", members.flatMap(([, member]) => ["0", member]));
    await this.#put("ZADD", room, "about", members.flat());
  }

  async #retain(room: string, events: readonly RetainedEvent[]): Promise<void> {
    if (events.length === 0) return;
    assertCanRetain(events);
    const { names, now } = this.#link;
    const version = String(now * 1000); // as CHANGE_FIELD makes it
    const fields = events.flatMap(({ name, event }) => [name, event]);
    await this.#put("HSET", room, "retained", ["", version, ...fields]);
    // Before it is there: a room that is counted and not there is found out, one that is not counted is not.
    await this.#link.ask("ZADD", names.retaining, String(now), room);
  }

  /** Adds to a key of a room that is not complete. */
  async #put(command: string, room: string, kind: string, values: string[]): Promise<void> {
    if (values.length === 0) return;
    const key = this.#unfinished(room, kind);
    await this.#link.ask(command, key, ...values);
    await this.#link.ask("PEXPIRE", key, String(UNFINISHED_MS));
  }
}

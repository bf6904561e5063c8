/**
 * What people spent of their allowances, told to all other nodes once a second. At most once, like
 * all that is said on a channel: what is lost was a second's worth of one node.
 *
 * @module
 */
import type { Spent } from "../limits.ts";
import type { BrokerListener } from "./broker.ts";
import type { RedisLink } from "./redis_link.ts";

const TELL_MS = 1_000;

export class RedisSpending {
  readonly #link: RedisLink;
  readonly #node: string;
  readonly #timer: ReturnType<typeof setInterval>;
  #listener: BrokerListener = { committed() {}, signalled() {} };

  constructor(link: RedisLink, node: string) {
    this.#link = link;
    this.#node = node;
    this.#timer = setInterval(() => this.#tell(), TELL_MS);
    link.hear(link.names.spent, this.#hear).catch(() => {
      // The next connection hears it.
    });
  }

  listen(listener: BrokerListener): void {
    this.#listener = listener;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    const spent = this.#listener.spent?.() ?? [];
    if (spent.length === 0) return;
    const lines = spent.map(([key, tokens]) => `${tokens} ${key}`);
    this.#link.say(this.#link.names.spent, [this.#node, ...lines].join("\n"));
  }

  readonly #hear = (message: string): void => {
    const [node, ...lines] = message.split("\n");
    if (node === this.#node) return;
    const spent: Spent[] = [];
    for (const line of lines) {
      const end = line.indexOf(" ");
      const tokens = Number(line.slice(0, end));
      if (tokens > 0) spent.push([line.slice(end + 1), tokens]);
    }
    this.#listener.charge?.(spent);
  };
}

/**
 * Wanderers on their way together, and the one checker of what they see.
 *
 * @module
 */
import { Checker, emptied, type Log, readLog } from "./checker.ts";
import { until } from "./harness.ts";
import { type Journey, Wanderer } from "./wanderer.ts";

export class Crowd implements AsyncDisposable {
  readonly checker: Checker;
  readonly #wanderers: readonly Wanderer[];
  readonly #wandering: Promise<unknown>;

  constructor(count: number, journey: Journey, checker: Checker = new Checker()) {
    this.checker = checker;
    this.#wanderers = Array.from(
      { length: count },
      (_, index) => new Wanderer(`w${index}`, journey, checker),
    );
    this.#wandering = Promise.all(this.#wanderers.map((wanderer) => wanderer.wander()));
    this.#wandering.catch(() => {}); // whoever waits next is told
  }

  /** Pings that they heard so far. */
  get pings(): number {
    return this.#wanderers.reduce((sum, { pings }) => sum + pings, 0);
  }

  /** Waits for something, or until all is said; a wanderer that complains fails the test at once. */
  async meanwhile<T>(something: Promise<T>): Promise<T | undefined> {
    return await Promise.race([this.#wandering.then(() => undefined), something]);
  }

  /** Waits until so many more messages have come back. */
  async echoes(more: number): Promise<void> {
    const aim = this.checker.echoes + more;
    await this.meanwhile(until(() => this.checker.echoes >= aim, `${aim} echoes`));
  }

  /** Waits until everything is said that was to be said. */
  async allSaid(): Promise<void> {
    await this.#wandering;
  }

  async milliseconds(count: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await this.meanwhile(new Promise<void>((resolve) => timer = setTimeout(resolve, count)));
    clearTimeout(timer);
  }

  /** Says nothing new, and waits until all has come back that was said. */
  async finish(): Promise<void> {
    for (const wanderer of this.#wanderers) wanderer.finish();
    await this.#wandering;
  }

  /** Lets everybody see all that they and the others said, from any of these servers, and leave. */
  async settle(...servers: readonly { readonly url: string }[]): Promise<void> {
    await this.finish();
    for (const server of servers) {
      const { texts } = await readLog(server);
      await Promise.all(this.#wanderers.map((wanderer) => wanderer.reach(texts.length)));
    }
    await this[Symbol.asyncDispose]();
  }

  /** The last word: all saw the same, and it is all that this server has; and it has forgotten them. */
  async conclude(server: { readonly url: string }): Promise<Log> {
    const log = await this.checker.conclude(server);
    await emptied(server);
    return log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#wanderers.map((wanderer) => wanderer.leave()));
  }
}

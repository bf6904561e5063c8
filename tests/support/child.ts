/**
 * A process that keeps its port and its folder when it is killed, stopped and started again, as power
 * cuts and operators do.
 *
 * @module
 */
import { patiently, until } from "./harness.ts";

export abstract class Child implements AsyncDisposable {
  readonly port = freePort();
  readonly folder = Deno.makeTempDirSync({ prefix: "parley-" });
  #process: Deno.ChildProcess | undefined;

  /** What is started; it should be silent. */
  protected abstract command(): Deno.Command;
  /** Whether it can be used by now. */
  protected abstract answers(): Promise<boolean>;

  get pid(): number {
    return this.#running.pid;
  }

  /** Starts it, and waits for nothing. */
  begin(): void {
    this.#process = this.command().spawn();
  }

  /** Starts it, at first or after {@linkcode kill}, and waits until it answers. @throws if it ends. */
  async restart(): Promise<void> {
    this.begin();
    let ended: Deno.CommandStatus | undefined;
    this.#running.status.then((status) => ended = status);
    await until(async () => {
      if (ended) throw new Error(`${this.constructor.name} ended with code ${ended.code}`);
      return await this.answers();
    }, `${this.constructor.name} to start`);
  }

  signal(signal: Deno.Signal): void {
    this.#running.kill(signal);
  }

  /** As a power cut would (SIGKILL), and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#running.status;
  }

  /** Waits until it has ended by itself. */
  async ended(): Promise<Deno.CommandStatus> {
    return await patiently(this.#running.status, `${this.constructor.name} to end`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } catch {
      // It was gone already.
    }
    await Deno.remove(this.folder, { recursive: true });
  }

  get #running(): Deno.ChildProcess {
    if (this.#process === undefined) throw new Error(`${this.constructor.name} was never started`);
    return this.#process;
  }
}

/** The ports that tests choose from. Linux gives out none of them by itself. */
const PORTS = { first: 10_000, count: 20_000 };
/** Far more than one program of tests takes; and no divisor of the count, so that each program begins elsewhere. */
const PORTS_APART = 1_009;
let portsTaken = 0;

/**
 * Returns a port that nobody has, and that no other program of tests is about to take. Two programs that choose
 * the same one at the same time would talk to one server without noticing: it answers both.
 *
 * It is not one that the system gives out: a client on its way to a server that is down might be given that
 * very port, and then the server cannot come back.
 */
export function freePort(): number {
  for (;;) {
    const port = PORTS.first + (Deno.pid * PORTS_APART + portsTaken++) % PORTS.count;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.AddrInUse)) throw thrown;
    }
  }
}

/**
 * Says whether tests that need a program are skipped, because it is not installed. On a build machine
 * nothing is skipped: that would hide them.
 */
export function isMissing(program: string, versionFlag: string): boolean {
  if (Deno.env.get("CI") !== undefined) return false;
  try {
    return !new Deno.Command(program, { args: [versionFlag] }).outputSync().success;
  } catch {
    return true;
  }
}

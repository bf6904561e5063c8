/**
 * A real Caddy or HAProxy with a configuration of OPERATIONS.md. Tests that need one are skipped by name where
 * it is not installed; never on a build machine, where that would hide them.
 *
 * @module
 */
import { Child, isMissing } from "./child.ts";
import { Paper } from "./paper.ts";

/** What a proxy is started with: the file of its configuration follows. */
const COMMANDS = {
  caddyfile: ["caddy", "run", "--adapter", "caddyfile", "--config"],
  haproxy: ["haproxy", "-db", "-f"],
} as const;

export class ProxyProcess extends Child {
  readonly #kind: keyof typeof COMMANDS;

  private constructor(kind: keyof typeof COMMANDS) {
    super();
    this.#kind = kind;
  }

  /**
   * Starts a proxy and waits until it accepts connections.
   *
   * @param part text that the snippet holds.
   * @param changes what is not the same in a test, such as ports: each must be in the snippet.
   */
  static async start(
    kind: keyof typeof COMMANDS,
    part: string,
    changes: (port: number) => Readonly<Record<string, string>>,
  ): Promise<ProxyProcess> {
    const started = new ProxyProcess(kind);
    let text = (await Paper.read("server/OPERATIONS.md")).snippet(kind, part);
    for (const [before, after] of Object.entries(changes(started.port))) {
      if (!text.includes(before)) throw new Error(`The snippet has no ${before}.`);
      text = text.replace(before, after);
    }
    await Deno.writeTextFile(`${started.folder}/configuration`, text);
    await started.restart();
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  protected override command(): Deno.Command {
    const [program, ...args] = COMMANDS[this.#kind];
    return new Deno.Command(program, {
      args: [...args, `${this.folder}/configuration`],
      env: { HOME: this.folder, XDG_DATA_HOME: this.folder, XDG_CONFIG_HOME: this.folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  protected override async answers(): Promise<boolean> {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
      return true;
    } catch {
      return false;
    }
  }
}

export const WITHOUT_CADDY = isMissing("caddy", "version");
export const WITHOUT_HAPROXY = isMissing("haproxy", "-v");

/**
 * A real nginx in front of servers, with the configuration of OPERATIONS.md. Tests that need one are skipped
 * by name where it is not installed, but never on a build machine, which would hide them.
 *
 * @module
 */
import { Child, isMissing } from "./child.ts";
import { Paper } from "./paper.ts";

export class NginxProcess extends Child {
  /** @param ports the ports of the servers behind it. All clients of a test have one address. */
  static async start(...ports: readonly number[]): Promise<NginxProcess> {
    const started = new NginxProcess();
    const paper = await Paper.read("server/OPERATIONS.md");
    const configuration = started.#complete(paper.snippet("nginx", "upstream parley"), ports);
    await Deno.writeTextFile(`${started.folder}/nginx.conf`, configuration);
    await started.restart();
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it has complained of. */
  async complaints(): Promise<string> {
    return await Deno.readTextFile(`${this.folder}/error.log`);
  }

  protected override command(): Deno.Command {
    return new Deno.Command("nginx", {
      args: ["-p", this.folder, "-e", "error.log", "-c", "nginx.conf"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
  }

  protected override async answers(): Promise<boolean> {
    try {
      await (await fetch(this.url)).body?.cancel();
      return true;
    } catch {
      return false;
    }
  }

  /** Returns the snippet as a whole configuration, with its own port and those of the servers. */
  #complete(snippet: string, ports: readonly number[]): string {
    const server = /^ *server 127\.0\.0\.1:8081(.*)\n *server 127\.0\.0\.1:8082.*$/m;
    const servers = ports.map((port) => `server 127.0.0.1:${port}$1`).join("\n");
    const own = snippet.replace("limit_conn parley 200;", "limit_conn parley 5000;");
    return `
      daemon off; master_process off; pid nginx.pid;
      events { worker_connections 16384; }
      http {
        access_log off;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        ${own.replace(server, servers).replace("listen 8000", `listen 127.0.0.1:${this.port}`)}
      }`;
  }
}

/** Whether tests that need nginx are skipped. */
export const WITHOUT_NGINX = isMissing("nginx", "-v");

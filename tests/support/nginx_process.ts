/**
 * A real nginx in front of a server, as README shows it. Tests that need one are skipped by name where it
 * is not installed; never on a build machine, where that would hide them.
 *
 * @module
 */
import { Child } from "./child.ts";

export class NginxProcess extends Child {
  readonly #target: number;

  private constructor(target: number) {
    super();
    this.#target = target;
  }

  /** @param target the port of the server behind it. */
  static async start(target: number): Promise<NginxProcess> {
    const started = new NginxProcess(target);
    await Deno.writeTextFile(`${started.folder}/nginx.conf`, started.#configuration());
    await started.restart();
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
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

  #configuration(): string {
    return `
      daemon off; master_process off; pid nginx.pid;
      events {}
      http {
        access_log off;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
        server {
          listen 127.0.0.1:${this.port};
          location / {
            proxy_pass http://127.0.0.1:${this.#target};
            proxy_http_version 1.1; proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 90s;
          }
        }
      }`;
  }
}

function isInstalled(): boolean {
  try {
    return new Deno.Command("nginx", { args: ["-v"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Whether tests that need nginx are passed over. */
export const WITHOUT_NGINX = Deno.env.get("CI") === undefined && !isInstalled();

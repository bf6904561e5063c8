/**
 * The long form of the rolling restart: two nodes as an operator starts them, each a process with the least
 * permissions of OPERATIONS.md, and 1,000 clients in two more processes. `deno task soak` runs it.
 *
 * @module
 */
import { Child, freePort } from "./child.ts";
import { LineProcess, tell, told } from "./line_process.ts";
import { NginxProcess } from "./nginx_process.ts";
import { Paper, ROOT } from "./paper.ts";
import { SEED, seeded } from "./random.ts";
import { RedisProcess } from "./redis_process.ts";
import { LocalCrowd, NODE_OPTIONS, rollingRestart } from "./rolling_restart.ts";
import type { CrowdReport, RestartCrowd, RestartNode } from "./rolling_restart.ts";
import { Scrape } from "./scrape.ts";

const CLIENTS = 1_000;
const CROWDS = 2;
/** Messages that are said before, between and after the restarts. */
const BETWEEN = 1_000;
const THINK_MS = 30_000;
/** How often an echo makes a client leave and come back: a node gets its share by those who move. */
const LEAVING = 0.1;
/** This long a busy machine is waited for: so many minutes. */
const PATIENCE = 3;

/** A node in a process of its own. */
class NodeProcess extends Child implements RestartNode {
  readonly #metricsPort = freePort();
  readonly #redis: RedisProcess;
  readonly #script: readonly string[];

  constructor(redis: RedisProcess, operations: Paper) {
    super();
    this.#redis = redis;
    const ports = [this.port, this.#metricsPort, redis.port];
    // With Redis it needs no folder, says the paper.
    const command = operations.snippet("sh", "--allow-net=127.0.0.1:8080").trim()
      .replace("127.0.0.1:8080", ports.map((port) => `127.0.0.1:${port}`).join(","))
      .replace(/ --db \S+$/, "").replace(/ --allow-write=\S+/, "")
      .replace("/var/lib/parley,", "");
    this.#script = command.split(/\s+/).slice(1);
  }

  async connections(): Promise<number> {
    const scrape = await Scrape.of(`http://127.0.0.1:${this.#metricsPort}/metrics`);
    return scrape.get('parley_connections_open{kind="websocket"}');
  }

  async start(): Promise<void> {
    await this.restart();
  }

  async stop(): Promise<void> {
    this.signal("SIGTERM");
    const { success } = await this.ended();
    if (!success) throw new Error("A node did not stop in order.");
  }

  protected override command(): Deno.Command {
    const options = { ...NODE_OPTIONS, metricsPort: this.#metricsPort, redis: this.#redis.url };
    const named = Object.entries(options).map(([name, value]) => [
      `PARLEY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      String(value),
    ]);
    return new Deno.Command(Deno.execPath(), {
      args: [...this.#script],
      cwd: ROOT,
      env: { PORT: String(this.port), OTEL_DENO_TRACING: "false", ...Object.fromEntries(named) },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    });
  }

  protected override async answers(): Promise<boolean> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}/readyz`);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }
}

type Order = { readonly do: "report" | "finish" } | {
  readonly do: "conclude";
  readonly url: string;
};

/** A crowd in a process of its own. */
class CrowdProcess implements RestartCrowd, AsyncDisposable {
  readonly #line: LineProcess;
  /** One answer is waited for at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(clients: number, url: string, seed: number) {
    this.#line = new LineProcess([
      "-A",
      import.meta.filename ?? "",
      String(clients),
      url,
      `${seed}`,
    ]);
  }

  report(): Promise<CrowdReport> {
    return this.#ask({ do: "report" });
  }

  async finish(): Promise<void> {
    await this.#ask({ do: "finish" });
  }

  conclude({ url }: { readonly url: string }): Promise<number> {
    return this.#ask({ do: "conclude", url });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#line[Symbol.asyncDispose]();
  }

  #ask<T>(order: Order): Promise<T> {
    const answer = this.#last.then(async () => {
      await this.#line.tell(order);
      const answer = await this.#line.next<{ readonly is: T }>();
      if (answer === undefined) throw new Error("A crowd has failed; see above.");
      return answer.is;
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}

/** What the process of a crowd does. */
async function becomeCrowd(clients: number, url: string, seed: number): Promise<void> {
  const random = seeded(seed);
  await using crowd = new LocalCrowd(clients, {
    nodes: [{ url }],
    random,
    thinkMs: THINK_MS,
    inFlight: 1,
    leaving: LEAVING,
  });
  for await (const order of told<Order>()) {
    if (order.do === "report") tell({ is: await crowd.report() });
    else if (order.do === "conclude") tell({ is: await crowd.conclude(order) });
    else {
      await crowd.finish();
      tell({ is: true });
    }
  }
}

if (import.meta.main) {
  const [clients, url = "", seed] = Deno.args;
  if (clients !== undefined) {
    await becomeCrowd(Number(clients), url, Number(seed));
    Deno.exit();
  }
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  const operations = await Paper.read("server/OPERATIONS.md");
  await using redis = await RedisProcess.start("file");
  await using one = new NodeProcess(redis, operations);
  await using two = new NodeProcess(redis, operations);
  const nodes = [one, two];
  await Promise.all(nodes.map((node) => node.start()));
  await using nginx = await NginxProcess.start(...nodes.map(({ port }) => port));
  await using crowds = new AsyncDisposableStack();
  const some = Array.from(
    { length: CROWDS },
    (_, index) => crowds.use(new CrowdProcess(CLIENTS / CROWDS, nginx.url, SEED + index)),
  );
  const plan = { clients: CLIENTS, between: BETWEEN, patience: PATIENCE };
  const begunAt = performance.now();
  const running = rollingRestart(plan, nodes, nginx, some);
  running.catch(async () => say((await nginx.complaints()).slice(-4000)));
  const { messages, refused, newcomers, shares } = await running;
  const seconds = Math.round((performance.now() - begunAt) / 1000);
  say(
    `${CLIENTS} clients, 4 restarts, seed ${SEED}, ${seconds} s: ${messages} messages, none lost`,
  );
  say(
    `${refused} handshakes refused; newcomers until a node had its share: ${newcomers.join(", ")}`,
  );
  say(`shares after each restart: ${shares.map((parts) => parts.join("/")).join(", ")}`);
}

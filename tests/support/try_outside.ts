/**
 * `deno task try:outside` tries what OPERATIONS.md says of programs that the gate cannot count on: systemd,
 * Docker, Kubernetes and Valkey. It names what is not there, and leaves with 1 if anything failed.
 *
 * @module
 */
import { Paper, ROOT } from "./paper.ts";

const OPERATIONS = await Paper.read("server/OPERATIONS.md");
const IMAGE = "parley-try";
/** How long the image and the unit get to become healthy. */
const MAX_START_MS = 60_000;

/** Runs a command, with its input if it has one. @throws {Error} with what it said, if it fails. */
async function run(command: string, input = ""): Promise<string> {
  const [program = "", ...args] = command.split(" ");
  const child = new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${command}: ${text}`);
  return text;
}

/** Asks again and again, until the answer is right. */
async function wait(command: string, right: RegExp): Promise<void> {
  for (let waited = 0; waited < MAX_START_MS; waited += 1000) {
    if (right.test(await run(command))) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error(`${command}: it never became ${right}`);
}

/** What is tried: a command that fails where it cannot be, and what is done. */
const TRIALS: readonly (readonly [what: string, probe: string, act: () => Promise<unknown>])[] = [
  ["the image", "docker info", async () => {
    await run(`docker build -t ${IMAGE} -f - .`, OPERATIONS.snippet("dockerfile", "HEALTHCHECK"));
    await run(`docker run -d --rm --name ${IMAGE} --read-only --cap-drop=ALL ${IMAGE}`);
    try {
      await wait(`docker inspect -f {{.State.Health.Status}} ${IMAGE}`, /^healthy/);
    } finally {
      await run(`docker stop ${IMAGE}`);
    }
  }],
  [
    "Compose",
    "docker compose version",
    () => run("docker compose -f - config --quiet", OPERATIONS.snippet("yaml", "services:")),
  ],
  ["Kubernetes", "kubectl version", () => {
    const spec = OPERATIONS.snippet("yaml", "readinessProbe").replace(/^/gm, "  ");
    const pod = `apiVersion: v1\nkind: Pod\nmetadata: { name: parley }\nspec:\n${spec}`;
    return run("kubectl apply --dry-run=server -f -", pod);
  }],
  ["systemd", "systemctl is-system-running", async () => {
    const unit = OPERATIONS.snippet("ini", "[Service]");
    await Deno.writeTextFile("/run/systemd/system/parley.service", unit);
    await run("systemctl daemon-reload");
    await run("systemctl start parley");
    try {
      await wait("curl -s http://127.0.0.1:8080/healthz", /^ok/);
    } finally {
      await run("systemctl stop parley");
    }
  }],
  ["Valkey", "valkey-server --version", () => {
    const test = "deno test --no-prompt --lock=tests/deno.lock --frozen -A tests/redis_test.ts";
    return run(`env REDIS_SERVER=valkey-server ${test}`);
  }],
];

for (const [what, probe, act] of TRIALS) {
  const isThere = await run(probe).then(() => true, () => false);
  const verdict = isThere
    ? await act().then(() => "works", (thrown: unknown) => `FAILED: ${thrown}`)
    : `not tried: "${probe}" fails here`;
  // deno-lint-ignore no-console
  console.log(`${what}: ${verdict}`);
  if (verdict.startsWith("FAILED")) Deno.exitCode = 1;
}

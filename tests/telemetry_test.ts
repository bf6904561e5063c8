/**
 * OpenTelemetry: a receiver of its protocol gets the same numbers as Prometheus, under its own names. No
 * span is sent, because the runtime would put the tokens of URLs into them.
 *
 * @module
 */
import { METRIC_NAMES, METRIC_ROWS } from "../server/monitoring/table.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { freePort } from "./support/child.ts";
import { member, until } from "./support/harness.ts";
import { ask } from "./support/http.ts";
import { OtlpReceiver } from "./support/otlp_receiver.ts";
import { Program } from "./support/program.ts";
import { Scrape } from "./support/scrape.ts";

Deno.test("telemetry: a receiver gets every metric, with the numbers that Prometheus reads, and no span", async () => {
  await using receiver = new OtlpReceiver();
  const port = freePort();
  const args = ["--db", ":memory:", "--workers", "1", "--metrics-port", String(port)];
  await using program = await Program.start(args, receiver.environment);
  await using client = await member(program);
  client.send({ type: "chat", payload: "one" });
  await client.next("chat");
  client.send({ type: "chat", payload: 2 });
  await client.next("error");
  await ask(program, "/rooms/lobby/messages?token=a-secret");
  const { metrics } = receiver;
  await until(() => receiver.value("parley.commit.duration") === 1, "the commit to be exported");
  await until(
    () => receiver.value("parley.refusals", { reason: "bad_field" }) === 1,
    "the refusal to be exported",
  );
  // Without Redis and a webhook there is nothing to say of them.
  const silent = ["parley.redis.up", "parley.redis.duration", "parley.webhook.lag"];
  const expected = METRIC_NAMES.filter((name) => !silent.includes(name));
  await until(() => expected.every((name) => metrics.has(name)), "every metric");
  assertEquals([...metrics.keys()].sort(), expected.toSorted());
  for (const name of expected) assertEquals(metrics.get(name)?.unit, METRIC_ROWS[name].unit, name);
  const scrape = await Scrape.of(`http://127.0.0.1:${port}/metrics`);
  assertEquals(receiver.value("parley.messages", { thread: "0" }), 1);
  assertEquals(scrape.get("parley_messages_total"), 1);
  const chats = { verdict: "refused", type: "chat" };
  assertEquals(receiver.value("parley.commands", chats), 1);
  assertEquals(receiver.value("parley.connections.open", { kind: "websocket" }), 1);
  assertEquals(receiver.spans, "");
});

Deno.test("telemetry: what each thread measures of the whole program is sent once", async () => {
  await using receiver = new OtlpReceiver();
  const args = ["--db", ":memory:", "--workers", "2"];
  await using _program = await Program.start(args, receiver.environment);
  const threadsOf = (name: string) =>
    new Set(receiver.metrics.get(name)?.points.map(({ attributes }) => attributes.thread));
  await until(() => threadsOf("parley.rooms").size === 2, "both threads");
  for (const name of ["parley.store.size", "parley.store.busy", "process.memory.usage"]) {
    assertEquals(threadsOf(name), new Set(["0"]), name);
  }
});

Deno.test("Deno puts the query of a URL into spans, and it cannot be taken out again", async () => {
  await using receiver = new OtlpReceiver();
  const script = `
    import { trace } from "npm:@opentelemetry/api@1.9.0";
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
      const span = trace.getActiveSpan();
      span?.setAttributes({ "url.full": "gone", "url.query": "gone", "http.route": "/route" });
      return new Response();
    });
    await (await fetch("http://127.0.0.1:" + server.addr.port + "/?token=a-secret")).text();
    setInterval(() => {}, 1000);
  `;
  await using _program = await Program.run(
    [],
    {
      ...receiver.environment,
      OTEL_DENO_TRACING: "true",
    },
    [],
    ["run", "-A", "--lock=tests/deno.lock", `data:text/typescript,${encodeURIComponent(script)}`],
  );
  await until(() => receiver.spans.includes("/route"), "a span with a route");
  // If this fails, traces can be had: see "Metrics" in OPERATIONS.md, and OTEL_DENO_TRACING in deno.json.
  assert(receiver.spans.includes("a-secret"));
});

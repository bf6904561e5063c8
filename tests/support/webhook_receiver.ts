/**
 * A webhook's receiver over real HTTP: it verifies every signature, notes what it takes, and fails as a
 * test wants it to. And a clock that the test moves.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { GapRecord, Message, RevisedEvent, WebhookBody } from "../../server/mod.ts";
import type { WebhookClock } from "../../server/webhooks/clock.ts";
import { until } from "./harness.ts";

export const SECRET = `whsec_${Buffer.from("a webhook's secret of 32 bytes..").toString("base64")}`;

/** A request as it arrived. */
export interface Delivery {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly signatures: readonly string[];
  readonly text: string;
  readonly body: WebhookBody;
}

type Answer = (delivery: Delivery) => Response | Promise<Response>;

export const ok: Answer = () => new Response(null, { status: 204 });

export class Receiver implements AsyncDisposable {
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  #port = 0;
  /** Every request, also those that were not taken. */
  readonly deliveries: Delivery[] = [];
  /** What the requests that were answered with success hold. */
  readonly taken: (Message | RevisedEvent | GapRecord)[] = [];
  /** Answers the next requests. */
  answer: Answer = ok;

  constructor() {
    this.open();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** The payloads that were taken, in order. */
  get payloads(): unknown[] {
    return this.taken.map((record) => "payload" in record ? record.payload : record.type);
  }

  /** Listens, on the same port as before. */
  open(): void {
    this.#server = Deno.serve(
      { port: this.#port, hostname: "127.0.0.1", onListen() {} },
      (request) => this.#receive(request),
    );
    this.#port = this.#server.addr.port;
  }

  /** Goes away: connections are refused. */
  async close(): Promise<void> {
    await this.#server?.shutdown();
    this.#server = undefined;
  }

  /** Settles when so many requests have come. */
  async requests(count: number): Promise<void> {
    await until(() => this.deliveries.length >= count, `${count} requests`);
  }

  /** Settles when so many records were taken. */
  async takes(count: number): Promise<void> {
    await until(() => this.taken.length >= count, `${count} records`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #receive(request: Request): Promise<Response> {
    const text = await request.text();
    const header = (name: string) => request.headers.get(`webhook-${name}`) ?? "";
    const delivery = {
      id: header("id"),
      timestamp: Number(header("timestamp")),
      signatures: header("signature").split(" "),
      text,
      body: JSON.parse(text),
    };
    this.deliveries.push(delivery);
    if (!delivery.signatures.includes(signatureOf(delivery, SECRET))) {
      return new Response("the signature is wrong", { status: 401 });
    }
    const response = await this.answer(delivery);
    if (response.ok) this.taken.push(...delivery.body.data);
    return response;
  }
}

/** Signs as https://www.standardwebhooks.com says. */
export function signatureOf({ id, timestamp, text }: Delivery, secret: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest("base64");
  return `v1,${digest}`;
}

interface Sleeper {
  readonly milliseconds: number;
  readonly dueAt: number;
  readonly wake: () => void;
}

/** A clock that stands still until the test moves it. Only naps pass by themselves. */
export class ManualClock implements WebhookClock {
  #now = Date.UTC(2026, 0, 1);
  #sleepers: Sleeper[] = [];
  /** So long a sleep passes by itself: a webhook waits for more messages meanwhile. */
  napMs = 100;

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) return Promise.resolve();
    if (milliseconds <= this.napMs) {
      setTimeout(resolve);
      return promise;
    }
    const sleeper = { milliseconds, dueAt: this.#now + milliseconds, wake: resolve };
    this.#sleepers.push(sleeper);
    signal.addEventListener("abort", () => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
      resolve();
    });
    return promise;
  }

  /** The times that are slept at present, in milliseconds. */
  get sleeping(): number[] {
    return this.#sleepers.map(({ milliseconds }) => milliseconds);
  }

  /** Waits until somebody sleeps for exactly so long. */
  async slept(milliseconds: number): Promise<void> {
    await until(() => this.sleeping.includes(milliseconds), `a sleep of ${milliseconds} ms`);
  }

  /** Moves the clock, and wakes those who have slept long enough. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#sleepers.filter(({ dueAt }) => dueAt <= this.#now);
    this.#sleepers = this.#sleepers.filter((sleeper) => !due.includes(sleeper));
    for (const { wake } of due) wake();
  }
}

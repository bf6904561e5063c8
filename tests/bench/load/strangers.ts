/**
 * Two who are there at once, each in a process of its own: `stranger` tries every door for so many
 * seconds, `bystander` says something twenty times a second. The answer is one line of JSON.
 */
import { Stranger } from "../../support/stranger.ts";

const EVERY_MS = 50;
/** Of each kind of attempt. */
const AT_ONCE = 6;

/** What the stranger got, by its own count. */
export interface StrangerResult {
  readonly units: number;
  readonly seconds: number;
  readonly got: Readonly<Record<string, number>>;
}

export interface BystanderResult {
  readonly joinMs: number;
  /** From saying something until it comes back, sorted. */
  readonly echoMs: readonly number[];
  readonly errors: number;
}

const ROLES = {
  async stranger(url: string, milliseconds: number): Promise<StrangerResult> {
    const begin = performance.now();
    let n = 0;
    const headers = () => ({ "x-forwarded-for": `203.0.113.7:${n++ % 65_536}` });
    const isOver = () => performance.now() > begin + milliseconds;
    const stranger = new Stranger(url, headers, isOver);
    await stranger.run(AT_ONCE);
    const { units, got } = stranger;
    return { units, got, seconds: (performance.now() - begin) / 1000 };
  },

  async bystander(url: string, milliseconds: number): Promise<BystanderResult> {
    const begin = performance.now();
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws?name=Bystander`, {
      headers: { "x-forwarded-for": "198.51.100.1" },
    });
    let joinMs = NaN;
    let errors = 0;
    const said = new Map<string, number>();
    const echoMs: number[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.onerror = () => reject(new Error("The bystander was not let in."));
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      const at = said.get(event.ref);
      if (event.type === "error") errors++;
      if (event.type === "joined") joinMs = performance.now() - begin;
      if (at !== undefined) echoMs.push(performance.now() - at);
    };
    const timer = setInterval(() => {
      if (performance.now() > begin + milliseconds) return resolve();
      if (socket.readyState !== WebSocket.OPEN) return;
      const ref = crypto.randomUUID();
      said.set(ref, performance.now());
      socket.send(JSON.stringify({ type: "chat", payload: "?", ref }));
    }, EVERY_MS);
    await promise.finally(() => clearInterval(timer));
    socket.close();
    return { joinMs, errors, echoMs: echoMs.sort((a, b) => a - b) };
  },
};

const [role = "", url = "", milliseconds = ""] = Deno.args;
if (role !== "stranger" && role !== "bystander") throw new Error("stranger or bystander?");
const result = await ROLES[role](url, Number(milliseconds));
Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(result)}\n`));
Deno.exit(0); // whatever is still on its way

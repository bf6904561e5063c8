/**
 * The README says nothing that does not run: its snippets are taken out of it and tried, each as a
 * program of its own, with only the address and the paths put in.
 *
 * @module
 */
import { assert, assertEquals } from "./support/assert.ts";
import { member, patiently, serve } from "./support/harness.ts";

const ROOT = new URL("../", import.meta.url);
const README = await Deno.readTextFile(new URL("README.md", ROOT));

/** The snippets in that language, in order. */
function snippets(language: string): string[] {
  return [...README.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, named]) => named === language)
    .map(([, , code = ""]) => code);
}

function snippet(language: string, having: string): string {
  const found = snippets(language).find((code) => code.includes(having));
  assert(found !== undefined, `no ${language} snippet with ${having}`);
  return found;
}

/** A running snippet and what it has printed so far. */
class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  #printed = "";
  #wake = () => {};

  constructor(command: string, args: readonly string[], cwd: string) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      cwd,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  /** A snippet as a file of its own, run by this Deno. */
  static async of(code: string, url: string): Promise<Program> {
    const cwd = await Deno.makeTempDir();
    const here = code
      .replaceAll('"./', `"${ROOT}`)
      .replaceAll(/\/\/127\.0\.0\.1:8080/g, url.slice(url.indexOf("//")))
      .replace("port: 8080", "port: 0");
    await Deno.writeTextFile(`${cwd}/snippet.ts`, here);
    const config = new URL("deno.json", ROOT).pathname;
    return new Program(Deno.execPath(), ["run", "-A", "--config", config, "snippet.ts"], cwd);
  }

  /** Waits until that was printed. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#printed);
      if (found !== null) return found;
      const more = new Promise<void>((resolve) => this.#wake = resolve);
      await patiently(more, `${pattern} in ${JSON.stringify(this.#printed)}`);
    }
  }

  end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended by itself.
    }
    return this.status;
  }

  get status(): Promise<Deno.CommandStatus> {
    return patiently(this.#child.status, "the snippet to end");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    await this.#reading;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#printed += text;
      this.#wake();
    }
  }
}

Deno.test("README: the client of ten lines talks and listens", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  await using program = await Program.of(snippet("js", "new WebSocket"), server.url);
  await program.prints(/Ada: hello/);
  bob.send({ type: "chat", payload: "hello yourself" });
  await program.prints(/Bob: hello yourself/);
});

Deno.test("README: two terminals with curl talk with a WebSocket", async () => {
  await using server = await serve();
  await using bob = await member(server, { name: "Bob" });
  const [listen = "", say = ""] = snippet("sh", "curl -N")
    .replaceAll("http://127.0.0.1:8080", server.url).trim().split("\n");
  await using listener = new Program("bash", ["-c", `exec ${listen}`], "/");
  await bob.next("system", ({ user }) => user?.name === "Terminal");
  await using speaker = new Program("bash", ["-c", `exec ${say}`], "/");
  assertEquals((await speaker.status).code, 0);
  const { from, payload } = await bob.next("chat");
  assertEquals([from.name, payload], ["Grace", "hello from curl"]);
  await listener.prints(/id: \S+:1\ndata: .*hello from curl/);
});

Deno.test("README: the embedding program serves its own page beside the rooms, and stops", async () => {
  await using program = await Program.of(snippet("ts", "createServer"), "http://unused");
  const [, url = ""] = await program.prints(/Listening on (http\S+:\d+)/);
  assertEquals(await (await fetch(`${url}/about`)).text(), "my own page");
  {
    await using alice = await member({ url });
    alice.send({ type: "chat", payload: "hi" });
    assertEquals((await alice.next("chat")).seq, 1);
  }
  {
    await using alice = await member({ url }, { room: "announcements" });
    alice.send({ type: "chat", room: "announcements", payload: "hi" });
    assertEquals((await alice.next("error")).code, "forbidden");
  }
  assertEquals((await program.end("SIGTERM")).code, 0);
});

Deno.test("README: the client library joins, sends and is answered", async () => {
  await using server = await serve();
  await using program = await Program.of(snippet("ts", "connect("), server.url);
  await program.prints(/It is number 1\./);
  assertEquals((await program.status).code, 0);
});

Deno.test("README: it is within 250 lines", () => {
  assert(README.split("\n").length <= 251);
});

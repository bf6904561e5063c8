/**
 * Chromium as a process that several tests connect to, one after the other.
 *
 * Playwright can launch Chromium itself, but then its pipe is read all the time, and the sanitizers
 * take what it reads during a test for a leak of that test. So Chromium is started here, and each
 * test opens and closes a connection of its own.
 *
 * @module
 */
import fs from "node:fs";
import { type Browser, chromium } from "npm:playwright-core@1.65.1";
import { patiently, until } from "./harness.ts";

/** The switches with which Playwright launches Chromium, as far as a page of ours could notice. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--no-startup-window",
  "--no-first-run",
  "--no-default-browser-check",
  "--no-service-autorun",
  "--allow-pre-commit-input",
  "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
  "--disable-back-forward-cache",
  "--disable-background-networking",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-breakpad",
  "--disable-component-extensions-with-background-pages",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-dev-shm-usage",
  "--disable-extensions",
  "--disable-features=AvoidUnnecessaryBeforeUnloadCheckSync,HttpsUpgrades,MediaRouter,OptimizationHints,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning",
  "--disable-field-trial-config",
  "--disable-gpu",
  "--disable-hang-monitor",
  "--disable-ipc-flooding-protection",
  "--disable-popup-blocking",
  "--disable-prompt-on-repost",
  "--disable-quic",
  "--disable-renderer-backgrounding",
  "--disable-search-engine-choice-screen",
  "--disable-sync",
  "--enable-unsafe-swiftshader",
  "--force-color-profile=srgb",
  "--hide-scrollbars",
  "--metrics-recording-only",
  "--mute-audio",
  "--password-store=basic",
  "--remote-debugging-port=0",
];

/**
 * Runs a program until the standard input ends, which it does however the test program ends; then
 * kills it and removes its folder. Ctrl-C reaches this shell too, and must not end it before that.
 */
const SCRIPT = `
  trap "" INT
  folder=$1; shift
  exec 3<&0
  "$@" </dev/null >/dev/null 2>&1 3<&- &
  read -r _ <&3
  kill -KILL $!
  wait $!
  until rm -rf "$folder" 2>/dev/null; do sleep 0.05; done`;

/**
 * The sanitizers take a deletion that Playwright starts when it is disconnected for a leak, since it
 * does not wait for it. So deletions are kept here while they run, and a test waits for them.
 */
const deletions = new Set<Promise<void>>();
const { unlink } = fs.promises;
fs.promises.unlink = async (path) => {
  const deletion = unlink(path);
  deletions.add(deletion);
  try {
    await deletion;
  } finally {
    deletions.delete(deletion);
  }
};

export class ChromiumProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(executablePath: string, folder: string) {
    this.#folder = folder;
    const chromium = [executablePath, ...FLAGS, `--user-data-dir=${folder}`];
    this.#process = new Deno.Command("sh", {
      args: ["-c", SCRIPT, "sh", folder, ...chromium],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts Chromium, and waits until it can be connected to. */
  static async start(executablePath: string): Promise<ChromiumProcess> {
    const folder = await Deno.makeTempDir({ prefix: "parley-chromium-" });
    const process = new ChromiumProcess(executablePath, folder);
    await until(async () => await process.#address() !== undefined, "Chromium to start");
    return process;
  }

  /** Connects to Chromium, until {@linkcode disconnect}. */
  async connect(): Promise<Browser> {
    const address = await this.#address();
    if (address === undefined) throw new Error("Chromium has not started.");
    // Without a folder Playwright makes one, and still removes it when the test has ended: a leak.
    return await chromium.connectOverCDP(address, { artifactsDir: `${this.#folder}/artifacts` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close();
    await patiently(this.#process.status, "Chromium to end");
  }

  /** Where Chromium listens, which it writes down when it does. */
  async #address(): Promise<string | undefined> {
    try {
      const text = await Deno.readTextFile(`${this.#folder}/DevToolsActivePort`);
      const [port, path] = text.split("\n");
      return path ? `ws://127.0.0.1:${port}${path}` : undefined;
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      return undefined;
    }
  }
}

/** Disconnects from Chromium, which forgets the contexts that were opened and all that they stored. */
export async function disconnect(browser: Browser): Promise<void> {
  await browser.close();
  await Promise.allSettled(deletions);
}

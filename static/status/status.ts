/**
 * The page that shows the metrics to people. It reads samples from the event stream `status/events`, with
 * the key that its reader typed, and shows them as charts.
 *
 * The key is not in the URL, where it would get into logs. `EventSource` sends no `Authorization`, so the
 * stream is read with `fetch`.
 *
 * @module
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import { type Chart, type ChartHead, drawChart, makeChart, type Sample } from "./charts.ts";

/** What the stream begins with. */
interface Beginning {
  readonly charts: readonly ChartHead[];
  readonly samples: readonly Sample[];
}

const KEY = "parley: status key";
const MAX_SAMPLES = 300;
/** When to connect again. */
const RETRY_MS = 2000;
/** A stream that says nothing for so long is given up. */
const SILENCE_MS = 10_000;

const state = byId("state");
const form = byId("sign-in");
const input = byId("key") as HTMLInputElement; // by its tag in the page
const problem = byId("problem");
const forget = byId("forget");
const board = byId("charts");
const footer = byId("footer");
let key = sessionStorage.getItem(KEY) ?? "";
let charts: Chart[] = [];
let samples: Sample[] = [];
let isDrawing = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  key = input.value.trim();
  // No key has other characters. With some of them, fetch would throw as it does when the server is away.
  if (/[^\x21-\x7e]/.test(key)) askForKey();
  else void watch();
});
forget.addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  location.reload();
});
addEventListener("resize", drawSoon);
void watch();

/** Watches until a key is needed, and connects again whenever the stream ends. */
async function watch(): Promise<void> {
  form.hidden = true;
  for (;;) {
    try {
      if (!await follow()) return;
    } catch {
      // The server is away, or the network.
    }
    board.classList.add("stale");
    showState("No answer; trying again", "bad");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Follows one stream to its end. @returns false if a key is needed. */
async function follow(): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const response = await fetch("status/events", {
    headers: key === "" ? {} : { authorization: `Bearer ${key}` },
    signal: silence.signal,
  });
  if (response.status === 401 || response.status === 403) {
    clearTimeout(timer);
    askForKey();
    return false;
  }
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  if (key !== "") sessionStorage.setItem(KEY, key);
  forget.hidden = key === "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return true;
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const events = (text + value).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
    }
  }
}

function askForKey(): void {
  problem.textContent = key === "" ? "" : "The server does not know this key.";
  sessionStorage.removeItem(KEY);
  key = "";
  board.hidden = footer.hidden = forget.hidden = true;
  form.hidden = false;
  input.value = "";
  input.focus();
  showState("Locked", "");
}

function take(event: Beginning | Sample): void {
  if ("charts" in event) {
    begin(event);
  } else {
    samples.push(event);
    if (samples.length > MAX_SAMPLES) samples.shift();
  }
  const trouble = samples.at(-1)?.trouble ?? "";
  if (trouble === "") showState("Ready", "good");
  else showState(`Not ready: ${trouble}`, "bad");
  drawSoon();
}

function begin(beginning: Beginning): void {
  samples = [...beginning.samples];
  let first = 0;
  charts = beginning.charts.map((head) => {
    const chart = makeChart(head, first);
    first += head.lines.length;
    return chart;
  });
  board.replaceChildren(...charts.map(({ section }) => section));
  board.classList.remove("stale");
  board.hidden = footer.hidden = false;
}

/** Draws once in a frame, however much has come. Nothing is drawn while nobody sees it. */
function drawSoon(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    for (const chart of charts) drawChart(chart, samples);
  });
}

function showState(text: string, className: string): void {
  if (state.textContent !== text) state.textContent = text;
  state.className = className;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element ${id}.`);
  return found;
}

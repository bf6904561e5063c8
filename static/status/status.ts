/**
 * The page that shows the metrics to people. It reads samples from the event stream `status/events`, with
 * the key that its reader typed, and draws a chart of each kind of number.
 *
 * The key is not in the URL, where it would get into logs. `EventSource` sends no `Authorization`, so the
 * stream is read with `fetch`.
 *
 * @module
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/** What the stream begins with. */
interface Beginning {
  readonly charts: readonly ChartHead[];
  readonly samples: readonly Sample[];
}

interface ChartHead {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly string[];
}

interface Sample {
  readonly at: number;
  readonly trouble: string;
  readonly values: readonly (number | null)[];
}

/** A chart on the page, and which of the values are its lines. */
interface Chart {
  readonly section: HTMLElement;
  readonly unit: string;
  readonly first: number;
  readonly paths: readonly SVGPathElement[];
  readonly latest: readonly HTMLElement[];
  readonly top: HTMLElement;
}

const KEY = "parley: status key";
const WINDOW_MS = 600_000;
const MAX_SAMPLES = 300;
/** When to connect again. */
const RETRY_MS = 2000;
/** A stream that says nothing for so long is given up. */
const SILENCE_MS = 10_000;
const WIDTH = 300;
const HEIGHT = 88;
const SVG = "http://www.w3.org/2000/svg";

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
  void watch();
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

function makeChart({ title, unit, lines }: ChartHead, first: number): Chart {
  const paths = lines.map((_, index) => path(`line-${index}`));
  const grid = path("grid");
  grid.setAttribute("d", `M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 1}H${WIDTH}`);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true"); // the numbers are beside it, as text
  svg.append(grid, ...paths);
  const latest = lines.map(() => document.createElement("dd"));
  const list = document.createElement("dl");
  list.append(...lines.map((line, index) => {
    const row = document.createElement("div");
    row.append(keyOf(index), element("dt", line), latest[index] ?? "");
    return row;
  }));
  const top = element("span", "");
  top.className = "top";
  const plot = document.createElement("div");
  plot.className = "plot";
  plot.append(top, svg);
  const scale = document.createElement("div");
  scale.className = "scale";
  scale.append(element("span", "10 min ago"), element("span", "now"));
  const section = document.createElement("section");
  section.append(element("h2", title), list, plot, scale);
  return { section, unit, first, paths, latest, top };
}

/** Shows how a line looks. */
function keyOf(index: number): SVGElement {
  const line = path(`line-${index}`);
  line.setAttribute("d", "M0 4H20");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 8");
  svg.setAttribute("class", "key");
  svg.setAttribute("aria-hidden", "true");
  svg.append(line);
  return svg;
}

/** Draws once in a frame, however much has come. Nothing is drawn while nobody sees it. */
function drawSoon(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    for (const chart of charts) draw(chart);
  });
}

function draw({ section, unit, first, paths, latest, top }: Chart): void {
  const columns = paths.map((_, index) => samples.map(({ values }) => values[first + index]));
  const numbers = columns.flat().filter((value) => typeof value === "number");
  section.hidden = numbers.length === 0;
  const max = niceAbove(Math.max(0, ...numbers));
  top.textContent = shown(max, unit);
  for (const [index, line] of paths.entries()) {
    const column = columns[index] ?? [];
    line.setAttribute("d", pathOf(column, max));
    const value = column.findLast((value) => typeof value === "number");
    const cell = latest[index];
    if (cell !== undefined) cell.textContent = typeof value === "number" ? shown(value, unit) : "–";
  }
}

/** Draws a line through the values. Where there is none, what came before goes on. */
function pathOf(column: readonly (number | null | undefined)[], max: number): string {
  const end = samples.at(-1)?.at ?? 0;
  let text = "";
  for (const [index, value] of column.entries()) {
    const at = samples[index]?.at;
    if (typeof value !== "number" || at === undefined) continue;
    const x = WIDTH * (1 - (end - at) / WINDOW_MS);
    if (x < 0) continue;
    const y = HEIGHT - 1 - (HEIGHT - 2) * value / max;
    text += `${text === "" ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  return text;
}

/** Returns 1, 2 or 5 times a power of ten that is not below the value. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((times) => times * power).find((nice) => nice >= value * 0.999) ?? value;
}

/** Writes a number with its unit, short enough to be read at a glance. */
function shown(value: number, unit: string): string {
  if (unit === "s") {
    if (value >= 1 || value === 0) return `${short(value)} s`;
    return value >= 0.001 ? `${short(value * 1000)} ms` : `${short(value * 1e6)} µs`;
  }
  const thousands = value >= 1e9 ? 3 : value >= 1e6 ? 2 : value >= 1e3 ? 1 : 0;
  const letter = ["", "k", "M", "G"][thousands] ?? "";
  const number = short(value / 1000 ** thousands);
  return unit.startsWith("B") ? `${number} ${letter}${unit}` : `${number}${letter}${unit}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function showState(text: string, className: string): void {
  if (state.textContent !== text) state.textContent = text;
  state.className = className;
}

function path(className: string): SVGPathElement {
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("class", className);
  return made;
}

function element(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element ${id}.`);
  return found;
}

/**
 * A chart of the status page: its head, its lines, and the newest number of each.
 *
 * @module
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

export interface ChartHead {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly string[];
}

export interface Sample {
  readonly at: number;
  readonly trouble: string;
  readonly values: readonly (number | null)[];
}

/** A chart on the page, and which of the values are its lines. */
export interface Chart {
  readonly section: HTMLElement;
  readonly unit: string;
  readonly first: number;
  readonly paths: readonly SVGPathElement[];
  readonly latest: readonly HTMLElement[];
  readonly top: HTMLElement;
}

const WINDOW_MS = 600_000;
const WIDTH = 300;
const HEIGHT = 88;
const SVG = "http://www.w3.org/2000/svg";

/** Makes a chart without lines. `first` is the place of its first line among the values of a sample. */
export function makeChart({ title, unit, lines }: ChartHead, first: number): Chart {
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

/** Draws the samples into a chart. */
export function drawChart(
  { section, unit, first, paths, latest, top }: Chart,
  samples: readonly Sample[],
): void {
  const columns = paths.map((_, index) => samples.map(({ values }) => values[first + index]));
  const numbers = columns.flat().filter((value) => typeof value === "number");
  section.hidden = numbers.length === 0;
  const max = niceAbove(Math.max(0, ...numbers));
  top.textContent = shown(max, unit);
  for (const [index, line] of paths.entries()) {
    const column = columns[index] ?? [];
    line.setAttribute("d", pathOf(column, max, samples));
    const value = column.findLast((value) => typeof value === "number");
    const cell = latest[index];
    if (cell !== undefined) cell.textContent = typeof value === "number" ? shown(value, unit) : "–";
  }
}

/** Draws a line through the values. Where there is none, what came before goes on. */
function pathOf(
  column: readonly (number | null | undefined)[],
  max: number,
  samples: readonly Sample[],
): string {
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

/** The throughput as bars, in an SVG that can be read on a light page and on a dark one. */
import type { ServerId } from "./servers.ts";

export interface Bars {
  readonly title: string;
  readonly bars: readonly Bar[];
}

interface Bar {
  readonly id: ServerId;
  readonly label: string;
  /** Deliveries a second, a median. */
  readonly value: number;
}

const WIDTH = 720, MARGIN = 16, LABELS = 108, VALUES = 84, ROW = 20, BAR = 14, GAP = 38, HEAD = 52;

/** One group of bars for each workload; in each, the longest is the fastest server's. */
export function chart(title: string, groups: readonly Bars[]): string {
  let y = HEAD;
  const parts: string[] = [];
  for (const group of groups) {
    parts.push(text(MARGIN, y + 14, group.title, "group"));
    y += 22;
    const longest = Math.max(...group.bars.map(({ value }) => value));
    for (const { id, label, value } of group.bars) {
      const width = Math.max(1, (WIDTH - 2 * MARGIN - LABELS - VALUES) * value / longest);
      const x = MARGIN + LABELS;
      const kind = id === "parley" ? "parley" : "peer";
      parts.push(
        text(x - 8, y + 11, label, "label"),
        `<rect class="${kind}" x="${x}" y="${y}" width="${
          width.toFixed(1)
        }" height="${BAR}" rx="2"/>`,
        text(x + width + 6, y + 11, `${(value / 1e6).toFixed(2)} M/s`, "value"),
      );
      y += ROW;
    }
    y += GAP - ROW;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img">
<title>${escape(title)}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.group { font-weight: 600; }
.label { text-anchor: end; }
.parley { fill: #0b6bcb; }
.peer { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .parley { fill: #58a6ff; }
  .peer { fill: #6e7681; }
}
</style>
${text(MARGIN, 28, title, "title")}
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A Markdown table, set as `deno fmt` would set it: first column to the left, others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => [...(row[column] ?? "")].length))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      widths.map((width, column) => {
        const cell = cells[column] ?? "";
        const gap = " ".repeat(width - [...cell].length);
        return column === 0 ? cell + gap : gap + cell;
      }).join(" | ")
    } |`;
  const rule = widths.map((width, column) => "-".repeat(width - 1) + (column === 0 ? "-" : ":"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

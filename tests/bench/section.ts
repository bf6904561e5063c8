/** A part of the report. */
export interface Section {
  /** Markdown. */
  readonly text: string;
  /** What was asked for, what it had to be, what it is, and whether that will do. */
  readonly bars: readonly (readonly string[])[];
}

/**
 * The first message takes several times as long as any other: its fonts, its formats of dates and its code
 * were not needed before. So one that nobody sees is made and laid out while the browser is idle, in steps.
 *
 * @module
 */

/// <reference lib="dom" />

import { create, onceIdle } from "./dom.ts";
import { KnownNames } from "./known_names.ts";
import { Lines } from "./lines.ts";
import { MessageWriter } from "./message_writer.ts";

/** Makes and lays out a message that nobody sees. */
export function warmUp(): void {
  const place = create("div", { class: "heard-only", "aria-hidden": "true" });
  const flow = create("div", { class: "flow" });
  const names = new KnownNames({ user: () => undefined, members: () => [] });
  const lines = new Lines(flow, { names, react: () => {} }, () => {}, () => {});
  const from = { id: "", name: "Ada" };
  const steps = [
    () =>
      new MessageWriter(flow, lines).write(
        { type: "chat", room: "", seq: 0, at: Date.now(), from, payload: "Warming up: 0 1 2" },
        false,
      ),
    () => document.body.append(place),
    ...[".day", ".face", ".head", ".line"].map((selector) => () => {
      const part = flow.querySelector(selector);
      if (!part) return;
      place.append(create("div", { class: "group" }, part));
      void place.offsetHeight;
    }),
    () => place.remove(),
    () => performance.mark("parley-warm"),
  ];
  onceIdle(() => {
    steps.shift()?.();
    return steps.length > 0;
  })();
}

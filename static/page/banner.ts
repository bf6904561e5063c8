/**
 * Shows a banner while the client is not connected.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Client, ClientState } from "../client/mod.ts";
import { announce } from "./announcer.ts";
import { button, byId, create } from "./dom.ts";
import { strings } from "./strings.ts";

/** What the close codes say that are not about the connection. */
const SENTENCES: Readonly<Record<number, string>> = {
  1000: strings.signedOut, // the page closes its connection for no other reason
  3000: strings.signedOut,
  3003: strings.expelled,
};

/** Shows the client's state from now on, and announces when the connection is lost or back. */
export function showConnection(client: Client): void {
  const banner = byId("banner", HTMLElement);
  const text = create("span");
  const action = button("plain", () => {
    if (client.state.status === "closed") location.reload();
    else client.retry();
  });
  banner.append(text, action);
  let wasLost = false;
  let countdown: ReturnType<typeof setInterval> | undefined;

  function show(state: ClientState): void {
    clearInterval(countdown);
    document.documentElement.dataset.connection = state.status;
    banner.hidden = state.status === "open" || !wasLost && state.status === "connecting";
    action.hidden = state.status === "connecting";
    switch (state.status) {
      case "open":
        if (wasLost) announce(strings.back);
        wasLost = false;
        break;
      case "connecting":
        text.textContent = strings.retrying;
        break;
      case "waiting":
        if (!wasLost) announce(strings.lost);
        wasLost = true;
        action.textContent = strings.tryNow;
        showCountdown(state.retryAt);
        countdown = setInterval(showCountdown, 500, state.retryAt);
        break;
      case "closed": {
        const sentence = SENTENCES[state.code] ?? strings.closed;
        text.textContent = state.reason ? `${sentence} (${state.reason})` : sentence;
        announce(text.textContent);
        action.textContent = strings.reload;
        break;
      }
      default:
        state satisfies never;
    }
  }

  function showCountdown(retryAt: number): void {
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    text.textContent = `${strings.lost} ${strings.nextTry(seconds)}`;
  }

  client.on("state", show);
  client.on("doubt", (isInDoubt) => {
    banner.hidden = !isInDoubt;
    action.hidden = true;
    text.textContent = strings.doubtful;
  });
  show(client.state);
}

/** Says where the connection stands, when it is not as it should be. */

/// <reference lib="dom" />

import type { Client, ClientState } from "../client/mod.ts";
import { byId, h } from "./dom.ts";
import { strings } from "./strings.ts";

/** Shows a client's state from now on; `announce` is given what is worth hearing. */
export function showConnection(client: Client, announce: (sentence: string) => void): void {
  const banner = byId("banner", HTMLElement);
  const says = h("span");
  const button = h("button", { type: "button", class: "plain" });
  banner.append(says, button);
  let wasLost = false;
  let ticking: ReturnType<typeof setInterval> | undefined;

  button.addEventListener("click", () => {
    if (client.state.status === "closed") location.reload();
    else client.retry();
  });

  function show(state: ClientState): void {
    clearInterval(ticking);
    document.documentElement.dataset.connection = state.status;
    banner.hidden = state.status === "open" || !wasLost && state.status === "connecting";
    button.hidden = state.status === "connecting";
    switch (state.status) {
      case "open":
        if (wasLost) announce(strings.back);
        wasLost = false;
        break;
      case "connecting":
        says.textContent = strings.retrying;
        break;
      case "waiting":
        if (!wasLost) announce(strings.lost);
        wasLost = true;
        button.textContent = strings.tryNow;
        count(state.retryAt);
        ticking = setInterval(count, 500, state.retryAt);
        break;
      case "closed":
        says.textContent = state.reason ? `${strings.closed} (${state.reason})` : strings.closed;
        announce(strings.closed);
        button.textContent = strings.reload;
    }
  }

  function count(retryAt: number): void {
    const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
    says.textContent = `${strings.lost} ${strings.nextTry(seconds)}`;
  }

  client.addEventListener("state", ({ detail }) => show(detail));
  client.addEventListener("doubt", ({ detail: isInDoubt }) => {
    banner.hidden = !isInDoubt;
    button.hidden = true;
    says.textContent = strings.doubtful;
  });
  show(client.state);
}

/**
 * `OlderMessages` loads the history of a room, page by page, as the user scrolls up.
 *
 * @module
 */
import type { HistoryPage } from "../client/mod.ts";
import type { ListStatus } from "./list_status.ts";

/** How many messages are asked for at once. */
const PAGE_MESSAGES = 100;
/** How long the recent messages may take to come before they are asked for, in milliseconds. */
const RECENT_TIMEOUT_MS = 1_500;

/** What it needs. */
export interface OlderMessagesOptions {
  readonly read: (before: number, limit: number) => Promise<HistoryPage>;
  /** Shows a page above the messages that are there. */
  readonly prepend: (page: HistoryPage) => void;
  /** Called after a page was shown: the list may need another one. */
  readonly loaded: () => void;
}

/** The history of one room. */
export class OlderMessages {
  /** The `seq` of the oldest message shown; undefined before there is one. */
  first: number | undefined;
  readonly #status: ListStatus;
  readonly #options: OlderMessagesOptions;
  /** The page that is being loaded, if one is. */
  #loading: Promise<HistoryPage> | undefined;
  #hasFailed = false;
  #recentTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(status: ListStatus, options: OlderMessagesOptions) {
    this.#status = status;
    this.#options = options;
  }

  /** Notes that the room was entered. If `isFresh`, no message is shown any more. */
  joined(head: number, isFresh: boolean): void {
    this.#hasFailed = false;
    if (!isFresh) return;
    [this.first, this.#loading] = [undefined, undefined];
    this.#status.show(head ? "loading" : "empty");
    clearTimeout(this.#recentTimer);
    // A server may be set to send no recent messages to those who join. The history has them.
    if (head) this.#recentTimer = setTimeout(() => this.#loadRecent(head), RECENT_TIMEOUT_MS);
  }

  /** Loads a page if there is one. After a failure it does not, until the user asks for it. */
  loadMore(): void {
    if (!this.#hasFailed) this.load();
  }

  async load(): Promise<void> {
    const before = this.first;
    if (this.#loading || before === undefined || before <= 1) return;
    this.#status.show("older");
    const loading = this.#loading = this.#options.read(before, PAGE_MESSAGES);
    const page = await loading.catch(() => undefined);
    if (this.#loading !== loading) return; // it is of a log that was replaced
    this.#loading = undefined;
    this.#hasFailed = page === undefined;
    if (page === undefined) return this.#status.show("olderFailed");
    if (this.first !== before) return; // the list was shortened in the meantime
    this.#options.prepend(page);
    this.first = page.messages[0]?.seq ?? 1;
    this.showStatus(false);
    this.#options.loaded();
  }

  /**
   * Shows where the messages begin, if that is known.
   *
   * @param hasUnsent a message in an empty list.
   */
  showStatus(hasUnsent: boolean): void {
    if (this.first !== undefined && this.first <= 1) this.#status.show("beginning");
    else if (this.first === undefined ? hasUnsent : !this.#loading && !this.#hasFailed) {
      this.#status.clear();
    }
  }

  #loadRecent(head: number): void {
    if (this.first !== undefined) return;
    this.first = head + 1;
    this.load();
  }
}

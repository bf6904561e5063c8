/**
 * `Typing` knows which users type in which rooms, and passes on what the others do not know: a start at
 * most once a second, and each end, so that nobody seems to type for ever. Sockets and HTTP share it,
 * because a user's start may come by one and the end by the other.
 *
 * @module
 */
import { reason } from "../log.ts";
import { encode } from "../protocol/encode.ts";
import type { User } from "../protocol/messages.ts";
import type { NodeContext } from "./context.ts";

/** The shortest time between two starts of a user in a room that are passed on. */
const START_MS = 1000;
/** How many pairs of user and room are remembered. The one that changed longest ago is forgotten first. */
const MAX_STATES = 65_536;

interface State {
  isTyping: boolean;
  startedAt: number;
}

export class Typing {
  readonly #context: NodeContext;
  readonly #states = new Map<string, State>();

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /**
   * Tells the others in a room that a user began or stopped typing, unless they know it already.
   *
   * An end is dropped only if the last thing that they were told was an end. With other nodes that cannot
   * be known: a start may have come by another node, so every end is passed on.
   */
  set(room: string, user: User, isTyping: boolean): void {
    const key = keyOf(room, user);
    const state = this.#states.get(key);
    const now = this.#context.now();
    if (isTyping && state !== undefined && now - state.startedAt < START_MS) return;
    if (!isTyping && state?.isTyping === false && !this.#hasOtherNodes) return;
    const event = encode({ type: "typing", room, from: user, payload: isTyping });
    this.#context.broker.signal(room, { event, exceptUserId: user.id });
    this.#states.delete(key); // so that the map stays in the order of changes
    this.#states.set(key, { isTyping, startedAt: isTyping ? now : state?.startedAt ?? -Infinity });
    if (this.#states.size > MAX_STATES) {
      const [oldest = ""] = this.#states.keys();
      this.#states.delete(oldest);
    }
  }

  /** Tells that a user stopped typing who cannot say so: gone from the room, muted there, or too fast. */
  end(room: string, user: User): void {
    if (!this.#states.get(keyOf(room, user))?.isTyping) return;
    try {
      this.set(room, user, false);
    } catch (thrown) {
      this.#context.log.warn("signal failed", { room, reason: reason(thrown) });
    }
  }

  get #hasOtherNodes(): boolean {
    return this.#context.broker.members !== undefined;
  }
}

/** An id and a room's name may have blanks, but no line breaks. */
function keyOf(room: string, { id }: User): string {
  return `${id}\n${room}`;
}

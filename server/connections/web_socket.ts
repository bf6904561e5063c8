/**
 * A connection over WebSocket (RFC 6455): text frames in, one frame a turn out. It knows the
 * subprotocols and nothing of what is said.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import type { Batch } from "../broker/page.ts";
import { CLOSE, CLOSE_CODES, type CloseCode, SUBPROTOCOLS } from "../protocol/tables.ts";
import { Session } from "../rooms/session.ts";
import { Connection, type ConnectionContext } from "./connection.ts";

/** What the handshake found out. */
export interface Handshake {
  /** The subprotocol to speak; `undefined` for a plain client. */
  readonly protocol: string | undefined;
  /** Where a plain client goes, and what it wants to be called. */
  readonly plain: { readonly room: string; readonly name: string | undefined };
}

/** How long a peer must be silent before the close frame, and how long that is waited for. */
const QUIET_MS = 20;
const LINGER_MS = 400;

export class WebSocketConnection extends Connection {
  protected override readonly session: Session;
  readonly #socket: WebSocket;
  readonly #batched: boolean;
  readonly #frameBytes: number;
  #heard = false;
  #lingering: ReturnType<typeof setTimeout> | undefined;
  readonly #opening: ReturnType<typeof setTimeout>;

  constructor(
    socket: WebSocket,
    handshake: Handshake,
    context: ConnectionContext,
    source: Source,
  ) {
    super(context);
    this.#socket = socket;
    this.#batched = handshake.protocol === SUBPROTOCOLS.batched;
    const { frameBytes, stallSeconds } = context.hub.context.options;
    this.#frameBytes = frameBytes;
    this.session = new Session(context.hub, this, source, this.#batched);
    // A socket made from a copy of its request, as frameworks make them, never opens and never closes.
    this.#opening = setTimeout(() => this.release(), stallSeconds * 1000);
    socket.onopen = () => {
      clearTimeout(this.#opening);
      if (this.hasEnded) return socket.close();
      if (handshake.protocol !== undefined) return;
      this.session.enter(handshake.plain.room, handshake.plain.name);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => {
      clearTimeout(this.#lingering);
      this.release();
    };
    // A close event follows, or not.
    socket.onerror = () => this.release();
  }

  override end(): void {
    clearTimeout(this.#opening);
    super.end();
  }

  protected override readQueuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  protected override write(frame: Batch, piece: number): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    if (this.#batched) {
      this.#socket.send(frame.array);
      return false;
    }
    const event = frame.events[piece];
    if (event !== undefined) this.#socket.send(event);
    return piece + 1 < frame.events.length;
  }

  /**
   * The runtime drops a connection without a close frame when another frame follows, and a peer that
   * is refused has often sent more already. So that is passed over first, but not for ever.
   */
  protected override shut(code: CloseCode, reason: string): void {
    const socket = this.#socket;
    if (socket.readyState === WebSocket.CONNECTING) return this.release();
    const { now } = this.context.hub.context;
    const until = now() + LINGER_MS;
    const attempt = () => {
      if (socket.readyState > WebSocket.OPEN) return;
      if (this.#heard && now() < until) {
        this.#heard = false;
        this.#lingering = setTimeout(attempt, QUIET_MS);
      } else {
        socket.close(code, reason || CLOSE_CODES[code].reason);
      }
    };
    this.#heard = true;
    attempt();
  }

  /** Sessions throw nothing: a throw out of this handler would end the process. */
  #receive(data: unknown): void {
    this.#heard = true;
    if (typeof data !== "string") return this.close(CLOSE.binaryFrame);
    if (isLonger(data, this.#frameBytes)) return this.close(CLOSE.tooLarge);
    this.session.receive(data);
  }
}

/** Whether text has more bytes than that in UTF-8; counted only where the length leaves it open. */
function isLonger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  if (text.length * 3 <= bytes) return false;
  return ENCODER.encode(text).byteLength > bytes;
}

const ENCODER = new TextEncoder();

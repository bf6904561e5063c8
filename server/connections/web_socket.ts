/**
 * A `WebSocketConnection` receives text frames and sends one frame a turn (RFC 6455). It knows the
 * subprotocols, and leaves commands and events to its session.
 *
 * @module
 */
import type { Source } from "../access/source.ts";
import type { Batch } from "../broker/page.ts";
import { CLOSE, CLOSE_CODES, type CloseCode, SUBPROTOCOLS } from "../protocol/tables.ts";
import { CommandReader } from "../rooms/command_reader.ts";
import { Session } from "../rooms/session.ts";
import { Connection, type ConnectionContext } from "./connection.ts";

/** What the handshake says. */
export interface Handshake {
  /** The subprotocol; `undefined` for a plain client. */
  readonly protocol: string | undefined;
  readonly token: string | undefined;
  /** The room that a plain client joins, and the name of its user. */
  readonly plain: { readonly room: string; readonly name: string | undefined };
}

/** How long a peer must be quiet before the close frame is sent, and the longest wait for that. */
const QUIET_MS = 20;
const LINGER_MS = 400;
/** How much text is ignored meanwhile. For a peer that sends more, the wait ends at once. */
const MAX_IGNORED_CHARS = 262_144;
/** What reading a frame costs, in characters. */
const FRAME_CHARS = 256;

export class WebSocketConnection extends Connection {
  override readonly kind = "websocket";
  protected override readonly session: Session;
  readonly #reader: CommandReader;
  readonly #socket: WebSocket;
  readonly #isBatched: boolean;
  readonly #frameBytes: number;
  /** Whether a frame has arrived since this was last looked at. */
  #hasReceived = false;
  #ignoredChars = 0;
  #closeNow = () => {};
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #openTimer: ReturnType<typeof setTimeout>;

  constructor(
    socket: WebSocket,
    handshake: Handshake,
    context: ConnectionContext,
    source: Source,
    /** What the application is shown of the request. */
    request: Request | undefined,
  ) {
    super(context);
    this.#socket = socket;
    this.#isBatched = handshake.protocol === SUBPROTOCOLS.batched;
    const { frameBytes, stallSeconds } = context.hub.context.options;
    this.#frameBytes = frameBytes;
    this.session = new Session(context.hub, this, source);
    this.#reader = new CommandReader(this.session, context.hub, source, this.#isBatched);
    // A socket that was upgraded from a copy of its request, as some frameworks do, never opens and
    // never closes. It is released when it has not opened in time: tests/unopened_test.ts.
    this.#openTimer = setTimeout(() => this.release(), stallSeconds * 1000);
    socket.onopen = () => {
      clearTimeout(this.#openTimer);
      if (this.hasEnded) return socket.close();
      const { protocol, token, plain } = handshake;
      this.#reader.begin(request, token, protocol === undefined ? plain : undefined);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#lost();
    // A close event does not always follow.
    socket.onerror = () => this.#lost();
  }

  override end(): void {
    clearTimeout(this.#openTimer);
    super.end();
  }

  /**
   * Gives back the socket, which has ended, and forgets the connection with it. If the peer went without
   * a close frame, Deno keeps the socket until half of its idle timeout has passed. With its handlers it
   * would keep the connection, the session and the user for as long.
   */
  #lost(): void {
    clearTimeout(this.#lingerTimer);
    this.release();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = null;
    socket.onclose = socket.onerror = null;
  }

  protected override readQueuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  protected override write(batch: Batch, piece: number): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    if (piece === 0) this.context.hub.context.metrics.sentBytes.websocket += batch.bytes;
    if (this.#isBatched) {
      this.#socket.send(batch.array);
      return false;
    }
    const event = batch.events[piece];
    if (event !== undefined) this.#socket.send(event);
    return piece + 1 < batch.events.length;
  }

  /**
   * If a frame arrives after `close()`, Deno drops the socket without sending the close frame. So `shut`
   * waits until the peer has been quiet for QUIET_MS, at most LINGER_MS.
   */
  protected override shut(code: CloseCode, reason: string): void {
    const socket = this.#socket;
    if (socket.readyState === WebSocket.CONNECTING) return this.release();
    this.#closeNow = () => socket.close(code, reason || CLOSE_CODES[code].reason);
    const { now } = this.context.hub.context;
    const until = now() + LINGER_MS;
    const attempt = () => {
      if (socket.readyState > WebSocket.OPEN) return;
      if (this.#hasReceived && now() < until) {
        this.#hasReceived = false;
        this.#lingerTimer = setTimeout(attempt, QUIET_MS);
      } else {
        this.#closeNow();
      }
    };
    this.#hasReceived = true;
    attempt();
  }

  /** Ignores a frame that comes after the end. A flood of them would keep other clients waiting. */
  #ignore(data: unknown): void {
    this.#ignoredChars += FRAME_CHARS + (typeof data === "string" ? data.length : 0);
    if (this.#ignoredChars >= MAX_IGNORED_CHARS) this.#closeNow();
  }

  /** Must not throw: an exception in this handler would end the process. */
  #receive(data: unknown): void {
    this.#hasReceived = true;
    if (this.hasEnded) return this.#ignore(data);
    if (typeof data !== "string") return this.close(CLOSE.binaryFrame);
    if (isLonger(data, this.#frameBytes)) return this.close(CLOSE.tooLarge);
    this.#reader.receive(data);
  }
}

/** Says whether text has more bytes than that in UTF-8. It is encoded only if its length leaves that open. */
function isLonger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  if (text.length * 3 <= bytes) return false;
  return ENCODER.encode(text).byteLength > bytes;
}

const ENCODER = new TextEncoder();

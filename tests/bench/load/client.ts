/** One connection, and what the generator knows of it. */
import { connect, type Socket } from "node:net";
import { handshake, personName, type Template, template } from "./dialect.ts";
import { frame, messageFrames, OPCODE } from "./frames.ts";
import type { Target } from "./job.ts";
import type { ParsedEvent, Scanner } from "./scanner.ts";

/** Where a reader left off. */
export interface Since {
  readonly epoch: string;
  readonly seq: number;
}

/** What went wrong with connections, all clients together. */
export const failures = { errors: 0, first: "" };

function failed(what: string): void {
  failures.errors++;
  if (failures.first === "") failures.first = what;
}

export class Client {
  readonly index: number;
  readonly room: string;
  open = false;
  /** In the room: from now on it may send. */
  ready = false;
  epoch = "";
  recovered = false;
  /** The `seq` that must come next; 0 until the first. */
  next = 0;
  /** Own messages that came back and have not been followed by new ones. */
  echoes = 0;
  sent = 0;
  /** Events that are no messages, by type. */
  readonly seen = new Map<string, number>();

  // The scanner's own.
  rest: Buffer | undefined;
  frameLeft = 0;

  readonly #target: Target;
  readonly #since: Since | undefined;
  readonly #join: boolean;
  readonly #socket: Socket;
  #template: Template | undefined;
  #closing = false;

  constructor(
    target: Target,
    scanner: Scanner,
    index: number,
    room: string,
    more: { since?: Since; join?: boolean } = {},
  ) {
    this.index = index;
    this.room = room;
    this.#target = target;
    this.#since = more.since;
    this.next = more.since === undefined ? 0 : more.since.seq + 1;
    this.#join = more.join ?? true;
    const { port } = index % 2 === 1 && target.second !== undefined ? target.second : target;
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer: scanner.target,
        callback: (length) => {
          scanner.received(this, length);
          return true;
        },
      },
    });
    const { dialect } = target;
    this.#socket.on("connect", () => {
      this.#socket.write(handshake(dialect, port, room, personName(index)));
    });
    this.#socket.on("error", (error) => failed(error.message));
    this.#socket.on("close", () => this.#closing || failed("the server closed a connection"));
  }

  /** Sends its next `count` messages. */
  say(count: number): void {
    const { dialect } = this.#target;
    this.#template ??= template(dialect, this.room, this.index);
    this.#socket.write(messageFrames(this.#template, this.sent, count, dialect === "batched"));
    this.sent += count;
  }

  /** Sends anything else. */
  tell(text: string): void {
    this.#socket.write(frame(OPCODE.text, Buffer.from(text)));
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  // What follows is called by the scanner.

  onOpen(): void {
    if (this.#target.dialect === "plain") this.ready = true;
    if (this.#target.dialect !== "batched") return;
    const hello = { type: "hello", name: personName(this.index) };
    this.tell(JSON.stringify(hello));
    if (this.#join) this.join();
    else this.ready = true;
  }

  join(): void {
    const since = this.#since;
    this.tell(JSON.stringify({ type: "join", room: this.room, ...(since && { since }) }));
  }

  onEvent(event: ParsedEvent): void {
    if (event.pingInterval !== undefined) { // Socket.IO: enter its namespace, and say who it is.
      return this.tell(`40${JSON.stringify({ room: this.room, name: personName(this.index) })}`);
    }
    const type = event.type ?? "connected";
    this.seen.set(type, (this.seen.get(type) ?? 0) + 1);
    if (type === "error") failed(JSON.stringify(event));
    if (type === "connected") this.ready = true;
    if (type !== "joined") return;
    if (this.epoch !== "") failed("joined again: the log was pruned past a reader");
    this.ready = true;
    this.epoch = event.epoch ?? "";
    this.recovered = event.recovered ?? false;
  }

  /** A frame of one byte: Socket.IO's heartbeat is "2", answered by "3". */
  onPacket(byte: number): void {
    if (byte === 0x32) this.tell("3");
  }

  onControl(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) this.#socket.write(frame(OPCODE.pong, payload));
    if (opcode === OPCODE.close) {
      failed(`closed: ${payload.length < 2 ? "" : payload.readUInt16BE(0)} ${payload.subarray(2)}`);
      this.close();
    }
  }
}

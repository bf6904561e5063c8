/**
 * A `CommandReader` reads the commands that a client sends, takes what they cost, and has the session
 * carry them out. Nothing is thrown out of it: what a client provokes is answered to that client with
 * an `error`.
 *
 * Most commands are carried out at once. For some the application has to be asked; what the client sends
 * until the answer comes waits, so its commands keep their order.
 *
 * @module
 */
import { costOf, COSTS } from "../access/allowances.ts";
import { BadCommandAllowance } from "../access/bad_command_allowance.ts";
import type { Source } from "../access/source.ts";
import { reason } from "../log.ts";
import type { Command } from "../protocol/messages.ts";
import { parseCommand, parseJson, refOf } from "../protocol/parse.ts";
import { Refusal } from "../protocol/refusal.ts";
import { isRecord } from "../protocol/rules.ts";
import { CLOSE, DEFAULT_ROOM } from "../protocol/tables.ts";
import { carryOut } from "./carry_out.ts";
import type { Hub } from "./hub.ts";
import type { Session } from "./session.ts";

/** Text that may wait for an answer of the application. */
const MAX_HELD_CHARS = 262_144;
/** What a frame costs there besides its text, which may be empty. */
const FRAME_CHARS = 64;

export class CommandReader {
  readonly #session: Session;
  readonly #hub: Hub;
  readonly #source: Source;
  readonly #isBatched: boolean;
  /** Made at the first refusal: most connections never meet one. */
  #badCommands: BadCommandAllowance | undefined;
  /**
   * The `rate_limited` that a command of this frame met, and the room if a rule of that limits it. Those
   * after it that have a `ref` meet it too: a message that is sent again must not come after a later one,
   * for which there was time again.
   */
  #tooEarly: { readonly refusal: Refusal; readonly room: string | undefined } | undefined;
  /** Whether an answer of the application is waited for, and the frames that came since. */
  #isWaiting = false;
  #held: string[] = [];
  #heldChars = 0;

  /** @param isBatched whether a frame may hold an array of commands. */
  constructor(session: Session, hub: Hub, source: Source, isBatched: boolean) {
    this.#session = session;
    this.#hub = hub;
    this.#source = source;
    this.#isBatched = isBatched;
  }

  /** Finds out who the client is, and joins a plain one to the room that its URL names. */
  begin(
    request: Request | undefined,
    token: string | undefined,
    plain?: { readonly room: string; readonly name: string | undefined },
  ): void {
    const enter = () => {
      if (plain === undefined) return;
      this.#session.welcome(plain.name);
      return this.#session.join(plain.room);
    };
    try {
      const begun = this.#session.begin(request, token);
      if (begun === undefined) return this.#follow(this.#guard(enter));
      this.#follow(begun.then(() => this.#guard(enter), (thrown) => this.#turnAway(thrown)));
    } catch (thrown) {
      this.#turnAway(thrown);
    }
  }

  /** Reads one frame from the client. */
  receive(text: string): void {
    if (this.#isBatched) this.#hub.tick.countFrame();
    if (this.#isWaiting) this.#hold(text);
    else this.#follow(this.#read(text));
  }

  /** Waits until the commands before are carried out, and then reads the frames that came meanwhile. */
  #follow(waiting: void | Promise<void>): void {
    if (waiting === undefined) return;
    this.#isWaiting = true;
    void waiting.then(() => {
      this.#isWaiting = false;
      while (!this.#isWaiting && !this.#session.hasEnded) {
        const text = this.#held.shift();
        if (text === undefined) return;
        this.#heldChars -= FRAME_CHARS + text.length;
        this.#follow(this.#read(text));
      }
    });
  }

  /** Closes a connection whose client could not be identified. */
  #turnAway(thrown: unknown): void {
    this.#answerFailure(thrown, [undefined]);
    const isUnauthorized = thrown instanceof Refusal && thrown.code === "unauthorized";
    this.#session.connection.close(isUnauthorized ? CLOSE.unauthorized : CLOSE.tooSlow);
  }

  /** Calls `act`. If it throws or rejects, the client gets an `error`. */
  #guard(act: () => void | Promise<void>, ref?: string): void | Promise<void> {
    try {
      return act()?.catch((thrown) => this.#answerFailure(thrown, [ref]));
    } catch (thrown) {
      this.#answerFailure(thrown, [ref]);
    }
  }

  #hold(text: string): void {
    this.#heldChars += FRAME_CHARS + text.length;
    if (this.#heldChars > MAX_HELD_CHARS) return this.#session.connection.close(CLOSE.tooSlow);
    this.#held.push(text);
  }

  #read(text: string): void | Promise<void> {
    this.#tooEarly = undefined;
    try {
      const cost = this.#source.costOfText(text);
      const value = this.#parse(text, cost);
      if (!Array.isArray(value) || !this.#isBatched) return this.#take(value, costOf(value) + cost);
      if (value.length === 0) {
        throw new Refusal("bad_command", "A frame must hold at least one command.");
      }
      if (this.#pay(value, cost)) return this.#takeAll(value, 0);
    } catch (thrown) {
      this.#hub.context.metrics.countRefused(undefined);
      this.#answerFailure(thrown, [undefined]);
    }
  }

  /** @param cost of the text. Text that is not JSON costs that and as much as a command. */
  #parse(text: string, cost: number): unknown {
    try {
      return parseJson(text);
    } catch (thrown) {
      this.#source.spend(COSTS.command + cost);
      throw thrown;
    }
  }

  /**
   * Takes what an array of commands costs its address, in one piece. If it cannot, it refuses the array:
   * each command that has a `ref`, and all others together. Nobody pays for a refusal, so it must cost
   * little, and an array may hold thousands.
   *
   * @param cost of the text.
   * @returns whether the commands may be carried out.
   */
  #pay(commands: readonly unknown[], cost: number): boolean {
    for (const command of commands) cost += costOf(command);
    try {
      this.#source.spend(cost);
      return true;
    } catch (thrown) {
      for (const command of commands) {
        this.#hub.context.metrics.countRefused(command);
        this.#endTyping(command);
      }
      this.#answerFailure(thrown, new Set(commands.map(refOf)), commands.length);
      return false;
    }
  }

  /** Carries out commands from an index on, one after the other. */
  #takeAll(values: readonly unknown[], from: number): void | Promise<void> {
    for (let index = from; index < values.length; index++) {
      const waiting = this.#take(values[index], 0);
      if (waiting !== undefined) return waiting.then(() => this.#takeAll(values, index + 1));
    }
  }

  /**
   * @param cost what the command still costs its address.
   * @returns a promise, which never rejects, if the command is not carried out yet.
   */
  #take(value: unknown, cost: number): void | Promise<void> {
    if (this.#session.hasEnded) return;
    let ref: string | undefined;
    let room: string | undefined;
    try {
      if (cost > 0) this.#source.spend(cost);
      const command = parseCommand(value);
      ref = command.ref;
      room = "room" in command ? command.room : undefined;
      if (ref !== undefined && this.#tooEarly !== undefined) {
        const { refusal, room: limited } = this.#tooEarly;
        if (limited === undefined || limited === room) throw refusal;
      }
      this.#hub.allowances.spend(this.#session.user.id, command);
      const waiting = carryOut(this.#hub, this.#session, command);
      if (waiting !== undefined) return this.#countLater(command, waiting);
      this.#hub.context.metrics.accepted[command.type]++;
    } catch (thrown) {
      this.#refuse(value, ref ?? refOf(value), room, thrown);
    }
  }

  #countLater(command: Command, waiting: Promise<void>): Promise<void> {
    const room = "room" in command ? command.room : undefined;
    return waiting.then(
      () => void this.#hub.context.metrics.accepted[command.type]++,
      (thrown) => this.#refuse(command, command.ref, room, thrown),
    );
  }

  #refuse(
    value: unknown,
    ref: string | undefined,
    room: string | undefined,
    thrown: unknown,
  ): void {
    this.#hub.context.metrics.countRefused(value);
    if (thrown instanceof Refusal && thrown.code === "rate_limited") {
      this.#tooEarly = { refusal: thrown, room: thrown.field === "room" ? room : undefined };
      this.#endTyping(value);
    }
    this.#answerFailure(thrown, [ref]);
  }

  /** Passes on an end of typing that was refused as too much: else the others see the user type for ever. */
  #endTyping(value: unknown): void {
    if (!isRecord(value) || value.type !== "typing" || value.payload !== false) return;
    const { room = DEFAULT_ROOM } = value;
    if (typeof room === "string") this.#hub.typing.end(room, this.#session.user.user);
  }

  /** Tells the client why its commands failed, and closes it when too many have. */
  #answerFailure(thrown: unknown, refs: Iterable<string | undefined>, count = 1): void {
    const { options, log, now } = this.#hub.context;
    const isRefusal = thrown instanceof Refusal;
    const { connection } = this.#session;
    if (!isRefusal) {
      log.error("command failed", { connection: connection.id, reason: reason(thrown) });
    }
    const refusal = isRefusal
      ? thrown
      : new Refusal("unavailable", "The server failed to carry out the command.");
    for (const ref of refs) this.#session.refuse(refusal, ref);
    this.#badCommands ??= new BadCommandAllowance(options.badCommands, now);
    if (this.#badCommands.charge(refusal, count)) return connection.close(CLOSE.policy);
    // Other users may share the address with the one who is to blame. They may come back.
    if (this.#source.isRefusedTooOften(count)) connection.close(CLOSE.tooSlow);
  }
}

/**
 * A session is one connection's conversation: its user and its rooms. It sends encoded events to the
 * connection; `carryOut` has it do what a command says. A method that returns a promise waits for the
 * application. The caller waits for it before it calls the next one.
 *
 * @module
 */
import { guestIdentity, type Identity } from "../access/identity.ts";
import type { Source } from "../access/source.ts";
import { Batch } from "../broker/page.ts";
import type { Cursor, Event } from "../protocol/messages.ts";
import { encode } from "../protocol/encode.ts";
import { Refusal } from "../protocol/refusal.ts";
import { CLOSE, type CloseCode, type Right } from "../protocol/tables.ts";
import type { Hub } from "./hub.ts";
import { Memberships } from "./memberships.ts";
import type { Room } from "./room.ts";
import type { Speaker } from "./say.ts";
import type { ClientConnection } from "./subscriber.ts";
import { TokenEnd, tokenEnded } from "./token_end.ts";
import type { ConnectedUser, RightChange, UserSession } from "./user.ts";
import { welcome } from "./welcome.ts";

export class Session implements Speaker, UserSession {
  readonly connection: ClientConnection;
  readonly source: Source;
  readonly memberships: Memberships;
  readonly #hub: Hub;
  #identity: Identity;
  #user: ConnectedUser;
  /** What the application is shown of the request that opened the connection. */
  #request: Request | undefined;
  #tokenEnd: TokenEnd | undefined;
  #hasEnded = false;

  constructor(hub: Hub, connection: ClientConnection, source: Source) {
    this.connection = connection;
    this.source = source;
    this.memberships = new Memberships(hub, this);
    this.#hub = hub;
    this.#identity = guestIdentity(hub.guests.newGuest());
    this.#user = hub.users.hold(this.#identity.user);
    this.#user.sessions.add(this);
  }

  get user(): ConnectedUser {
    return this.#user;
  }

  /** Who the client is, with the name that the user has now. */
  get identity(): Identity {
    return { ...this.#identity, user: this.#user.user };
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Finds out who the client is, when it connects.
   *
   * @param request what the application is shown of the request that opened the connection.
   * @throws {Refusal} `unauthorized`, `unavailable`
   */
  begin(request: Request | undefined, token: string | undefined): void | Promise<void> {
    this.#request = request;
    if (request !== undefined || token !== undefined) return this.#authenticate(token);
  }

  /**
   * Continues as the user of the token, takes the name, and sends `welcome`.
   *
   * @throws {Refusal} `unauthorized`, `unavailable`
   */
  hello(token: string | undefined, name: string | undefined): void | Promise<void> {
    if (token === undefined) this.#assertTokenHolds(); // the name would be a write
    const waiting = token === undefined ? undefined : this.#authenticate(token);
    if (waiting === undefined) return this.welcome(name);
    return waiting.then(() => this.welcome(name));
  }

  /** Takes the name, unless the application has chosen one, and sends `welcome`. */
  welcome(name?: string): void {
    if (this.#hasEnded) return;
    if (name !== undefined && !this.#identity.hasFixedName) this.#user.rename(name);
    this.#answer(welcome(this.#hub, this.#user.user, this.#identity.isGuest));
  }

  /** Continues as somebody else, in all rooms. A room that the new user may not be in is left. */
  become(identity: Identity): void | Promise<void> {
    const { user, isGuest, hasFixedName, expiresAt } = identity;
    const previous = this.#user;
    if (!this.#identity.isGuest && user.id !== previous.id) {
      const sentence = "The token is another user's. Connect anew to become somebody else.";
      throw new Refusal("unauthorized", sentence, { field: "token" });
    }
    this.#identity = identity;
    this.#tokenEnd?.cancel();
    this.#tokenEnd = expiresAt === undefined ? undefined : new TokenEnd(expiresAt, this);
    if (user.id !== previous.id) {
      this.#user = this.#hub.users.hold(user);
      previous.sessions.delete(this);
      this.#user.sessions.add(this);
      this.#hub.allowances.inherit(user.id, previous.id); // no way to a new allowance
      this.memberships.changeUser(previous);
      this.#hub.users.release(previous);
    }
    if (!isGuest) this.#user.update(user, hasFixedName);
    return this.refresh();
  }

  refresh(room?: string): void | Promise<void> {
    return this.memberships.refresh(room);
  }

  setRight(room: string, right: Right, change?: RightChange): void {
    this.memberships.setRight(room, right, change);
  }

  tell(batch: Batch): void {
    if (!this.#hasEnded) this.connection.reply(batch);
  }

  close(code: CloseCode): void {
    this.connection.close(code);
  }

  rightIn(room: string): Right {
    return this.memberships.rightIn(room);
  }

  /**
   * Joins a room. The `ref` is for an error that comes later.
   *
   * @throws {Refusal} `forbidden`, `unauthorized`, `unavailable`, `too_many_rooms`, `room_full`
   */
  join(name: string, since?: Cursor, ref?: string): void | Promise<void> {
    this.#assertTokenHolds();
    if (!this.#hasEnded) return this.memberships.join(name, since, ref);
  }

  /** @param room the room that was refused, where no `ref` says it. */
  refuse(refusal: Refusal, ref?: string, room?: string): void {
    if (this.#hasEnded) return;
    this.#hub.context.metrics.countRefusal(refusal);
    this.#answer({ ...refusal.event(ref), ...(room !== undefined && { room }) });
  }

  stored(room: string, seq: number, event: string, repeated: boolean): void {
    if (repeated) this.memberships.get(room)?.feed.repeat(this, seq, event);
  }

  revised(room: string, event: string, mine: readonly string[], ref: string | undefined): void {
    this.memberships.get(room)?.feed.answer(this, { event, mine, ref });
  }

  joinFailed(room: string, refusal: Refusal, ref: string | undefined): void {
    this.memberships.forget(room);
    this.refuse(refusal, ref, room);
  }

  tokenEnded(graceMs: number): void {
    for (const { name } of this.memberships.rooms) this.#hub.typing.end(name, this.#user.user);
    this.refuse(tokenEnded(graceMs));
  }

  graceEnded(): void {
    this.connection.close(CLOSE.unauthorized);
  }

  /** Goes on with all rooms: the connection takes more again. */
  drained(): void {
    for (const room of this.memberships.rooms) room.feed.drained(this);
  }

  /** Leaves all rooms: the connection is gone. May be called more than once. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#tokenEnd?.cancel();
    this.memberships.end();
    this.#user.sessions.delete(this);
    this.#hub.users.release(this.#user);
  }

  /** Takes another name. @throws {Refusal} `forbidden`, `unauthorized` */
  rename(name: string): void {
    this.#assertTokenHolds();
    if (this.#identity.hasFixedName) {
      throw new Refusal("forbidden", "Your name is set by the application.", { field: "name" });
    }
    this.#user.rename(name);
  }

  /** @throws {Refusal} `not_in_room`, `forbidden`, `unauthorized` */
  roomToSpeakIn(name: string): Room {
    this.#assertTokenHolds();
    return this.memberships.roomToSpeakIn(name);
  }

  /** Checks that the session may ask about a room now. @throws {Refusal} `not_in_room`, `unauthorized` */
  assertIn(room: string): void {
    this.#assertTokenHolds();
    this.memberships.assertIn(room);
  }

  #authenticate(token: string | undefined): void | Promise<void> {
    const identity = this.#hub.authenticator.identify(this.#request, token);
    const become = (identity: Identity | undefined) => {
      if (identity !== undefined && !this.#hasEnded) return this.become(identity);
    };
    return identity instanceof Promise ? identity.then(become) : become(identity);
  }

  /** @throws {Refusal} `unauthorized` */
  #assertTokenHolds(): void {
    if (this.#tokenEnd?.hasEnded) throw tokenEnded();
  }

  #answer(event: Event): void {
    this.connection.reply(Batch.of(encode(event)));
  }
}

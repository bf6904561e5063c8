/**
 * A client over a transport that the test plays: it says what the server says, and sees what is sent.
 *
 * @module
 */
import type { Event as WireEvent } from "../../server/protocol/messages.ts";
import { type ClientOptions, connect, type TransportHandlers } from "../../static/client/mod.ts";

/** A transport whose server is the test. */
export function fakeTransport() {
  let handlers: TransportHandlers | undefined;
  const sent: unknown[] = [];
  let isOpening = false;
  return {
    sent,
    open(_url: string, given: TransportHandlers) {
      handlers = given;
      isOpening = true;
      return { send: (commands: readonly unknown[]) => void sent.push(...commands), close() {} };
    },
    /** Whether the client has opened a transport and not been told of it. */
    isOpening: () => isOpening,
    opened() {
      isOpening = false;
      handlers?.opened();
    },
    received: (...events: WireEvent[]) => handlers?.received(events),
    closed: (code: number, reason: string) => handlers?.closed(code, reason),
  };
}

export const me = { id: "me", name: "Me" };
export const you = { id: "you", name: "You" };
const limits = { frameBytes: 16_384, rate: 0, burst: 0, roomsPerConnection: 0, editSeconds: 0 };
export const welcome = {
  type: "welcome",
  at: 0,
  user: me,
  token: "t",
  heartbeatSeconds: 25,
  limits,
} as const;
export const room = "lobby";
const people = { members: [], memberCount: 1, right: "write" } as const;

export function chat(seq: number, from = you, ref?: string): WireEvent {
  return { type: "chat", room, seq, at: 0, from, payload: `m${seq}`, ...(ref && { ref }) };
}

export function joined(seq: number, recovered = false, epoch = "e"): WireEvent {
  return { type: "joined", room, epoch, seq, rev: 0, recovered, unread: 0, ...people };
}

/** A client in the lobby over a fake transport, and the `seq`s that it told of. */
export function scripted(first: WireEvent = welcome, options: ClientOptions = {}) {
  const fake = fakeTransport();
  const client = connect("ws://test/ws", { ...options, transport: fake.open });
  const seqs: number[] = [];
  client.addEventListener("chat", ({ detail }) => seqs.push(detail.seq));
  client.join(room);
  fake.opened();
  fake.received(first);
  return { ...fake, client, seqs, [Symbol.dispose]: () => client.close() };
}

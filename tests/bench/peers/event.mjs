/**
 * What every peer says when it is told something: the same event as Parley, made the same way
 * (parse, number, stringify once), so that what is compared is the sending.
 */

/** The rooms of one server: each numbers its messages from 1. */
const seqs = new Map();

/** `{"type":"chat","payload":P,"ref":REF}` as a value → the event as a value. */
export function numbered(room, from, command) {
  const seq = (seqs.get(room) ?? 0) + 1;
  seqs.set(room, seq);
  const { payload, ref } = command;
  return { type: "chat", room, seq, at: Date.now(), from, payload, ref };
}

let people = 0;

/** Who connects, and to which room: `?room=…&name=…`. */
export function visitor(url) {
  const query = new URL(url, "http://localhost").searchParams;
  return newcomer({ room: query.get("room") ?? "lobby", name: query.get("name") ?? "guest" });
}

/** The same, for those who say it otherwise. */
export function newcomer({ room, name }) {
  return { room, from: { id: String(people++).padStart(16, "0"), name } };
}

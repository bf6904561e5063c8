/**
 * `POST /rooms/{room}/read` says that a user has seen a room up to a message, as the command `read` does. The
 * answer is the `read` event; the user's connections get it too, if the mark has moved.
 *
 * @module
 */
import { Batch } from "../../broker/page.ts";
import { encode } from "../../protocol/encode.ts";
import { parseRequest } from "../../protocol/parse.ts";
import type { Hub } from "../../rooms/hub.ts";
import { readJson } from "../read_json.ts";
import { admitWriter, assertRight, guestFor } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function postRead(call: Call, hub: Hub): Promise<Response> {
  const { room } = call;
  const known = await admitWriter(call, hub, "read");
  const { seq } = parseRequest("read", await readJson(call, hub.context.options));
  // Without a token nobody can ask for the mark later, but the answer must not depend on that.
  const identity = known ?? guestFor(call, hub, "read");
  await assertRight(call, hub, identity, "read");
  let answer = Batch.of(encode({ type: "read", room, seq }));
  const tell = (mark: Batch) => answer = mark;
  await hub.marks.read({ user: identity.user, tell }, { room, seq });
  return json(200, answer.list);
}

/**
 * `PATCH` and `DELETE /rooms/{room}/messages/{seq}` edit and delete a message, and `PUT` and `DELETE
 * …/reactions/{emoji}` add and remove a reaction, as the commands `edit`, `delete` and `react` do. The
 * answer is the message as it is now. `?ref=` names the revision, as the command's `ref` does. With an API
 * key the application asks: it may change anyone's, and react as anyone, whom `?from=` names.
 *
 * @module
 */
import type { IncomingMessage } from "../../access/application.ts";
import type { Identity } from "../../access/identity.ts";
import { payloadAfter } from "../../access/incoming_message.ts";
import type { EditCommand } from "../../protocol/messages.ts";
import { parseRequest } from "../../protocol/parse.ts";
import { SERVER } from "../../protocol/publications.ts";
import { parseRef, parseUserId } from "../../protocol/requests.ts";
import { badField } from "../../protocol/refusal.ts";
import type { Right } from "../../protocol/tables.ts";
import type { Hub } from "../../rooms/hub.ts";
import { postRevision } from "../../rooms/post.ts";
import { type ReviseCommand, revisionOf } from "../../rooms/revise.ts";
import { readJson } from "../read_json.ts";
import { admitAsker, assertRight } from "../requester.ts";
import { json } from "../responses.ts";
import type { Call } from "../router.ts";

export async function patchMessage(call: Call, hub: Hub): Promise<Response> {
  const { room, seq } = call;
  const asker = await admitAsker(call, hub, "edit");
  const { payload } = parseRequest("edit", await readJson(call, hub.context.options));
  const command: EditCommand = { type: "edit", room, seq, payload };
  if (asker === undefined) return await revise(call, hub, command, undefined);
  // Judged after the body was read: the user may have been muted meanwhile.
  const right = await assertRight(call, hub, asker, "write");
  const { application, log } = hub.context;
  if (application?.onMessage === undefined) return await revise(call, hub, command, asker, right);
  const message: EditCommand & IncomingMessage = { ...command, from: asker.user };
  const said = await payloadAfter(application.onMessage, log, message);
  return await revise(
    call,
    hub,
    { ...command, payload: said },
    asker,
    await assertRight(call, hub, asker, "write"),
  );
}

export async function deleteMessage(call: Call, hub: Hub): Promise<Response> {
  const { room, seq } = call;
  return await reviseAtOnce(call, hub, { type: "delete", room, seq });
}

export async function putReaction(call: Call, hub: Hub): Promise<Response> {
  const { room, seq, reaction } = call;
  return await reviseAtOnce(call, hub, { type: "react", room, seq, payload: reaction, on: true });
}

export async function deleteReaction(call: Call, hub: Hub): Promise<Response> {
  const { room, seq, reaction } = call;
  return await reviseAtOnce(call, hub, { type: "react", room, seq, payload: reaction, on: false });
}

async function reviseAtOnce(call: Call, hub: Hub, command: ReviseCommand): Promise<Response> {
  const asker = await admitAsker(call, hub, command.type);
  const right = asker && await assertRight(call, hub, asker, "write");
  return await revise(call, hub, command, asker, right);
}

/** @param asker `undefined` for the application. */
async function revise(
  { room, query }: Call,
  hub: Hub,
  command: ReviseCommand,
  asker: Identity | undefined,
  right: Right = "manage",
): Promise<Response> {
  const from = query.get("from");
  if (asker !== undefined && from !== null) {
    throw badField("from", 'Field "from" needs an API key: only the application may name a user.');
  }
  const userId = asker?.user.id ?? (from === null ? SERVER.id : parseUserId("from", from));
  const { editSeconds } = hub.context.options;
  const revision = revisionOf(command, right === "manage", editSeconds);
  const named = query.get("ref");
  const ref = named === null ? undefined : parseRef(named);
  return json(200, JSON.stringify(await postRevision(hub, room, userId, revision, ref)));
}

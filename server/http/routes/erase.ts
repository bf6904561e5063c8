/**
 * `DELETE /rooms/{room}`, `DELETE /users/{id}/messages` and `DELETE /users/{id}` delete for good. They need an
 * API key. The answer comes when it is gone from the store's files, which may take a while; what was begun is
 * finished even if the client goes away.
 *
 * @module
 */
import { eraseRoom, eraseUser } from "../../rooms/erase.ts";
import type { Hub } from "../../rooms/hub.ts";
import { assertIsApplication } from "../requester.ts";
import { noContent } from "../responses.ts";
import type { Call } from "../router.ts";

export async function deleteRoom(call: Call, hub: Hub): Promise<Response> {
  assertIsApplication(call);
  await eraseRoom(hub, call.room);
  return noContent();
}

export async function deleteUser(call: Call, hub: Hub): Promise<Response> {
  assertIsApplication(call);
  await eraseUser(hub, { userId: call.userId, isWhole: true });
  return noContent();
}

export async function deleteUserMessages(call: Call, hub: Hub): Promise<Response> {
  assertIsApplication(call);
  await eraseUser(hub, { userId: call.userId, isWhole: false });
  return noContent();
}

/**
 * Who may take back what another user may do in a room: the application, and the room's managers, who are
 * the users with the right `manage` there.
 *
 * @module
 */
import type { Identity } from "../access/identity.ts";
import { Refusal } from "../protocol/refusal.ts";
import type { Hub } from "../rooms/hub.ts";
import { assertRight } from "./requester.ts";
import type { Call } from "./router.ts";

/**
 * Checks that a user manages the room of the path, and asks for somebody else.
 *
 * @returns the id of the manager.
 * @throws {Refusal} `forbidden`, `unauthorized`, `unavailable`
 */
export async function assertManages(call: Call, hub: Hub, asker: Identity): Promise<string> {
  await assertRight(call, hub, asker, "manage");
  const { id } = asker.user;
  if (id !== call.userId) return id;
  throw new Refusal("forbidden", "You cannot do this to yourself.", { field: "id" });
}

/**
 * Checks that a user manages the room of the path, and that the user whom the path names does not. Where
 * that one is connected to another node this cannot be known. The order then spares a manager there.
 *
 * @returns the id of the manager.
 * @throws {Refusal} `forbidden`, `unauthorized`, `unavailable`
 */
export async function assertMayBind(call: Call, hub: Hub, asker: Identity): Promise<string> {
  const by = await assertManages(call, hub, asker);
  for (const { identity, source } of hub.users.get(call.userId)?.sessions ?? []) {
    if (await hub.rights.rightOf(identity, source, call.room) !== "manage") continue;
    const sentence = `Cannot do this to ${
      JSON.stringify(call.userId)
    }, who may manage the room too.`;
    throw new Refusal("forbidden", sentence, { field: "id" });
  }
  return by;
}

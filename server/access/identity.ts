/**
 * An `Identity` is who a session or a request is, after its token was checked.
 *
 * @module
 */
import type { User } from "../protocol/messages.ts";
import type { Right } from "../protocol/tables.ts";

export interface Identity {
  /** For a guest, with the name when its token was made. */
  readonly user: User;
  readonly isGuest: boolean;
  /** Whether the application has chosen the name, so that the user cannot change it. */
  readonly hasFixedName: boolean;
  /** The rights that the application gives the user: by the name of a room, or a pattern of names. */
  readonly rooms?: Readonly<Record<string, Right>> | undefined;
  /** When the token ends, in milliseconds since 1970. */
  readonly expiresAt?: number | undefined;
}

/** Returns the identity of a guest. */
export function guestIdentity(user: User): Identity {
  return { user, isGuest: true, hasFixedName: false };
}

/**
 * @module
 */
import type { Json } from "../protocol/messages.ts";
import type { Right } from "../protocol/tables.ts";

export interface ApplicationUser {
  readonly id: string;
  readonly name?: string;
  readonly info?: Json;
  readonly rooms?: Readonly<Record<string, Right>>;
  readonly expiresAt?: number;
}

export function checkApplicationUser(value: unknown): ApplicationUser {
  return value as ApplicationUser;
}

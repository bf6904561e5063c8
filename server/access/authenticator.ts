/**
 * The `Authenticator` says who a client is. It asks the embedding program first, then looks whether the
 * token is a guest's, and then whether it is one that the application has signed. A guest's answer comes
 * at once; the others may take time.
 *
 * @module
 */
import type { Log } from "../log.ts";
import { userName } from "../protocol/names.ts";
import { Refusal } from "../protocol/refusal.ts";
import { type Application, askApplication } from "./application.ts";
import { type ApplicationUser, checkApplicationUser } from "./application_user.ts";
import type { GuestTokens } from "./guest_tokens.ts";
import { guestIdentity, type Identity } from "./identity.ts";

/** Verifies the tokens that an application signs. */
export interface TokenVerifier {
  /** @throws {Refusal} `unauthorized`, or `unavailable` if the keys cannot be read now. */
  verify(token: string): Promise<ApplicationUser>;
}

/** The parts of an authenticator. */
export interface AuthenticatorParts {
  readonly guests: GuestTokens;
  readonly application: Application;
  readonly verifier?: TokenVerifier | undefined;
  readonly log: Log;
}

export class Authenticator {
  readonly #parts: AuthenticatorParts;

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  /**
   * Returns what the application is shown of a request, or `undefined` if it is not asked.
   *
   * @param showsCookies whether the page that sent the request may act with its user's cookies.
   */
  viewOf({ url, headers }: Request, showsCookies: () => boolean): Request | undefined {
    if (this.#parts.application.authenticate === undefined) return undefined;
    const shown = new Headers(headers);
    if (!showsCookies()) shown.delete("cookie");
    return new Request(url, { headers: shown });
  }

  /**
   * Says who a client is.
   *
   * @param request as {@linkcode Authenticator.viewOf} returned it.
   * @returns `undefined` for a guest without a token.
   * @throws {Refusal} `unauthorized` if the token is nobody's; `unavailable`.
   */
  identify(
    request: Request | undefined,
    token: string | undefined,
  ): Identity | undefined | Promise<Identity | undefined> {
    const { application: { authenticate }, log } = this.#parts;
    if (authenticate === undefined || request === undefined) return this.#identifyByToken(token);
    const act = () => authenticate({ request, token });
    const answer = askApplication("authenticate", log, act, identityOf);
    const goOn = (identity: Identity | undefined) => identity ?? this.#identifyByToken(token);
    return answer instanceof Promise ? answer.then(goOn) : goOn(answer);
  }

  #identifyByToken(token: string | undefined): Identity | undefined | Promise<Identity> {
    if (token === undefined) return undefined;
    const { guests, verifier } = this.#parts;
    const guest = guests.verify(token);
    if (guest !== undefined) return guestIdentity(guest);
    if (verifier !== undefined) return verifier.verify(token).then(identityOfUser);
    const sentence = "The token is not one that this server knows.";
    throw new Refusal("unauthorized", sentence, { field: "token" });
  }
}

/**
 * Checks what `authenticate` returned.
 *
 * @throws {Refusal} `unauthorized` if that has ended.
 */
function identityOf(answer: unknown): Identity | undefined {
  if (answer === undefined) return undefined;
  const user = checkApplicationUser(answer);
  if (user.expiresAt === undefined || user.expiresAt > Date.now()) return identityOfUser(user);
  throw new Refusal("unauthorized", "Your login has ended.", { field: "token" });
}

function identityOfUser({ id, name, info, rooms, expiresAt }: ApplicationUser): Identity {
  return {
    user: { id, name: name ?? userName(id), ...(info !== undefined && { info }) },
    isGuest: false,
    hasFixedName: name !== undefined,
    rooms,
    expiresAt,
  };
}

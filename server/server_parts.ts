/**
 * The parts that a server is made of, by which tests can give it others.
 *
 * @module
 */
import type { ApiKeys } from "./access/api_keys.ts";
import type { Application } from "./access/application.ts";
import type { TokenVerifier } from "./access/authenticator.ts";
import type { Rules } from "./access/rules.ts";
import type { Broker } from "./broker/broker.ts";
import type { StaticFiles } from "./http/static_files.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";

/** The parts of a server. `createServer` makes them from options. */
export interface ServerParts {
  readonly options: Options;
  readonly broker: Broker;
  /** The thread that stores, if it is the server's own. It is disposed of after the broker. */
  readonly storing?: AsyncDisposable | undefined;
  /** The page and the client library; `undefined` if they are not served. */
  readonly files: StaticFiles | undefined;
  readonly log: Log;
  /** @default {new Rules()} */
  readonly rules?: Rules | undefined;
  readonly application?: Application | undefined;
  readonly verifier?: TokenVerifier | undefined;
  /** The keys of the application. Without them, no request is the application's. */
  readonly apiKeys?: ApiKeys | undefined;
  /** @default {new Metrics()} */
  readonly metrics?: Metrics;
  /** What requests to the webhook are signed with. Without keys there is no webhook. */
  readonly webhookKeys?: readonly Uint8Array[] | undefined;
}

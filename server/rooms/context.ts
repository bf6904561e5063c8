/**
 * `NodeContext` is what all parts of a node's rooms need.
 *
 * @module
 */
import type { Clock } from "../access/allowances.ts";
import type { Application } from "../access/application.ts";
import type { Rules } from "../access/rules.ts";
import type { Broker } from "../broker/broker.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Options } from "../options.ts";

export interface NodeContext {
  readonly broker: Broker;
  readonly options: Options;
  readonly rules: Rules;
  /** What the embedding program decides, and is told. */
  readonly application?: Application | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now: Clock;
}

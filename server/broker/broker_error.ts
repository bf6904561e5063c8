/**
 * The errors of brokers.
 *
 * @module
 */

/** The storage cannot be used. The message is one line, and needs no stack trace. */
export class BrokerError extends Error {
  /** Always `"BrokerError"`. */
  override readonly name = "BrokerError";
}

/** Nothing more can be stored for now. Clients are shown the message. */
export class FullError extends BrokerError {}

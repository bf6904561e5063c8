/**
 * `Upgrader` opens WebSockets: it checks the handshake, has the runtime upgrade the request, and hands the
 * socket to a connection.
 *
 * @module
 */
import { COSTS } from "./access/allowances.ts";
import type { Source } from "./access/source.ts";
import type { OpenConnections } from "./connections/open_connections.ts";
import { WebSocketConnection } from "./connections/web_socket.ts";
import type { Origins } from "./http/origins.ts";
import { checkHandshake } from "./http/upgrade.ts";
import type { Hub } from "./rooms/hub.ts";

export class Upgrader {
  readonly #hub: Hub;
  readonly #connections: OpenConnections;
  readonly #origins: Origins;

  constructor(hub: Hub, connections: OpenConnections, origins: Origins) {
    this.#hub = hub;
    this.#connections = connections;
    this.#origins = origins;
  }

  /** @throws {Refusal} `unavailable`, `rate_limited`, `bad_field` */
  upgrade(request: Request, source: Source): Response {
    const admit = () => this.#connections.admit(source, COSTS.connection, "websocket");
    const handshake = checkHandshake(request, this.#origins, admit);
    if (handshake instanceof Response) return handshake;
    const { protocol } = handshake;
    const view = this.#hub.authenticator.viewOf(request, () => this.#origins.trusts(request));
    const { socket, response } = Deno.upgradeWebSocket(request, {
      idleTimeout: Math.ceil(this.#hub.context.options.heartbeatSeconds * 2),
    });
    // The runtime's option `protocol` throws unless the offer is separated by exactly a comma and a space.
    if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol);
    // A throw after the upgrade would close the whole listener: nothing from here on may throw.
    this.#connections.open(
      source,
      (context) => new WebSocketConnection(socket, handshake, context, source, view),
    );
    return response;
  }
}

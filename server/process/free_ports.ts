/**
 * `assertPortsAreFree` finds out whether the program can listen, before it opens anything: a program that
 * cannot start must not have migrated a database first.
 *
 * @module
 */
import { METRICS_HOST } from "../http/metrics_door.ts";
import { reason } from "../log.ts";
import { OptionError, type Options } from "../options.ts";

/**
 * Listens on the ports and stops at once. It does not share them, so a port is also in use if other threads or
 * programs share it. All are open at the same time, so that none can be given twice.
 *
 * @throws {OptionError} that says which port cannot be had, and why.
 */
export function assertPortsAreFree({ host, port, metricsPort }: Options): void {
  using listeners = new DisposableStack();
  listeners.use(listen(host, port));
  if (metricsPort > 0) listeners.use(listen(METRICS_HOST, metricsPort));
}

function listen(hostname: string, port: number): Deno.Listener {
  try {
    return Deno.listen({ hostname, port });
  } catch (thrown) {
    throw new OptionError(whyNotListening(hostname, port, thrown));
  }
}

function whyNotListening(hostname: string, port: number, thrown: unknown): string {
  if (thrown instanceof Deno.errors.AddrInUse) return `Port ${port} on ${hostname} is in use.`;
  if (thrown instanceof Deno.errors.PermissionDenied) {
    return `The process may not listen on port ${port}.`;
  }
  return `Cannot listen on ${hostname}:${port}. ${reason(thrown)}`;
}

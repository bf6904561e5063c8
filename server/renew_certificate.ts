/**
 * `renewCertificate` exchanges the certificate of a server while it runs.
 *
 * @module
 */
import { type Certificate, checkCertificate, readCertificate } from "./certificate.ts";
import type { OpenConnections } from "./connections/open_connections.ts";
import type { Listener } from "./listener.ts";
import { type Log, reason } from "./log.ts";

/** How long to wait for peers to answer the close. It is less than the shortest delay that `bye` asks for. */
const GOODBYE_MS = 400;

/**
 * Reads the files, sends all clients away, and listens with the new certificate. The files are checked before
 * anyone is disturbed: if they cannot be used, the old certificate stays.
 */
export async function renewCertificate(
  listener: Listener,
  connections: OpenConnections,
  files: Certificate,
  log: Log,
): Promise<void> {
  try {
    const certificate = readCertificate(files);
    const end = checkCertificate(certificate);
    const until = end.toISOString();
    if (end.getTime() <= Date.now()) throw new Error(`It was valid until ${until}.`);
    await connections.sendAway(GOODBYE_MS);
    await listener.renew(certificate);
    log.info("certificate renewed", { port: listener.port, until });
  } catch (thrown) {
    log.error("certificate not renewed", { reason: reason(thrown) });
  }
}

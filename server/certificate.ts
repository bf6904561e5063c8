/**
 * `readCertificate` reads the certificate and its key, for the start and for each renewal.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";

/** A certificate chain and its private key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads both files.
 *
 * @param files their paths.
 * @throws {Deno.errors.NotFound} and other errors of the system.
 */
export function readCertificate(files: Certificate): Certificate {
  return { cert: Deno.readTextFileSync(files.cert), key: Deno.readTextFileSync(files.key) };
}

/**
 * Checks that a certificate and its key belong together. To listen with them would tell the same, but not as
 * clearly, and only when the database is open or the old certificate is no longer served.
 *
 * @returns until when it is valid.
 * @throws {Error} if they do not.
 */
export function checkCertificate(certificate: Certificate): Date {
  Deno.createHttpClient({ ...certificate }).close();
  return new Date(new X509Certificate(certificate.cert).validTo);
}

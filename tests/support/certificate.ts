/**
 * Certificates for tests, signed by an authority of their own.
 *
 * @module
 */
import { generate } from "npm:selfsigned@5.5.0";

export interface Certificate extends AsyncDisposable {
  readonly cert: string;
  readonly key: string;
  /** PEM. */
  readonly authority: string;
}

/**
 * A certificate for this machine, in two files, and the one of the authority that signed it.
 *
 * @param until when it ends; without it, it holds for as long as a test may take.
 */
export async function makeCertificate(until?: Date): Promise<Certificate> {
  const authority = await generate([{ name: "commonName", value: "Test authority" }], {
    keyType: "ec", // made in no time, unlike RSA
    algorithm: "sha256",
    extensions: [{ name: "basicConstraints", cA: true }],
  });
  const { cert, private: key } = await generate([{ name: "commonName", value: "Test server" }], {
    keyType: "ec",
    algorithm: "sha256",
    ...(until && { notBeforeDate: new Date(0), notAfterDate: until }),
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  const folder = await Deno.makeTempDir();
  const files = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  await Deno.writeTextFile(files.cert, cert);
  await Deno.writeTextFile(files.key, key);
  return {
    ...files,
    authority: authority.cert,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

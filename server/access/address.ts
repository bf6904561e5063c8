/**
 * `parseAddress` reads a network address in any spelling, and says with which others it shares limits.
 * Proxies, runtimes and people write one address in many ways. If each spelling had limits of its own,
 * adding a port would be enough to pass them.
 *
 * @module
 */

/** One network address, in its canonical spelling (RFC 5952 for IPv6). */
export interface Address {
  readonly text: string;
  /** The groups of addresses that it belongs to, the smallest first. */
  readonly groups: readonly AddressGroup[];
}

/** The addresses that one customer of a provider usually has. They share one set of limits. */
export interface AddressGroup {
  /** The group in CIDR notation, or the address itself. */
  readonly key: string;
  /** How many times the limits of a single address hold for the group. */
  readonly times: number;
}

/** How many times the limits of a /64 hold for a /48, which is a site with several networks. */
const SITE_TIMES = 16;
/** Longer text is no address: 45 characters of one, with a zone, a port and what stands around it. */
const MAX_CHARS = 128;

/** The address of a peer without a network address, such as one on a Unix socket. */
export const LOCAL: Address = { text: "local", groups: [{ key: "local", times: 1 }] };

/** The address of all peers whose address we were not told. */
export const UNKNOWN: Address = { text: "unknown", groups: [{ key: "unknown", times: 1 }] };

/**
 * Reads an address as it may stand in `X-Forwarded-For`: IPv4 or IPv6, with or without a port,
 * brackets, quotation marks and a zone. An IPv4 address that is written as IPv6
 * (`::ffff:192.0.2.1`) is the IPv4 address.
 *
 * @returns `undefined` if the text is no address.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.length > MAX_CHARS) return undefined; // the patterns below take time by its square
  const bare = text.trim().replace(/^"(.*)"$/, "$1").trim();
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(bare)?.[1];
  const host = bracketed ?? /^([\d.]+):\d{1,5}$/.exec(bare)?.[1] ?? bare;
  if (!host.includes(":")) return bracketed === undefined ? fromIPv4(parseIPv4(host)) : undefined;
  const words = parseIPv6(host.replace(/%.*$/s, ""));
  return words && fromIPv6(words);
}

function fromIPv4(bytes: readonly number[] | undefined): Address | undefined {
  if (bytes === undefined) return undefined;
  const text = bytes.join(".");
  return { text, groups: [{ key: text, times: 1 }] };
}

function fromIPv6(words: readonly number[]): Address | undefined {
  const [high = 0, low = 0] = words.slice(6);
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return fromIPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
  }
  return {
    text: formatIPv6(words),
    groups: [
      { key: `${network(words, 4)}/64`, times: 1 },
      { key: `${network(words, 3)}/48`, times: SITE_TIMES },
    ],
  };
}

/** Reads the four bytes of an IPv4 address. Leading zeros are ignored, so all spellings are one address. */
function parseIPv4(text: string): readonly number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,9}$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

/** Reads the eight words of an IPv6 address (RFC 4291 §2.2), which may end as an IPv4 address. */
function parseIPv6(text: string): readonly number[] | undefined {
  const tail = /^(.*:)([\d.]*\.[\d.]*)$/.exec(text);
  if (tail !== null) {
    const bytes = parseIPv4(tail[2] ?? "");
    if (bytes === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    return parseIPv6(`${tail[1]}${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [before = [], after = []] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const words = [...before, ...Array<string>(missing).fill("0"), ...after];
  if (!words.every((word) => /^[\da-f]{1,4}$/i.test(word))) return undefined;
  return words.map((word) => parseInt(word, 16));
}

/** Writes an IPv6 address as in RFC 5952 §4, in lower case and with the longest run of zeros shortened. */
function formatIPv6(words: readonly number[]): string {
  const text = words.map((word) => word.toString(16)).join(":");
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** Writes the network that the first `kept` words name. */
function network(words: readonly number[], kept: number): string {
  return formatIPv6(words.map((word, index) => index < kept ? word : 0));
}

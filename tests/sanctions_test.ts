/**
 * The bans and mutes of a node: whom they bind, and when they end.
 *
 * @module
 */
import { parseAddress } from "../server/access/address.ts";
import { guestIdentity, type Identity } from "../server/access/identity.ts";
import { Sanctions } from "../server/access/sanctions.ts";
import { type Source, Sources } from "../server/access/source.ts";
import { addressSubject, type Sanction, userSubject } from "../server/broker/orders.ts";
import { silentLog } from "../server/log.ts";
import { completeOptions } from "../server/options.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { until as reached } from "./support/harness.ts";

const sources = new Sources(completeOptions({}), silentLog, () => 0);

function from(text: string): Source {
  const address = parseAddress(text);
  assert(address !== undefined);
  return sources.of(address);
}

const HERE = from("192.0.2.1");
const GUEST = guestIdentity({ id: "0123456789abcdef", name: "G" });
const OTHER_GUEST = guestIdentity({ id: "fedcba9876543210", name: "G" });
const USER: Identity = { ...GUEST, user: { id: "ada", name: "Ada" }, isGuest: false };

function sanctionsAt(now: () => number, ended: (sanction: Sanction) => void = () => {}) {
  return new Sanctions(now, ended);
}

function ban(subject: string, until: number | null = null, room = "lobby"): Sanction {
  return { kind: "ban", room, subject, until };
}

Deno.test("Sanctions.capOf() is none for who is banned, and read for who is muted, in that room", () => {
  const sanctions = sanctionsAt(() => 0);
  assertEquals(sanctions.capOf(USER, HERE, "lobby", "write"), "manage");
  sanctions.impose({ ...ban(userSubject("ada")), kind: "mute" });
  assertEquals(sanctions.capOf(USER, HERE, "lobby", "write"), "read");
  sanctions.impose(ban(userSubject("ada")));
  assertEquals(sanctions.capOf(USER, HERE, "lobby", "write"), "none");
  assertEquals(sanctions.capOf(USER, HERE, "other", "write"), "manage");
  assertEquals(sanctions.capOf(GUEST, HERE, "lobby", "write"), "manage");
  sanctions.lift({ kind: "unban", room: "lobby", subject: userSubject("ada") });
  assertEquals(sanctions.capOf(USER, HERE, "lobby", "write"), "read");
  sanctions.lift({ kind: "unmute", room: "lobby", subject: userSubject("ada") });
  assertEquals(sanctions.capOf(USER, HERE, "lobby", "write"), "manage");
  sanctions.close();
});

Deno.test("Sanctions.capOf() applies the ban of an address to its guests, and to nobody else", () => {
  const sanctions = sanctionsAt(() => 0);
  sanctions.impose(ban(addressSubject("192.0.2.1")));
  sanctions.impose(ban(addressSubject("2001:db8::/64")));
  const caps = [
    [GUEST, "192.0.2.1", "none"],
    [OTHER_GUEST, "::ffff:192.0.2.1", "none"],
    [GUEST, "192.0.2.2", "manage"],
    [GUEST, "2001:db8::17", "none"],
    [GUEST, "2001:db8:0:1::17", "manage"],
    [USER, "192.0.2.1", "manage"],
  ] as const;
  for (const [identity, address, cap] of caps) {
    assertEquals(sanctions.capOf(identity, from(address), "lobby", "write"), cap, address);
  }
  sanctions.close();
});

Deno.test("a user whose id looks like an address is not bound by the ban of that address", () => {
  const sanctions = sanctionsAt(() => 0);
  const strange: Identity = { ...USER, user: { id: "address 192.0.2.1", name: "S" } };
  sanctions.impose(ban(addressSubject("192.0.2.1")));
  assertEquals(sanctions.capOf(strange, from("192.0.2.9"), "lobby", "write"), "manage");
  sanctions.close();
});

Deno.test("sanctions end with their time, the earliest first, with one timer", async () => {
  let now = 1_000_000;
  const ended: string[] = [];
  const sanctions = sanctionsAt(() => now, ({ subject }) => ended.push(subject));
  sanctions.impose(ban("user late", now + 20));
  sanctions.impose(ban("user early", now + 10));
  sanctions.impose(ban("user never"));
  sanctions.impose(ban("user lifted", now + 5));
  sanctions.lift({ kind: "unban", room: "lobby", subject: "user lifted" });
  const capOf = (id: string) =>
    sanctions.capOf({ ...USER, user: { id, name: id } }, HERE, "lobby", "write");
  now += 10; // the timer has not fired yet: what is over is over
  assertEquals(["early", "late", "never"].map(capOf), ["manage", "none", "none"]);
  await reached(() => ended.length === 1, "the first end");
  now += 10;
  await reached(() => ended.length === 2, "the second end");
  assertEquals(ended, ["user early", "user late"]);
  sanctions.close();
});

Deno.test("a sanction that is imposed again lasts as long as it says then", async () => {
  let now = 0;
  const ended: string[] = [];
  const sanctions = sanctionsAt(() => now, ({ subject }) => ended.push(subject));
  sanctions.impose(ban("user ada", 5));
  sanctions.impose(ban("user ada", 50));
  sanctions.impose(ban("user eve", 6));
  now = 10;
  await reached(() => ended.length > 0, "the end of another");
  assertEquals(ended, ["user eve"]);
  assertEquals(sanctions.capOf(USER, HERE, "lobby", "write"), "none");
  sanctions.close();
});

Deno.test("Sanctions.replace() says what has changed", () => {
  const sanctions = sanctionsAt(() => 0);
  const [kept, gone, longer] = [ban("user kept"), ban("user gone"), ban("user longer", 1000)];
  sanctions.replace([kept, gone, longer]);
  const changed = ban("user longer", 2000);
  const added: Sanction = { ...ban("user added"), kind: "mute" };
  const changes = sanctions.replace([kept, changed, added]);
  assertEquals(changes, { imposed: [changed, added], lifted: [gone, longer] });
  assertEquals(sanctions.replace([kept, changed, added]), { imposed: [], lifted: [] });
  sanctions.close();
});

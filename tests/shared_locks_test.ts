/**
 * Tabs that share a connection where the browser does with their locks what it may: it rejects the lock of a page
 * that stands still, when its turn comes, or each one at once. In one process: Deno has Web Locks too.
 *
 * @module
 */
import { openShared } from "../static/client/shared_transport.ts";
import { connect } from "../static/client/mod.ts";
import { assert, assertEquals } from "./support/assert.ts";
import { patiently, serve, until } from "./support/harness.ts";
import { tabs } from "./support/tabs.ts";

type Request = (name: string, options: object, held: () => unknown) => Promise<unknown>;

const { locks } = navigator as object as { readonly locks: { request: Request } };

/** Has the browser treat each request for a lock as `replaced` says, which may pass it on. */
function treat(replaced: (passOn: Request, ...how: Parameters<Request>) => Promise<unknown>) {
  const { request } = locks;
  const passOn: Request = (...how) => request.apply(locks, how);
  locks.request = (...how) => replaced(passOn, ...how);
  return { [Symbol.dispose]: () => void (locks.request = request) };
}

/** Whether it is the lock of the one that holds the connection, and not that of a tab. */
const isHolders = (name: string) => name.endsWith("/ws");

Deno.test("a tab that stood still when it was given its lock shares the connection all the same", async () => {
  await using server = await serve();
  const refused = new Set<boolean>(); // one lock that a tab has while it is there, and one that the holder has
  using _browser = treat((passOn, ...how) => {
    const isOfHolder = isHolders(how[0]);
    if (refused.has(isOfHolder)) return passOn(...how);
    refused.add(isOfHolder);
    return Promise.reject(new Error("The provided callback is no longer runnable."));
  });
  using shared = await tabs(server.url, 3);
  await patiently(Promise.all(shared.clients.map((client) => client.send("lobby", "hi"))), "all");
  assertEquals([server.connectionCount, refused.size], [1, 2]);
});

Deno.test("a tab that closes while the holder stands still leaves its rooms", async () => {
  await using server = await serve();
  const asked = new Map<string, number>();
  let rejections = 1;
  using _browser = treat((passOn, name, options, held) => {
    asked.set(name, (asked.get(name) ?? 0) + 1);
    // The tab asks for its lock first, and then the holder, to know when the tab is gone.
    if (isHolders(name) || asked.get(name) !== 2) return passOn(name, options, held);
    return passOn(name, options, () => {
      if (rejections-- > 0) throw new Error("The provided callback is no longer runnable.");
      return held();
    });
  });
  using _holder = await tabs(server.url, 1);
  const tab = connect(server.url, { shared: true });
  await patiently(tab.join("side room"), "the room");
  tab.close();
  await until(
    async () => (await server.members("side room")).memberCount === 0,
    "the tab to leave",
  );
  assertEquals([rejections, server.connectionCount], [0, 1]);
});

Deno.test("a browser that rejects locks at once is asked again after a pause", async () => {
  await using server = await serve();
  let asked = 0;
  let isOver = false;
  using _browser = treat((passOn, ...how) => {
    if (!isHolders(how[0]) || isOver || asked >= 100) return passOn(...how);
    asked++;
    return Promise.reject(new Error("The provided callback is no longer runnable."));
  });
  setTimeout(() => isOver = true);
  using _shared = await tabs(server.url, 1);
  assert(asked >= 1 && asked < 10, `asked ${asked} times in one turn`);
});

Deno.test("a tab that was robbed is in line again before its timers run, which may take a minute", async () => {
  const { setTimeout } = globalThis;
  await using server = await serve();
  const [isThrottled, isInLine] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let wasRobbed = false;
  let name = "";
  using _browser = treat((passOn, ...how) => {
    if (isHolders(how[0])) name = how[0];
    if (isHolders(how[0]) && wasRobbed && !("steal" in how[1])) isInLine.resolve();
    return passOn(...how);
  });
  const shared = await tabs(server.url, 1);
  try {
    Reflect.set(globalThis, "setTimeout", (act: () => void, ms = 0, ...args: []) => {
      if (ms < 130 || ms > 174) return setTimeout(act, ms, ...args);
      isThrottled.resolve(); // it is the timer of a tab that watches
      return 0;
    });
    await patiently(isThrottled.promise, "the tab's last timer");
    wasRobbed = true;
    await locks.request(name, { steal: true }, () => {});
    await patiently(isInLine.promise, "the tab to ask for the lock again");
  } finally {
    globalThis.setTimeout = setTimeout;
    shared[Symbol.dispose]();
  }
});

Deno.test("a tab that stood still when it was robbed does not tell the others to wait longer", async () => {
  const { now } = performance;
  const url = "ws://test/ws";
  const opened = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const transport = openShared(
    "test",
    (_url, server) => {
      queueMicrotask(server.opened);
      return { send() {}, close: stopped.resolve };
    },
    url,
    { opened: opened.resolve, received() {}, closed() {} },
  );
  const heard: unknown[] = [];
  const marked = Promise.withResolvers<void>();
  const thief = Promise.withResolvers<void>();
  const name = `parley 4 test ${url}`;
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => {
    heard.push(data.lock);
    if (data.frame?.includes("mark")) marked.resolve();
  };
  try {
    await patiently(opened.promise, "the tab to hold the connection");
    performance.now = () => now.call(performance) + 5_000;
    const stolen = locks.request(name, { steal: true }, () => thief.promise);
    await patiently(stopped.promise, "the tab to notice");
    transport.send([{ type: "leave", room: "mark" }]);
    await patiently(marked.promise, "what it says then");
    assertEquals(heard.includes("robbed"), false);
    thief.resolve();
    await stolen;
  } finally {
    performance.now = now;
    transport.close();
    channel.close();
  }
});

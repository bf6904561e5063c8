import { launch } from "/work/wt/eyes-b/tests/browser.ts";
import { serve } from "/work/wt/eyes-b/tests/harness.ts";
const shots = "/tmp/eyesb/shots";
await Deno.mkdir(shots, { recursive: true });
const chrome = await launch();
const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));
const banner = async (
  p: any,
) => (await p.evaluate(
  `[...document.querySelectorAll("[role=status],[role=alert],#banner,.banner,.toast")].filter(e=>e.offsetParent||e.getClientRects().length).map(e=>(e.id||e.className)+": "+e.innerText.trim()).filter(t=>!t.endsWith(": ")).join(" | ")`,
));
const views: any = {
  desk: { viewport: { width: 1200, height: 760 } },
  phone: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
};
async function look(
  what: string,
  url: string,
  setup?: (p: any) => Promise<void>,
  opts: any = {},
  blockWs = false,
) {
  for (const [v, scheme] of [["desk", "light"], ["phone", "dark"]] as const) {
    try {
      const page = await chrome.open("about:blank", { ...views[v], colorScheme: scheme, ...opts });
      if (blockWs) {
        await page.addInitScript(
          "delete window.WebSocket; window.WebSocket = class { constructor(){ throw new Error('blocked') } }",
        );
      }
      await page.goto(url);
      await wait(1500);
      if (setup) await setup(page);
      await page.screenshot({ path: `${shots}/${what}-${v}.png` });
      console.log(what, v, "=>", await banner(page));
      await page.context().close();
    } catch (e) {
      console.log(what, v, "THREW", String(e).slice(0, 200));
    }
  }
}
{
  await using s = await serve();
  await look("normal", s.url);
  await look("refused-name", s.url, async (p) => {
    await p.locator("#my-name").click({ timeout: 3000 }).catch(() => {});
    await p.locator("#me input").fill("\u3164", { timeout: 3000 });
    await p.locator("#me input").press("Enter");
    await wait(700);
  });
  await look("long-room", s.url + "/?room=" + "x".repeat(100));
}
{
  await using s = await serve({ maxMembersPerRoom: 1 });
  const w = new WebSocket(s.url.replace("http", "ws") + "/ws?room=lobby");
  await new Promise((r) => w.onmessage = r);
  await look("room-full", s.url);
  w.close();
}
{
  await using s = await serve({ maxConnections: 1 });
  const w = new WebSocket(s.url.replace("http", "ws") + "/ws?room=lobby");
  await new Promise((r) => w.onmessage = r);
  await look("server-full", s.url, async () => {
    await wait(9000);
  });
  w.close();
}
{
  await using s = await serve({ maxConnectionsPerAddress: 1 });
  const w = new WebSocket(s.url.replace("http", "ws") + "/ws?room=lobby");
  await new Promise((r) => w.onmessage = r);
  await look("address-full", s.url, async () => {
    await wait(9000);
  });
  w.close();
}
{
  const s = await serve();
  let n = 0;
  const page = await chrome.open(s.url, { viewport: { width: 1200, height: 760 } });
  await wait(1500);
  await s.stop();
  await wait(7000);
  await page.screenshot({ path: `${shots}/away-desk.png` });
  console.log("away =>", await banner(page));
}
{
  await using s = await serve({ trustProxies: 1 });
  const proxy = Deno.serve({ port: 0, onListen() {} }, async (r) => {
    const u = new URL(r.url);
    if (r.headers.has("upgrade")) return new Response(null, { status: 403 });
    const h = new Headers(r.headers);
    h.set("x-forwarded-for", "127.0.0.1");
    if (h.has("origin")) h.set("origin", s.url);
    h.delete("host");
    return await fetch(s.url + u.pathname + u.search, {
      method: r.method,
      headers: h,
      body: r.body,
      redirect: "manual",
    });
  });
  await look("ws-blocked", `http://127.0.0.1:${proxy.addr.port}/`, async (p) => {
    await wait(6000);
    await p.locator("#say").fill("without WebSocket");
    await p.locator("#say").press("Enter");
    await wait(2500);
  });
  await proxy.shutdown();
}
await chrome[Symbol.asyncDispose]();
console.log("complaints", chrome.complaints);
Deno.exit(0);

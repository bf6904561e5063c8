/**
 * Takes the pictures of the page: `deno task screenshots` writes tests/screenshots/desktop-light.png, which the
 * README shows, and phone-dark.png beside it. The conversation is made up; the server is real.
 *
 * @module
 */
import type { Page } from "npm:playwright-core@1.65.1";
import { type Client, connect } from "../static/client/mod.ts";
import { launch } from "./support/browser.ts";
import { serve, until } from "./support/harness.ts";

const FOLDER = new URL("screenshots/", import.meta.url);

/** Who said what, and which message it answers. */
const TALK: readonly (readonly [name: string, text: string, replyTo?: number])[] = [
  ["Ines", "The ferry runs again from Thursday."],
  ["Ines", "The timetable: https://example.org/ferry (the last one back is at 21:40)."],
  ["Tomas", "Good. Then the piano can come over before the weekend."],
  ["Wren", "Who has the key to the boathouse?"],
  ["Tomas", "I do. It is under the blue pot, as it always was.", 4],
  [
    "Yuki",
    "High water is at six. If we carry it down at five we have an hour, which is more than " +
    "enough, provided nobody stops to play it.",
  ],
  ["Wren", "Somebody always stops to play it."],
];

const REACTIONS = [
  ["Tomas", 1, "🎉"],
  ["Yuki", 1, "🎉"],
  ["Ines", 7, "😂"],
  ["Tomas", 7, "😂"],
  ["Yuki", 7, "❤️"],
] as const;

await Deno.mkdir(FOLDER, { recursive: true });
await using server = await serve();
await using chrome = await launch();

const friends = new Map<string, Client>();
async function friend(name: string): Promise<Client> {
  const client = friends.get(name) ?? connect(`${server.url}/ws`, { name });
  friends.set(name, client);
  await client.join("boathouse");
  return client;
}
for (const [name, text, replyTo] of TALK) {
  await (await friend(name)).send("boathouse", text, undefined, replyTo);
}
for (const [name, seq, reaction] of REACTIONS) {
  await (await friend(name)).react("boathouse", seq, reaction);
}

/** Takes a name, in a room where nobody is told that it was another before. */
async function rename(page: Page, name: string): Promise<void> {
  await page.locator("#my-name").click();
  await page.locator("#me input").fill(name);
  await page.locator("#me input").press("Enter");
  await page.locator("#people-list .own", { hasText: name }).waitFor({ state: "attached" });
}

async function enter(page: Page, room: string): Promise<void> {
  await page.locator("#add-name").fill(room);
  await page.locator("#add-name").press("Enter");
  await page.locator("#title", { hasText: room }).waitFor();
}

const phone = await chrome.open(server.url, {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  colorScheme: "dark",
});
await phone.locator("#open-rail").tap();
await rename(phone, "Mia");
await enter(phone, "boathouse");

const desktop = await chrome.open(server.url, {
  viewport: { width: 1200, height: 830 },
  deviceScaleFactor: 2,
  colorScheme: "light",
});
await rename(desktop, "Ada");
for (const room of ["garden", "boathouse"]) await enter(desktop, room);
await desktop.locator("#say").fill("I can take the other end of it. And the stool.");
await desktop.locator("#say").press("Enter");
const ines = await friend("Ines");
await ines.join("garden");
for (const text of ["The quinces are ripe.", "Bring a basket."]) await ines.send("garden", text);

await until(
  async () => await phone.locator(".list .line").count() > TALK.length,
  "the conversation",
);
await desktop.mouse.move(600, 20);
for (
  const [page, name, typist] of [
    [desktop, "desktop-light", "Wren"],
    [phone, "phone-dark", "Tomas"],
  ] as const
) {
  friends.get(typist)?.typing("boathouse");
  await page.locator("#typing", { hasText: typist }).waitFor();
  await page.screenshot({ path: new URL(`${name}.png`, FOLDER).pathname, animations: "disabled" });
}
for (const client of friends.values()) client.close();

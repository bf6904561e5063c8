/**
 * Takes the pictures of the page: `deno task screenshots` writes tests/screenshots/desktop-light.png, which the
 * README shows, and phone-dark.png beside it. The conversation is made up; the server is real.
 *
 * @module
 */
import { connect } from "../static/client/mod.ts";
import { launch } from "./support/browser.ts";
import { serve, until } from "./support/harness.ts";

const FOLDER = new URL("screenshots/", import.meta.url);

const TALK = [
  ["Ines", "The ferry runs again from Thursday."],
  ["Ines", "The timetable: https://example.org/ferry (the last one back is at 21:40)."],
  ["Tomas", "Good. Then the piano can come over before the weekend."],
  ["Wren", "Who has the key to the boathouse?"],
  ["Tomas", "I do. It is under the blue pot, as it always was."],
  [
    "Yuki",
    "High water is at six. If we carry it down at five we have an hour, which is more than " +
    "enough, provided nobody stops to play it.",
  ],
  ["Wren", "Somebody always stops to play it."],
] as const;

await Deno.mkdir(FOLDER, { recursive: true });
await using server = await serve();
await using chrome = await launch();

const friends = new Map<string, ReturnType<typeof connect>>();
for (const [name, text] of TALK) {
  const friend = friends.get(name) ?? connect(`${server.url}/ws`, { name });
  friends.set(name, friend);
  await friend.join("boathouse");
  await friend.send("boathouse", text);
}

const address = `${server.url}/?room=boathouse`;
const desktop = await chrome.open(address, {
  viewport: { width: 1200, height: 760 },
  deviceScaleFactor: 2,
  colorScheme: "light",
});
await desktop.locator("#my-name").click();
await desktop.locator("#me input").fill("Ada");
await desktop.locator("#me input").press("Enter");
for (const room of ["lobby", "garden", "boathouse"]) {
  await desktop.locator("#add-name").fill(room);
  await desktop.locator("#add-name").press("Enter");
}
await desktop.locator("#say").fill("I can take the other end of it. And the stool.");
await desktop.locator("#say").press("Enter");
const ines = friends.get("Ines");
await ines?.join("garden");
for (const text of ["The quinces are ripe.", "Bring a basket."]) await ines?.send("garden", text);

const phone = await chrome.open(address, {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  colorScheme: "dark",
});
await phone.locator("#my-name").waitFor({ state: "attached" });
await until(async () => await phone.locator(".line").count() > TALK.length, "the conversation");
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
for (const friend of friends.values()) friend.close();

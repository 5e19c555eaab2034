// The console, used by who runs the station: users, the week, the configuration, unwelcome listeners.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { axeFindsNothing, begin, end, logIn, open, openAs, PASSWORD, station } from "./operators.mjs";

/** A week with hours of its own, jingles and news. Its news are missing at first. */
const SCHEDULE = `
[[pipeline.daypart]]
name = "Frühe Stunden"
days = "Mon-Fri"
from = "06:00"
to = "10:00"
playlist = "0.wav"
[[pipeline.daypart]]
name = "Night"
from = "22:00"
to = "07:00"
playlist = ["0.wav", "1.wav"]
weight = [3, 1]
[[pipeline.insert]]
playlist = "1.wav"
every = "15m"
[[pipeline.slot]]
name = "News <b>"
at = "daily *:00"
play = "news.mp3"
start = "hard"
otherwise = "0.wav"
`;

before(() => begin({ more: SCHEDULE }));
after(end);

/** Goes to a view by its link. */
async function view(page, name) {
  await page.locator(`nav a[href="#${name}"]`).click();
  await page.locator(`#${name}`).waitFor();
}

test("an admin adds a user by the keyboard alone, who then logs in", async () => {
  const page = await openAs("eve");
  await view(page, "users");
  const rows = page.locator("#user-list li");
  await rows.nth(2).waitFor();
  assert.match(await rows.first().textContent(), /eve \(you\)admin, by password/);
  assert.equal(await rows.first().getByRole("button", { name: "Remove" }).count(), 0);

  await page.locator("#user-add").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("jóga");
  await page.keyboard.press("Tab");
  await page.keyboard.type("dj");
  await page.keyboard.press("Tab");
  await page.keyboard.type("too");
  await page.keyboard.press("Enter");
  // The browser refuses what is too short.
  await page.locator("#user-dialog[open]").waitFor();
  await page.keyboard.type(" long to guess");
  await page.keyboard.press("Enter");
  await page.locator("#user-list li", { hasText: "jóga" }).waitFor();
  await page.locator("#notes", { hasText: "jóga is added" }).waitFor();
  assert.deepEqual(page.said, []);

  const other = await open();
  await logIn(other, "jóga", "too long to guess");
  await other.locator("#who", { hasText: "jóga (dj)" }).waitFor();
  assert.equal(await other.locator('nav a[href="#users"]').isVisible(), false);

  // Removed by two taps, they are logged out at once.
  const row = page.locator("#user-list li", { hasText: "jóga" });
  await row.getByRole("button", { name: "Remove jóga" }).focus();
  await page.keyboard.press("Enter");
  await row.locator("button.armed").waitFor();
  await page.keyboard.press("Enter");
  await row.waitFor({ state: "detached" });
  await other.locator("#login[open]").waitFor();
  for (const closed of [page, other]) await closed.context().close();
});

test("a refusal is said in the dialog, and nothing that was typed is lost", async () => {
  const page = await openAs("eve");
  await view(page, "users");
  await page.locator("#user-list li", { hasText: "bob" }).getByRole("button", { name: "Change" }).click();
  await page.locator("#user-limits summary").click();
  await page.locator("#user-paths").fill("/live");
  await page.locator("#user-save").click();
  await page.locator("#user-problem", { hasText: "a viewer sends nothing" }).waitFor();
  await axeFindsNothing(page, "the dialog of a user");
  assert.equal(await page.locator("#user-paths").inputValue(), "/live");
  await page.locator("#user-role").selectOption("dj");
  await page.locator("#user-slots").fill("Fri 22:00 for 2h\nSat 20:00 for 1h");
  await page.locator("#user-save").click();
  const about = "dj, by password, sends Fri 22:00 for 2h; Sat 20:00 for 1h, to /live";
  await page.locator("#user-list li", { hasText: about }).waitFor();
  await page.context().close();
});

test("a new token is shown once, works, and is revoked", async () => {
  const page = await openAs("eve");
  await view(page, "users");
  await page.locator("#token-add").click();
  await page.locator("#user-name").fill("display");
  await page.keyboard.press("Enter");
  await page.locator("#token-dialog[open]").waitFor();
  const token = await page.locator("#token-text").inputValue();
  assert.match(token, /^lw-[0-9a-f]{64}$/);
  await axeFindsNothing(page, "the dialog of a token");
  await page.keyboard.press("Escape");
  // The dialog says that it is closed when it is.
  await page.waitForFunction(() => document.querySelector("#token-text").value === "");
  assert.equal((await page.content()).includes(token), false);
  const look = async () =>
    (await fetch(`${station.url}/api/v1/server`, { headers: { Authorization: `Bearer ${token}` } })).status;
  assert.equal(await look(), 200);
  const row = page.locator("#user-list li", { hasText: "display" });
  await row.getByRole("button", { name: "Remove display" }).click();
  await row.locator("button.armed").click();
  await row.waitFor({ state: "detached" });
  assert.equal(await look(), 401);
  assert.deepEqual(page.said, []);
  await page.context().close();
});

test("an admin changes the own password, and stays logged in", async () => {
  const [page, other] = [await openAs("eve"), await openAs("eve")];
  await view(page, "users");
  const change = async (password) => {
    await page.locator("#user-list li", { hasText: "eve" }).getByRole("button", { name: "Change" }).click();
    await page.locator("#user-password").fill(password);
    await page.locator("#user-save").click();
    await page.locator("#user-dialog[open]").waitFor({ state: "detached" });
  };
  await change("another long password");
  await other.locator("#login[open]").waitFor();
  assert.equal(await page.locator("#login[open]").count(), 0);
  await change(PASSWORD);
  assert.equal(await page.locator("#login[open]").count(), 0);
  for (const closed of [page, other]) await closed.context().close();
});

/** The days of the week that are shown, with their headings. */
const headings = (page) => page.locator("#week .day h3").allTextContents();

test("the week shows dayparts and slots at their times, and now", async () => {
  const page = await openAs("bob");
  await view(page, "schedule");
  await page.locator("#week .day").nth(6).waitFor();
  assert.match(await page.locator("#week-note").textContent(), /Night gives way to Frühe Stunden/);
  const insert = page.locator("#ingredients li", { hasText: "Every 15m: a jingle of 1.wav" });
  assert.match(await insert.textContent(), /in the configuration/);
  // Who may look changes nothing.
  assert.equal(await page.locator("#ingredients button, #add-slot:visible").count(), 0);
  const monday = page.locator("#week .day").first();
  const parts = await monday.locator(".daypart").evaluateAll((all) => all.map(({ title }) => title));
  assert.deepEqual(parts, ["00:00–06:00 Night", "06:00–10:00 Frühe Stunden", "22:00–00:00 Night"]);
  assert.equal(await monday.locator(".slot").count(), 24);
  assert.equal(await monday.locator(".slot").nth(7).textContent(), "07:00 News <b>");
  // The morning begins a quarter of the day from its top, and lasts four hours.
  const box = await monday.locator(".hours").boundingBox();
  const morning = await monday.locator(".daypart").nth(1).boundingBox();
  assert.ok(Math.abs((morning.y - box.y) / box.height - 6 / 24) < 0.01, "06:00");
  assert.ok(Math.abs(morning.height / box.height - 4 / 24) < 0.01, "four hours");
  assert.equal(await page.locator("#week .present").count(), 1);
  await page
    .locator("#planned tr", { hasText: /playlist|Night|Frühe Stunden/ })
    .filter({ hasText: 'Die "Töne" - Tön' })
    .first()
    .waitFor();

  const now = await headings(page);
  await page.locator("#week-after").focus();
  await page.keyboard.press("Enter");
  await page.locator("#week .present").waitFor({ state: "detached" });
  assert.notDeepEqual(await headings(page), now);
  await page.locator("#week-now").press("Enter");
  await page.locator("#week .present").waitFor();
  assert.deepEqual(await headings(page), now);
  assert.deepEqual(page.said, []);
  await page.context().close();
});

test("an admin adds a slot by the keyboard, changes it, removes it, and takes all of that back", async () => {
  const [page, other] = [await openAs("eve"), await openAs("bob")];
  await view(page, "schedule");
  await view(other, "schedule");
  const row = (of) => of.locator("#ingredients li", { hasText: "Évening <i>" });
  const dialog = page.locator("#ingredient-dialog[open]");

  await page.locator("#add-slot").focus();
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await axeFindsNothing(page, "the form of a slot");
  await page.keyboard.type("Évening <i>");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Mon-Fri 20:00");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Sat 25:00");
  await page.keyboard.press("Tab");
  await page.keyboard.type("1.wav");
  await page.keyboard.press("Enter");
  // What is wrong is said where it was typed, and nothing of it is lost.
  await page.locator("#ingredient-problem", { hasText: "25:00" }).waitFor();
  await page.locator("#of-slots [name=at]").fill("Mon-Fri 20:00\nSat 21:00");
  await page.locator("#of-slots [name=start]").selectOption("hard");
  await page.locator("#ingredient-save").press("Enter");
  await row(page).waitFor();
  await dialog.waitFor({ state: "detached" });
  assert.match(await row(page).textContent(), /Mon-Fri 20:00, Sat 21:00: 1\.wav \(hard\)/);
  await page.locator("#week .slot", { hasText: "20:00 Évening <i>" }).first().waitFor();
  // The other operator sees it, and may not change it.
  await row(other).waitFor();
  assert.equal(await row(other).locator("button").count(), 0);

  await row(page).getByRole("button", { name: "Change Évening <i>" }).press("Enter");
  await dialog.waitFor();
  assert.equal(await page.locator("#of-slots [name=at]").inputValue(), "Mon-Fri 20:00\nSat 21:00");
  assert.equal(await page.locator("#of-slots [name=start]").inputValue(), "hard");
  await page.locator("#of-slots [name=late]").fill("5m");
  await page.locator("#of-slots [name=start]").selectOption("");
  await page.locator("#ingredient-save").press("Enter");
  await row(page).filter({ hasText: "(soft)" }).waitFor();
  const undo = (of) => page.locator("#notes li", { hasText: of }).getByRole("button", { name: "Undo" });
  await undo("is changed").press("Enter");
  await row(page).filter({ hasText: "(hard)" }).waitFor();

  await row(page).getByRole("button", { name: "Remove Évening <i>" }).press("Enter");
  await row(page).waitFor({ state: "detached" });
  await row(other).waitFor({ state: "detached" });
  await undo("is removed").press("Enter");
  await row(page).filter({ hasText: "Sat 21:00: 1.wav (hard)" }).waitFor();

  // Nothing is put in the place of another one by its name alone.
  await page.locator("#add-slot").press("Enter");
  await page.keyboard.type("Évening <i>");
  await page.locator("#of-slots [name=at]").fill("Sun 9:00");
  await page.locator("#of-slots [name=play]").fill("0.wav");
  await page.locator("#ingredient-save").press("Enter");
  await page.locator("#ingredient-problem", { hasText: "there is one of this name already" }).waitFor();
  await page.keyboard.press("Escape");
  await row(page).filter({ hasText: "Sat 21:00: 1.wav (hard)" }).waitFor();

  // A name of the configuration is the configuration's.
  await page.locator("#add-daypart").press("Enter");
  await page.keyboard.type("Night");
  await page.locator("#of-dayparts [name=playlist]").fill("0.wav");
  await page.locator("#ingredient-save").press("Enter");
  await page.locator("#ingredient-problem", { hasText: "configuration" }).waitFor();
  await page.keyboard.press("Escape");

  await page.locator("#add-insert").press("Enter");
  await page.keyboard.type("Spots");
  await page.locator("#of-inserts [name=playlist]").fill("1.wav");
  await page.locator("#of-inserts [name=every]").fill("20m");
  await page.locator("#of-inserts [name=kind]").selectOption("spot");
  await page.locator("#ingredient-save").press("Enter");
  const spots = page.locator("#ingredients li", { hasText: "Every 20m: a spot of 1.wav" });
  await spots.waitFor();
  // What has its default is left out, and so can be given back.
  await spots.getByRole("button", { name: "Change Spots" }).press("Enter");
  await page.locator("#of-inserts [name=every]").fill("");
  await page.locator("#ingredient-save").press("Enter");
  const seldom = page.locator("#ingredients li", { hasText: "Every 4 songs: a spot of 1.wav" });
  await seldom.waitFor();
  await seldom.getByRole("button", { name: "Change Spots" }).press("Enter");
  assert.equal(await page.locator("#of-inserts [name=every]").inputValue(), "");
  await page.locator("#of-inserts [name=kind]").selectOption("");
  await page.locator("#ingredient-save").press("Enter");
  await page.locator("#ingredients li", { hasText: "Every 4 songs: a jingle of 1.wav" }).waitFor();
  for (const closed of [page, other]) {
    // The browser notes the refusals itself.
    assert.ok(
      closed.said.every((text) => /status of (409|422|400)/.test(text)),
      closed.said.join(),
    );
    await closed.context().close();
  }
});

test("on a phone the week is a day at a time", async () => {
  const page = await openAs("bob", { viewport: { width: 390, height: 844 }, hasTouch: true });
  await view(page, "schedule");
  const day = page.locator("#week .day:visible");
  await page.locator("#week .day").nth(6).waitFor({ state: "attached" });
  assert.equal(await day.count(), 1);
  assert.equal(await day.locator(".present").count(), 1);
  const seen = new Set([await day.locator("h3").textContent()]);
  for (let step = 0; step < 7; step++) {
    const before = await day.locator("h3").textContent();
    await page.locator("#day-after").tap();
    await page.waitForFunction((text) => {
      const shown = document.querySelectorAll("#week .day.chosen h3");
      return shown.length === 1 && shown[0].textContent !== text;
    }, before);
    assert.equal(await day.count(), 1);
    seen.add(await day.locator("h3").textContent());
  }
  assert.equal(seen.size, 8, "the eighth is one of the next week");
  await page.context().close();
});

test("an admin sees what the file says, mends it, and applies it", async () => {
  const file = join(station.folder, "station.toml");
  const good = readFileSync(file, "utf8");
  const page = await openAs("eve");
  await view(page, "station");
  const note = page.locator("#configuration-note");
  await note.filter({ hasText: "runs with what the file says" }).waitFor();

  writeFileSync(file, good.replace("loop = true", "# password = geheim\nloop = true\ncrosfade = '2s'"));
  await page.locator("#configuration-look").focus();
  await page.keyboard.press("Enter");
  await note.filter({ hasText: "has problems" }).waitFor();
  const findings = page.locator("#configuration-findings");
  await findings.locator("li.bad", { hasText: 'did you mean "crossfade"?' }).waitFor();
  await page.locator("#configuration-text summary").focus();
  await page.keyboard.press("Enter");
  assert.match(await page.locator("#configuration-lines li.bad").textContent(), /crosfade = '2s'/);
  const text = await page.locator("#configuration-lines").textContent();
  assert.ok(text.includes("# password = …") && !text.includes("geheim"));
  await axeFindsNothing(page, "the configuration");
  await page.locator("#reload").press("Enter");
  await page.locator("#notes li.bad", { hasText: "Could not apply it" }).waitFor();

  writeFileSync(file, good.replace("loop = true", "loop = true\ncrossfade = '2s'"));
  await page.locator("#configuration-look").press("Enter");
  await findings.locator("li", { hasText: "A reload changes: pipeline main: crossfade." }).waitFor();
  await page.locator("#reload").press("Enter");
  await page.locator("#reloaded li", { hasText: "Changed: pipeline main: crossfade." }).waitFor();
  await note.filter({ hasText: "runs with what the file says" }).waitFor();
  // The browser notes the refusal of the reload itself.
  assert.ok(
    page.said.every((text) => text.includes("422")),
    page.said.join(),
  );
  await page.context().close();
});

test("a listener's address is denied, but the own one only by a second tap", async () => {
  const page = await openAs("eve");
  const ending = new AbortController();
  const stream = await fetch(`${station.url}/low.aac`, { signal: ending.signal });
  assert.equal(stream.status, 200);
  await view(page, "listeners");
  const row = page.locator("#listener-list tr", { hasText: "/low.aac" });
  await row.getByRole("button", { name: /^Deny/ }).focus();
  await page.keyboard.press("Enter");
  await row.getByRole("button", { name: /^Your own address/ }).waitFor();
  await page.locator("#notes", { hasText: "address that you come from" }).waitFor();
  await page.keyboard.press("Enter");
  await row.locator("button.armed", { hasText: "Tap again to deny yourself" }).waitFor();
  // Whoever goes elsewhere has not done it.
  await page.keyboard.press("Shift+Tab");
  await row.locator("button.armed").waitFor({ state: "detached" });
  ending.abort();

  // Another address, as somebody else would deny it.
  await page.evaluate(() =>
    fetch("/api/v1/denied", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ address: "192.0.2.1" }),
    }),
  );
  const denied = page.locator("#denied li", { hasText: "192.0.2.1" });
  await denied.waitFor();
  await axeFindsNothing(page, "who is denied");
  await denied.getByRole("button", { name: "Allow 192.0.2.1" }).focus();
  await page.keyboard.press("Enter");
  await denied.waitFor({ state: "detached" });
  // The refusal; and that the station is not well, on a machine that is too slow for it.
  assert.ok(
    page.said.every((text) => /409|503/.test(text)),
    page.said.join(),
  );
  await page.context().close();
});

// The console, used by who runs the station: users, the week, the configuration, unwelcome listeners.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axeFindsNothing, begin, end, logIn, open, openAs, PASSWORD, station } from "./operators.mjs";

before(() => begin());
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
  assert.equal(await page.locator("#token-text").inputValue(), "");
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

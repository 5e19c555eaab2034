// Files in the console: shows that are sent, and recordings that are listened to.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { AXE } from "./browsers.mjs";
import { PROGRAM, Station } from "./station.mjs";

const PASSWORD = "a long password";
/** How long anything may take on a busy machine. */
const PATIENCE = 30_000;

let station, browser;

before(async () => {
  station = await Station.start({
    server: 'users_file = "users"',
    more: `
[[pipeline.output]]
format = "aac"
mount = "/recorded.aac"
record = "archive/gäst-{mount}"
record_reserve = "0B"
[library]
folders = ["shows"]
inbox = "shows/inbox"
inbox_file_most = "2MB"
database = "library.db"`,
    prepare: (folder) => {
      mkdirSync(join(folder, "shows"));
      for (const [name, role] of Object.entries({ eve: "admin", ana: "dj", bob: "viewer" })) {
        const input = `${PASSWORD}\n${PASSWORD}\n`;
        execFileSync(PROGRAM, ["user", "--file", "users", "add", name, "--role", role], { cwd: folder, input });
      }
    },
  });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
});

after(async () => {
  await browser?.close();
  await station?.remove();
});

/** A browser in which somebody has logged in and sees the files. */
async function openAs(name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.said = [];
  page.on("console", (message) => page.said.push(message.text()));
  page.on("pageerror", (error) => page.said.push(String(error)));
  await page.goto(`${station.url}/console#shows`);
  await page.locator("#login[open]").waitFor();
  await page.locator("#login-name").fill(name);
  await page.locator("#login-password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator("#login[open]").waitFor({ state: "detached" });
  await page.locator("#shows").waitFor();
  return page;
}

const track = () => readFileSync(join(station.folder, "0.wav"));
const sent = (user, name) => join(station.folder, "shows/inbox", user, name);
const note = (page, text) => page.locator("#notes li", { hasText: text }).waitFor();

test("a DJ sends shows, sees them come, queues one and removes it", async () => {
  const page = await openAs("ana");
  await page.locator("#shows-note", { hasText: "Nothing was sent yet." }).waitFor();
  const files = page.locator("#show-files");
  await files.setInputFiles([
    // As a Mac names it.
    { name: "Gäste.wav".normalize("NFD"), mimeType: "audio/wav", buffer: track() },
    { name: "page.mp3", mimeType: "audio/mpeg", buffer: Buffer.from("<script>alert(1)</script>".repeat(50)) },
    { name: "long.wav", mimeType: "audio/wav", buffer: Buffer.alloc(3_000_000) },
  ]);
  await note(page, "“Gäste.wav” is in the inbox".normalize("NFD"));
  await note(page, "“page.mp3” was not taken: ");
  await note(page, "“long.wav” was not taken: a file may have 2.0 MB");
  assert.deepEqual(readFileSync(sent("ana", "Gäste.wav".normalize("NFC"))), track());
  const row = page.locator("#show-list li", { hasText: "Gäste.wav" });
  await row.waitFor();
  assert.equal(await page.locator("#sending li").count(), 0);

  await files.setInputFiles([{ name: "Gäste.wav", mimeType: "audio/wav", buffer: track() }]);
  await note(page, "you have a file of this name in the inbox already");
  await page.locator("#show-replace").check();
  await files.setInputFiles([{ name: "Gäste.wav", mimeType: "audio/wav", buffer: track() }]);
  await page.locator("#notes li", { hasText: "is in the inbox" }).nth(1).waitFor();

  await row.getByRole("button", { name: "Queue" }).click();
  await page.goto(`${station.url}/console#onair`);
  await page.locator("#queue li, #on-title", { hasText: "Tön" }).first().waitFor();
  await page.goto(`${station.url}/console#shows`);
  page.on("dialog", (dialog) => dialog.accept());
  await row.getByRole("button", { name: "Remove" }).click();
  await row.waitFor({ state: "detached" });
  assert.ok(!existsSync(sent("ana", "Gäste.wav")));
  // The refusals are requests that failed, of which browsers tell.
  const own = page.said.filter((text) => !text.startsWith("Failed to load resource"));
  assert.deepEqual(own, []);
  await page.context().close();
});

test("files are dropped, and others see them at once", async () => {
  const [ana, eve] = await Promise.all([openAs("ana"), openAs("eve")]);
  const data = await ana.evaluateHandle((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], "dropped.wav", { type: "audio/wav" }));
    return transfer;
  }, [...track().subarray(0, 200_000)]);
  await ana.dispatchEvent("#drop-shows", "dragover", { dataTransfer: data });
  await ana.dispatchEvent("#drop-shows", "drop", { dataTransfer: data });
  const row = eve.locator("#show-list li", { hasText: "dropped.wav" });
  await row.waitFor();
  assert.ok(await row.getByRole("button", { name: "Remove" }).isEnabled(), "an admin removes all");
  await Promise.all([ana, eve].map((page) => page.context().close()));
});

test("a show that is being sent is cancelled", async () => {
  const page = await openAs("ana");
  // The line is slow: what is sent takes seconds.
  const line = await page.context().newCDPSession(page);
  await line.send("Network.enable");
  await line.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: 50_000,
  });
  await page.locator("#show-files").setInputFiles([{ name: "slow.wav", mimeType: "audio/wav", buffer: track() }]);
  const row = page.locator("#sending li", { hasText: "slow.wav" });
  await row.locator("progress").waitFor();
  await row.getByRole("button", { name: "Do not send" }).click();
  await note(page, "“slow.wav” was not taken: it was cancelled");
  await row.waitFor({ state: "detached" });
  assert.ok(!existsSync(sent("ana", "slow.wav")));
  await page.context().close();
});

test("a recording is listened to, and downloaded as it was sent", async () => {
  const page = await openAs("ana");
  const row = page.locator("#recordings li", { hasText: "gäst-recorded.aac" });
  await row.waitFor();
  await row.getByRole("button", { name: "Listen" }).click();
  await page.waitForFunction(() => document.querySelector("#player-audio").currentTime > 0.5);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    row.getByRole("link", { name: "Download" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "gäst-recorded.aac");
  const whole = readFileSync(join(station.folder, "archive/gäst-recorded.aac"));
  const part = readFileSync(await download.path());
  assert.ok(part.length > 0 && part.equals(whole.subarray(0, part.length)));
  assert.deepEqual(page.said, []);
  await page.context().close();
});

test("who may only look is told so, and gets nothing", async () => {
  const page = await openAs("bob");
  await page.locator("#shows-note", { hasText: "A DJ or an admin can send shows." }).waitFor();
  await page.locator("#recordings-note", { hasText: "A DJ or an admin can listen to recordings." }).waitFor();
  assert.ok(await page.locator("#send-shows").isHidden());
  assert.deepEqual(page.said, []);
  await page.context().close();
});

for (const [device, options] of Object.entries({
  "a phone": { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  "a wide screen": {},
})) {
  test(`axe finds nothing wrong with the files on ${device}, and nothing sticks out`, async () => {
    const page = await openAs("eve", options);
    await page.locator("#recordings li").first().waitFor();
    // The policy of the page lets no script in; the browser's own tools may.
    const { violations } = await page.evaluate(`${AXE}; axe.run(document)`);
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`), []);
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(width <= 0, `${width} pixels stick out`);
    await page.context().close();
  });
}

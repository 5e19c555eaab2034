// Files in the console: shows that are sent, and recordings that are listened to.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { axeFindsNothing, begin, close, end, openAs, station } from "./operators.mjs";

before(() =>
  begin({
    more: `
[[pipeline.output]]
format = "aac"
mount = "/recorded.aac"
record = "archive/gäst-{mount}"
record_reserve = "0B"`,
    library: 'inbox_file_most = "2MB"',
  }),
);
after(end);

/** A browser in which somebody has logged in and sees the files. */
async function openFilesAs(name, options) {
  const page = await openAs(name, options);
  await page.locator('nav a[href="#shows"]').click();
  await page.locator("#shows").waitFor();
  return page;
}

const track = () => readFileSync(join(station.folder, "0.wav"));
const sent = (user, name) => join(station.folder, "inbox", user, name);
const note = (page, text) => page.locator("#notes li", { hasText: text }).waitFor();

test("a DJ sends shows, sees them come, queues one and removes it", async () => {
  const page = await openFilesAs("ana");
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
  const [ana, eve] = await Promise.all([openFilesAs("ana"), openFilesAs("eve")]);
  const data = await ana.evaluateHandle(
    (bytes) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], "dropped.wav", { type: "audio/wav" }));
      return transfer;
    },
    [...track().subarray(0, 200_000)],
  );
  await ana.dispatchEvent("#drop-shows", "dragover", { dataTransfer: data });
  await ana.dispatchEvent("#drop-shows", "drop", { dataTransfer: data });
  const row = eve.locator("#show-list li", { hasText: "dropped.wav" });
  await row.waitFor();
  assert.ok(await row.getByRole("button", { name: "Remove" }).isEnabled(), "an admin removes all");
  await Promise.all([ana, eve].map((page) => page.context().close()));
});

test("a show that is being sent is cancelled", async () => {
  const page = await openFilesAs("ana");
  // The line is slow: what is sent takes seconds.
  const line = await page.context().newCDPSession(page);
  await line.send("Network.enable");
  await line.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: 50_000,
  });
  await page
    .locator("#show-files")
    .setInputFiles([{ name: "slow.wav", mimeType: "audio/wav", buffer: track() }]);
  const row = page.locator("#sending li", { hasText: "slow.wav" });
  await row.locator("progress").waitFor();
  await row.getByRole("button", { name: "Do not send" }).click();
  await note(page, "“slow.wav” was not taken: it was cancelled");
  await row.waitFor({ state: "detached" });
  assert.ok(!existsSync(sent("ana", "slow.wav")));
  await page.context().close();
});

test("a show that waits is cancelled before anything of it is sent", async () => {
  const page = await openFilesAs("ana");
  let goes;
  const stays = new Promise((resolve) => (goes = resolve));
  const asked = [];
  await page.route("**/api/v1/library/inbox/*", async (route) => {
    asked.push(new URL(route.request().url()).pathname.split("/").at(-1));
    await stays;
    await route.fulfill({ status: 201, json: {} });
  });
  const file = (name) => ({ name, mimeType: "audio/wav", buffer: Buffer.alloc(1_000) });
  await page.locator("#show-files").setInputFiles([file("first.wav"), file("second.wav")]);
  await page.locator("#sending li", { hasText: "second.wav" }).getByRole("button").click();
  goes();
  await note(page, "“first.wav” is in the inbox");
  await note(page, "“second.wav” was not taken: it was cancelled");
  assert.deepEqual(asked, ["first.wav"]);
  await page.context().close();
});

test("what breaks off a file is said in a sentence", async () => {
  const page = await openFilesAs("ana");
  // The module of the console itself, with a signal that says stop before anything is sent.
  const said = await page.evaluate(async () => {
    const { sendFile } = await import("/console/http.js");
    const file = new File(["x"], "x.wav");
    const sent = sendFile(
      "/api/v1/library/inbox/x.wav",
      file,
      () => {},
      AbortSignal.abort(new Error("stop")),
    );
    return sent.then(
      () => "sent",
      (error) => error.message,
    );
  });
  assert.equal(said, "stop");
  assert.ok(!existsSync(sent("ana", "x.wav")));
  await page.route("**/api/v1/library/inbox/*", (route) => route.abort());
  const file = { name: "broken.wav", mimeType: "audio/wav", buffer: Buffer.alloc(1_000) };
  await page.locator("#show-files").setInputFiles([file]);
  await note(page, "“broken.wav” was not taken: the connection to the station broke off");
  await page.context().close();
});

test("a recording is listened to, and downloaded as it was sent", async () => {
  const page = await openFilesAs("ana");
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
  await close(page);
});

test("who may only look is told so, and gets nothing", async () => {
  const page = await openFilesAs("bob");
  await page.locator("#shows-note", { hasText: "A DJ or an admin can send shows." }).waitFor();
  await page.locator("#recordings-note", { hasText: "A DJ or an admin can listen to recordings." }).waitFor();
  assert.ok(await page.locator("#send-shows").isHidden());
  await close(page);
});

for (const [device, options] of Object.entries({
  "a phone": { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
  "a wide screen": {},
})) {
  test(`axe finds nothing wrong with the files on ${device}, and nothing sticks out`, async () => {
    const page = await openFilesAs("eve", options);
    await page.locator("#recordings li").first().waitFor();
    await axeFindsNothing(page, "files");
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(width <= 0, `${width} pixels stick out`);
    await page.context().close();
  });
}

// A new operator: from `longwave play FOLDER` to a changed queue in the console, with every key and click
// counted. docs/CONSOLE.md says how many. The station has no library, no inbox and no history, and nothing of
// that is an error.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { PATIENCE } from "./operators.mjs";
import { makeMusic, PROGRAM } from "./station.mjs";

let folder, program, browser;
/** What the program has said so far, to its log and to its output. */
let said = "";

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "longwave-newcomer."));
  const [music, runtime] = [join(folder, "Music"), join(folder, "run")];
  mkdirSync(music);
  mkdirSync(runtime, { mode: 0o700 });
  makeMusic(music);
  const env = { ...process.env, XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: folder };
  program = spawn(PROGRAM, ["play", music, "--loop", "--listen", "127.0.0.1:0"], { env });
  for (const stream of [program.stdout, program.stderr]) stream.on("data", (text) => (said += text));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
});

after(async () => {
  await browser?.close();
  const ended = new Promise((resolve) => program.once("exit", resolve));
  program.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true });
});

/** What the program says by this pattern. */
async function saying(pattern) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = said.match(pattern);
    if (found) return found[1];
    assert.ok(Date.now() < end, `${pattern} in ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("a new operator changes the queue with three keys and one click", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  const token = readFileSync(await saying(/take the token in (\S+)/), "utf8").trim();
  await page.goto(await saying(/console: (http\S+)/));
  await page.evaluate(() => {
    window.keys = window.clicks = 0;
    const isByPointer = ({ detail }) => detail > 0;
    addEventListener("keydown", ({ key }) => (keys += key === "Control" ? 0 : 1), true);
    addEventListener("click", (event) => (clicks += isByPointer(event) ? 1 : 0), true);
  });
  await page.locator("#login[open]").waitFor();
  // The name stays empty. What is pasted is one key.
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+v");
  await page.keyboard.insertText(token);
  await page.keyboard.press("Enter");
  await page
    .locator("#ahead")
    .getByRole("button", { name: /^Play next: / })
    .first()
    .click();
  await page.locator("#queue li").waitFor();
  assert.deepEqual(await page.evaluate(() => [keys, clicks]), [3, 1]);

  const links = page.locator("#views a:visible");
  for (let index = 0; index < (await links.count()); index++) await links.nth(index).click();
  await page.locator("#configuration-note", { hasText: "not started from a configuration" }).waitFor();
  await page.locator("#shows-note", { hasText: "takes no shows" }).waitFor({ state: "attached" });
  await page.locator("#found-note", { hasText: "no library" }).waitFor({ state: "attached" });
  await page.locator("#jingles-note", { hasText: "no library" }).waitFor({ state: "attached" });
  await page.locator("#over-time-note", { hasText: "keeps no statistics" }).waitFor({ state: "attached" });
  // So /health answers where the machine is too busy for the mixer.
  assert.deepEqual(
    errors.filter((text) => !text.includes("status of 503")),
    [],
  );
  await context.close();
});

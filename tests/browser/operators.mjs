// People who use the console: a station with users, and browsers in which they log in.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";
import { AXE } from "./browsers.mjs";
import { PITCHES, PROGRAM, Station } from "./station.mjs";

export const PASSWORD = "a long password";
/** How long anything may take on a busy machine. */
export const PATIENCE = 30_000;

/** The station of this process, and its browser. */
export let station, browser;

/**
 * Starts a station with a library and the users eve (admin), ana (dj) and bob (viewer), and a browser. `more`
 * has further tables of the pipeline, `library` further keys of the library, `prepare` writes further files.
 */
export async function begin({ more = "", library = "", prepare = () => {} } = {}) {
  station = await Station.start({
    server: 'users_file = "users"',
    more: `${more}\n[library]\nfolders = ["."]\ninbox = "inbox"\ndatabase = "library.db"\n${library}`,
    prepare: (folder) => {
      for (const [name, role] of Object.entries({ eve: "admin", ana: "dj", bob: "viewer" })) {
        const input = `${PASSWORD}\n`;
        const add = ["user", "--file", "users", "add", name, "--role", role];
        execFileSync(PROGRAM, add, { cwd: folder, input });
      }
      prepare(folder);
    },
  });
  await tracksAreFound();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
}

/** Ends what was begun. */
export async function end() {
  await browser?.close();
  await station?.remove();
}

/** Waits until the library has looked through its folder. */
async function tracksAreFound() {
  const headers = { Authorization: `Basic ${btoa(`bob:${PASSWORD}`)}` };
  const until = Date.now() + PATIENCE;
  for (;;) {
    const answer = await fetch(`${station.url}/api/v1/library/tracks`, { headers });
    if ((await answer.json()).total >= PITCHES.length) return;
    assert.ok(Date.now() < until, "the library has no tracks");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A browser of somebody, with what its console said. */
export async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.said = [];
  page.on("console", (message) => page.said.push(`${message.text()} ${pathOf(message.location().url)}`));
  page.on("pageerror", (error) => page.said.push(String(error)));
  await page.goto(`${station.url}/console`);
  return page;
}

/** The path of what a browser tells of. It has nothing to tell of a page that has none. */
const pathOf = (url) => (URL.canParse(url) ? new URL(url).pathname : url);

/**
 * What is no fault: so /health answers where the machine is too busy for the mixer, and so the station does if
 * it is asked for the tracks of a playlist that has just been renamed or removed.
 */
const NO_FAULTS = [/status of 503/, /status of 404 .*\/library\/playlists\/[^/]+\/tracks$/];

/** Closes browsers, in which nothing went wrong. */
export async function close(...pages) {
  for (const page of pages) {
    const faults = page.said.filter((text) => !NO_FAULTS.some((pattern) => pattern.test(text)));
    assert.deepEqual(faults, []);
    await page.context().close();
  }
}

/** Logs in by the keyboard alone: the first field has the focus. */
export async function logIn(page, name, password = PASSWORD) {
  await page.locator("#login[open]").waitFor();
  await page.keyboard.type(name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
}

/** A browser in which somebody has logged in, and sees what is on the air. */
export async function openAs(name, options) {
  const page = await open(options);
  await logIn(page, name);
  await page.locator("#login[open]").waitFor({ state: "detached" });
  await page.locator("#on-title", { hasText: "Tön" }).waitFor();
  return page;
}

/** Fails if axe finds anything wrong with what the page shows. */
export async function axeFindsNothing(page, where) {
  // The policy of the page lets no script in; the browser's own tools may.
  const { violations } = await page.evaluate(`${AXE}; axe.run(document)`);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, [], where);
}

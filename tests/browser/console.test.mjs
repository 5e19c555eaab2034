// The console, used as people use it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { axeFindsNothing, begin, close, end, logIn, open, openAs } from "./operators.mjs";
import { PASSWORD, PATIENCE, station } from "./operators.mjs";

/** What one operator does is seen by the others within this time. */
const SEEN_WITHIN = 1_000;

before(() => begin());
after(end);

/** What is in the queue: its files. */
const queue = (page) => page.locator("#queue li").evaluateAll((rows) => rows.map((row) => row.title));

/** Waits until the queue has these files. */
async function queueIs(page, files) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const now = await queue(page);
    if (now.join() === files.join()) return;
    assert.ok(Date.now() < until, `the queue is ${now}, not ${files}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Holds the programme, so that nothing leaves the queue, and empties it. While the programme still fades, a
 * track may end, and the next one begin: it stands still when it is held.
 */
async function emptyQueue(page) {
  const hold = page.locator("#hold");
  if ((await hold.getAttribute("aria-pressed")) === "false") await hold.click();
  await page.locator("#on-held", { hasText: "is held" }).waitFor();
  const clear = page.locator("#queue-clear");
  if (await clear.isEnabled()) await clear.click();
  await queueIs(page, []);
}

/** Searches by the keyboard, and queues the first track that is found. */
async function queueByKeys(page, words) {
  await page.locator("#search").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(words);
  const found = page.locator("#found li");
  await found.nth(1).waitFor({ state: "detached" });
  await found.filter({ hasText: words }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
}

test("a wrong password is said, and the right one opens the console", async () => {
  const page = await open();
  assert.deepEqual(page.said, []);
  await logIn(page, "eve", "a wrong password");
  await page.locator("#login-note", { hasText: "Not logged in" }).waitFor();
  await page.keyboard.type(PASSWORD);
  // The field still has what was wrong.
  await page.locator("#login-password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator("#who", { hasText: "eve (admin)" }).waitFor();
  await page.locator("#health-badge", { hasText: /well/i }).waitFor();
  // Levels move: a sine is heard.
  await page.locator("#momentary-text", { hasText: "LUFS" }).waitFor();
  await page.context().close();
});

test("the queue is filled, ordered and mended by the keyboard alone", async () => {
  const page = await openAs("ana");
  await emptyQueue(page);
  await queueByKeys(page, "500");
  await queueIs(page, ["0.wav"]);
  await queueByKeys(page, "1000");
  await queueIs(page, ["0.wav", "1.wav"]);
  const rows = page.locator("#queue li");
  await rows.nth(1).focus();
  await page.keyboard.press("Alt+ArrowUp");
  await queueIs(page, ["1.wav", "0.wav"]);
  // The moved row keeps the focus.
  await page.keyboard.press("Delete");
  await queueIs(page, ["0.wav"]);
  await page.keyboard.press("Control+z");
  await queueIs(page, ["1.wav", "0.wav"]);
  await page.keyboard.press("Control+z");
  await queueIs(page, ["0.wav", "1.wav"]);
  await close(page);
});

test("Ctrl+Z in a text undoes what was typed there, and elsewhere the last change", async () => {
  const page = await openAs("eve");
  await emptyQueue(page);
  await queueByKeys(page, "500");
  await queueIs(page, ["0.wav"]);
  await page.locator("#title-text").focus();
  await page.keyboard.type("x");
  await page.keyboard.press("Control+z");
  assert.equal(await page.locator("#title-text").inputValue(), "");
  await page.locator('nav a[href="#users"]').click();
  await page.locator("#user-add").click();
  await page.locator("#user-limits summary").click();
  await page.locator("#user-paths").focus();
  await page.keyboard.type("/");
  await page.keyboard.press("Control+z");
  assert.equal(await page.locator("#user-paths").inputValue(), "");
  await page.keyboard.press("Escape");
  await page.locator('nav a[href="#onair"]').click();
  await page.locator('nav a[href="#onair"]').press("Control+z");
  await queueIs(page, []);
  await close(page);
});

test("the queue is ordered by the mouse", async () => {
  const page = await openAs("ana");
  await emptyQueue(page);
  await page.locator("#search").fill("tön");
  await page.locator("#found-note", { hasText: "2 found" }).waitFor();
  await page.locator("#found li", { hasText: "500" }).getByRole("button", { name: /Queue/ }).click();
  await queueIs(page, ["0.wav"]);
  await page.locator("#found li", { hasText: "1000" }).dragTo(page.locator("#queue li").first(), {
    targetPosition: { x: 30, y: 3 },
  });
  await queueIs(page, ["1.wav", "0.wav"]);
  await page
    .locator("#queue li")
    .nth(1)
    .dragTo(page.locator("#queue li").first(), { targetPosition: { x: 30, y: 3 } });
  await queueIs(page, ["0.wav", "1.wav"]);
  await close(page);
});

test("two operators see what the other does within a second", async () => {
  const [eve, ana] = [await openAs("eve"), await openAs("ana")];
  await emptyQueue(eve);
  await queueIs(ana, []);
  const rows = ana.locator("#queue li");
  const seen = rows
    .first()
    .waitFor()
    .then(() => performance.now());
  await eve.locator("#queue-file").fill("0.wav");
  await eve.locator("#queue-add").click();
  await eve.locator("#notes", { hasText: "is queued" }).waitFor();
  const done = performance.now();
  const took = (await seen) - done;
  assert.ok(took < SEEN_WITHIN, `${took} ms`);
  // And who did it.
  await ana.locator('nav a[href="#station"]').click();
  await ana.locator("#changes li", { hasText: "eve: queued" }).first().waitFor();
  await close(eve, ana);
});

test("who may not do something cannot, in the page and beside it", async () => {
  const refused = (page, method, path) =>
    page.evaluate(
      async ([method, path]) =>
        (await fetch(path, { method, headers: { "Content-Type": "application/json" } })).status,
      [method, path],
    );
  const ana = await openAs("ana");
  await ana.locator('nav a[href="#station"]').click();
  await ana.locator("#changes-heading").waitFor();
  assert.equal(await ana.locator("#reload").isVisible(), false);
  assert.equal(await refused(ana, "POST", "/api/v1/reload"), 403);
  assert.equal(await refused(ana, "GET", "/api/v1/sessions"), 403);
  const bob = await openAs("bob");
  assert.equal(await bob.locator("#skip").isDisabled(), true);
  assert.equal(await refused(bob, "POST", "/api/v1/pipelines/main/skip"), 403);
  for (const page of [ana, bob]) await page.context().close();
});

test("a deck plays a file over the programme", async () => {
  const page = await openAs("ana");
  await page.locator('nav a[href="#decks"]').click();
  const deck = page.getByRole("region", { name: "Deck A" });
  await deck.getByLabel("File for deck A").fill("1.wav");
  await deck.getByRole("button", { name: "Load" }).click();
  await deck.locator(".file", { hasText: "1.wav" }).waitFor();
  await deck.getByRole("button", { name: "Play" }).click();
  await deck.getByRole("button", { name: "Pause" }).waitFor();
  await deck.getByRole("button", { name: "Stop" }).click();
  await deck.locator(".file", { hasText: "Empty" }).waitFor();
  await close(page);
});

test("a lost connection is said, mends itself, and loses nothing that was typed", async () => {
  const page = await openAs("eve");
  await page.locator("#title-text").fill("half a tit");
  await station.end();
  await page.locator("#connection", { hasText: "lost" }).waitFor();
  await station.begin();
  // Sessions end with the process.
  await page.locator("#login[open]").waitFor();
  assert.equal(await page.locator("#login-name").inputValue(), "eve");
  await page.locator("#login-password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator("#login[open]").waitFor({ state: "detached" });
  await page.locator("#connection", { hasText: "lost" }).waitFor({ state: "detached" });
  await page.locator("#momentary-text", { hasText: "LUFS" }).waitFor();
  assert.equal(await page.locator("#title-text").inputValue(), "half a tit");
  await page.locator("#title-set").click();
  await page.locator("#notes", { hasText: "half a tit" }).waitFor();
  await page.context().close();
});

test("after logging out, nothing of the session opens anything", async () => {
  const page = await openAs("eve");
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ["longwave", true, "Strict"]);
  assert.equal(await page.evaluate(() => document.cookie), "");
  await page.locator("#log-out").click();
  await page.locator("#login[open]").waitFor();
  const headers = { Cookie: `longwave=${cookie.value}` };
  assert.equal((await fetch(`${station.url}/api/v1/session`, { headers })).status, 401);
  await page.context().close();
});

test("no other page may have the console in a frame or read it, and it breaks no own rule", async () => {
  const answer = await fetch(`${station.url}/console`);
  const policy = answer.headers.get("content-security-policy");
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
});

test("titles and names are text, whatever they say", async () => {
  const page = await openAs("ana");
  const evil = '<img src=x onerror="document.title=1">"><script>alert(1)</script>';
  await page.locator("#title-text").fill(evil);
  await page.locator("#title-set").click();
  await page.locator("#notes", { hasText: evil }).waitFor();
  assert.equal(await page.locator("#notes img, #notes script").count(), 0);
  await close(page);
});

test("an answer that is no document is said in a sentence", async () => {
  const page = await openAs("ana");
  for (const [answer, sentence] of [
    [
      { status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" },
      "the station answers with 502.",
    ],
    [{ status: 500, contentType: "application/json", body: "{" }, "the station answers with 500."],
    [{ status: 500, contentType: "application/json", body: "" }, "the station answers with 500."],
    [{ status: 500, contentType: "text/plain", body: "out of order" }, "out of order."],
    [
      { status: 200, contentType: "application/json", body: "{" },
      "the station answers with 200, but not in JSON.",
    ],
  ]) {
    await page.route("**/api/v1/pipelines/main/skip", (route) => route.fulfill(answer), { times: 1 });
    await Promise.all([page.waitForResponse("**/skip"), page.locator("#skip").click()]);
    const note = page.locator("#notes li", { hasText: `Could not skip the track: ${sentence}` });
    await note.last().waitFor();
  }
  await page.route("**/api/v1/pipelines/main/skip", (route) => route.abort(), { times: 1 });
  await page.locator("#skip").click();
  await page
    .locator("#notes li", { hasText: "Could not skip the track: the station cannot be reached." })
    .waitFor();
  await page.context().close();
});

/** How soon what has failed is looked at again: at the next occasion, long before it would be old. */
const AGAIN_WITHIN = 25_000;

test("what could not be shown is asked for again at the next occasion", async () => {
  const page = await openAs("eve");
  const failsOnce = (path) =>
    page.route(path, (route) => route.fulfill({ status: 500, json: { detail: "not now" } }), { times: 1 });
  await page.route("**/api/v1/statistics?*", (route) =>
    route.fulfill({ json: statistics(route.request().url()) }),
  );
  await failsOnce("**/api/v1/statistics?*");
  await failsOnce("**/api/v1/configuration");
  await page.locator('nav a[href="#listeners"]').click();
  await page.locator("#over-time-note", { hasText: "There are no statistics: not now." }).waitFor();
  await page.locator("#over-time-note", { hasText: "In the last day" }).waitFor({ timeout: AGAIN_WITHIN });
  await page.locator('nav a[href="#station"]').click();
  const note = page.locator("#configuration-note");
  await note.filter({ hasText: "The file cannot be shown: not now." }).waitFor();
  await note.filter({ hasText: "runs with what the file says" }).waitFor({ timeout: AGAIN_WITHIN });
  await page.context().close();
});

/**
 * Statistics of whatever is asked for: listeners of two mounts, and in the middle a station that did not run.
 */
function statistics(url) {
  const query = new URL(url).searchParams;
  const [from, before] = ["from", "to"].map((name) => Date.parse(query.get(name)));
  const step = Number.parseInt(query.get("step")) * 60_000;
  const count = (before - from) / step;
  const points = (share) =>
    Array.from({ length: count }, (_, index) => {
      const listeners = Math.round(share * (40 + 30 * Math.sin(index / 20)));
      return {
        at: new Date(from + index * step).toISOString(),
        listeners,
        peak: listeners + 1,
        joins: 2,
        seconds: 60,
      };
    }).filter((_, index) => index < count / 2 || index >= count / 2 + 20);
  const streams = [
    { mount: null, points: points(1) },
    { mount: "/low.aac", points: points(0.25) },
    { mount: "/radio/hls.m3u8", points: points(0.75) },
  ];
  return { from: query.get("from"), before: query.get("to"), step: step / 1000, streams };
}

const DEVICES = {
  "a desktop": {},
  "a phone in the dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true },
};

for (const [device, options] of Object.entries(DEVICES)) {
  test(`on ${device} a chart shows the listeners of day and week, and what is not known`, async () => {
    const page = await openAs("bob", options);
    await page.route("**/api/v1/statistics?*", (route) =>
      route.fulfill({ json: statistics(route.request().url()) }),
    );
    await page.locator('nav a[href="#listeners"]').click();
    const chart = page.getByRole("img", { name: /In the last day, 71 listened at most/ });
    await chart.waitFor();
    for (const line of ["line-0", "line-1", "line-2"]) {
      const path = await chart.locator(`.${line}`).getAttribute("d");
      assert.equal(path.match(/M/g).length, 2, `${line} has two parts: ${path}`);
    }
    const streams = page.getByRole("list", { name: "Streams" }).locator("li");
    assert.match(
      (await streams.allTextContents()).join(),
      /^The whole station: .*,\/radio\/hls.m3u8: .*,\/low.aac: /,
    );
    await page.getByRole("button", { name: "Week" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: /In the last week, 71 listened at most/ }).waitFor();
    await page.getByText("As a table").click();
    const rows = page.locator("#over-time-rows tr");
    await rows.nth(13).waitFor();
    assert.match(await rows.first().textContent(), /\d/);
    await axeFindsNothing(page, "the chart");
    const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(width <= 0, `it is ${width} pixels too wide`);
    await close(page);
  });

  test(`axe finds nothing wrong on ${device}, and nothing sticks out`, async () => {
    const page = await openAs("eve", options);
    for (const view of [
      "onair",
      "playlists",
      "decks",
      "live",
      "schedule",
      "shows",
      "listeners",
      "users",
      "station",
    ]) {
      await page.locator(`nav a[href="#${view}"]`).click();
      await page.locator(`#${view}`).waitFor();
      await axeFindsNothing(page, view);
      const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(width <= 0, `${view} is ${width} pixels too wide`);
    }
    await close(page);
  });
}

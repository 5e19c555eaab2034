// What goes on the air, chosen in the console: a hold after the track, covers, jingles, playlists and cue
// points.

import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { axeFindsNothing, begin, close, end, openAs, PATIENCE } from "./operators.mjs";

/** What one operator does is seen by the others within this time. */
const SEEN_WITHIN = 1_000;
/** The library listens at the lowest priority: where the machine is busy, that takes its time. */
const HEARD_WITHIN = 300_000;

before(() => begin({ prepare: (folder) => copyFileSync("logo.png", join(folder, "cover.png")) }));
after(end);

/** What the API says at this path, to whoever is logged in. */
const api = (page, path) => page.evaluate(async (path) => (await fetch(`/api/v1/${path}`)).json(), path);

/** Changes something by the API, as whoever is logged in. */
const change = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const headers = { "Content-Type": "application/json" };
      await fetch(`/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
    },
    [method, path, body],
  );

/** A playlist and a listener, as the API tells them. */
const PLAYLIST = { name: "new", kind: "jingle", ordered: [1] };
const LISTENER = { id: 1, mount: "/new", address: null, agent: "", duration: 1, bytes: 1, is_behind: false };

/** Waits until something is as it should be. */
async function until(what, is, patience = PATIENCE) {
  const end = Date.now() + patience;
  while (!(await is())) {
    assert.ok(Date.now() < end, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Goes to a view by the keyboard. */
async function goTo(page, view) {
  await page.locator(`nav a[href="#${view}"]`).focus();
  await page.keyboard.press("Enter");
  await page.locator(`#${view}`).waitFor();
}

/** Makes a playlist by the keyboard alone, from the name on. A letter chooses what begins with it. */
async function make(page, name, kind = "M", how = "I") {
  await goTo(page, "playlists");
  await page.locator("#make-name").focus();
  await page.keyboard.type(name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(kind);
  await page.keyboard.press("Tab");
  await page.keyboard.type(how);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#playlist-heading", { hasText: name }).waitFor();
}

/** Adds the only track that these words find, by the keyboard alone. */
async function addTrack(page, words) {
  await page.locator("#adding").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(words);
  await page.locator("#adding-note", { hasText: "1 found." }).waitFor();
  await page.locator("#adding-found li").filter({ hasText: words }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
}

/** Waits until the shown playlist has these tracks. */
const tracksAre = (page, names) =>
  until(`the playlist has ${names}`, async () => {
    const now = await page.locator("#ordered li bdi").allTextContents();
    return now.map((name) => name.split(" ").at(-1)).join() === names.join();
  });

test("the programme is held after the track, others see it at once, and it goes on", async () => {
  const [ana, eve] = [await openAs("ana"), await openAs("eve")];
  const after = ana.locator("#hold-after");
  // The track has not ended before the hold is taken back.
  await change(ana, "POST", "pipelines/main/seek", { to: 0 });
  const seen = eve.locator("#on-held", { hasText: "will be held after this track" }).waitFor();
  await after.press("Enter");
  await ana.locator('#hold-after[aria-pressed="true"]').waitFor();
  const done = performance.now();
  await seen;
  const took = performance.now() - done;
  assert.ok(took < SEEN_WITHIN, `${took} ms`);
  // Once more takes it back.
  await after.press("Enter");
  await ana.locator('#hold-after[aria-pressed="false"]').waitFor();
  await after.press("Enter");
  await ana.locator("#on-held", { hasText: "The programme is held." }).waitFor();
  await ana.locator("#on-title", { hasText: "Nothing plays" }).waitFor();
  assert.equal((await api(ana, "pipelines/main")).hold, "held");
  await ana.locator("#hold", { hasText: "Resume" }).press("Enter");
  await ana.locator("#on-title", { hasText: "Tön" }).waitFor();
  await close(ana, eve);
});

test("the cover of what plays is shown", async () => {
  const page = await openAs("bob");
  await page.locator("#on-cover").waitFor();
  await until("it is loaded", () => page.locator("#on-cover").evaluate((cover) => cover.naturalWidth > 0));
  await close(page);
});

test("a playlist is made, ordered, mended, renamed and played by the keyboard alone", async () => {
  const eve = await openAs("eve");
  await make(eve, "Früh");
  await addTrack(eve, "500");
  await tracksAre(eve, ["500"]);
  await addTrack(eve, "1000");
  await tracksAre(eve, ["500", "1000"]);
  const rows = eve.locator("#ordered li");
  await rows.nth(1).focus();
  await eve.keyboard.press("Alt+ArrowUp");
  await tracksAre(eve, ["1000", "500"]);
  await eve.keyboard.press("Delete");
  await tracksAre(eve, ["500"]);
  await eve.keyboard.press("Control+z");
  await tracksAre(eve, ["1000", "500"]);
  await eve.keyboard.press("Control+z");
  await tracksAre(eve, ["500", "1000"]);

  await eve.locator("#rename").focus();
  await eve.keyboard.press("Control+A");
  await eve.keyboard.type("Morgen");
  await eve.keyboard.press("Enter");
  await eve.locator("#playlist-heading", { hasText: "Morgen" }).waitFor();
  // A dj sees it, and what plays is not theirs to change.
  const ana = await openAs("ana");
  await goTo(ana, "playlists");
  await ana.locator("#playlist-list button", { hasText: "Morgen" }).waitFor();
  assert.equal(await ana.locator("#make-form").isVisible(), false);
  assert.equal(await ana.locator("#playlist-load").isDisabled(), true);
  assert.equal(await ana.locator("#playlist-remove").isDisabled(), true);
  assert.equal(await ana.locator("#ordered li button").first().isDisabled(), true);
  await eve.locator("#playlist-load").focus();
  await eve.keyboard.press("Enter");
  await ana.locator("#playlist-list li", { hasText: "2 tracks, plays" }).waitFor();
  assert.equal((await api(ana, "pipelines/main/playlist")).name, "library:Morgen");

  // What one does, the other sees; a removal is undone.
  await tracksAre(ana, ["500", "1000"]);
  await eve.locator("#playlist-remove").focus();
  await eve.keyboard.press("Enter");
  await eve.locator("#notes", { hasText: "is removed" }).waitFor();
  await ana.locator("#playlist-list button", { hasText: "Morgen" }).waitFor({ state: "detached" });
  await eve.locator("#notes button", { hasText: "Undo" }).last().click();
  await tracksAre(eve, ["500", "1000"]);
  await close(ana, eve);
});

test("a playlist is ordered by the mouse", async () => {
  const page = await openAs("eve");
  await make(page, "Maus");
  const to = { targetPosition: { x: 30, y: 3 } };
  await page.locator("#adding").fill("tön");
  await page.locator("#adding-note", { hasText: "2 found" }).waitFor();
  const found = page.locator("#adding-found li");
  await found.filter({ hasText: "500" }).getByRole("button", { name: /Add/ }).click();
  await tracksAre(page, ["500"]);
  const rows = page.locator("#ordered li");
  await found.filter({ hasText: "1000" }).dragTo(rows.first(), to);
  await tracksAre(page, ["1000", "500"]);
  await rows.nth(1).dragTo(rows.first(), to);
  await tracksAre(page, ["500", "1000"]);
  await close(page);
});

test("another kind changes nothing else of a playlist, and is undone", async () => {
  const page = await openAs("eve");
  const playlist = (name) => api(page, `library/playlists/${name}`);
  await goTo(page, "playlists");
  for (const [name, body] of Object.entries({
    Reihe: { ordered: (await api(page, "library/tracks")).tracks.map(({ id }) => id) },
    Frage: { smart: { search: "500", order: "path" } },
  })) {
    await change(page, "PUT", `library/playlists/${name}`, body);
    await page.locator("#playlist-list button", { hasText: name }).click();
    await page.locator("#playlist-heading", { hasText: name }).waitFor();
    await page.locator("#playlist-kind").selectOption("spot");
    await until("it is", async () => (await playlist(name)).kind === "spot");
    assert.deepEqual(await playlist(name), { name, kind: "spot", ...body });
    await page.locator("#notes", { hasText: "is of the kind spot now" }).getByText("Undo").last().click();
    await until("it is undone", async () => (await playlist(name)).kind === "music");
    assert.deepEqual(await playlist(name), { name, kind: "music", ...body });
    await change(page, "DELETE", `library/playlists/${name}`);
  }
  await close(page);
});

/** What is asked when something changes, what shows it, and what an old answer and a new one are. */
const LISTS = {
  playlists: {
    path: "library/playlists",
    view: "playlists",
    shown: "#playlist-list",
    answers: { old: { json: [] }, new: { json: [PLAYLIST] } },
  },
  jingles: {
    path: "library/playlists",
    view: "onair",
    shown: "#jingles",
    answers: { old: { json: [] }, new: { json: [PLAYLIST] } },
  },
  recordings: {
    path: "recordings",
    view: "shows",
    shown: "#recordings-note",
    answers: {
      old: { status: 500, json: { detail: "old" } },
      new: { json: { recordings: [], problems: ["new"] } },
    },
  },
  listeners: {
    path: "listeners",
    view: "listeners",
    shown: "#listeners-note",
    answers: { old: { status: 500, json: { detail: "old" } }, new: { json: [LISTENER] } },
  },
};

for (const [name, { path, view, shown, answers }] of Object.entries(LISTS)) {
  test(`${name}: an old answer that comes late does not take the place of a newer one`, async () => {
    const page = await openAs("eve");
    await goTo(page, view);
    let [age, old] = ["old", 0];
    let comes;
    const late = new Promise((resolve) => (comes = resolve));
    const all = [];
    await page.route(`**/api/v1/${path}`, (route) => {
      if (age === "new") return route.fulfill(answers.new);
      old++;
      const done = late.then(() => route.fulfill(answers.old)).then(() => route.request().response());
      all.push(done.then((response) => response.finished()));
      return done;
    });
    await page.route(`**/api/v1/${path}/new/tracks?*`, (route) =>
      route.fulfill({ json: { tracks: [{ id: 1, file: "new.wav", title: "new" }], total: 1 } }),
    );
    await change(page, "POST", "library/scan");
    await until("it is asked for", async () => old > 0);
    age = "new";
    await change(page, "POST", "library/scan");
    await page.locator(shown, { hasText: "new" }).waitFor();
    comes();
    await Promise.all(all);
    // What the console does with an answer is done before it draws twice.
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    assert.match(await page.locator(shown).textContent(), /new/);
    await page.context().close();
  });
}

test("a playlist is saved as an M3U and made of one, and what is not there is named", async () => {
  const page = await openAs("eve");
  await make(page, "Früh & spät");
  await addTrack(page, "1000");
  await tracksAre(page, ["1000"]);
  const saving = page.waitForEvent("download");
  await page.locator("#playlist-export").press("Enter");
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), "Früh & spät.m3u8");
  const m3u = readFileSync(await saved.path(), "utf8");
  assert.match(m3u, /\n1\.wav\n$/);

  const choose = (text) =>
    page.locator("#import-file").setInputFiles([
      // As a Mac names it.
      { name: "Früh & spät.m3u8".normalize("NFD"), mimeType: "audio/x-mpegurl", buffer: Buffer.from(text) },
    ]);
  await choose(`${m3u}0.wav\n<b>gone</b>.mp3\n`);
  await tracksAre(page, ["1000", "500"]);
  const leftOut = page.locator("#import-left-out li");
  await page.locator("#import-note", { hasText: "“Früh & spät” has 2 of 3. Left out:" }).waitFor();
  assert.deepEqual(await leftOut.allTextContents(), ["<b>gone</b>.mp3: it is not in the library"]);
  await axeFindsNothing(page, "what was left out");
  // What was there is not lost.
  await page.locator("#notes", { hasText: "is what the file says now" }).getByText("Undo").last().click();
  await tracksAre(page, ["1000"]);
  await choose("gone.mp3\n");
  await page
    .locator("#notes .bad", { hasText: "none of its entries (1) is a track of the library" })
    .waitFor();
  await tracksAre(page, ["1000"]);
  assert.equal(await leftOut.count(), 0);
  const ana = await openAs("ana");
  await goTo(ana, "playlists");
  assert.equal(await ana.locator("#import-form").isVisible(), false);
  await close(ana);
  await page.context().close();
});

test("a query shows what it finds as one types, and what was typed outlives a lost line", async () => {
  const page = await openAs("eve");
  await make(page, "Neu", "M", "B");
  const note = page.locator("#smart-note");
  await note.getByText("It has 2 tracks now.").waitFor();
  await page.getByLabel("Words, as in a search").fill("500");
  await note.getByText("It has 1 track now.").waitFor();
  await page.getByLabel("In the library for less than").fill("soon");
  await note.getByText("This cannot be asked").waitFor();
  await page.context().setOffline(true);
  await page.getByLabel("In the library for less than").fill("7d");
  await page.getByRole("button", { name: "Save the query" }).click();
  await page.locator("#notes .bad", { hasText: "cannot be reached" }).waitFor();
  await page.context().setOffline(false);
  // The line is back, and so is the view: nothing of it is lost.
  await until("the line is back", async () => (await page.locator("#connection").textContent()) === "");
  assert.equal(await page.getByLabel("Words, as in a search").inputValue(), "500");
  await page.getByRole("button", { name: "Save the query" }).click();
  await page.locator("#notes", { hasText: "asks for something else" }).waitFor();
  const { smart } = await api(page, "library/playlists/Neu");
  assert.deepEqual(smart, { search: "500", added_within: "7d", order: "path" });
  await page.context().close();
});

test("jingles are played over the programme by a tap and by a key, and played next", async () => {
  const eve = await openAs("eve");
  await eve.locator("#jingles-note", { hasText: "make a playlist of the kind" }).waitFor();
  await make(eve, "Kurz", "J");
  await addTrack(eve, "1000");
  await tracksAre(eve, ["1000"]);
  const [ana, bob] = [await openAs("ana"), await openAs("bob")];
  const pad = ana.locator("#jingles .jingle");
  await pad.focus();
  await ana.keyboard.press("Enter");
  await ana.locator('#jingles .jingle[aria-pressed="true"]').waitFor();
  await until("it sounds", async () => (await api(ana, "pipelines/main/voices")).length === 1);
  // Another one sees it, and may not touch it.
  await bob.locator('#jingles .jingle[aria-pressed="true"]').waitFor();
  assert.equal(await bob.locator("#jingles .jingle").isDisabled(), true);
  await ana.keyboard.press("1");
  await ana.locator('#jingles .jingle[aria-pressed="false"]').waitFor();
  await until("it is silent", async () => (await api(ana, "pipelines/main/voices")).length === 0);
  await ana.locator("#hold").click();
  await ana.locator("#on-held", { hasText: "is held" }).waitFor();
  await ana
    .getByRole("button", { name: /^Play “.*” next$/ })
    .first()
    .click();
  await until("it is next", async () => (await api(ana, "pipelines/main/queue"))[0]?.file === "1.wav");
  await ana.locator("#queue-clear").click();
  await ana.locator("#hold").click();
  await close(ana, bob, eve);
});

test("cue points are shown, set by numbers, refused in a sentence, undone, and heard again", async () => {
  const eve = await openAs("eve");
  const track = async () => (await api(eve, "library/tracks?search=500")).tracks[0];
  await until("the library has listened to it", async () => (await track()).heard !== null, HEARD_WITHIN);
  await eve.locator("#search").fill("500");
  await eve.locator("#found-note", { hasText: "1 found" }).waitFor();
  const opener = eve.getByRole("button", { name: /^Cues of/ });
  await opener.focus();
  await eve.keyboard.press("Enter");
  const dialog = eve.locator("#cues");
  await dialog.locator("path.wave").waitFor({ state: "attached" });
  const drawn = async () => (await dialog.locator("path.wave").getAttribute("d")).length;
  await until("it is drawn", async () => (await drawn()) > 1_000);
  const begins = dialog.getByLabel("Begins at (s)");
  await begins.fill("9");
  await eve.keyboard.press("Enter");
  await dialog.locator("#cues-problem", { hasText: "It must begin before it ends." }).waitFor();
  await begins.fill("1");
  await eve.keyboard.press("ArrowUp");
  await eve.keyboard.press("Shift+ArrowUp");
  assert.equal(await begins.inputValue(), "2.1");
  await axeFindsNothing(eve, "cue points");
  await eve.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
  await until("it is saved", async () => (await track()).edits.cue_in === 2.1);
  // The button that opened it has the focus again.
  await eve.keyboard.press("Control+z");
  await until("it is undone", async () => (await track()).edits.cue_in === undefined);

  await opener.press("Enter");
  await dialog.getByLabel("Loudness (LUFS)").fill("-12.5");
  await eve.keyboard.press("Enter");
  await until("it is saved", async () => (await track()).edits.loudness_lufs === -12.5);
  await opener.press("Enter");
  await dialog.getByText("Set by hand.").waitFor();
  await dialog.getByRole("button", { name: "As heard: Loudness" }).press("Enter");
  await dialog.getByRole("button", { name: "Save" }).press("Enter");
  await until("what was heard counts", async () => (await track()).edits.loudness_lufs === undefined);

  // A dj looks.
  const ana = await openAs("ana");
  await ana
    .getByRole("button", { name: /^Cues of/ })
    .first()
    .press("Enter");
  await ana.locator("#cues[open]").waitFor();
  assert.equal(await ana.locator("#cues").getByLabel("Begins at (s)").isDisabled(), true);
  assert.equal(await ana.locator("#cues").getByRole("button", { name: "Save" }).isVisible(), false);
  await ana.keyboard.press("Escape");
  await close(eve, ana);
});

for (const [device, options] of Object.entries({
  "a desktop": {},
  "a phone in the dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark" },
})) {
  test(`axe finds nothing wrong with jingles and playlists on ${device}`, async () => {
    const page = await openAs("eve", options);
    await page.locator("#jingles .jingle").waitFor();
    await axeFindsNothing(page, "jingles");
    await goTo(page, "playlists");
    for (const name of ["Maus", "Neu"]) {
      await page.locator("#playlist-list button", { hasText: name }).click();
      await page.locator("#playlist-heading", { hasText: name }).waitFor();
      await axeFindsNothing(page, name);
      const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(width <= 0, `${name} is ${width} pixels too wide`);
    }
    await close(page);
  });
}

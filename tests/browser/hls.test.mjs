// hls.js in Chromium plays the HLS of a station.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Page } from "./page.mjs";
import { RATE, changesOf } from "./sound.mjs";
import { Station } from "./station.mjs";

/** What a packet of AAC lasts, in seconds. */
const PACKET = 1024 / RATE;

/** What hls.js says on a machine that is too busy to play in time: no fault of the station. */
const BUSY = ["bufferStalledError", "bufferNudgeOnStall"];

let station;
let page;

before(async () => {
  station = await Station.start();
  page = await Page.open();
  await page.value(`play(${JSON.stringify(station.playlist)})`);
  await page.until("it plays", "audio.currentTime > 0 && !audio.paused && audio.readyState >= 3");
});

after(async () => {
  await page?.close();
  await station?.remove();
});

test("it plays, and time passes", async () => {
  await page.plays(5);
  const errors = await page.value("seen.errors");
  assert.deepEqual(
    errors.filter(({ details }) => !BUSY.includes(details)),
    [],
  );
  assert.equal((await page.value("buffered()")).length, 1, "without a hole");
});

test("titles are cues, at the sound that they name", async () => {
  // A track lasts five seconds, so there are two changes in twelve.
  await page.plays(12);
  const fragments = (await page.value("seen.fragments")).filter(
    ({ level }, _, all) => level === all[0].level,
  );
  const bytes = await Promise.all(
    fragments.map(async ({ url }) => Buffer.from(await (await fetch(url)).arrayBuffer())),
  );
  const heard = changesOf(Buffer.concat(bytes));
  const changes = heard.map(({ at, pitch }) => ({ at: fragments[0].start + at, pitch }));
  assert.ok(changes.length >= 2, `${changes.length} changes of the tone`);

  const titles = titlesOf(await page.value("cues()"));
  for (const { at, pitch } of changes) {
    const cue = titles.find(
      ({ title, startTime }) => title === `Tön ${pitch}` && Math.abs(startTime - at) < 1,
    );
    assert.ok(cue, `no cue for the change to ${pitch} Hz at ${at}: ${JSON.stringify(titles)}`);
    const apart = Math.abs(cue.startTime - at);
    console.log(`the cue "${cue.title}" is ${(apart * 1000).toFixed(1)} ms from its tone`);
    assert.ok(apart <= PACKET, `${apart} s apart`);
    assert.equal(cue.artist, 'Die "Töne"');
  }
});

test("it switches variants without a hole", async () => {
  const level = await page.value("hls.currentLevel");
  await page.value(`hls.nextLevel = ${1 - level}; undefined`);
  await page.until("it has switched", `seen.levels.at(-1) === ${1 - level}`);
  await page.plays(5);
  assert.equal(await page.value("hls.currentLevel"), 1 - level);
  assert.equal((await page.value("buffered()")).length, 1);
  assert.deepEqual(
    (await page.value("seen.errors")).filter(({ fatal }) => fatal),
    [],
  );
});

test("it survives a restart of the station", async () => {
  await station.end();
  const played = await page.value("audio.currentTime");
  await station.begin();
  const fragments = await page.value("seen.fragments.length");
  await page.until("it has segments of the new run", `seen.fragments.length > ${fragments} + 2`);
  await page.until(
    "it plays on",
    `audio.currentTime !== ${played} && !audio.paused && audio.readyState >= 3`,
  );
  await page.plays(5);
  const media = (await page.value("seen.errors")).filter(({ type }) => type === "mediaError");
  assert.deepEqual(
    media.filter(({ fatal }) => fatal),
    [],
    "it only had to ask again",
  );
});

/** The titles among the cues, each with its artist. */
function titlesOf(cues) {
  const ids = cues.filter(({ value }) => value?.key === "TIT2");
  return ids.map(({ startTime, value }) => {
    const artist = cues.find((cue) => cue.startTime === startTime && cue.value?.key === "TPE1");
    return { startTime, title: value.data, artist: artist?.value.data };
  });
}

// The jingles: a button for each track of the library's playlists of this kind. A tap plays it over the
// programme, and one more stops it; keys 1 to 9 do the same where the buttons have the focus.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { ALL, pathOf } from "./playlist.js";
import { add } from "./queue.js";
import { may } from "./session.js";
import { base, hasPart, onLibraryChange, pipeline } from "./station.js";
import { clock, trackName } from "./text.js";

/**
 * @typedef {import("./library.js").Track} Track
 * @typedef {import("./playlist.js").Playlist} Playlist
 * @typedef {{list: string, track: Track, key: string}} Jingle `key`: that plays it, "" for those behind the
 *   ninth
 */

/** The most jingles of a playlist that have a button. */
const SHOWN = 60;
/** How long one fades that is stopped, in seconds. */
const FADE = 0.3;

/** @type {Jingle[]} */
let jingles = [];
/** Whether the library may have changed since it was asked. */
let isStale = true;
/**
 * A voice that was ordered and is not there after this time has ended before it was seen, in milliseconds.
 */
const COMES_WITHIN = 5_000;
/**
 * The voice of each file that sounds. One that was ordered is seen a moment later.
 *
 * @type {Map<string, {id: number, isSeen: boolean, since: number}>}
 */
const voices = new Map();

/** Sets up the panel. */
export function begin() {
  onLibraryChange(() => {
    isStale = true;
    void refresh();
  });
  find("jingles", HTMLUListElement).onkeydown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const jingle = jingles.find(({ key }) => key === event.key);
    if (!jingle) return;
    event.preventDefault();
    void tap(jingle);
  };
}

const [readTurn, turn] = [inOrder(), inOrder()];

/** Shows the jingles, and which of them sound. */
export async function refresh() {
  if (isStale) {
    isStale = false;
    await read();
  }
  if (jingles.length === 0) return;
  const isNewest = turn();
  /** @type {{id: number, file: string | null}[] | undefined} */
  const sounding = await ask("GET", `${base()}/voices`).catch(() => undefined);
  if (!sounding || !isNewest()) return;
  const now = performance.now();
  for (const [file, { isSeen, since }] of voices) {
    if (isSeen || now - since > COMES_WITHIN) voices.delete(file);
  }
  for (const { id, file } of sounding) if (file !== null) voices.set(file, { id, isSeen: true, since: now });
  show();
}

/** Asks the library. */
async function read() {
  const isNewest = readTurn();
  const note = find("jingles-note", HTMLParagraphElement);
  try {
    /** @type {Playlist[]} */
    const playlists = hasPart("library") ? await ask("GET", ALL) : [];
    const lists = playlists.filter(({ kind }) => kind === "jingle");
    const found = await Promise.all(lists.map(tracksOf));
    if (!isNewest()) return;
    jingles = found.flat().map((jingle, index) => ({ ...jingle, key: index < 9 ? String(index + 1) : "" }));
    note.textContent = !hasPart("library")
      ? "This station has no library, whose playlists would be here."
      : lists.length === 0
        ? "There are none yet: make a playlist of the kind “jingle” under Playlists."
        : jingles.length === 0
          ? "Their playlists are empty."
          : "A tap plays it over the programme, one more stops it. Here the keys 1 to 9 do the same.";
  } catch (problem) {
    if (!isNewest()) return;
    isStale = true;
    jingles = [];
    note.textContent = `The library does not answer: ${/** @type {Error} */ (problem).message}.`;
  }
  show();
}

/**
 * @param {Playlist} playlist
 * @returns {Promise<Omit<Jingle, "key">[]>}
 */
async function tracksOf({ name }) {
  const { tracks } = await ask("GET", `${pathOf(name)}/tracks?limit=${SHOWN}`);
  return tracks.map((/** @type {Track} */ track) => ({ list: name, track }));
}

function show() {
  const mayPlay = may("play", pipeline()?.name);
  fill(
    find("jingles", HTMLUListElement),
    jingles,
    ({ list, track, key }) => `${list} ${track.id} ${trackName(track)} ${key}`,
    pad,
    (element, { track }) => {
      const [play, next] = element.querySelectorAll("button");
      if (!play || !next) return;
      play.setAttribute("aria-pressed", String(voices.has(track.file)));
      play.disabled = next.disabled = !mayPlay;
    },
  );
}

/** @param {Jingle} jingle */
function pad(jingle) {
  const { list, track, key } = jingle;
  const name = trackName(track);
  return el(
    "li",
    { class: "pad", title: `${list}: ${track.file}` },
    el(
      "button",
      { type: "button", class: "jingle", "aria-keyshortcuts": key || undefined, onclick: () => tap(jingle) },
      key === "" ? null : el("kbd", {}, key),
      el("bdi", {}, name),
      el("span", { class: "small" }, clock(track.duration)),
    ),
    button("Next", () => add(track.file, 0), { "aria-label": `Play “${name}” next` }),
  );
}

/**
 * Plays it, or stops it if it sounds.
 *
 * @param {Jingle} jingle
 */
async function tap({ track }) {
  const voice = voices.get(track.file);
  if (voice !== undefined) {
    voices.delete(track.file);
    await order("stop it", "DELETE", `${base()}/voices/${voice.id}?fade=${FADE}`);
  } else {
    const answer = await order("play it", "POST", `${base()}/voices`, { file: track.file });
    if (answer) voices.set(track.file, { id: answer.id, isSeen: false, since: performance.now() });
  }
  show();
}

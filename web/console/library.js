// The library, searched as one types: beside the queue, and where a playlist is made.

import { ask } from "./api.js";
import { open as openCues } from "./cues.js";
import { button, el, fill, find, settled } from "./dom.js";
import { add } from "./queue.js";
import { FILE, TRACK } from "./rows.js";
import { may } from "./session.js";
import { hasPart, onLibraryChange, pipeline } from "./station.js";
import { clock, trackName } from "./text.js";

/**
 * @typedef {{loudness_lufs: number | null, true_peak_dbtp: number | null, cue_in: number | null,
 *   cue_out: number | null, start_next: number | null, duration: number | null}} Heard
 * @typedef {{loudness_lufs?: number, cue_in?: number, cue_out?: number, start_next?: number}} Edits
 * @typedef {{id: number, file: string, artist: string | null, title: string | null, album: string | null,
 *   duration: number | null, heard: Heard | null, edits: Edits, missing: string | null,
 *   problem: string | null, plays: number}} Track
 * @typedef {{words: HTMLInputElement, form: HTMLFormElement, note: HTMLElement, list: HTMLElement,
 *   buttons: (track: Track) => HTMLButtonElement[], allowed: () => boolean}} Finder `buttons`: what is done
 *   with a track that was found; `allowed`: whether the user may do that
 */

/** A search begins when nothing was typed for so long. */
const TYPED = 150;
/** How many tracks are shown. */
const SHOWN = 50;

/** Sets up the panel beside the queue, and searches. */
export function begin() {
  const search = beginFinder({
    words: find("search", HTMLInputElement),
    form: find("search-form", HTMLFormElement),
    note: find("found-note", HTMLParagraphElement),
    list: find("found", HTMLOListElement),
    allowed: () => may("play", pipeline()?.name),
    buttons: (track) => {
      const name = trackName(track);
      return [
        button("Next", () => add(track.file, 0), { "aria-label": `Play “${name}” next` }),
        button("Queue", () => add(track.file), { "aria-label": `Queue “${name}”` }),
      ];
    },
  });
  onLibraryChange(search);
  return search;
}

/**
 * Sets up a field that searches the library as one types, and the list of what it finds. The result
 * searches again.
 *
 * @param {Finder} finder
 * @returns {() => void}
 */
export function beginFinder(finder) {
  const { words, form, list } = finder;
  let searches = 0;
  /** An answer that comes after a later search has begun is passed over. */
  const search = () => {
    const mine = ++searches;
    void show(finder, () => mine === searches);
  };
  words.oninput = settled(TYPED, search);
  words.onkeydown = (event) => {
    const first = list.querySelector("button");
    if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    }
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    search();
  };
  list.onkeydown = (event) => walk(event, words);
  return search;
}

/**
 * Searches for what is in the field; nothing in it finds the newest tracks.
 *
 * @param {Finder} finder
 * @param {() => boolean} isNewest
 */
async function show(finder, isNewest) {
  const words = finder.words.value.trim();
  const { note, list, allowed } = finder;
  finder.words.disabled = !hasPart("library");
  if (finder.words.disabled) {
    note.textContent = "This station has no library: queue files by their names.";
    return;
  }
  try {
    const path = `/api/v1/library/tracks?search=${encodeURIComponent(words)}&limit=${SHOWN}`;
    const { tracks, total, more } = await ask("GET", path);
    if (!isNewest()) return;
    fill(
      list,
      /** @type {Track[]} */ (tracks),
      // What is shown of it may have been edited.
      (track) => JSON.stringify([track.id, trackName(track), track.album, track.missing, track.problem]),
      (track) => row(track, finder.buttons(track)),
      (element, track) => {
        const plays = track.missing === null && track.problem === null;
        for (const press of element.querySelectorAll("button.deed")) {
          if (press instanceof HTMLButtonElement) press.disabled = !allowed() || !plays;
        }
      },
    );
    const count = `${total}${more ? " or more" : ""}`;
    note.textContent =
      words === "" ? "The newest tracks." : total === 0 ? "Nothing found." : `${count} found.`;
  } catch (problem) {
    if (!isNewest()) return;
    note.textContent = `The library does not answer: ${/** @type {Error} */ (problem).message}.`;
  }
}

/**
 * @param {Track} track
 * @param {HTMLButtonElement[]} buttons
 */
function row(track, buttons) {
  const { id, file, album, duration, missing, problem } = track;
  const about = problem ?? (missing === null ? album : "Its file is gone.");
  for (const press of buttons) press.classList.add("deed");
  const element = el(
    "li",
    { title: file, draggable: true },
    el(
      "span",
      { class: "name" },
      el("bdi", {}, trackName(track)),
      about ? el("span", { class: "small", dir: "auto" }, about) : null,
    ),
    el("span", { class: "small" }, clock(duration)),
    ...buttons,
    button("Cues", () => openCues(id), { "aria-label": `Cues of “${trackName(track)}”` }),
  );
  element.ondragstart = (event) => {
    event.dataTransfer?.setData(FILE, file);
    event.dataTransfer?.setData(TRACK, String(id));
    event.dataTransfer?.setData("text/plain", file);
  };
  return element;
}

/**
 * Arrow keys go from row to row, and from the first one back to the search.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLInputElement} words
 */
function walk(event, words) {
  const press = event.target;
  if (!(press instanceof HTMLButtonElement) || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const here = press.closest("li");
  const beside = event.key === "ArrowUp" ? here?.previousElementSibling : here?.nextElementSibling;
  const index = [...(here?.querySelectorAll("button") ?? [])].indexOf(press);
  const there = beside?.querySelectorAll("button")[index];
  if (there instanceof HTMLButtonElement) there.focus();
  else if (event.key === "ArrowUp") words.focus();
}

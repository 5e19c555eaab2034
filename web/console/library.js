// The library, searched as one types.

import { ask } from "./api.js";
import { button, el, fill, find, settled } from "./dom.js";
import { Problem } from "./http.js";
import { add, draggableFile } from "./queue.js";
import { may } from "./session.js";
import { pipeline } from "./station.js";
import { clock, trackName } from "./text.js";

/**
 * @typedef {{id: number, file: string, artist: string | null, title: string | null, album: string | null,
 *   duration: number | null, missing: string | null, problem: string | null, plays: number}} Track
 */

/** A search begins when nothing was typed for so long. */
const TYPED = 150;
/** How many tracks are shown. */
const SHOWN = 50;

/** The number of the last search: an answer that comes after a later one is passed over. */
let searches = 0;

/** Sets up the panel. */
export function begin() {
  const field = find("search", HTMLInputElement);
  field.oninput = settled(TYPED, () => void search());
  field.onkeydown = (event) => {
    const first = find("found", HTMLOListElement).querySelector("button");
    if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    }
  };
  find("search-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void search();
  };
  find("found", HTMLOListElement).onkeydown = walk;
}

/** Searches for what is in the field; nothing in it finds the newest tracks. */
export async function search() {
  const mine = ++searches;
  const words = find("search", HTMLInputElement).value.trim();
  const note = find("found-note", HTMLParagraphElement);
  try {
    const path = `/api/v1/library/tracks?search=${encodeURIComponent(words)}&limit=${SHOWN}`;
    const { tracks, total, more } = await ask("GET", path);
    if (mine !== searches) return;
    show(tracks);
    const count = `${total}${more ? " or more" : ""}`;
    note.textContent =
      words === "" ? "The newest tracks." : total === 0 ? "Nothing found." : `${count} found.`;
  } catch (problem) {
    if (mine !== searches) return;
    const isNone = problem instanceof Problem && problem.status === 404;
    note.textContent = isNone
      ? "This station has no library: queue files by their names."
      : `The library does not answer: ${/** @type {Error} */ (problem).message}.`;
    if (isNone) find("search", HTMLInputElement).disabled = true;
  }
}

/** @param {Track[]} tracks */
function show(tracks) {
  const mayPlay = may("play", pipeline()?.name);
  fill(
    find("found", HTMLOListElement),
    tracks,
    ({ id }) => id,
    row,
    (element, track) => {
      const plays = track.missing === null && track.problem === null;
      for (const press of element.querySelectorAll("button")) press.disabled = !mayPlay || !plays;
    },
  );
}

/** @param {Track} track */
function row(track) {
  const { file, album, duration, missing, problem } = track;
  const name = trackName(track);
  const about = problem ?? (missing === null ? album : "Its file is gone.");
  const element = el(
    "li",
    { title: file },
    el(
      "span",
      { class: "name" },
      el("bdi", {}, name),
      about ? el("span", { class: "small", dir: "auto" }, about) : null,
    ),
    el("span", { class: "small" }, clock(duration)),
    button("Next", () => add(file, 0), { "aria-label": `Play “${name}” next` }),
    button("Queue", () => add(file), { "aria-label": `Queue “${name}”` }),
  );
  draggableFile(element, file);
  return element;
}

/**
 * Arrow keys go from row to row, and from the first one back to the search.
 *
 * @param {KeyboardEvent} event
 */
function walk(event) {
  const press = event.target;
  if (!(press instanceof HTMLButtonElement) || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const here = press.closest("li");
  const beside = event.key === "ArrowUp" ? here?.previousElementSibling : here?.nextElementSibling;
  const index = [...(here?.querySelectorAll("button") ?? [])].indexOf(press);
  const there = beside?.querySelectorAll("button")[index];
  if (there instanceof HTMLButtonElement) there.focus();
  else if (event.key === "ArrowUp") find("search", HTMLInputElement).focus();
}

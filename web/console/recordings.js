// What the station has recorded, to be listened to and to be downloaded.

import { ask, inOrder } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { has } from "./session.js";
import { clock, dateAndTime, size } from "./text.js";

/** How many are shown. */
const SHOWN = 200;

/**
 * @typedef {{name: string, mount: string, bytes: number, began: string | null, state: string,
 *   duration: number | null}} Recording
 */

/** Sets up the view. */
export function begin() {
  find("player-audio", HTMLAudioElement).onerror = () => {
    find("recordings-note", HTMLParagraphElement).textContent =
      "This recording cannot be played here: download it.";
  };
}

const turn = inOrder();

/** Shows what was recorded. */
export async function refresh() {
  const isNewest = turn();
  const note = find("recordings-note", HTMLParagraphElement);
  /** @type {Recording[]} */
  let shown = [];
  try {
    const found = has("play") ? await ask("GET", "/api/v1/recordings") : { recordings: [], problems: [] };
    if (!isNewest()) return;
    shown = found.recordings.slice(0, SHOWN);
    const sentences = found.problems.map((/** @type {string} */ problem) => `Not all are shown: ${problem}.`);
    if (shown.length < found.recordings.length) sentences.push(`These are the youngest ${SHOWN}.`);
    if (!has("play")) sentences.push("A DJ or an admin can listen to recordings.");
    else if (shown.length === 0) sentences.push("Nothing is recorded.");
    note.textContent = sentences.join(" ");
  } catch (problem) {
    if (!isNewest()) return;
    note.textContent = `The recordings do not answer: ${/** @type {Error} */ (problem).message}.`;
    return;
  }
  fill(
    find("recordings", HTMLOListElement),
    shown,
    ({ name, state, bytes }) => `${name} ${state} ${state === "running" ? "" : bytes}`,
    row,
  );
}

/** @param {Recording} recording */
function row({ name, bytes, began, state, duration }) {
  const what = name.split("/").at(-1) ?? name;
  const length =
    state === "running" ? "is being recorded" : state === "ended" ? clock(duration) : "broken off";
  const facts = [began ? dateAndTime(began) : "", length, size(bytes)].filter((fact) => fact !== "");
  return el(
    "li",
    { title: name },
    el(
      "span",
      { class: "name" },
      el("bdi", {}, what),
      el("span", { class: "small", dir: "auto" }, `${name.slice(0, -what.length - 1)}, ${facts.join(", ")}`),
    ),
    button("Listen", () => listen(name, what), { "aria-label": `Listen to “${what}”` }),
    el("a", { href: address(name), download: what, "aria-label": `Download “${what}”` }, "Download"),
  );
}

/**
 * Plays one recording; another one stops.
 *
 * @param {string} name
 * @param {string} what
 */
function listen(name, what) {
  find("player", HTMLParagraphElement).hidden = false;
  find("player-name", HTMLSpanElement).textContent = what;
  const audio = find("player-audio", HTMLAudioElement);
  audio.src = address(name);
  // Whoever presses pause meanwhile breaks it off.
  audio.play().catch(() => {});
}

/** @param {string} name */
const address = (name) => `/api/v1/recordings/${encodeURIComponent(name)}`;

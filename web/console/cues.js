// How a track sounds, and what a person says instead: where it begins and ends, where the next one starts,
// and how loud it is. A dialog over whatever is there; what is saved can be undone.

import { ask, order } from "./api.js";
import { button, el, find } from "./dom.js";
import { say } from "./notes.js";
import { may } from "./session.js";
import { clock, trackName } from "./text.js";
import { draw, takePointer } from "./waveform.js";

/** @typedef {import("./library.js").Track} Track */
/** @typedef {"cue_in" | "start_next" | "cue_out" | "loudness_lufs"} Key */

/** @type {{key: Key, name: string, unit: string, least: number, most?: number}[]} */
const VALUES = [
  { key: "cue_in", name: "Begins at", unit: "s", least: 0 },
  { key: "start_next", name: "The next one starts at", unit: "s", least: 0 },
  { key: "cue_out", name: "Ends at", unit: "s", least: 0 },
  { key: "loudness_lufs", name: "Loudness", unit: "LUFS", least: -70, most: 0 },
];
/** By how much a key moves a value. Shift makes the arrows' steps ten times as large. */
const STEPS = { ArrowUp: 0.1, ArrowDown: -0.1, PageUp: 10, PageDown: -10 };
const SMALLEST = 0.01;
/** Those that have a place in the track. */
const MARKS = VALUES.filter(({ unit }) => unit === "s");

/** The track that is shown. @type {Track | null} */
let track = null;
/** @type {number[]} */
let peaks = [];
/** @type {Map<Key, HTMLInputElement>} */
const fields = new Map();

/** Sets up the dialog. */
export function begin() {
  const dialog = find("cues", HTMLDialogElement);
  find("cues-values", HTMLElement).append(...VALUES.map(row));
  find("cues-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void save();
  };
  find("cues-close", HTMLButtonElement).onclick = () => dialog.close();
  takePointer(
    picture(),
    () => ({ duration: durationOf(track), marks: marks() }),
    (key, at) => {
      const field = fields.get(/** @type {Key} */ (key));
      if (!field || field.disabled) return;
      field.value = at.toFixed(1);
      redraw();
    },
  );
}

/**
 * Opens the dialog for a track.
 *
 * @param {number} id
 */
export async function open(id) {
  const dialog = find("cues", HTMLDialogElement);
  const path = `/api/v1/library/tracks/${id}`;
  const opened = /** @type {Track | undefined} */ (await order("show the track", "GET", path));
  if (!opened) return;
  track = opened;
  peaks = [];
  find("cues-heading", HTMLHeadingElement).textContent = trackName(track);
  find("cues-note", HTMLParagraphElement).textContent =
    track.heard === null ? "The library has not listened to this track yet." : "";
  problem("");
  const mayChange = may("change");
  for (const { key } of VALUES) {
    const field = fields.get(key);
    if (!field) continue;
    field.value = shownAs(key, track.edits[key] ?? track.heard?.[key]);
    field.disabled = !mayChange;
    describe(key);
  }
  for (const press of dialog.querySelectorAll("button.change")) press.toggleAttribute("hidden", !mayChange);
  redraw();
  dialog.showModal();
  // A track that nobody has listened to has no picture.
  const answer = await ask("GET", `${path}/waveform`).catch(() => ({ peaks: [] }));
  if (track === opened) peaks = answer.peaks;
  redraw();
}

/** @param {(typeof VALUES)[number]} value */
function row({ key, name, unit, least, most }) {
  const id = `cues-${key}`;
  const field = el("input", {
    id,
    type: "number",
    step: SMALLEST,
    min: least,
    max: most ?? "",
    "aria-describedby": `${id}-heard`,
  });
  field.oninput = redraw;
  field.onkeydown = (event) => {
    const by = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
    if (by === undefined || field.disabled) return;
    event.preventDefault();
    const to = Number(field.value) + by * (event.shiftKey ? 10 : 1);
    field.value = shownAs(key, Math.min(most ?? Infinity, Math.max(least, to)));
    redraw();
  };
  fields.set(key, field);
  const reset = button("As heard", () => forget(key), {
    class: "change",
    "aria-label": `As heard: ${name}`,
  });
  return el(
    "div",
    { class: "cue" },
    el("label", { htmlFor: id }, el("i", { class: key }), `${name} (${unit})`),
    field,
    reset,
    el("span", { class: "small", id: `${id}-heard` }),
  );
}

/** Says what was heard, and whether a person says something else. @param {Key} key */
function describe(key) {
  const heard = track?.heard?.[key];
  const isEdited = track?.edits[key] !== undefined;
  const text = heard === null || heard === undefined ? "" : `Heard: ${shownAs(key, heard)}.`;
  find(`cues-${key}-heard`, HTMLElement).textContent = isEdited ? `${text} Set by hand.`.trim() : text;
}

/** The field goes back to what was heard; saved, nobody says anything else. @param {Key} key */
function forget(key) {
  const field = fields.get(key);
  if (field) field.value = shownAs(key, track?.heard?.[key]);
  redraw();
}

/** Saves what differs from what is known. */
async function save() {
  if (!track) return;
  /** @type {Partial<Record<Key, number | null>>} */
  const changes = {};
  /** @type {Partial<Record<Key, number | null>>} */
  const before = {};
  for (const { key, name } of VALUES) {
    const field = fields.get(key);
    if (!field) continue;
    if (!field.validity.valid) {
      problem(`${name}: ${field.validationMessage}`);
      return field.focus();
    }
    const heard = shownAs(key, track.heard?.[key]);
    const wanted = field.value === "" || field.value === heard ? null : Number(field.value);
    const now = track.edits[key] ?? null;
    // What was set by hand may have more digits than are shown.
    if (wanted === now || (now !== null && field.value === shownAs(key, now))) continue;
    changes[key] = wanted;
    before[key] = now;
  }
  const fault = faultOf();
  if (fault !== null) return problem(fault);
  const dialog = find("cues", HTMLDialogElement);
  if (Object.keys(changes).length === 0) return dialog.close();
  const path = `/api/v1/library/tracks/${track.id}`;
  try {
    await ask("PATCH", path, changes);
  } catch (error) {
    return problem(`Not saved: ${/** @type {Error} */ (error).message}.`);
  }
  dialog.close();
  say(`“${trackName(track)}” is changed.`, () => order("change it back", "PATCH", path, before));
}

/** What cannot be of the fields. */
function faultOf() {
  const [begins, starts, ends] = marks().map(({ at }) => at);
  const duration = durationOf(track);
  const end = ends ?? duration;
  if (end > duration) return `The track is only ${duration.toFixed(2)} s long.`;
  if ((begins ?? 0) >= end) return "It must begin before it ends.";
  if (starts === null || starts === undefined) return null;
  if (starts <= (begins ?? 0)) return "The next one must start after this one begins.";
  return starts > end ? "The next one must start before this one ends." : null;
}

/** @param {string} text */
function problem(text) {
  find("cues-problem", HTMLParagraphElement).textContent = text;
}

/**
 * @param {Key} key
 * @param {number | null | undefined} value
 */
function shownAs(key, value) {
  if (value === null || value === undefined) return "";
  return value.toFixed(key === "loudness_lufs" ? 1 : 2).replace(/(\.\d)0$/, "$1");
}

/** @param {Track | null} of */
const durationOf = (of) => of?.heard?.duration ?? of?.duration ?? 0;

const picture = () => {
  const element = document.getElementById("cues-picture");
  if (!(element instanceof SVGSVGElement)) throw new Error("the page has no picture of a track");
  return element;
};

/** What the fields say. */
function marks() {
  return MARKS.map(({ key, name }) => {
    const text = fields.get(key)?.value ?? "";
    return { id: key, name, at: text === "" ? null : Number(text) };
  });
}

function redraw() {
  const duration = durationOf(track);
  draw(picture(), peaks, duration, marks());
  const places = marks().map(({ name, at }) => `${name} ${at === null ? "the edge" : clock(at)}`);
  picture().setAttribute("aria-label", `The track, ${clock(duration)} long: ${places.join(", ")}.`);
}

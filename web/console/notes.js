// Short notes at the foot of the page: what was done, with a way back, and what could not be done.

import { button, el, find } from "./dom.js";

/** How long a note stays. One that offers a way back stays longer. */
const STAYS = 6_000;
const STAYS_WITH_UNDO = 15_000;
/** The most notes of what was done that stand at once: on a phone, more would cover the page. */
const SHOWN = 3;
/** The most steps that can be undone. */
const STEPS = 20;

/** @typedef {{undo: () => Promise<unknown>, note: HTMLElement}} Step */
/** @type {Step[]} */
const steps = [];

/**
 * Says what was done.
 *
 * @param {string} text
 * @param {() => Promise<unknown>} [undo] brings back what was before
 */
export function say(text, undo) {
  if (!undo) {
    show(el("li", {}, text), STAYS);
    return;
  }
  const note = el("li", {}, text, " ");
  const step = { undo, note };
  note.append(button("Undo", () => take(step)));
  steps.push(step);
  if (steps.length > STEPS) steps.shift();
  show(note, STAYS_WITH_UNDO);
}

/**
 * Says what went wrong.
 *
 * @param {string} text
 */
export function complain(text) {
  show(el("li", { class: "bad" }, text), STAYS_WITH_UNDO);
}

/** Undoes the last step, if there is one. */
export function undoLast() {
  const step = steps.at(-1);
  if (step) void take(step);
}

/** @param {Step} step */
async function take(step) {
  const index = steps.indexOf(step);
  if (index < 0) return;
  steps.splice(index, 1);
  step.note.remove();
  await step.undo();
}

/**
 * @param {HTMLElement} note
 * @param {number} stays
 */
function show(note, stays) {
  const notes = find("notes", HTMLUListElement);
  notes.append(note);
  // What went wrong stays as long as it should: it is said once.
  const done = notes.querySelectorAll("li:not(.bad)");
  if (done.length > SHOWN) done[0]?.remove();
  setTimeout(() => note.remove(), stays);
}

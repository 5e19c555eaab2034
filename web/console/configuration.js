// The configuration file: what it says, what is wrong with it, what a reload would change, and the reload.

import { ask, inOrder, order, seldom } from "./api.js";
import { el, find } from "./dom.js";
import { may } from "./session.js";
import { hasPart } from "./station.js";

/**
 * @typedef {{line: number | null, key: string, reason: string}} Finding
 * @typedef {{changed: string[], restart: string[], failed: string[]}} Reloaded
 * @typedef {{file: string, text: string | null, shortened: boolean, problems: Finding[], warnings: Finding[],
 *   reload: Reloaded | null}} Configuration
 */

const NONE = "This station was not started from a configuration file: there is none to be read or applied.";

/** The station reads the whole file for each look, so it is not looked at more often. In milliseconds. */
const LOOKS_AGAIN = 60_000;

/** @type {Configuration | null} */
let shown = null;
const turn = inOrder();
const again = seldom(LOOKS_AGAIN);

/** Sets up the buttons. */
export function begin() {
  find("reload", HTMLButtonElement).onclick = reload;
  find("configuration-look", HTMLButtonElement).onclick = look;
  // Its lines are many: they are there only while they are seen.
  find("configuration-text", HTMLDetailsElement).ontoggle = showText;
}

/** Shows the file, unless it was looked at not long ago. */
export async function refresh() {
  const isThere = hasPart("configuration");
  for (const id of ["configuration-orders", "configuration-text"]) find(id, HTMLElement).hidden = !isThere;
  if (!isThere) find("configuration-note", HTMLParagraphElement).textContent = NONE;
  else if (may("change")) await again("", look);
}

/** Shows the file as it is now. Says whether that succeeded. */
async function look() {
  const isNewest = turn();
  const note = find("configuration-note", HTMLParagraphElement);
  try {
    const answer = await ask("GET", "/api/v1/configuration");
    if (!isNewest()) return true;
    shown = answer;
    show(answer);
    return true;
  } catch (problem) {
    if (isNewest()) note.textContent = `The file cannot be shown: ${/** @type {Error} */ (problem).message}.`;
    return false;
  }
}

/** @param {Configuration} configuration */
function show({ file, problems, warnings, reload }) {
  find("configuration-file", HTMLElement).textContent = file;
  const note = find("configuration-note", HTMLParagraphElement);
  note.textContent = state(problems, reload);
  note.className = problems.length > 0 ? "bad" : reload && differs(reload) ? "fair" : "good";
  const items = [
    ...problems.map((finding) => el("li", { class: "bad" }, "Problem: ", where(finding))),
    ...warnings.map((finding) => el("li", { class: "fair" }, "Warning: ", where(finding))),
    ...sentences(reload, "A reload changes", "A restart is needed for"),
  ];
  find("configuration-findings", HTMLUListElement).replaceChildren(...items);
  showText();
}

/** @param {Reloaded} reload */
const differs = (reload) => reload.changed.length + reload.restart.length > 0;

/**
 * @param {Finding[]} problems
 * @param {Reloaded | null} reload
 */
function state(problems, reload) {
  if (problems.length > 0) return "The file has problems: a reload would change nothing.";
  if (reload && differs(reload)) return "The file says something else than what the station runs with.";
  return "The station runs with what the file says.";
}

/** @param {Finding} finding */
function where({ line, key, reason }) {
  const place = [...(line === null ? [] : [`line ${line}`]), ...(key === "" ? [] : [key])].join(", ");
  return place === "" ? reason : `${place}: ${reason}`;
}

/** Shows the lines of the file if they are to be seen. */
function showText() {
  const list = find("configuration-lines", HTMLOListElement);
  if (!shown || !find("configuration-text", HTMLDetailsElement).open) return list.replaceChildren();
  const { text, shortened, problems, warnings } = shown;
  const marked = (/** @type {Finding[]} */ findings, /** @type {number} */ line) =>
    findings.some((finding) => finding.line === line);
  const lines = (text ?? "").replace(/\n$/, "").split("\n");
  const items = lines.map((line, index) => {
    const kind = marked(problems, index + 1) ? "bad" : marked(warnings, index + 1) ? "fair" : "";
    return el("li", { class: kind }, el("code", {}, line));
  });
  list.replaceChildren(...items);
  find("configuration-rest", HTMLParagraphElement).textContent =
    text === null ? "The file cannot be read." : shortened ? "The rest of the file is not shown." : "";
}

async function reload() {
  /** @type {Reloaded | undefined} */
  const done = await order("apply it", "POST", "/api/v1/reload");
  if (done) {
    const items = sentences(done, "Changed", "After a restart");
    find("reloaded", HTMLUListElement).replaceChildren(
      ...(items.length > 0 ? items : [el("li", {}, "Nothing has changed.")]),
    );
  }
  await look();
}

/**
 * What a reload has changed or would change, a line each.
 *
 * @param {Reloaded | null} reload
 * @param {string} changes
 * @param {string} restarts
 */
function sentences(reload, changes, restarts) {
  if (!reload) return [];
  return [
    ...reload.changed.map((what) => el("li", {}, `${changes}: ${what}.`)),
    ...reload.restart.map((what) => el("li", { class: "fair" }, `${restarts}: ${what}.`)),
    ...reload.failed.map((what) => el("li", { class: "bad" }, `Failed: ${what}.`)),
  ];
}

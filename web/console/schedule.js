// What the schedule plays in the next day, and why, if nothing intervenes.

import { ask, inOrder } from "./api.js";
import { el, fill, find } from "./dom.js";
import { base } from "./station.js";
import { dayAndTime } from "./text.js";

/** @typedef {{at: string, ends: string, file: string, kind: string, reason: string, cut: boolean}} Planned */

const HOURS = 24;

const turn = inOrder();

/** Shows the preview as it is now. */
export async function refresh() {
  const isNewest = turn();
  const note = find("schedule-note", HTMLParagraphElement);
  try {
    /** @type {Planned[]} */
    const planned = await ask("GET", `${base()}/schedule/preview?hours=${HOURS}`);
    if (!isNewest()) return;
    note.textContent =
      planned.length === 0 ? "Nothing is planned." : "If nothing intervenes: the queue and live inputs do.";
    fill(
      find("planned", HTMLTableSectionElement),
      planned,
      ({ at, file }) => `${at} ${file}`,
      ({ at, file, kind, reason, cut }) =>
        el(
          "tr",
          { class: kind },
          el("td", {}, el("time", { datetime: at }, dayAndTime(at))),
          el("td", { dir: "auto" }, file, cut ? " (cut)" : null),
          el("td", { class: "small" }, reason),
        ),
    );
  } catch (problem) {
    if (isNewest()) note.textContent = `There is no preview: ${/** @type {Error} */ (problem).message}.`;
  }
}

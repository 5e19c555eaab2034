// What the schedule plays in the next day, and why, if nothing intervenes.

import { ask, inOrder, seldom } from "./api.js";
import { el, fill, find, settled } from "./dom.js";
import { base } from "./station.js";
import { dayAndTime } from "./text.js";
import { begin as beginWeek, ingredients, refresh as refreshWeek, zone } from "./week.js";

/** @typedef {{at: string, ends: string, file: string, title: string, kind: string, reason: string,
 *   cut: boolean, dropped: boolean}} Planned */

const HOURS = 24;
/** The most rows that a browser shows at ease: more than a day has where tracks are songs. */
const SHOWN = 500;

/** The station plays a day through for each preview, so it is not asked for more often. In milliseconds. */
const ASKS_AGAIN = 10_000;

/** A playlist that is new in the schedule is read within so long. In milliseconds. */
const READ_WITHIN = 5_000;

const turn = inOrder();
const again = seldom(ASKS_AGAIN);
/** What the schedule was made of when the preview was shown last. */
let made = "";

const whenRead = settled(READ_WITHIN, () => void showPreview());

/** Whether songs are shown, too: of a day with many, the rest is hard to find. */
const withMusic = () => find("planned-all", HTMLInputElement);

/** Sets up the view. */
export function begin() {
  beginWeek(refresh);
  withMusic().onchange = () => void showPreview();
}

/** Shows the week and the preview as they are now. */
export async function refresh() {
  await refreshWeek();
  const now = `${base()} ${ingredients()}`;
  if (now !== made && made !== "") whenRead();
  made = now;
  await again(now, showPreview);
}

/** Says whether it succeeded. */
async function showPreview() {
  const isNewest = turn();
  const note = find("schedule-note", HTMLParagraphElement);
  try {
    /** @type {Planned[]} */
    const all = await ask("GET", `${base()}/schedule/preview?hours=${HOURS}`);
    if (!isNewest()) return true;
    const planned = withMusic().checked ? all : all.filter(({ kind }) => kind !== "music");
    const more = planned.length > SHOWN ? ` The first ${SHOWN} of ${planned.length} are shown.` : "";
    note.textContent =
      planned.length === 0
        ? all.length === 0
          ? "Nothing is planned by the clock: the playlist plays."
          : "There is nothing but music."
        : `If nothing intervenes: the queue and live inputs do.${more}`;
    fill(
      find("planned", HTMLTableSectionElement),
      planned.slice(0, SHOWN),
      ({ at, file, title }) => `${at} ${file} ${title} ${zone()}`,
      ({ at, file, title, kind, reason, cut, dropped }) =>
        el(
          "tr",
          { class: kind },
          el("td", {}, el("time", { datetime: at }, dayAndTime(at, zone()))),
          el(
            "td",
            { dir: "auto", title: file },
            title,
            cut ? " (cut)" : null,
            dropped ? " (not played)" : null,
          ),
          el("td", { class: "small" }, reason),
        ),
    );
    return true;
  } catch (problem) {
    if (isNewest()) note.textContent = `There is no preview: ${/** @type {Error} */ (problem).message}.`;
    return false;
  }
}

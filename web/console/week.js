// What is declared to be played by the clock, as a week: which daypart when, and when slots come. On a phone
// it is a day at a time.

import { ask, inOrder } from "./api.js";
import { el, fill, find } from "./dom.js";
import { begin as beginIngredients, show as showIngredients, weighted } from "./ingredients.js";
import { base } from "./station.js";

/**
 * @typedef {import("./ingredients.js").Written} Written
 * @typedef {{name: string, days: string, from: string, to: string, written: Written | null,
 *   playlists: {playlist: string, weight: number}[], gives_way_to: string | null}} Daypart
 * @typedef {{name: string, playlist: string, every: string, kind: string, written: Written | null}} Insert
 * @typedef {{name: string, at: string[], play: string, start: string, written: Written | null}} Slot
 * @typedef {{daypart: number, begins: string, ends: string, from: string, to: string}} Hours
 * @typedef {{slot: number, at: string, time: string}} SlotTime
 * @typedef {{date: string, begins: string, ends: string, dayparts: Hours[], slots: SlotTime[]}} Day
 * @typedef {{zone: string, now: string, dayparts: Daypart[], inserts: Insert[], slots: Slot[],
 *   separation: object, week: Day[], dropped: string[]}} Schedule
 */

/** The most slots that a day has room for. */
const SLOTS = 48;
/** How far two slots are apart at least, as a part of the day: they are read one below the other. */
const APART = 1 / SLOTS;
/** What plays when no daypart does. */
const BETWEEN = "Between the dayparts the playlist plays.";
/** How many colours the dayparts have. */
const COLOURS = 6;

/** The first day that is shown; empty: the Monday of this week. */
let from = "";
/** The day that a phone shows; null: today. @type {number | null} */
let shownDay = null;
/** @type {Schedule | null} */
let schedule = null;

const turn = inOrder();

/** The time zone of the schedule, once it is known. */
export const zone = () => schedule?.zone;

/** What the schedule is made of, as a text that is another one when anything of it is. */
export function ingredients() {
  const { dayparts, inserts, slots, separation } = schedule ?? {};
  return JSON.stringify([dayparts, inserts, slots, separation]);
}

/**
 * Sets up the buttons.
 *
 * @param {() => Promise<void>} again shows the schedule anew
 */
export function begin(again) {
  beginIngredients(again);
  const step = (/** @type {string} */ id, /** @type {() => unknown} */ press) =>
    (find(id, HTMLButtonElement).onclick = press);
  step("week-before", () => goTo(-7));
  step("week-after", () => goTo(7));
  step("day-before", () => goDay(-1));
  step("day-after", () => goDay(1));
  step("week-now", () => {
    [from, shownDay] = ["", null];
    void refresh();
  });
}

/** Shows the week as it is declared now. */
export async function refresh() {
  const isNewest = turn();
  const note = find("week-note", HTMLParagraphElement);
  try {
    const query = from === "" ? "" : `?from=${from}`;
    /** @type {Schedule} */
    const answer = await ask("GET", `${base()}/schedule${query}`);
    if (!isNewest()) return;
    schedule = answer;
    show(answer);
  } catch (problem) {
    if (isNewest()) note.textContent = `The week cannot be shown: ${/** @type {Error} */ (problem).message}.`;
  }
}

/**
 * Goes so many days further.
 *
 * @param {number} days
 */
function goTo(days) {
  const first = schedule?.week[0]?.date;
  if (first === undefined) return;
  const date = new Date(`${first}T12:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  from = date.toISOString().slice(0, 10);
  void refresh();
}

/**
 * Goes to the day before or after the one that a phone shows.
 *
 * @param {number} step
 */
function goDay(step) {
  const day = (shownDay ?? today() ?? 0) + step;
  shownDay = (day + 7) % 7;
  if (day === shownDay) void (schedule && show(schedule));
  else goTo(7 * step);
}

/** The number of the day that is now, if it is in the week that is shown. */
function today() {
  const now = Date.parse(schedule?.now ?? "");
  const day = schedule?.week.findIndex(
    ({ begins, ends }) => Date.parse(begins) <= now && now < Date.parse(ends),
  );
  return day === -1 ? undefined : day;
}

/** @param {Schedule} shown */
function show(shown) {
  const { zone, dayparts, slots, week, dropped } = shown;
  const isEmpty = dayparts.length + shown.inserts.length + slots.length === 0;
  const gives = dayparts.filter(({ gives_way_to }) => gives_way_to !== null);
  const overlaps = gives.map((part) => `${nameOf(part)} gives way to ${part.gives_way_to}.`);
  find("week-note", HTMLParagraphElement).textContent = isEmpty
    ? "There is no schedule: the playlist plays at all times."
    : [`Times of ${zone}.`, ...(dayparts.length > 0 ? [BETWEEN] : []), ...overlaps].join(" ");
  fill(
    find("week-dropped", HTMLUListElement),
    dropped,
    (text) => text,
    (text) => el("li", {}, text),
  );
  find("week-dropped", HTMLUListElement).hidden = dropped.length === 0;
  const now = today();
  const list = find("week", HTMLOListElement);
  list.hidden = isEmpty;
  find("week-steps", HTMLParagraphElement).hidden = isEmpty;
  const chosen = shownDay ?? now ?? 0;
  // A day is another one when anything of it has changed.
  const key = (/** @type {Day} */ day) => JSON.stringify([day, dayparts, slots]);
  fill(
    list,
    week,
    key,
    (day) => column(day, shown),
    (element, day, index) => {
      element.classList.toggle("chosen", index === chosen);
      element.classList.toggle("today", index === now);
      markNow(element, day, index === now ? Date.parse(shown.now) : null);
    },
  );
  showIngredients(shown);
}

/**
 * @param {Day} day
 * @param {Schedule} schedule
 */
function column(day, { dayparts, slots }) {
  const heading = new Date(`${day.date}T12:00:00Z`).toLocaleDateString([], {
    weekday: "short",
    day: "numeric",
    month: "short",
    timeZone: "UTC",
  });
  const hours = el("ol", { class: "hours" });
  for (const { daypart, begins, ends, from, to } of day.dayparts) {
    const part = dayparts[daypart];
    if (!part) continue;
    const item = el(
      "li",
      { class: `daypart colour-${daypart % COLOURS}` },
      `${from}–${to} `,
      el("strong", {}, nameOf(part)),
      el("span", { class: "small" }, part.playlists.map(weighted).join(", ")),
    );
    item.title = `${from}–${to} ${nameOf(part)}`;
    place(item, share(day, begins), share(day, ends));
    hours.append(item);
  }
  let free = 0;
  for (const { slot, at, time } of day.slots.slice(0, SLOTS)) {
    const name = slots[slot]?.name ?? "";
    const item = el("li", { class: "slot" }, `${time} ${name}`);
    item.title = `${time} ${name}: ${slots[slot]?.play}, ${slots[slot]?.start}`;
    const top = Math.min(Math.max(share(day, at), free), 1 - APART);
    free = top + APART;
    place(item, top);
    hours.append(item);
  }
  const left = day.slots.length - SLOTS;
  const more = left > 0 ? el("p", { class: "small" }, `and ${left} slots more`) : null;
  return el("li", { class: "day" }, el("h3", {}, heading), hours, more);
}

/**
 * Marks the present moment in a day, or takes the mark away.
 *
 * @param {HTMLElement} element
 * @param {Day} day
 * @param {number | null} now
 */
function markNow(element, day, now) {
  element.querySelector(".present")?.remove();
  if (now === null) return;
  const mark = el("li", { class: "present" }, el("span", { class: "unseen" }, "Now"));
  place(mark, share(day, new Date(now).toISOString()));
  element.querySelector(".hours")?.append(mark);
}

/** @param {Daypart} part */
function nameOf({ name, playlists }) {
  return name || (playlists[0]?.playlist ?? "");
}

/**
 * How far a moment is in its day: 0 is its beginning, 1 its end.
 *
 * @param {Day} day
 * @param {string} at
 */
function share({ begins, ends }, at) {
  const [first, last] = [Date.parse(begins), Date.parse(ends)];
  return (Date.parse(at) - first) / (last - first);
}

/**
 * @param {HTMLElement} element
 * @param {number} top
 * @param {number} [bottom]
 */
function place(element, top, bottom) {
  element.style.setProperty("--top", String(top));
  if (bottom !== undefined) element.style.setProperty("--length", String(bottom - top));
}

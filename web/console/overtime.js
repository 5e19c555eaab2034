// How many listened over time: a chart of the station and its streams, and what it shows in words and
// numbers.

import { ask, inOrder, seldom } from "./api.js";
import { draw } from "./chart.js";
import { el, fill, find, svg } from "./dom.js";
import { hasPart } from "./station.js";
import { dayAndTime } from "./text.js";

/**
 * @typedef {{at: string, listeners: number, peak: number, joins: number, seconds: number}} Point
 * @typedef {{mount: string | null, points: Point[]}} Stream
 * @typedef {{from: string, before: string, step: number, streams: Stream[]}} Statistics
 * @typedef {{span: number, step: number, name: string, row: number}} Range `span` and `step` are in minutes;
 *   `row` is the hours of a row of the table, which is longer than a step of the chart
 */

/** @type {Record<string, Range>} */
const RANGES = {
  "over-time-day": { span: 24 * 60, step: 5, name: "In the last day", row: 1 },
  "over-time-week": { span: 7 * 24 * 60, step: 30, name: "In the last week", row: 12 },
};
const MINUTE = 60_000;
/** How many streams have a line: those with the most listeners. */
const LINES = 6;
/** Statistics are no news within this time. */
const FRESH = 30_000;

const NONE = "This station keeps no statistics: history_file in its configuration would have them.";

const turn = inOrder();
const again = seldom(FRESH);
let shown = "over-time-day";
/** @type {(Statistics & {range: Range}) | undefined} */
let statistics;

/** The buttons, and a chart that is as wide as its place. */
export function begin() {
  for (const id of Object.keys(RANGES)) {
    find(id, HTMLButtonElement).onclick = () => {
      shown = id;
      void refresh();
    };
  }
  new ResizeObserver(() => requestAnimationFrame(show)).observe(find("over-time", HTMLDivElement));
}

/** Asks for the statistics, unless they are fresh. */
export async function refresh() {
  for (const id of Object.keys(RANGES)) {
    find(id, HTMLButtonElement).setAttribute("aria-pressed", String(id === shown));
  }
  if (hasPart("history")) await again(shown, look);
  else find("over-time-note", HTMLParagraphElement).textContent = NONE;
}

/** Asks for the statistics. Says whether they are there. */
async function look() {
  const range = /** @type {Range} */ (RANGES[shown]);
  const { span, step } = range;
  const before = Math.ceil(Date.now() / (step * MINUTE)) * step * MINUTE;
  const [from, to] = [before - span * MINUTE, before].map((at) => new Date(at).toISOString());
  const isNewest = turn();
  const note = find("over-time-note", HTMLParagraphElement);
  try {
    const answer = await ask("GET", `/api/v1/statistics?from=${from}&to=${to}&step=${step}m`);
    if (!isNewest()) return false;
    const known = { ...answer, range };
    statistics = known;
    note.textContent = summary(known);
  } catch (problem) {
    if (!isNewest()) return false;
    statistics = undefined;
    note.textContent = `There are no statistics: ${/** @type {Error} */ (problem).message}.`;
  }
  find("over-time-more", HTMLDetailsElement).hidden = !statistics;
  show();
  return statistics !== undefined;
}

/** The station, and the streams that have a line. */
function drawn() {
  const [whole, ...streams] = statistics?.streams ?? [];
  if (!whole) return [];
  const most = streams.map((stream) => ({ stream, peak: sumOf(stream.points).peak }));
  most.sort((one, other) => other.peak - one.peak);
  return [whole, ...most.slice(0, LINES).map(({ stream }) => stream)];
}

/** Shows what is known, as wide as there is room. */
function show() {
  const place = find("over-time", HTMLDivElement);
  const streams = drawn();
  fill(
    find("over-time-streams", HTMLUListElement),
    streams,
    ({ mount }) => mount ?? "",
    () => el("li"),
    (element, stream, index) => element.replaceChildren(sample(index), inWords(stream)),
  );
  fill(
    find("over-time-rows", HTMLTableSectionElement),
    statistics ? rowsOf(streams[0]?.points ?? [], statistics.range) : [],
    ({ at }) => at,
    () => el("tr", {}, el("td"), el("td"), el("td"), el("td")),
    (element, { at, sum }) => {
      const texts = [dayAndTime(new Date(at).toISOString()), rounded(sum.listeners), sum.peak, sum.joins];
      texts.forEach((text, column) => (element.children[column] ?? element).replaceChildren(String(text)));
    },
  );
  if (!statistics || place.clientWidth === 0) return place.replaceChildren();
  const { from, before, step } = statistics;
  const lines = streams.map(({ points }) =>
    points.map(({ at, listeners }) => ({ at: Date.parse(at), value: listeners })),
  );
  const [begins, ends] = [Date.parse(from), Date.parse(before)];
  const label = `Listeners over time. ${summary(statistics)}`;
  place.replaceChildren(
    draw({ from: begins, before: ends, step: step * 1000, lines, label }, place.clientWidth),
  );
}

/**
 * What is known of the station, in a sentence.
 *
 * @param {Statistics & {range: Range}} known
 */
function summary({ streams, range: { name } }) {
  const points = streams[0]?.points ?? [];
  if (points.length === 0) return `${name}, nothing was written down yet.`;
  const { listeners, peak, joins } = sumOf(points);
  const at = points.find((point) => point.peak === peak)?.at ?? "";
  const most = peak === 0 ? "nobody listened" : `${peak} listened at most, at ${dayAndTime(at)}`;
  return `${name}, ${most}; ${rounded(listeners)} on average; ${joins} came.`;
}

/** @param {Stream} stream */
function inWords({ mount, points }) {
  const { listeners, peak } = sumOf(points);
  return `${mount ?? "The whole station"}: ${rounded(listeners)} on average, ${peak} at most`;
}

/**
 * A bit of the line of a stream.
 *
 * @param {number} index
 */
function sample(index) {
  const line = svg("path", { class: `line line-${index}`, d: "M0 6H30" });
  return svg("svg", { width: 30, height: 12, "aria-hidden": "true" }, line);
}

/**
 * The rows of the table: times of which something is known.
 *
 * @param {Point[]} points
 * @param {Range} range
 */
function rowsOf(points, { row }) {
  /** @type {Map<number, Point[]>} */
  const rows = new Map();
  for (const point of points) {
    const begins = new Date(point.at);
    begins.setHours(Math.floor(begins.getHours() / row) * row, 0, 0, 0);
    const at = begins.getTime();
    rows.set(at, [...(rows.get(at) ?? []), point]);
  }
  return [...rows].map(([at, points]) => ({ at, sum: sumOf(points) }));
}

/**
 * What points are together.
 *
 * @param {Point[]} points
 */
function sumOf(points) {
  let [seconds, listened, peak, joins] = [0, 0, 0, 0];
  for (const point of points) {
    seconds += point.seconds;
    listened += point.listeners * point.seconds;
    peak = Math.max(peak, point.peak);
    joins += point.joins;
  }
  return { listeners: listened / Math.max(seconds, 1), peak, joins };
}

/** @param {number} listeners */
function rounded(listeners) {
  return listeners.toFixed(listeners < 10 ? 1 : 0);
}

// Draws how something goes over time, as SVG. What is not known is a gap.

import { svg } from "./dom.js";

/**
 * @typedef {{at: number, value: number}} Point `at` is the beginning of a step, in milliseconds since 1970
 * @typedef {{from: number, before: number, step: number, lines: Point[][], label: string}} Chart `step` is in
 *   milliseconds; the first line has an area below it; `label` says what people see who do not see it
 */

const HEIGHT = 220;
const LEFT = 40;
const BOTTOM = 24;
const TOP = 10;
/** The room that the name of a time takes. */
const NAME_WIDTH = 64;
/** The most lines across. */
const ACROSS = 4;
/** The hours between two names of times, while a chart has so few days. Others have the names of days. */
const HOURS = [1, 2, 3, 6, 12];
const DAYS_WITH_HOURS = 2;
const HOUR = 3_600_000;

/**
 * Draws a chart of this width, in pixels.
 *
 * @param {Chart} chart
 * @param {number} width
 */
export function draw({ from, before, step, lines, label }, width) {
  const highest = Math.max(...lines.flat().map(({ value }) => value), 1);
  const apart = between(highest);
  const top = Math.ceil(highest / apart) * apart;
  const x = (/** @type {number} */ at) => LEFT + ((at - from) / (before - from)) * (width - LEFT - 1);
  const y = (/** @type {number} */ value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const values = Array.from({ length: Math.round(top / apart) + 1 }, (_, index) => index * apart);
  const times = timesOf(from, before, Math.floor((width - LEFT) / NAME_WIDTH));
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label },
    ...values.flatMap((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)),
    ]),
    ...times.flatMap(({ at, name }) => [
      svg("line", { class: "grid", x1: x(at), x2: x(at), y1: TOP, y2: HEIGHT - BOTTOM }),
      svg(
        "text",
        { x: Math.min(x(at), width - NAME_WIDTH / 2), y: HEIGHT - 6, "text-anchor": "middle" },
        name,
      ),
    ]),
    ...lines.flatMap((points, index) => {
      const runs = runsOf(points, step).map((run) => pathOf(run, step, before, x, y));
      const line = svg("path", { class: `line line-${index}`, d: runs.map(({ d }) => d).join("") });
      if (index > 0) return [line];
      const below = runs.map(({ d, begins, ends }) => `${d}H${ends}V${y(0)}H${begins}Z`);
      return [svg("path", { class: "area", d: below.join("") }), line];
    }),
  );
}

/**
 * How far the lines across are apart: 1, 2 or 5, with zeros.
 *
 * @param {number} highest
 */
function between(highest) {
  const least = highest / ACROSS;
  const zeros = 10 ** Math.floor(Math.log10(least));
  const found = [1, 2, 5, 10].map((digit) => digit * zeros).find((apart) => apart >= least);
  return Math.max(1, found ?? 1);
}

/**
 * Times of the browser's clocks that have a name, and so many at most.
 *
 * @param {number} from
 * @param {number} before
 * @param {number} most
 */
function timesOf(from, before, most) {
  const long = (before - from) / HOUR;
  const hours = long <= DAYS_WITH_HOURS * 24 ? HOURS.find((hours) => long / hours <= most) : undefined;
  const days = Math.ceil(long / 24 / Math.max(most, 1));
  const time = new Date(from);
  time.setMinutes(0, 0, 0);
  if (hours) time.setHours(Math.floor(time.getHours() / hours) * hours);
  else time.setHours(0);
  const times = [];
  while (time.getTime() < before) {
    if (time.getTime() >= from) {
      const name = hours
        ? time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
        : time.toLocaleDateString([], { weekday: "short", day: "numeric" });
      times.push({ at: time.getTime(), name });
    }
    // By the clock, so that a day on which it is changed does no harm.
    if (hours) time.setTime(time.getTime() + hours * HOUR);
    else time.setDate(time.getDate() + days);
  }
  return times;
}

/**
 * The points without a gap between them.
 *
 * @param {Point[]} points
 * @param {number} step
 */
function runsOf(points, step) {
  /** @type {Point[][]} */
  const runs = [];
  let due = Number.NaN;
  for (const point of points) {
    if (point.at === due) runs.at(-1)?.push(point);
    else runs.push([point]);
    due = point.at + step;
  }
  return runs;
}

/**
 * Stairs: what is known of a step holds from its beginning to its end.
 *
 * @param {Point[]} run
 * @param {number} step
 * @param {number} before
 * @param {(at: number) => number} x
 * @param {(value: number) => number} y
 */
function pathOf(run, step, before, x, y) {
  const begins = round(x(run[0]?.at ?? 0));
  const ends = round(x(Math.min((run.at(-1)?.at ?? 0) + step, before)));
  const stairs = run.map(
    ({ at, value }, index) =>
      `${index > 0 ? "V" : `M${begins} `}${round(y(value))}H${round(x(Math.min(at + step, before)))}`,
  );
  return { begins, ends, d: stairs.join("") };
}

/** @param {number} pixels */
function round(pixels) {
  return Math.round(pixels * 10) / 10;
}

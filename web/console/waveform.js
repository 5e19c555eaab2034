// The picture of a track, with marks in it that can be moved.

import { svg } from "./dom.js";

/**
 * @typedef {{id: string, name: string, at: number | null}} Mark `at`: in seconds
 */

/** The picture's own units: one for each peak, and the height of full scale. */
const HEIGHT = 255;

/**
 * Draws a waveform with marks.
 *
 * @param {SVGSVGElement} picture
 * @param {number[]} peaks from 0 to 255, over the whole track
 * @param {number} duration of the track, in seconds
 * @param {Mark[]} marks
 */
export function draw(picture, peaks, duration, marks) {
  const width = Math.max(1, peaks.length);
  picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const line = peaks.map((peak, x) => `M${x} ${(HEIGHT - peak) / 2}v${Math.max(1, peak)}`).join("");
  const shown = marks.filter(({ at }) => at !== null && duration > 0);
  picture.replaceChildren(
    svg("path", { class: "wave", d: line }),
    ...shown.flatMap(({ id, at }) => {
      const x = ((at ?? 0) / duration) * width;
      return [svg("path", { class: `mark ${id}`, d: `M${x} 0V${HEIGHT}` })];
    }),
  );
}

/**
 * Lets a pointer move the nearest mark. `moved` is called with its id, and the place in seconds.
 *
 * @param {SVGSVGElement} picture
 * @param {() => {duration: number, marks: Mark[]}} shown
 * @param {(id: string, at: number) => void} moved
 */
export function takePointer(picture, shown, moved) {
  let held = "";
  const placeOf = (/** @type {PointerEvent} */ event) => {
    const { left, width } = picture.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * shown().duration;
  };
  picture.onpointerdown = (event) => {
    const at = placeOf(event);
    const away = (/** @type {Mark} */ mark) => Math.abs((mark.at ?? 0) - at);
    const [nearest] = shown()
      .marks.filter((mark) => mark.at !== null)
      .sort((one, other) => away(one) - away(other));
    if (!nearest) return;
    held = nearest.id;
    picture.setPointerCapture(event.pointerId);
    moved(held, at);
  };
  picture.onpointermove = (event) => {
    if (held !== "") moved(held, placeOf(event));
  };
  picture.onpointerup = picture.onpointercancel = () => (held = "");
}

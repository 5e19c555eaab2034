// How the console writes times, sizes and levels.

/**
 * 3:07, or 1:02:03.
 *
 * @param {number | null | undefined} seconds
 */
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return "–:––";
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/**
 * The time of day of a point in time, in the browser's zone.
 *
 * @param {string} at RFC 3339
 */
export function timeOfDay(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/**
 * Day and time, in the browser's zone or in this one.
 *
 * @param {string} at RFC 3339
 * @param {string} [timeZone]
 */
export function dayAndTime(at, timeZone) {
  /** @type {Intl.DateTimeFormatOptions} */
  const form = { weekday: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(at).toLocaleString([], timeZone === undefined ? form : { ...form, timeZone });
}

/**
 * Date and time.
 *
 * @param {string} at RFC 3339
 */
export function dateAndTime(at) {
  return new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/**
 * 3.4 MB.
 *
 * @param {number} bytes
 */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}

/**
 * Decibels or LUFS with one digit. Silence has none.
 *
 * @param {number} level
 */
export function decibels(level) {
  return level <= -100 ? "−∞" : level.toFixed(1).replace("-", "−");
}

/**
 * Artist and title of a track of the library, or its file's name.
 *
 * @param {{artist?: string | null, title?: string | null, file: string}} track
 */
export function trackName({ artist, title, file }) {
  const name = title ?? file.split("/").at(-1) ?? file;
  return artist ? `${artist} – ${name}` : name;
}

// What is on the air: the title and how far it is, levels, orders, and how the station is, in sentences.

import { ask, order } from "./api.js";
import { el, fill, find } from "./dom.js";
import { say } from "./notes.js";
import { may } from "./session.js";
import { age, base, look, pipeline } from "./station.js";
import { clock, decibels } from "./text.js";

/** The meters begin at this loudness, in LUFS, and end at 0. */
const QUIETEST = -50;
/** What has no levels for so long shows none. */
const LEVELS_ARE_OLD = 1_500;

/** @type {EventSource | null} */
let levels = null;
let measured = "";
let levelsAt = 0;

/** Sets up the panel. */
export function begin() {
  find("skip", HTMLButtonElement).onclick = () => order("skip the track", "POST", `${base()}/skip`);
  find("hold", HTMLButtonElement).onclick = () => (pipeline()?.held ? resume() : hold("now"));
  find("hold-after", HTMLButtonElement).onclick = () =>
    pipeline()?.hold === "after-current" ? resume() : hold("after-current");
  find("on-cover", HTMLImageElement).onerror = () => (find("on-cover", HTMLImageElement).hidden = true);
  find("title-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void setTitle();
  };
  find("title-clear", HTMLButtonElement).onclick = async () => {
    const path = `${base()}/metadata`;
    if ((await order("restore the title", "DELETE", path)) !== undefined)
      say("The track's own title is back.");
  };
  setInterval(showPosition, 250);
}

/** Shows what is known. */
export function show() {
  const state = pipeline();
  if (!state) return;
  const { current, live, next } = state;
  find("on-title", HTMLHeadingElement).textContent = live
    ? (live.title ?? live.path)
    : (current?.name ?? current?.title ?? "Nothing plays");
  find("on-artist", HTMLParagraphElement).textContent = live
    ? `Live at ${live.path}${live.source?.user ? `, ${live.source.user}` : ""}`
    : (current?.artist ?? "");
  find("on-reason", HTMLParagraphElement).textContent = (live ? "" : current?.reason) ?? "";
  find("on-next", HTMLParagraphElement).textContent = next ? `Next: ${next.title}` : "Nothing is up next.";
  const count = state.listeners;
  find("on-listeners", HTMLParagraphElement).textContent = count === 1 ? "1 listener" : `${count} listeners`;
  showCover(live ? null : state.art);
  showHold(state.hold);
  for (const id of ["skip", "hold", "hold-after", "title-set", "title-clear", "title-text"]) {
    find(id, HTMLElement).toggleAttribute("disabled", !may("play", state.name));
  }
  showPosition();
  follow();
  void showHealth();
}

/** @param {"now" | "after-current"} when */
const hold = (when) => order("hold it", "POST", `${base()}/hold`, { when }).then(look);

/** What begins anew needs no fade. */
const resume = () =>
  order("resume", "POST", `${base()}/resume`, pipeline()?.current ? undefined : { fade: 0 }).then(look);

/** What is said of each state of a hold. */
const HOLDS = {
  released: "",
  "after-current": "The programme will be held after this track.",
  fading: "The programme fades out.",
  held: "The programme is held.",
};

/** @param {keyof typeof HOLDS} state */
function showHold(state) {
  const isHeld = state === "held" || state === "fading";
  const now = find("hold", HTMLButtonElement);
  now.textContent = isHeld ? "Resume" : "Hold";
  now.setAttribute("aria-pressed", String(isHeld));
  const after = find("hold-after", HTMLButtonElement);
  after.setAttribute("aria-pressed", String(state === "after-current"));
  // Who has pressed it by the keyboard goes on from here.
  if (isHeld && document.activeElement === after) now.focus();
  after.hidden = isHeld;
  find("on-held", HTMLParagraphElement).textContent = HOLDS[state];
}

/** @param {string | null} art */
function showCover(art) {
  const cover = find("on-cover", HTMLImageElement);
  if (art === null) cover.hidden = true;
  else if (cover.getAttribute("src") !== art) {
    cover.src = art;
    cover.hidden = false;
  } else if (cover.naturalWidth > 0) cover.hidden = false;
}

function showPosition() {
  const current = pipeline()?.current;
  const bar = find("on-position", HTMLProgressElement);
  const isStill = pipeline()?.held || pipeline()?.live;
  const played = current ? current.played + (isStill ? 0 : age()) : 0;
  const duration = current?.duration ?? null;
  bar.max = duration ?? 1;
  bar.value = duration === null ? 0 : Math.min(played, duration);
  const left = duration === null ? "" : `−${clock(duration - played)}`;
  find("on-time", HTMLParagraphElement).textContent = current ? `${clock(played)}  ${left}` : "";
  if (performance.now() - levelsAt > LEVELS_ARE_OLD) showLevels(null);
}

async function setTitle() {
  const field = find("title-text", HTMLInputElement);
  const title = field.value.trim();
  if (title === "") return field.focus();
  const done = await order("set the title", "PUT", `${base()}/metadata`, { title });
  if (done === undefined) return;
  field.value = "";
  say(`Players show “${title}” until the next track.`);
}

/** Follows the levels of the shown pipeline. */
function follow() {
  const path = `${base()}/levels`;
  if (measured === path && levels?.readyState !== EventSource.CLOSED) return;
  levels?.close();
  measured = path;
  levels = new EventSource(path);
  levels.addEventListener("levels", (event) => {
    levelsAt = performance.now();
    showLevels(JSON.parse(event.data));
  });
}

/**
 * @typedef {{peak_db: [number, number], momentary_lufs: number, short_term_lufs: number}} Levels
 * @param {Levels | null} now
 */
function showLevels(now) {
  meter("momentary", now?.momentary_lufs, "LUFS");
  meter("short-term", now?.short_term_lufs, "LUFS");
  meter("peak-left", now?.peak_db[0], "dB");
  meter("peak-right", now?.peak_db[1], "dB");
}

/**
 * @param {string} id
 * @param {number | undefined} level
 * @param {string} unit
 */
function meter(id, level, unit) {
  const part = level === undefined ? 0 : Math.min(1, Math.max(0, 1 - level / QUIETEST));
  find(id, HTMLElement).style.setProperty("--level", String(part));
  find(`${id}-text`, HTMLElement).textContent = level === undefined ? "–" : `${decibels(level)} ${unit}`;
}

/** @typedef {{pipeline: string | null, problem: string}} Finding */

async function showHealth() {
  /** @type {{problems: Finding[], warnings: Finding[]} | undefined} */
  const health = await ask("GET", "/api/v1/health").catch(() => undefined);
  if (!health) return;
  const { problems, warnings } = health;
  const badge = find("health-badge", HTMLAnchorElement);
  const count = problems.length + warnings.length;
  badge.textContent =
    problems.length > 0 ? "Trouble" : count > 0 ? `Well, ${count} to look at` : "All is well";
  badge.className = problems.length > 0 ? "badge bad" : count > 0 ? "badge fair" : "badge good";
  const sentences = [
    ...problems.map((finding) => ({ ...finding, kind: "bad" })),
    ...warnings.map((finding) => ({ ...finding, kind: "fair" })),
  ];
  const list = find("health", HTMLUListElement);
  fill(
    list,
    sentences.length > 0 ? sentences : [{ pipeline: null, problem: "All is well.", kind: "good" }],
    ({ pipeline: of, problem, kind }) => `${kind} ${of} ${problem}`,
    ({ pipeline: of, problem, kind }) =>
      el("li", { class: kind }, of === null ? problem : `${of}: ${problem}`),
  );
}

/**
 * The button of announcements: the first tap chooses, the second one announces.
 */
export function beginAnnouncements() {
  const form = find("announce-form", HTMLFormElement);
  const file = find("announce-file", HTMLInputElement);
  const press = find("announce", HTMLButtonElement);
  let isArmed = false;
  const arm = (/** @type {boolean} */ armed) => {
    isArmed = armed;
    press.textContent = armed ? "Tap again to announce" : "Announce";
    press.classList.toggle("armed", armed);
  };
  press.onblur = () => arm(false);
  file.value = localStorage.getItem("announcement") ?? "";
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (file.value.trim() === "") return file.focus();
    if (!isArmed) return arm(true);
    arm(false);
    const name = file.value.trim();
    const path = `${base()}/announce`;
    if ((await order("announce it", "POST", path, { file: name })) === undefined) return;
    localStorage.setItem("announcement", name);
    say(`“${name}” is announced.`);
  };
  find("announce-stop", HTMLButtonElement).onclick = () =>
    order("stop the announcements", "DELETE", `${base()}/announcements`);
}

// What the station is doing, kept up to date by its events. Views ask it, and are told when to look again.

import { ask, inOrder } from "./api.js";
import { find, settled } from "./dom.js";
import { Problem, send } from "./http.js";
import { logIn } from "./session.js";

/**
 * @typedef {{id: number, file: string, title: string, artist: string | null, name: string | null,
 *   reason?: string | null, played: number, duration: number | null}} CurrentTrack
 * @typedef {{id: number, file: string, title: string, reason?: string | null}} ComingTrack
 * @typedef {{path: string, title: string | null, source: {user: string | null} | null}} LiveAir
 * @typedef {{name: string, running: boolean, held: boolean,
 *   hold: "released" | "after-current" | "fading" | "held", live: LiveAir | null, forced: string | null,
 *   listeners: number, mounts: string[], current: CurrentTrack | null, art: string | null,
 *   next: ComingTrack | null, queued: number, max_queue: number, playlist: {name: string, length: number} |
 *   null}} Pipeline
 */

/**
 * What the station has of what a station can do without: its library, the inbox for shows, and the statistics
 * that it keeps.
 *
 * @typedef {{library: boolean, inbox: boolean, history: boolean, configuration: boolean}} Parts
 */

/**
 * Nothing tells of what an application changes by itself, so everything is looked at again after this time.
 */
const LOOKS_AGAIN = 10_000;
/** Events that come together lead to one look. */
const TOGETHER = 120;
/** Listeners come in crowds. */
const LISTENERS_TOGETHER = 2_000;
/** When the connection is tried again. */
const TRIES_AGAIN = 2_000;

/** @type {Map<string, Pipeline>} */
const pipelines = new Map();
/** @type {(() => void)[]} */
const followers = [];
/** @type {(() => void)[]} */
const readers = [];
/** @type {Parts} */
let parts = { library: false, inbox: false, history: false, configuration: false };
let chosen = "";
/** When the chosen pipeline was looked at, by the clock of `performance`. */
let lookedAt = 0;
/** @type {EventSource | null} */
let events = null;

/** The pipeline that is shown. */
export const pipeline = () => pipelines.get(chosen);
/** The names of all pipelines. */
export const names = () => [...pipelines.keys()];
/** The path of the shown pipeline in the API. */
export const base = () => `/api/v1/pipelines/${encodeURIComponent(chosen)}`;
/**
 * Whether the station has a part. What it does not have is not asked for.
 *
 * @param {keyof Parts} part
 */
export const hasPart = (part) => parts[part];
/** How old the state of the shown pipeline is, in seconds. */
export const age = () => (performance.now() - lookedAt) / 1000;

/**
 * Calls this when anything may have changed.
 *
 * @param {() => void} follower
 */
export function onChange(follower) {
  followers.push(follower);
}

/**
 * Calls this when somebody may have changed the library.
 *
 * @param {() => void} reader
 */
export function onLibraryChange(reader) {
  readers.push(reader);
}

/**
 * Shows another pipeline.
 *
 * @param {string} name
 */
export function choose(name) {
  if (name === chosen || !pipelines.has(name)) return;
  chosen = name;
  void look();
}

/** Follows the station's events, for as long as the page is open. */
export function follow() {
  connect();
  setInterval(() => void look(), LOOKS_AGAIN);
  // A phone that was asleep knows nothing of what happened meanwhile.
  document.addEventListener("visibilitychange", () => document.hidden || void look());
}

const turn = inOrder();

/** Looks at the shown pipeline, and has the views look. */
export async function look() {
  if (chosen === "") return;
  const isNewest = turn();
  try {
    const state = await send("GET", base());
    if (!isNewest()) return;
    keep(state);
    tell();
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) await again();
    else if (problem instanceof Problem && problem.status === 0) away(true);
  }
}

const soon = settled(TOGETHER, () => void look());
const librarySoon = settled(TOGETHER, () => readers.forEach((reader) => reader()));
const later = settled(LISTENERS_TOGETHER, () => void look());

function connect() {
  events?.close();
  events = new EventSource("/api/v1/events");
  events.onopen = () => away(false);
  events.onerror = () => {
    away(true);
    // The browser tries again by itself after a broken line, and not after a refusal.
    if (events?.readyState === EventSource.CLOSED) setTimeout(() => void again(), TRIES_AGAIN);
  };
  events.addEventListener("snapshot", (event) => {
    pipelines.clear();
    for (const state of JSON.parse(event.data).pipelines) keep(state);
    if (!pipelines.has(chosen)) chosen = names()[0] ?? "";
    tell();
    librarySoon();
    // Who has no answer is away, and gets another snapshot.
    void learn()
      .then((isOther) => {
        if (!isOther) return;
        tell();
        librarySoon();
      })
      .catch(() => {});
  });
  events.addEventListener("changed", (event) => {
    if (JSON.parse(event.data).path.startsWith("/api/v1/library/")) librarySoon();
  });
  for (const kind of KINDS) events.addEventListener(kind, soon);
  for (const kind of ["listener-joined", "listener-left"]) events.addEventListener(kind, later);
}

/** What makes the console look again. */
const KINDS = [
  "changed",
  "track-change",
  "track-failed",
  "playlist-change",
  "slot-dropped",
  "schedule-change",
  "nothing-to-play",
  "hold-change",
  "pipeline-start",
  "pipeline-stop",
  "voice-began",
  "voice-ended",
  "ramp-done",
  "live-began",
  "live-title",
  "live-ended",
  "source-connected",
  "source-left",
  "source-refused",
  "announcement-began",
  "announcement-ended",
  "dead-air-begins",
  "dead-air-ends",
  "encoder-failed",
  "encoder-recovered",
  "mixer-behind",
  "mixer-recovered",
  "recording-began",
  "recording-ended",
  "recording-failed",
  "missed",
];

/** Connects again, after a login if that is what is missing. */
async function again() {
  try {
    await send("GET", "/api/v1/session");
  } catch (problem) {
    const isOut = problem instanceof Problem && problem.status === 401;
    if (!isOut) return void setTimeout(() => void again(), TRIES_AGAIN);
    await logIn("Your session has ended. Log in again to go on: nothing is lost.");
  }
  connect();
  void look();
}

/** Learns what the station has, and whether that is something else than before, as after a restart. */
async function learn() {
  const before = JSON.stringify(parts);
  ({ parts } = await send("GET", "/api/v1/server"));
  return JSON.stringify(parts) !== before;
}

/** @param {Pipeline} state */
function keep(state) {
  pipelines.set(state.name, state);
  if (state.name === chosen || chosen === "") lookedAt = performance.now();
}

function tell() {
  for (const follower of followers) follower();
}

/** @param {boolean} isAway */
function away(isAway) {
  find("connection", HTMLParagraphElement).textContent = isAway
    ? "The connection to the station is lost. Trying again… What you see may be old."
    : "";
  document.body.classList.toggle("away", isAway);
}

/**
 * The state of all pipelines, for a first look.
 *
 * @returns {Promise<void>}
 */
export async function begin() {
  const [states] = await Promise.all([ask("GET", "/api/v1/pipelines"), learn()]);
  for (const state of states) keep(state);
  chosen ||= names()[0] ?? "";
  tell();
}

// The tracks of an ordered playlist, put in order by dragging, by keys and by buttons, and added from a
// search.

import { ask, inOrder } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { beginFinder } from "./library.js";
import { complain, say } from "./notes.js";
import { change, pathOf } from "./playlist.js";
import { TRACK, takeDrops, takeKeys } from "./rows.js";
import { may } from "./session.js";
import { onLibraryChange } from "./station.js";
import { clock, trackName } from "./text.js";

/**
 * @typedef {import("./library.js").Track} Track
 * @typedef {import("./playlist.js").Playlist} Playlist
 */

/** How many tracks are shown at first, and how many more each time. */
const PAGE = 200;
/** The kind of what is dragged within the playlist: the index of a row. */
const ROW = "application/x-longwave-row";
/** How many tracks are known by their names. */
const KEPT = 2_000;

/** The playlist that is shown, if it is an ordered one. @type {Playlist | undefined} */
let playlist;
/** How many of its tracks are shown. */
let most = PAGE;
/** @type {Map<number, Track>} */
const tracks = new Map();
/** What is done one after the other, so that each change finds the one before it done. */
let doing = Promise.resolve();
let reread = async () => {};
let search = () => {};

/**
 * Sets up the panel.
 *
 * @param {() => Promise<void>} again asks the library for the playlists
 */
export function begin(again) {
  reread = again;
  const list = find("ordered", HTMLOListElement);
  takeDrops(list, {
    [TRACK]: (id, place) => insert(Number(id), place),
    [ROW]: (from, place) => moveTo(Number(from), place),
  });
  find("ordered-more", HTMLButtonElement).onclick = () => {
    most += PAGE;
    void showTracks();
  };
  search = beginFinder({
    words: find("adding", HTMLInputElement),
    form: find("adding-form", HTMLFormElement),
    note: find("adding-note", HTMLParagraphElement),
    list: find("adding-found", HTMLOListElement),
    allowed: () => may("change"),
    buttons: (track) => [
      button("Add", () => insert(track.id, Infinity), { "aria-label": `Add “${trackName(track)}”` }),
    ],
  });
  onLibraryChange(() => {
    if (!find("ordered-panel", HTMLDivElement).hidden) search();
  });
}

/** Forgets the names of tracks: somebody may have edited them. */
export const forget = () => tracks.clear();

/**
 * Shows the tracks of a playlist, if it is an ordered one.
 *
 * @param {Playlist} now
 */
export function show(now) {
  const panel = find("ordered-panel", HTMLDivElement);
  const wasHidden = panel.hidden;
  panel.hidden = now.ordered === undefined;
  if (now.name !== playlist?.name) most = PAGE;
  playlist = panel.hidden ? undefined : now;
  if (panel.hidden) return;
  if (wasHidden) search();
  void showTracks();
}

const turn = inOrder();

async function showTracks() {
  if (!playlist?.ordered) return;
  const isNewest = turn();
  const { name, ordered } = playlist;
  const ids = ordered.slice(0, most);
  if (ids.some((id) => !tracks.has(id))) await learn(name, ids);
  if (!isNewest()) return;
  const mayChange = may("change");
  /** @type {Map<number, number>} */
  const seen = new Map();
  const rows = ids.map((id) => {
    // A track may be in it more than once.
    const time = (seen.get(id) ?? 0) + 1;
    seen.set(id, time);
    return { id, key: `${name} ${id} ${time} ${nameOf(id)}` };
  });
  fill(
    find("ordered", HTMLOListElement),
    rows,
    ({ key }) => key,
    ({ id }) => row(id),
    (element, _, index) => {
      element.draggable = mayChange;
      element.setAttribute("aria-posinset", String(index + 1));
      for (const press of element.querySelectorAll("button")) press.disabled = !mayChange;
    },
  );
  find("ordered-empty", HTMLParagraphElement).hidden = ordered.length > 0;
  find("ordered-more", HTMLButtonElement).hidden = ordered.length <= most;
}

/**
 * Learns the names of tracks: of all that can be played now at once, of others one by one.
 *
 * @param {string} name
 * @param {number[]} ids
 */
async function learn(name, ids) {
  if (tracks.size > KEPT) tracks.clear();
  const answer = await ask("GET", `${pathOf(name)}/tracks?limit=${Math.min(1_000, most)}`).catch(
    () => undefined,
  );
  for (const track of answer?.tracks ?? []) tracks.set(track.id, track);
  const others = [...new Set(ids)].filter((id) => !tracks.has(id));
  for (const id of others) {
    const track = await ask("GET", `/api/v1/library/tracks/${id}`).catch(() => undefined);
    if (track) tracks.set(id, track);
  }
}

/** @param {number} id */
function nameOf(id) {
  const track = tracks.get(id);
  return track ? trackName(track) : `Track ${id}`;
}

/** @param {number} id */
function row(id) {
  const name = nameOf(id);
  const track = tracks.get(id);
  const why = track?.problem ?? (track?.missing ? "Its file is gone." : null);
  const element = el("li", { title: track?.file ?? "" });
  const place = () => [...(element.parentElement?.children ?? [])].indexOf(element);
  const step = (/** @type {number} */ by) => move(id, place, (from) => from + by);
  const takeOut = () => remove(id, place);
  element.ondragstart = (event) => event.dataTransfer?.setData(ROW, String(place()));
  takeKeys(element, { step, remove: takeOut });
  element.append(
    el(
      "span",
      { class: "name" },
      el("bdi", {}, name),
      why === null ? null : el("span", { class: "small" }, why),
    ),
    el("span", { class: "small" }, clock(track?.duration)),
    button("↑", () => step(-1), { "aria-label": `Move “${name}” up` }),
    button("↓", () => step(1), { "aria-label": `Move “${name}” down` }),
    button("×", takeOut, { "aria-label": `Take “${name}” out` }),
  );
  return element;
}

/**
 * @param {number} id
 * @param {number} place beyond the end: at the end
 */
function insert(id, place) {
  const text = `“${nameOf(id)}” is in the playlist.`;
  return apply(text, (ids) => {
    const at = Math.min(place, ids.length);
    return { ids: ids.toSpliced(at, 0, id), back: (now) => without(now, id, at) };
  });
}

/**
 * @param {number} id
 * @param {() => number} place
 */
async function remove(id, place) {
  let at = 0;
  await apply(`“${nameOf(id)}” is out of the playlist.`, (ids) => {
    at = nearest(ids, id, place());
    if (at < 0) return null;
    return { ids: ids.toSpliced(at, 1), back: (now) => now.toSpliced(at, 0, id) };
  });
  const rows = find("ordered", HTMLOListElement).children;
  const beside = rows[Math.min(at, rows.length - 1)];
  // Somebody may have gone on meanwhile.
  if (beside instanceof HTMLElement && document.activeElement === document.body) beside.focus();
}

/**
 * @param {number} id
 * @param {() => number} place
 * @param {(from: number) => number} whereTo
 */
function move(id, place, whereTo) {
  return apply("Moved.", (ids) => {
    const from = nearest(ids, id, place());
    const to = whereTo(from);
    if (from < 0 || to < 0 || to >= ids.length || to === from) return null;
    const back = (/** @type {number[]} */ now) => {
      const at = nearest(now, id, to);
      return at < 0 ? null : now.toSpliced(at, 1).toSpliced(from, 0, id);
    };
    return { ids: ids.toSpliced(from, 1).toSpliced(to, 0, id), back };
  });
}

/**
 * Moves a row before the row at `place`.
 *
 * @param {number} from
 * @param {number} place
 */
function moveTo(from, place) {
  const id = playlist?.ordered?.[from];
  if (id === undefined) return;
  // Those behind it move up when it is taken out of its place.
  return move(
    id,
    () => from,
    (now) => (place > now ? place - 1 : place),
  );
}

/**
 * The index of a track that was at `place` when it was shown. Others may have moved it.
 *
 * @param {number[]} ids
 * @param {number} id
 * @param {number} place
 */
const nearest = (ids, id, place) => (ids[place] === id ? place : ids.indexOf(id));

/**
 * @param {number[]} ids
 * @param {number} id
 * @param {number} place
 */
function without(ids, id, place) {
  const at = nearest(ids, id, place);
  return at < 0 ? null : ids.toSpliced(at, 1);
}

/**
 * Changes the tracks of the shown playlist, after what is still being done, and says so with a way back.
 *
 * @param {string} text
 * @param {(ids: number[]) => {ids: number[], back: (now: number[]) => number[] | null} | null} edit
 *   null: there is nothing to be done
 */
function apply(text, edit) {
  const name = playlist?.name;
  if (name === undefined) return doing;
  /** @type {(now: number[]) => number[] | null} */
  let back = () => null;
  const write = async () => {
    const isDone = await set(name, (ids) => {
      const edited = edit(ids);
      if (edited) back = edited.back;
      return edited?.ids ?? null;
    });
    if (isDone) say(text, undo);
  };
  const undo = () => after(async () => void (await set(name, back)));
  return after(write);
}

/**
 * @param {string} name
 * @param {(ids: number[]) => number[] | null} edit
 */
const set = (name, edit) =>
  change(name, (now) => {
    const ordered = edit(now.ordered ?? []);
    return ordered && { ...now, ordered };
  });

/**
 * Does this after what is still being done, and then asks the library again.
 *
 * @param {() => Promise<void>} work
 */
function after(work) {
  doing = doing
    .then(work)
    .then(reread)
    .catch((/** @type {Error} */ problem) =>
      complain(`The playlist could not be changed: ${problem.message}.`),
    );
  return doing;
}

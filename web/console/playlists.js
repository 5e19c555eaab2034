// The playlists of the library: made, renamed, removed, and played by the pipeline. What is in one of them
// is shown by `ordered.js` or `smart.js`.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { begin as beginImport, m3uOf } from "./m3u.js";
import { complain, say } from "./notes.js";
import { begin as beginOrdered, forget, show as showOrdered } from "./ordered.js";
import { ALL, change, pathOf, write } from "./playlist.js";
import { may } from "./session.js";
import { begin as beginSmart, show as showSmart } from "./smart.js";
import { base, hasPart, look, onLibraryChange, pipeline } from "./station.js";

/** @typedef {import("./playlist.js").Playlist} Playlist */

/** What stands before a playlist of the library where a pipeline plays it. */
const OF_LIBRARY = "library:";

/** @type {Playlist[]} */
let playlists = [];
/** The name of the playlist that is shown. */
let chosen = "";
/**
 * The name of a playlist that may be gone for what is being done here, before that is answered.
 *
 * @type {string | null}
 */
let leaving = null;
/** Whether the library may have changed since it was asked. */
let isStale = true;

const shown = () => playlists.find(({ name }) => name === chosen);

/** Sets up the view. */
export function begin() {
  onLibraryChange(() => {
    isStale = true;
    if (!find("playlists", HTMLDivElement).hidden) void refresh();
  });
  find("make-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void make();
  };
  find("rename-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void rename();
  };
  const kind = find("playlist-kind", HTMLSelectElement);
  kind.onchange = () => void setKind(kind.value);
  find("playlist-load", HTMLButtonElement).onclick = () => void load();
  find("playlist-remove", HTMLButtonElement).onclick = () => void remove();
  beginImport(importAs);
  beginOrdered(reread);
  beginSmart(reread);
}

/** Shows the playlists as they are now. */
export async function refresh() {
  if (isStale) await reread();
  else show();
}

const turn = inOrder();

/** Asks the library. */
async function reread() {
  const isNewest = turn();
  isStale = false;
  const note = find("playlists-note", HTMLParagraphElement);
  try {
    const answer = hasPart("library") ? await ask("GET", ALL) : [];
    if (!isNewest()) return;
    playlists = answer;
    forget();
    note.textContent = !hasPart("library")
      ? "This station has no library, which would have playlists: see [library] in its configuration."
      : playlists.length === 0
        ? "There are none yet. A playlist is played where it is named, or from here."
        : "";
  } catch (problem) {
    if (!isNewest()) return;
    isStale = true;
    playlists = [];
    note.textContent = `The library does not answer: ${/** @type {Error} */ (problem).message}.`;
  }
  show();
}

function show() {
  if (!shown() && chosen !== leaving) {
    if (chosen !== "") say(`The playlist “${chosen}” is not there any more: removed, or renamed.`);
    chosen = playlists[0]?.name ?? "";
  }
  const played = pipeline()?.playlist?.name;
  fill(
    find("playlist-list", HTMLUListElement),
    playlists,
    ({ name }) => name,
    ({ name }) =>
      el(
        "li",
        {},
        button(name, () => choose(name), { class: "name", dir: "auto" }),
        el("span", { class: "small about" }),
      ),
    (element, playlist) => {
      const isShown = playlist.name === chosen;
      element.querySelector("button")?.setAttribute("aria-current", String(isShown));
      const about = element.querySelector(".about");
      const isPlayed = played === OF_LIBRARY + playlist.name;
      if (about) about.textContent = `${describe(playlist)}${isPlayed ? ", plays" : ""}`;
    },
  );
  showChosen();
}

/** @param {Playlist} playlist */
function describe({ kind, ordered }) {
  const size =
    ordered === undefined ? "smart" : ordered.length === 1 ? "1 track" : `${ordered.length} tracks`;
  return kind === "music" ? size : `${kind}, ${size}`;
}

/** @param {string} name */
function choose(name) {
  chosen = name;
  show();
}

/**
 * Does something by which the playlist that is shown may go, and shows `next` after it.
 *
 * @param {() => Promise<unknown>} work undefined: it was refused
 * @param {string} next "": the first one
 */
async function andShow(work, next) {
  leaving = chosen;
  const isDone = (await work()) !== undefined;
  if (isDone) await reread();
  leaving = null;
  if (isDone) choose(next);
  return isDone;
}

function showChosen() {
  const playlist = shown();
  find("playlist", HTMLElement).hidden = playlist === undefined;
  if (!playlist) return;
  const { name, kind } = playlist;
  const heading = find("playlist-heading", HTMLHeadingElement);
  const field = find("rename", HTMLInputElement);
  // What somebody types at the moment stays.
  if (heading.textContent !== name) field.value = name;
  heading.textContent = name;
  find("playlist-export", HTMLAnchorElement).href = m3uOf(name);
  find("playlist-kind", HTMLSelectElement).value = kind;
  const mayChange = may("change");
  for (const control of find("playlist-head", HTMLElement).querySelectorAll("input, select, .change")) {
    control.toggleAttribute("disabled", !mayChange);
  }
  showOrdered(playlist);
  showSmart(playlist);
}

async function make() {
  const field = find("make-name", HTMLInputElement);
  const name = field.value.trim();
  if (name === "") return field.focus();
  if (playlists.some((playlist) => playlist.name === name)) {
    return complain(`There is a playlist “${name}” already.`);
  }
  const kind = find("make-kind", HTMLSelectElement).value;
  const isSmart = find("make-smart", HTMLSelectElement).value === "smart";
  const made = { name, kind, ...(isSmart ? { smart: {} } : { ordered: [] }) };
  if (!(await andShow(() => write("make the playlist", made), name))) return;
  field.value = "";
  say(`The playlist “${name}” is there.`, () =>
    andShow(() => order("remove it", "DELETE", pathOf(name)), ""),
  );
}

/**
 * Makes a playlist of a file, or replaces the one of its name.
 *
 * @param {string} name
 * @param {() => Promise<unknown>} put
 */
async function importAs(name, put) {
  const before = playlists.find((playlist) => playlist.name === name);
  const isThere = await andShow(async () => {
    try {
      return await put();
    } catch (problem) {
      return complain(`Could not import “${name}”: ${/** @type {Error} */ (problem).message}.`);
    }
  }, name);
  const undo = () =>
    before
      ? andShow(() => write("bring back what was there", before), name)
      : andShow(() => order("remove it", "DELETE", pathOf(name)), "");
  if (isThere)
    say(before ? `“${name}” is what the file says now.` : `The playlist “${name}” is there.`, undo);
  return isThere;
}

async function rename() {
  const before = chosen;
  const field = find("rename", HTMLInputElement);
  const name = field.value.trim();
  if (name === "" || name === before) return field.focus();
  const set = (/** @type {string} */ from, /** @type {string} */ to) =>
    andShow(() => order("rename the playlist", "PATCH", pathOf(from), { name: to }), to);
  if (await set(before, name)) say(`“${before}” is “${name}” now.`, () => set(name, before));
}

/** @param {string} kind */
async function setKind(kind) {
  const playlist = shown();
  if (!playlist || playlist.kind === kind) return;
  const { name } = playlist;
  const set = (/** @type {string} */ to) => change(name, (now) => ({ ...now, kind: to }));
  if (await set(kind)) say(`“${name}” is of the kind ${kind} now.`, () => set(playlist.kind));
  // A refusal leaves it as it was.
  await reread();
}

/** The pipeline plays it, after the current track. */
async function load() {
  const before = pipeline()?.playlist?.name ?? "";
  const path = `${base()}/playlist`;
  const play = (/** @type {string} */ file) =>
    order("play the playlist", "PUT", path, { files: [file], when: "after-current", loop: true });
  const name = chosen;
  if ((await play(OF_LIBRARY + name)) === undefined) return;
  // Of another playlist, the first of its files is known alone.
  const undo = before.startsWith(OF_LIBRARY) ? () => play(before) : undefined;
  say(`“${name}” plays after the current track.`, undo);
  await look();
}

async function remove() {
  const playlist = shown();
  if (!playlist) return;
  const { name } = playlist;
  if (!(await andShow(() => order("remove the playlist", "DELETE", pathOf(name)), ""))) return;
  say(`The playlist “${name}” is removed.`, () => andShow(() => write("bring it back", playlist), name));
}

// The query of a smart playlist: what is asked for, and what it finds as one types.

import { ask, inOrder } from "./api.js";
import { el, fill, find, settled } from "./dom.js";
import { read, write } from "./fields.js";
import { say } from "./notes.js";
import { change } from "./playlist.js";
import { may } from "./session.js";
import { clock, trackName } from "./text.js";

/**
 * @typedef {import("./playlist.js").Playlist} Playlist
 * @typedef {import("./playlist.js").Query} Query
 */

/** The query is asked when nothing was typed for so long. */
const TYPED = 250;
/** How many of the tracks are shown that it finds. */
const SHOWN = 50;

/** The playlist that is shown, if it is a smart one. @type {Playlist | undefined} */
let playlist;
/** The query by which the form was filled last, and what the form had then: who has typed differs from it. */
let source = "";
let filled = "";
let reread = async () => {};

const form = () => find("smart-form", HTMLFormElement);

/**
 * Sets up the panel.
 *
 * @param {() => Promise<void>} again asks the library for the playlists
 */
export function begin(again) {
  reread = again;
  form().oninput = settled(TYPED, () => void preview());
  form().onsubmit = (event) => {
    event.preventDefault();
    void save();
  };
}

/**
 * Shows a playlist, if it is a smart one. What somebody has typed and not saved stays.
 *
 * @param {Playlist} now
 */
export function show(now) {
  const panel = find("smart-panel", HTMLDivElement);
  panel.hidden = now.smart === undefined;
  const isOther = now.name !== playlist?.name;
  playlist = panel.hidden ? undefined : now;
  if (!now.smart) return;
  const wanted = JSON.stringify(now.smart);
  const isTyped = JSON.stringify(read(form())) !== filled;
  if (isOther || (!isTyped && wanted !== source)) {
    source = wanted;
    fillForm(now.smart);
    void preview();
  }
  for (const control of form().elements) control.toggleAttribute("disabled", !may("change"));
}

/** Fills the form. @param {Query} query */
function fillForm(query) {
  write(form(), query);
  filled = JSON.stringify(read(form()));
}

const turn = inOrder();

/** Shows what the query finds now. */
async function preview() {
  const isNewest = turn();
  const note = find("smart-note", HTMLParagraphElement);
  const list = find("smart-found", HTMLOListElement);
  try {
    const query = encodeURIComponent(JSON.stringify(read(form())));
    const path = `/api/v1/library/tracks?smart=${query}&limit=${SHOWN}`;
    const { tracks, total, more } = await ask("GET", path);
    if (!isNewest()) return;
    note.textContent = `It has ${total}${more ? " or more" : ""} ${total === 1 ? "track" : "tracks"} now.`;
    fill(
      list,
      /** @type {import("./library.js").Track[]} */ (tracks),
      (track) => `${track.id} ${trackName(track)}`,
      (track) =>
        el(
          "li",
          { title: track.file },
          el("span", { class: "name", dir: "auto" }, trackName(track)),
          el("span", { class: "small" }, clock(track.duration)),
        ),
    );
  } catch (problem) {
    if (!isNewest()) return;
    note.textContent = `This cannot be asked: ${/** @type {Error} */ (problem).message}.`;
    list.replaceChildren();
  }
}

async function save() {
  if (!playlist) return;
  const { name, smart: before } = playlist;
  const asked = read(form());
  const set = (/** @type {Query} */ smart) => change(name, (now) => ({ ...now, smart }));
  if (!(await set(asked))) return;
  filled = JSON.stringify(asked);
  say(`“${name}” asks for something else now.`, async () => {
    await set(before ?? {});
    await reread();
  });
  await reread();
}

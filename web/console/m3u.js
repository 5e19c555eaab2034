// Playlists of the library from M3U files, and as M3U files.

import { ask } from "./api.js";
import { el, find } from "./dom.js";

/** What M3U files are called by their contents. */
const TYPE = "audio/x-mpegurl";

/**
 * @typedef {{tracks: number, left_out: string[], more_left_out: number}} Imported
 */

/**
 * The address of a playlist as an M3U.
 *
 * @param {string} name
 */
export const m3uOf = (name) => `/api/v1/library/m3u/${encodeURIComponent(name)}`;

/**
 * Sets up the field for files.
 *
 * @param {(name: string, put: () => Promise<unknown>) => Promise<boolean>} make makes a playlist by `put`,
 *   and says whether it is there
 */
export function begin(make) {
  const files = find("import-file", HTMLInputElement);
  find("import-form", HTMLFormElement).onsubmit = (event) => event.preventDefault();
  files.onchange = async () => {
    const file = files.files?.[0];
    if (!file) return;
    showLeftOut("", []);
    // Some systems take a name apart into letters and accents.
    const name = file.name
      .replace(/\.[^.]*$/, "")
      .normalize("NFC")
      .trim();
    /** @type {Imported | undefined} */
    let imported;
    const put = async () => (imported = await ask("PUT", m3uOf(name), new Blob([file], { type: TYPE })));
    if ((await make(name, put)) && imported) tell(name, imported);
    // So that the same file can be chosen again.
    files.value = "";
  };
}

/**
 * Says what is not in the playlist, until the next one comes.
 *
 * @param {string} name
 * @param {Imported} imported
 */
function tell(name, { tracks, left_out, more_left_out }) {
  const count = left_out.length + more_left_out;
  if (count === 0) return;
  const more = more_left_out > 0 ? [`and ${more_left_out} more`] : [];
  showLeftOut(`“${name}” has ${tracks} of ${tracks + count}. Left out:`, [...left_out, ...more]);
}

/**
 * @param {string} text
 * @param {string[]} items
 */
function showLeftOut(text, items) {
  find("import-note", HTMLParagraphElement).textContent = text;
  const list = find("import-left-out", HTMLUListElement);
  list.hidden = items.length === 0;
  list.replaceChildren(...items.map((item) => el("li", { dir: "auto" }, item)));
}

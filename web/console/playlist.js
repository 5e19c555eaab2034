// One playlist of the library: where it is in the API, and how it is changed.

import { order } from "./api.js";

/**
 * @typedef {Record<string, import("./fields.js").Value>} Query
 * @typedef {{name: string, kind: string, ordered?: number[], smart?: Query}} Playlist
 */

/** The path of all playlists in the API. */
export const ALL = "/api/v1/library/playlists";

/**
 * The path of a playlist in the API.
 *
 * @param {string} name
 */
export const pathOf = (name) => `${ALL}/${encodeURIComponent(name)}`;

/**
 * Makes a playlist, or replaces the one of its name, whole: its kind, and its order or its query.
 *
 * @param {string} what is done by it: "make the playlist"
 * @param {Playlist} playlist
 */
export const write = (what, { name, kind, ordered, smart }) =>
  order(what, "PUT", pathOf(name), { kind, ordered, smart });

/**
 * Changes a playlist as it is at this moment: others may have changed it since it was shown. Says whether
 * it is done.
 *
 * @param {string} name
 * @param {(now: Playlist) => Playlist | null} edit null: there is nothing to change any more
 */
export async function change(name, edit) {
  const now = await order("change the playlist", "GET", pathOf(name));
  const edited = now && edit(now);
  return edited ? (await write("change the playlist", { ...edited, name })) !== undefined : false;
}

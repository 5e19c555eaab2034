// One playlist of the library: where it is in the API, and how it is changed.

import { order } from "./api.js";

/**
 * @typedef {Record<string, string | number | boolean | string[]>} Query
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
 * Changes a playlist as it is at this moment: others may have changed it since it was shown. Says whether
 * it is done.
 *
 * @param {string} name
 * @param {(now: Playlist) => Playlist | null} edit null: there is nothing to change any more
 */
export async function change(name, edit) {
  const now = await order("change the playlist", "GET", pathOf(name));
  const edited = now && edit(now);
  if (!edited) return false;
  const { kind, ordered, smart } = edited;
  const body = smart === undefined ? { kind, ordered } : { kind, smart };
  return (await order("change the playlist", "PUT", pathOf(name), body)) !== undefined;
}

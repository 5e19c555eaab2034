// The station as a whole: who sends, who is logged in, and who changed what.

import { ask, inOrder, order } from "./api.js";
import { refresh as refreshConfiguration } from "./configuration.js";
import { button, el, fill, find } from "./dom.js";
import { complain } from "./notes.js";
import { may } from "./session.js";
import { size, timeOfDay } from "./text.js";

/** How many changes are shown. */
const SHOWN = 100;

/**
 * @typedef {{id: number, path: string, user: string, program: string, content_type: string,
 *   received_bytes: number, since: string}} Source
 * @typedef {{id: number, name: string, role: string, address: string, agent: string, used: string,
 *   own: boolean}} Session
 * @typedef {{at: string, user: string, method: string, path: string}} Change
 */

const turn = inOrder();

/** Shows the station as it is now. */
export async function refresh() {
  const isNewest = turn();
  const isAdmin = may("change");
  void refreshConfiguration();
  try {
    const [sources, changes, sessions] = await Promise.all([
      ask("GET", "/api/v1/sources"),
      ask("GET", "/api/v1/changes"),
      isAdmin ? ask("GET", "/api/v1/sessions") : [],
    ]);
    if (!isNewest()) return;
    find("sources-empty", HTMLParagraphElement).hidden = sources.length > 0;
    fill(find("sources", HTMLOListElement), sources, ({ id }) => id, sourceRow);
    fill(find("sessions", HTMLOListElement), sessions, ({ id }) => id, sessionRow);
    const shown = changes.slice(0, SHOWN);
    find("changes-empty", HTMLParagraphElement).hidden = shown.length > 0;
    fill(
      find("changes", HTMLOListElement),
      shown,
      (/** @type {Change} */ change) => Object.values(change).join(" "),
      changeRow,
    );
  } catch (problem) {
    if (isNewest())
      complain(`The station does not say how it is: ${/** @type {Error} */ (problem).message}.`);
  }
}

/** @param {Source} source */
function sourceRow({ id, path, user, program, content_type, received_bytes, since }) {
  const about = `${program}, ${content_type}, ${size(received_bytes)} since ${timeOfDay(since)}`;
  const kick = button("Kick", () => order("disconnect it", "DELETE", `/api/v1/sources/${id}`), {
    "aria-label": `Disconnect ${user} at ${path}`,
    disabled: !may("change"),
  });
  return el("li", {}, name(`${user} at ${path}`, about), kick);
}

/** @param {Session} session */
function sessionRow({ id, name: user, role, address, agent, used, own }) {
  const about = `${role}, ${address}, last request ${timeOfDay(used)}, ${agent}`;
  const end = () => order("end the session", "DELETE", `/api/v1/sessions/${id}`).then(refresh);
  const press = own ? null : button("End", end, { "aria-label": `End the session of ${user}` });
  return el("li", {}, name(own ? `${user} (this browser)` : user, about), press);
}

/** @param {Change} change */
function changeRow({ at, user, method, path }) {
  return el(
    "li",
    {},
    el("time", { datetime: at }, timeOfDay(at)),
    name(`${user}: ${sentence(method, path)}`, ""),
  );
}

/**
 * What the usual requests do.
 *
 * @type {[string, RegExp, string][]}
 */
const DEEDS = [
  ["POST", /^session$/, "logged in"],
  ["DELETE", /^session$/, "logged out"],
  ["DELETE", /^sessions\/\d+$/, "ended a session"],
  ["PUT", /^users\//, "added a user"],
  ["PATCH", /^users\//, "changed a user"],
  ["DELETE", /^users\//, "removed a user"],
  ["POST", /^reload$/, "applied the configuration"],
  ["DELETE", /^listeners\/\d+$/, "disconnected a listener"],
  ["DELETE", /^sources\/\d+$/, "disconnected a source"],
  ["POST", /^denied$/, "denied an address"],
  ["DELETE", /^denied\/\d+$/, "allowed an address again"],
  ["POST", /\/skip$/, "skipped a track"],
  ["POST", /\/hold$/, "held the programme"],
  ["POST", /^pipelines\/[^/]+\/resume$/, "resumed the programme"],
  ["POST", /\/queue$/, "queued"],
  ["DELETE", /\/queue$/, "emptied the queue"],
  ["DELETE", /\/queue\/\d+$/, "took an entry out of the queue"],
  ["PUT", /\/index$/, "moved an entry of the queue"],
  ["PUT", /\/metadata$/, "set the title"],
  ["DELETE", /\/metadata$/, "restored the title"],
  ["POST", /\/announce$/, "announced"],
  ["PUT", /\/playlist$/, "loaded a playlist"],
  ["PATCH", /^library\/tracks\/\d+$/, "edited a track"],
  ["PUT", /^library\/playlists\//, "changed a playlist of the library"],
  ["PATCH", /^library\/playlists\//, "renamed a playlist of the library"],
  ["DELETE", /^library\/playlists\//, "removed a playlist of the library"],
  ["POST", /\/voices$/, "loaded a deck"],
  ["PUT", /\/volume$/, "moved a fader"],
];

/**
 * What a request did, in words if it is a usual one.
 *
 * @param {string} method
 * @param {string} path
 */
function sentence(method, path) {
  const what = path.replace("/api/v1/", "");
  const deed = DEEDS.find(([of, pattern]) => of === method && pattern.test(what));
  return deed ? deed[2] : `${method} ${what}`;
}

/**
 * @param {string} text
 * @param {string} about
 */
function name(text, about) {
  return el(
    "span",
    { class: "name" },
    el("bdi", {}, text),
    about === "" ? null : el("span", { class: "small" }, about),
  );
}

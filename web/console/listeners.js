// Who listens.

import { ask, inOrder, order } from "./api.js";
import { denyButton, refresh as refreshDenied } from "./denied.js";
import { button, el, fill, find } from "./dom.js";
import { may } from "./session.js";
import { clock, size } from "./text.js";

/**
 * @typedef {{id: number, mount: string, address: string | null, agent: string, duration: number,
 *   bytes: number, is_behind: boolean}} Listener
 */

/** The most rows that a browser shows at ease. */
const SHOWN = 500;

const turn = inOrder();

/** Shows the listeners as they are now. */
export async function refresh() {
  const isNewest = turn();
  void refreshDenied();
  const note = find("listeners-note", HTMLParagraphElement);
  /** @type {Listener[]} */
  let listeners;
  try {
    listeners = await ask("GET", "/api/v1/listeners");
  } catch (problem) {
    if (!isNewest()) return;
    note.textContent = `The listeners cannot be shown: ${/** @type {Error} */ (problem).message}.`;
    return;
  }
  if (!isNewest()) return;
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { mount } of listeners) counts.set(mount, (counts.get(mount) ?? 0) + 1);
  const summary = [...counts].map(([mount, count]) => `${mount}: ${count}`).join(", ");
  const left = listeners.length - SHOWN;
  note.textContent =
    listeners.length === 0
      ? "Nobody listens."
      : `${listeners.length} in all. ${summary}.${left > 0 ? ` The first ${SHOWN} are shown.` : ""}`;
  const list = find("listener-list", HTMLTableSectionElement);
  fill(
    list,
    listeners.slice(0, SHOWN),
    ({ id }) => id,
    row,
    (element, listener) => {
      const [, , , duration, sent] = element.children;
      if (duration) duration.textContent = clock(listener.duration);
      if (sent) sent.textContent = size(listener.bytes) + (listener.is_behind ? ", behind" : "");
      for (const press of element.querySelectorAll("button")) press.disabled = !may("change");
    },
  );
}

/** @param {Listener} listener */
function row({ id, mount, address, agent }) {
  const kick = () => order("disconnect the listener", "DELETE", `/api/v1/listeners/${id}`).then(refresh);
  return el(
    "tr",
    {},
    el("td", {}, mount),
    el("td", {}, address ?? "not shown"),
    el("td", { class: "small", dir: "auto" }, agent),
    el("td"),
    el("td"),
    el(
      "td",
      { class: "buttons" },
      button("Kick", kick, { "aria-label": `Kick listener ${id}` }),
      denyButton(id, address, refresh),
    ),
  );
}

// Unwelcome listeners: their addresses are denied until the station stops, or until they are allowed again.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { Problem } from "./http.js";
import { complain, say } from "./notes.js";
import { may } from "./session.js";
import { timeOfDay } from "./text.js";
import { twice } from "./twice.js";

/** @typedef {{id: number, address: string | null, since: string}} Denied */

const turn = inOrder();

/** Shows who is denied now. */
export async function refresh() {
  const isNewest = turn();
  try {
    /** @type {Denied[]} */
    const denied = await ask("GET", "/api/v1/denied");
    if (!isNewest()) return;
    find("denied-part", HTMLElement).hidden = denied.length === 0;
    fill(find("denied", HTMLOListElement), denied, ({ id }) => id, row);
  } catch (problem) {
    if (isNewest()) complain(`Who is denied cannot be shown: ${/** @type {Error} */ (problem).message}.`);
  }
}

/** @param {Denied} denied */
function row({ id, address, since }) {
  const name = address ?? "An address that is not shown";
  const press = button("Allow", () => allow(id), { "aria-label": `Allow ${name}`, disabled: !may("change") });
  return el(
    "li",
    {},
    el("span", { class: "name" }, name, el("span", { class: "small" }, `since ${timeOfDay(since)}`)),
    press,
  );
}

/** @param {number} id */
async function allow(id) {
  await order("allow it", "DELETE", `/api/v1/denied/${id}`);
  await refresh();
}

/**
 * A button that denies the address of a listener. The address of who presses it wants a second tap.
 *
 * @param {number} listener
 * @param {string | null} address
 * @param {() => unknown} then
 */
export function denyButton(listener, address, then) {
  const about = `Deny the address of listener ${listener}`;
  const place = el("span", {});
  /** @param {boolean} even_own */
  const deny = async (even_own) => {
    try {
      const { id } = await ask("POST", "/api/v1/denied", { listener, even_own });
      say(`${address ?? "The address"} is denied until the station stops.`, () => allow(id));
      await then();
    } catch (problem) {
      if (problem instanceof Problem && problem.code === "locks-out") {
        const named = `Your own address, of listener ${listener}`;
        const own = twice("Your own address", "Tap again to deny yourself", () => deny(true), named);
        place.replaceChildren(own);
        own.focus();
        complain("This is the address that you come from. Who is denied cannot undo it.");
      } else complain(`Could not deny it: ${/** @type {Error} */ (problem).message}.`);
    }
  };
  place.append(button("Deny", () => deny(false), { "aria-label": about }));
  return place;
}

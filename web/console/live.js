// Live inputs: who sends, how their sound arrives, and who has the air.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { complain } from "./notes.js";
import { may } from "./session.js";
import { base, look, pipeline } from "./station.js";

/**
 * @typedef {{path: string, state: string, muted: boolean, forced: boolean, title: string | null,
 *   buffered: number, drift_ppm: number, drops: number, gaps: number,
 *   source: {id: number, user: string | null, program: string | null} | null}} Input
 */

/** Sets up the view. */
export function begin() {
  find("force-programme", HTMLButtonElement).onclick = () => command("force", { path: "programme" });
  find("release", HTMLButtonElement).onclick = () => command("release");
}

/**
 * @param {string} what
 * @param {unknown} [body]
 */
async function command(what, body) {
  await order(`${what} it`, "POST", `${base()}/live/${what}`, body);
  await look();
}

const turn = inOrder();

/** Shows the live inputs as they are now. */
export async function refresh() {
  const isNewest = turn();
  /** @type {Input[]} */
  let inputs;
  try {
    inputs = await ask("GET", `${base()}/live`);
  } catch (problem) {
    if (isNewest()) complain(`The live inputs cannot be shown: ${/** @type {Error} */ (problem).message}.`);
    return;
  }
  if (!isNewest()) return;
  const state = pipeline();
  const mayPlay = may("play", state?.name);
  find("forced", HTMLElement).textContent = state?.forced ? `By an order: ${state.forced} has the air.` : "";
  for (const id of ["force-programme", "release"]) find(id, HTMLButtonElement).disabled = !mayPlay;
  find("inputs-empty", HTMLParagraphElement).hidden = inputs.length > 0;
  fill(
    find("inputs", HTMLTableSectionElement),
    inputs,
    ({ path }) => path,
    row,
    (element, input) => {
      const { state: word, muted, forced, source, title, buffered, drift_ppm, drops, gaps } = input;
      const who = source ? [source.user, source.program].filter(Boolean).join(", ") : "nobody";
      const texts = [
        [word, muted ? "muted" : "", forced ? "forced" : ""].filter(Boolean).join(", "),
        who,
        title ?? "",
        `${buffered.toFixed(1)} s`,
        `${Math.round(drift_ppm)} ppm`,
        `${drops}, ${gaps}`,
      ];
      texts.forEach((text, index) => {
        const cell = element.children[index + 1];
        if (cell) cell.textContent = text;
      });
      const [force, mute, kick] = element.querySelectorAll("button");
      if (!force || !mute || !kick) return;
      force.disabled = !mayPlay;
      mute.disabled = !mayPlay;
      mute.textContent = muted ? "Unmute" : "Mute";
      mute.onclick = () => command(muted ? "unmute" : "mute", { path: input.path });
      kick.disabled = !may("change") || source === null;
      kick.onclick = () => source && order("disconnect it", "DELETE", `/api/v1/sources/${source.id}`);
    },
  );
}

/** @param {Input} input */
function row({ path }) {
  const cells = Array.from({ length: 6 }, () => el("td", { dir: "auto" }));
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, path),
    ...cells,
    el(
      "td",
      { class: "buttons" },
      button("Force", () => command("force", { path }), { "aria-label": `Give ${path} the air` }),
      button("Mute", () => {}, { "aria-description": path }),
      button("Kick", () => {}, { "aria-label": `Disconnect who sends to ${path}` }),
    ),
  );
}

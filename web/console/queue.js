// The queue, and what the playlist or the schedule plays after it. It is changed by dragging, by keys and by
// buttons; each change can be undone.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find, settled } from "./dom.js";
import { complain, say } from "./notes.js";
import { FILE, takeDrops, takeKeys } from "./rows.js";
import { may } from "./session.js";
import { base, pipeline } from "./station.js";

/** @typedef {import("./station.js").ComingTrack} Entry */

/** How many tracks are shown that come after the queue. */
const SHOWN_AHEAD = 8;
/** The kind of what is dragged within the queue: the id of an entry. */
const ENTRY = "application/x-longwave-entry";

/** How many names of files, and how many former paths, are kept. */
const KEPT = 2_000;

/** @type {Map<string, string>} */
const names = new Map();
/**
 * An entry that an undo has brought back is another one. Steps before that still know its former path in the
 * API.
 *
 * @type {Map<string, string>}
 */
const paths = new Map();
/** @type {Entry[]} */
let entries = [];
/** The id of the entry that is to have the focus when one has been taken out. */
let focused = "";

/** Sets up the panel. */
export function begin() {
  takeDrops(find("queue", HTMLOListElement), {
    [FILE]: add,
    [ENTRY]: (id, place) => move(Number(id), place),
  });
  find("queue-clear", HTMLButtonElement).onclick = () => void clear();
  find("queue-form", HTMLFormElement).onsubmit = async (event) => {
    event.preventDefault();
    const field = find("queue-file", HTMLInputElement);
    if (field.value.trim() === "") return field.focus();
    if (await add(field.value.trim(), entries.length)) field.value = "";
  };
}

const turn = inOrder();

/** Shows the queue as it is now. */
async function show() {
  const isNewest = turn();
  const [queue, ahead] = await Promise.all([
    ask("GET", `${base()}/queue`),
    ask("GET", `${base()}/up-next?count=${SHOWN_AHEAD + (pipeline()?.queued ?? 0)}`),
  ]);
  if (!isNewest()) return;
  entries = queue;
  const mayPlay = may("play", pipeline()?.name);
  const list = find("queue", HTMLOListElement);
  fill(
    list,
    entries,
    (entry) => entry.id,
    row,
    (element, entry, index) => {
      element.setAttribute("aria-posinset", String(index + 1));
      element.draggable = mayPlay;
      for (const press of element.querySelectorAll("button")) press.disabled = !mayPlay;
      element.querySelector(".name")?.replaceChildren(nameOf(entry));
    },
  );
  if (focused !== "") {
    const element = list.querySelector(`[data-key="${focused}"]`);
    if (element instanceof HTMLElement) element.focus();
    focused = "";
  }
  find("queue-empty", HTMLParagraphElement).hidden = entries.length > 0;
  find("queue-clear", HTMLButtonElement).disabled = !mayPlay || entries.length === 0;
  find("queue-add", HTMLButtonElement).disabled = !mayPlay;
  const queued = new Set(entries.map((entry) => entry.id));
  const after = /** @type {Entry[]} */ (ahead).filter((entry) => !queued.has(entry.id));
  fill(
    find("ahead", HTMLOListElement),
    after.slice(0, SHOWN_AHEAD),
    (entry) => `${entry.id} ${entry.title}`,
    aheadRow,
    (element) => element.querySelector("button")?.toggleAttribute("disabled", !mayPlay),
  );
}

/**
 * What an entry is called. The station reads the tags of the next track alone; of those behind it they are
 * asked for, once.
 *
 * @param {Entry} entry
 */
function nameOf({ file, title }) {
  const stem = file
    .split("/")
    .at(-1)
    ?.replace(/\.[^.]*$/, "");
  if (title !== stem) return title;
  const known = names.get(file);
  if (known === undefined) {
    if (names.size >= KEPT) names.clear();
    names.set(file, title);
    ask("GET", `/api/v1/metadata?file=${encodeURIComponent(file)}`)
      .then((tags) => names.set(file, tags.title))
      .then(soon, () => {});
  }
  return known ?? title;
}

const soon = settled(100, () => void refresh());

/** @param {Entry} entry */
function aheadRow({ file, title, reason }) {
  return el(
    "li",
    { title: file },
    el("span", { class: "name faint", dir: "auto" }, title),
    reasonOf(reason),
    button("Next", () => add(file, 0), { "aria-label": `Play next: “${title}”` }),
  );
}

/** @param {string | null | undefined} reason */
function reasonOf(reason) {
  return reason ? el("span", { class: "small" }, reason) : null;
}

/**
 * Queues a file.
 *
 * @param {string} file
 * @param {number} [place] the index in the queue; without it, at the end
 * @returns {Promise<boolean>} whether it is in the queue
 */
export async function add(file, place) {
  const path = await insert(queuePath(), file, place);
  if (path === undefined) return false;
  say(`“${file.split("/").at(-1)}” is queued.`, () => order("take it out", "DELETE", pathNow(path)));
  return true;
}

/** The path of the queue that is shown. Whoever undoes something later may look at another one. */
const queuePath = () => `${base()}/queue`;

/**
 * @param {string} queue
 * @param {string} file
 * @param {number} [place]
 * @returns {Promise<string | undefined>} the path of the entry
 */
async function insert(queue, file, place) {
  const body = { files: [file], place: place === 0 ? "next" : "end" };
  const answer = await order("queue the file", "POST", queue, body);
  const id = answer?.ids?.[0];
  if (id === undefined) return undefined;
  const path = `${queue}/${id}`;
  if (place !== undefined && place > 0 && place < entries.length) {
    await order("move it", "PUT", `${path}/index`, { index: place });
  }
  return path;
}

/** @param {Entry} entry */
function row(entry) {
  const { id, title, file } = entry;
  const element = el("li", { title: file });
  const step = (/** @type {number} */ by) => move(id, indexOf(id) + by + (by > 0 ? 1 : 0));
  element.ondragstart = (event) => event.dataTransfer?.setData(ENTRY, String(id));
  takeKeys(element, { step, remove: () => remove(id) });
  element.append(
    el("span", { class: "name", dir: "auto" }, title),
    button("↑", () => step(-1), { "aria-label": `Move “${title}” up` }),
    button("↓", () => step(1), { "aria-label": `Move “${title}” down` }),
    button("×", () => remove(id), { "aria-label": `Take “${title}” out` }),
  );
  return element;
}

/** @param {number} id */
const indexOf = (id) => entries.findIndex((entry) => entry.id === id);

/**
 * Moves an entry to where the entry with this index is now.
 *
 * @param {number} id
 * @param {number} place
 */
async function move(id, place) {
  const before = indexOf(id);
  // Those behind it move up when it is taken out of its place.
  const index = Math.max(0, Math.min(entries.length - 1, place > before ? place - 1 : place));
  if (before < 0 || index === before) return;
  const path = `${queuePath()}/${id}`;
  if ((await order("move it", "PUT", `${path}/index`, { index })) === undefined) return;
  say("Moved.", () => order("move it back", "PUT", `${pathNow(path)}/index`, { index: before }));
}

/**
 * The path that an entry has now.
 *
 * @param {string} path
 * @returns {string}
 */
function pathNow(path) {
  const later = paths.get(path);
  return later === undefined ? path : pathNow(later);
}

/**
 * Notes that an entry is back at another path.
 *
 * @param {string} former
 * @param {string | undefined} now
 */
function isBack(former, now) {
  if (paths.size >= KEPT) paths.clear();
  if (now !== undefined) paths.set(former, now);
}

/** @param {number} id */
async function remove(id) {
  const index = indexOf(id);
  const entry = entries[index];
  const beside = entries[index + 1] ?? entries[index - 1];
  const queue = queuePath();
  const path = `${queue}/${id}`;
  if (!entry || (await order("take it out", "DELETE", path)) === undefined) return;
  focused = beside ? String(beside.id) : "";
  say(`“${entry.title}” is out of the queue.`, async () =>
    isBack(path, await insert(queue, entry.file, index)),
  );
}

async function clear() {
  const before = entries;
  const queue = queuePath();
  if ((await order("empty the queue", "DELETE", queue)) === undefined) return;
  say(`The queue is empty: ${before.length} taken out.`, async () => {
    const body = { files: before.map(({ file }) => file), place: "end" };
    const answer = await order("bring them back", "POST", queue, body);
    if (!answer) return;
    before.forEach(({ id }, index) => isBack(`${queue}/${id}`, `${queue}/${answer.ids[index]}`));
  });
}

/** Looks, and says so if that fails. */
export const refresh = () =>
  show().catch((/** @type {Error} */ problem) => complain(`The queue cannot be shown: ${problem.message}.`));

// Shows that users send into the library's inbox: they are chosen or dropped, and sent one after the other.

import { ask, inOrder, loggedIn, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { sendFile } from "./http.js";
import { complain, say } from "./notes.js";
import { add } from "./queue.js";
import { has, may, ownName } from "./session.js";
import { hasPart, pipeline } from "./station.js";
import { dateAndTime, size } from "./text.js";

const INBOX = "/api/v1/library/inbox";

/**
 * @typedef {{user: string, name: string, file: string, bytes: number, modified: string}} Show
 * @typedef {{files: Show[], file_most: number, user_most: number, most: number}} Inbox
 */

/** What the inbox is like, as it was seen last. Null if there is none. @type {Inbox | null} */
let inbox = null;
/** The files that are on their way, or wait for that. @type {Promise<unknown>} */
let sending = Promise.resolve();

/** Sets up the view. */
export function begin() {
  const files = find("show-files", HTMLInputElement);
  files.onchange = () => {
    sendAll(files.files);
    files.value = "";
  };
  find("send-shows", HTMLFormElement).onsubmit = (event) => event.preventDefault();
  const place = find("drop-shows", HTMLElement);
  const mark = (/** @type {boolean} */ over) => place.classList.toggle("dropping", over);
  place.ondragover = (event) => {
    if (!event.dataTransfer?.types.includes("Files") || !inbox) return;
    event.preventDefault();
    mark(true);
  };
  place.ondragleave = () => mark(false);
  place.ondrop = (event) => {
    event.preventDefault();
    mark(false);
    sendAll(event.dataTransfer?.files ?? null);
  };
}

const turn = inOrder();

/** Shows what is in the inbox. */
export async function refresh() {
  const isNewest = turn();
  const note = find("shows-note", HTMLParagraphElement);
  try {
    /** @type {Inbox | null} */
    const found = has("play") && hasPart("inbox") ? await ask("GET", INBOX) : null;
    if (!isNewest()) return;
    inbox = found;
    note.textContent = found
      ? about(found)
      : hasPart("inbox")
        ? "A DJ or an admin can send shows."
        : "This station takes no shows: its configuration names no inbox.";
  } catch (problem) {
    if (!isNewest()) return;
    inbox = null;
    note.textContent = `The inbox does not answer: ${/** @type {Error} */ (problem).message}.`;
  }
  find("send-shows", HTMLFormElement).hidden = inbox === null;
  fill(
    find("show-list", HTMLOListElement),
    inbox?.files ?? [],
    ({ file, modified }) => `${modified} ${file}`,
    row,
    (element, { user }) => {
      const [queue, remove] = element.querySelectorAll("button");
      if (queue) queue.disabled = !may("play", pipeline()?.name);
      if (remove) remove.disabled = user !== ownName() && !has("change");
    },
  );
}

/** @param {Inbox} inbox */
function about({ files, file_most, user_most }) {
  const own = files.filter(({ user }) => user === ownName()).reduce((sum, { bytes }) => sum + bytes, 0);
  const room = `A file may have ${size(file_most)}; you have used ${size(own)} of ${size(user_most)}.`;
  return files.length === 0 ? `Nothing was sent yet. ${room}` : room;
}

/** @param {Show} show */
function row({ user, name, file, bytes, modified }) {
  return el(
    "li",
    { title: file },
    el(
      "span",
      { class: "name" },
      el("bdi", {}, name),
      el("span", { class: "small", dir: "auto" }, `${user}, ${size(bytes)}, ${dateAndTime(modified)}`),
    ),
    button("Queue", () => add(file), { "aria-label": `Queue “${name}”` }),
    button("Remove", () => remove(user, name), { "aria-label": `Remove “${name}” of ${user}` }),
  );
}

/**
 * @param {string} user
 * @param {string} name
 */
async function remove(user, name) {
  if (!confirm(`Remove “${name}” of ${user}? It cannot be brought back.`)) return;
  const path = `${INBOX}/${encodeURIComponent(name)}?user=${encodeURIComponent(user)}`;
  await order(`remove “${name}”`, "DELETE", path);
  await refresh();
}

/** @param {FileList | null} files */
function sendAll(files) {
  for (const file of files ?? []) sendLater(file);
}

/**
 * Sends a file when those before it have been sent: the station takes one at a time of each user.
 *
 * @param {File} file
 */
function sendLater(file) {
  const stop = new AbortController();
  const bar = el("progress", { max: 1, value: 0, "aria-label": `How much of “${file.name}” is sent` });
  const state = el("span", { class: "small" }, "waits");
  const cancel = button("Cancel", () => stop.abort(new Error("it was cancelled")), {
    "aria-label": `Do not send “${file.name}”`,
  });
  const name = el("span", { class: "name" }, el("bdi", {}, file.name), " ", state);
  const line = el("li", {}, name, cancel, bar);
  find("sending", HTMLOListElement).append(line);
  const tell = (/** @type {number} */ part) => {
    bar.value = part;
    state.textContent = part < 1 ? `${Math.floor(part * 100)} % of ${size(file.size)}` : "is being looked at";
  };
  sending = sending.then(async () => {
    try {
      await sendNow(file, tell, stop.signal);
      say(`“${file.name}” is in the inbox.`);
    } catch (problem) {
      complain(`“${file.name}” was not taken: ${/** @type {Error} */ (problem).message}.`);
    }
    line.remove();
    await refresh();
  });
}

/**
 * @param {File} file
 * @param {(part: number) => void} tell
 * @param {AbortSignal} signal
 */
async function sendNow(file, tell, signal) {
  signal.throwIfAborted();
  const replace = find("show-replace", HTMLInputElement).checked;
  // Some systems take a name apart into letters and accents.
  const name = file.name.normalize("NFC");
  // What is refused anyway is not sent first.
  if (inbox && file.size > inbox.file_most) throw new Error(`a file may have ${size(inbox.file_most)}`);
  const isThere = inbox?.files.some((show) => show.user === ownName() && show.name === name);
  if (isThere && !replace) throw new Error("you have a file of this name in the inbox already");
  const path = `${INBOX}/${encodeURIComponent(name)}${replace ? "?replace=true" : ""}`;
  await loggedIn(() => sendFile(path, file, tell, signal));
}

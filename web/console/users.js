// The users and tokens of the station: who they are, what they may do, and how they come and go.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { complain, say } from "./notes.js";
import { may } from "./session.js";
import { dayAndTime } from "./text.js";
import { twice } from "./twice.js";

/**
 * @typedef {{name: string, role: string, kind: "password" | "token", paths: string[], pipelines: string[],
 *   slots: string[], expires: string | null, fixed: boolean, own: boolean}} User
 * @typedef {{of: User} | {kind: "password" | "token"}} Edited
 */

/**
 * What each role may do.
 *
 * @type {Record<string, string>}
 */
const ROLES = {
  viewer: "May look, and change nothing.",
  source: "May send a stream, and nothing else.",
  dj: "May drive the programme, the queue, decks, live inputs and announcements, and send a stream.",
  admin: "May do everything, and keep the users.",
};

/** Whose dialog is open: a user's, or a new one's. @type {Edited} */
let edited = { kind: "password" };

const turn = inOrder();

/** Sets up the view. */
export function begin() {
  find("user-add", HTMLButtonElement).onclick = () => open({ kind: "password" });
  find("token-add", HTMLButtonElement).onclick = () => open({ kind: "token" });
  find("user-cancel", HTMLButtonElement).onclick = () => find("user-dialog", HTMLDialogElement).close();
  find("user-role", HTMLSelectElement).onchange = explainRole;
  find("user-password-shown", HTMLInputElement).onchange = ({ target }) => {
    const isShown = target instanceof HTMLInputElement && target.checked;
    find("user-password", HTMLInputElement).type = isShown ? "text" : "password";
  };
  find("user-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void save();
  };
  const token = find("token-text", HTMLInputElement);
  token.onfocus = () => token.select();
  const copy = find("token-copy", HTMLButtonElement);
  // Browsers have no clipboard for pages that came without TLS.
  copy.hidden = navigator.clipboard === undefined;
  find("user-dialog", HTMLDialogElement).onclose = () => (find("user-password", HTMLInputElement).value = "");
  copy.onclick = async () => {
    await navigator.clipboard.writeText(token.value);
    copy.textContent = "Copied";
  };
  find("token-dialog", HTMLDialogElement).onclose = () => (token.value = "");
}

/** Shows the users as they are now. */
export async function refresh() {
  if (!may("change")) return;
  const isNewest = turn();
  try {
    /** @type {User[]} */
    const users = await ask("GET", "/api/v1/users");
    if (!isNewest()) return;
    const tokens = users.filter(({ kind }) => kind === "token").length;
    const count = (/** @type {number} */ number, /** @type {string} */ what) =>
      `${number} ${what}${number === 1 ? "" : "s"}`;
    find("users-note", HTMLParagraphElement).textContent =
      `${count(users.length - tokens, "user")} with passwords, ${count(tokens, "token")}.`;
    // A row is another one when anything of it has changed.
    fill(find("user-list", HTMLOListElement), users, (user) => JSON.stringify(user), row);
  } catch (problem) {
    if (isNewest()) complain(`The users cannot be shown: ${/** @type {Error} */ (problem).message}.`);
  }
}

/** @param {User} user */
function row(user) {
  const { name, role, kind, paths, pipelines, slots, expires, fixed, own } = user;
  const about = [
    `${role}, ${kind === "token" ? "a token" : "by password"}`,
    ...(slots.length > 0 ? [`sends ${slots.join("; ")}`] : []),
    ...(paths.length > 0 ? [`to ${paths.join(", ")}`] : []),
    ...(pipelines.length > 0 ? [`pipeline ${pipelines.join(", ")}`] : []),
    ...(expires === null ? [] : [`the first password is good until ${dayAndTime(expires)}`]),
    ...(fixed ? ["in no file: cannot be changed here"] : []),
  ].join(", ");
  const text = el(
    "span",
    { class: "name" },
    el("bdi", {}, name),
    own ? " (you)" : null,
    el("span", { class: "small" }, about),
  );
  if (fixed) return el("li", {}, text);
  const change = button("Change", () => open({ of: user }), { "aria-label": `Change ${name}` });
  const press = own ? null : twice("Remove", "Tap again to remove", () => remove(name), `Remove ${name}`);
  return el("li", {}, text, change, press);
}

/** @param {string} name */
async function remove(name) {
  if ((await order(`remove ${name}`, "DELETE", path(name))) === undefined) return;
  say(`${name} is removed: their sessions have ended.`);
  await refresh();
  find("user-add", HTMLButtonElement).focus();
}

/**
 * Opens the dialog, for a user or for a new one.
 *
 * @param {Edited} whose
 */
function open(whose) {
  edited = whose;
  const user = "of" in whose ? whose.of : null;
  const isToken = ("of" in whose ? whose.of.kind : whose.kind) === "token";
  const title = user ? `Change ${user.name}` : isToken ? "Make a token" : "Add a user";
  find("user-heading", HTMLHeadingElement).textContent = title;
  const name = find("user-name", HTMLInputElement);
  name.value = user?.name ?? "";
  name.readOnly = user !== null;
  find("user-role", HTMLSelectElement).value = user?.role ?? (isToken ? "viewer" : "dj");
  explainRole();
  const password = find("user-password", HTMLInputElement);
  password.value = "";
  password.type = "password";
  find("user-password-shown", HTMLInputElement).checked = false;
  password.required = !isToken && user === null;
  find("user-password-part", HTMLDivElement).hidden = isToken;
  find("user-password-label", HTMLLabelElement).textContent =
    user === null ? "Password, at least 8 characters" : "New password (empty: it stays)";
  field("user-slots").value = user?.slots.join("\n") ?? "";
  field("user-paths").value = user?.paths.join("\n") ?? "";
  field("user-pipelines").value = user?.pipelines.join("\n") ?? "";
  const hasLimits = user !== null && user.slots.length + user.paths.length + user.pipelines.length > 0;
  find("user-limits", HTMLDetailsElement).open = hasLimits;
  find("user-problem", HTMLParagraphElement).textContent = "";
  find("user-dialog", HTMLDialogElement).showModal();
  (user === null ? name : find("user-role", HTMLSelectElement)).focus();
}

function explainRole() {
  const role = find("user-role", HTMLSelectElement).value;
  find("user-role-help", HTMLParagraphElement).textContent = ROLES[role] ?? "";
}

async function save() {
  const form = find("user-form", HTMLFormElement);
  const name = find("user-name", HTMLInputElement).value.trim();
  const password = find("user-password", HTMLInputElement).value;
  /** @type {Record<string, unknown>} */
  const wanted = {
    role: find("user-role", HTMLSelectElement).value,
    slots: lines("user-slots"),
    paths: lines("user-paths"),
    pipelines: lines("user-pipelines"),
  };
  if (password !== "") wanted["password"] = password;
  if ("kind" in edited) wanted["kind"] = edited.kind;
  form.inert = true;
  try {
    const made = await ask("of" in edited ? "PATCH" : "PUT", path(name), wanted);
    find("user-dialog", HTMLDialogElement).close();
    say("of" in edited ? `${name} is changed.` : `${name} is added.`);
    if (made?.token) showToken(made.token);
  } catch (problem) {
    find("user-problem", HTMLParagraphElement).textContent =
      `Not saved: ${/** @type {Error} */ (problem).message}.`;
  } finally {
    form.inert = false;
    // Whoever types on finds what was typed before.
    if (find("user-dialog", HTMLDialogElement).open) find("user-save", HTMLButtonElement).focus();
  }
  await refresh();
}

/**
 * Shows a new token, this once.
 *
 * @param {string} token
 */
function showToken(token) {
  const text = find("token-text", HTMLInputElement);
  text.value = token;
  find("token-copy", HTMLButtonElement).textContent = "Copy";
  find("token-dialog", HTMLDialogElement).showModal();
  text.focus();
}

/** @param {string} name */
const path = (name) => `/api/v1/users/${encodeURIComponent(name)}`;

/** @param {string} id */
const field = (id) => find(id, HTMLTextAreaElement);

/**
 * What stands in a field, a line each.
 *
 * @param {string} id
 */
function lines(id) {
  const all = field(id).value.split("\n");
  return all.map((line) => line.trim()).filter((line) => line !== "");
}

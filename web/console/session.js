// Who is logged in. The dialog for it opens over whatever is there, so nothing that was typed is lost.

import { el, find } from "./dom.js";
import { Problem, send } from "./http.js";

/**
 * @typedef {{name: string, role: string, rights: string[], pipelines: string[], session: number | null}}
 *   Account
 */

/** Within this time a browser has the key that a new password brings, in milliseconds. */
const SOON = 500;

/** Where the browser keeps the name of who logged in last. */
const NAME = "user";

/** Who is logged in. Null before the first login. @type {Account | null} */
let account = null;
/** @type {Promise<void> | null} */
let asking = null;
/** @type {((account: Account) => void)[]} */
const followers = [];

/**
 * Calls this after each login.
 *
 * @param {(account: Account) => void} follower
 */
export function onLogin(follower) {
  followers.push(follower);
}

/**
 * Whether the user may do what needs this right: on a pipeline, or on the whole station.
 *
 * @param {string} right
 * @param {string} [pipeline]
 */
export function may(right, pipeline) {
  if (!account?.rights.includes(right)) return false;
  const { pipelines } = account;
  return pipelines.length === 0 || (pipeline !== undefined && pipelines.includes(pipeline));
}

/**
 * Whether the user has this right at all, for what belongs to no pipeline.
 *
 * @param {string} right
 */
export const has = (right) => account?.rights.includes(right) ?? false;

/** The name of who is logged in. */
export const ownName = () => account?.name ?? "";

/** Finds out who is logged in, and asks for a login if nobody is. */
export async function begin() {
  // Who was never here, or has logged out, need not ask.
  if (localStorage.getItem(NAME) === null) return logIn();
  try {
    welcome(await send("GET", "/api/v1/session"));
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) await logIn();
    else throw problem;
  }
}

/**
 * Asks for a login, and returns when somebody has logged in. Asks once, however many wait for it.
 *
 * @param {string} [why]
 */
export function logIn(why = "") {
  asking ??= askIfNeeded(why).finally(() => (asking = null));
  return asking;
}

/** @param {string} why */
async function askIfNeeded(why) {
  if (!account || !(await isStillIn())) await ask(why);
}

/**
 * Whether the session goes on after all: a request may have been on its way with the old key while a new
 * password brought a new one.
 */
async function isStillIn() {
  for (const pause of [0, SOON]) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const who = await send("GET", "/api/v1/session").catch(() => null);
    if (who) return true;
  }
  return false;
}

/** Ends the session. The page begins anew, so nothing of the user stays in it. */
export async function logOut() {
  await send("DELETE", "/api/v1/session").catch(() => {});
  localStorage.removeItem(NAME);
  location.reload();
}

/**
 * @param {string} why
 * @returns {Promise<void>}
 */
function ask(why) {
  const dialog = find("login", HTMLDialogElement);
  const form = find("login-form", HTMLFormElement);
  const name = find("login-name", HTMLInputElement);
  const password = find("login-password", HTMLInputElement);
  const note = find("login-note", HTMLParagraphElement);
  note.textContent = why;
  name.value ||= localStorage.getItem(NAME) ?? "";
  dialog.oncancel = (event) => event.preventDefault();
  if (!dialog.open) dialog.showModal();
  (name.value === "" ? name : password).focus();
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      form.inert = true;
      try {
        const secret = password.value;
        // A station without users has a token, which the log names.
        const login = name.value === "" ? { token: secret } : { name: name.value, password: secret };
        welcome(await send("POST", "/api/v1/session", login));
        password.value = "";
        dialog.close();
        resolve();
      } catch (problem) {
        note.replaceChildren(
          el("strong", {}, "Not logged in: "),
          String(/** @type {Error} */ (problem).message),
        );
      } finally {
        form.inert = false;
        if (dialog.open) password.focus();
      }
    };
  });
}

/** @param {Account} who */
function welcome(who) {
  account = who;
  localStorage.setItem(NAME, who.name);
  for (const follower of followers) follower(who);
}

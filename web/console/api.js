// What the console asks of the station. A session that has ended is mended by a login, and the request goes
// on.

import { Problem, send } from "./http.js";
import { logIn } from "./session.js";
import { complain } from "./notes.js";

/**
 * Asks the station. If nobody is logged in any more, asks for a login first.
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export function ask(method, path, body) {
  return loggedIn(() => send(method, path, body));
}

/**
 * Does what needs a login. If nobody is logged in any more, asks for a login and does it again.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function loggedIn(work) {
  try {
    return await work();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
    await logIn("Your session has ended. Log in again to go on: nothing is lost.");
    return work();
  }
}

/**
 * Answers may overtake each other. The result is called before a question, and what it returns is called with
 * the answer in hand: it says whether no later question was answered before. Only then the answer is shown.
 *
 * @returns {() => () => boolean}
 */
export function inOrder() {
  let [asked, shown] = [0, 0];
  return () => {
    const mine = ++asked;
    return () => {
      if (mine < shown) return false;
      shown = mine;
      return true;
    };
  };
}

/**
 * For looks that cost the station much: the result looks at something, unless that is being looked at, or was
 * looked at with success not long ago. What failed is tried again at the next occasion.
 *
 * @param {number} wait in milliseconds
 * @returns {(what: string, look: () => Promise<boolean>) => Promise<void>} `look` returns whether it
 *   succeeded
 */
export function seldom(wait) {
  /** @type {string | null} */
  let looking = null;
  let [seen, seenAt] = ["", -Infinity];
  return async (what, look) => {
    if (what === looking || (what === seen && performance.now() - seenAt < wait)) return;
    looking = what;
    const isSeen = await look();
    if (looking === what) looking = null;
    if (isSeen) [seen, seenAt] = [what, performance.now()];
  };
}

/**
 * Asks the station to do something, and says so if it refuses. Returns the answer, or undefined.
 *
 * @param {string} what was to be done: "skip the track"
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function order(what, method, path, body) {
  try {
    return await ask(method, path, body);
  } catch (problem) {
    complain(`Could not ${what}: ${/** @type {Error} */ (problem).message}.`);
    return undefined;
  }
}

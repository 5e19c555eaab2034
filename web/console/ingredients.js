// What a schedule is made of: dayparts, inserts and slots. Those of the configuration are shown; those that
// were added here can be changed and removed.

import { ask, order } from "./api.js";
import { button, el, fill, find } from "./dom.js";
import { read, write } from "./fields.js";
import { say } from "./notes.js";
import { ALL } from "./playlist.js";
import { may } from "./session.js";
import { base, hasPart } from "./station.js";

/**
 * @typedef {import("./week.js").Schedule} Schedule
 * @typedef {Record<string, import("./fields.js").Value>} Written
 * @typedef {"dayparts" | "inserts" | "slots"} Kind
 * @typedef {{kind: Kind, name: string, about: string, written: Written | null}} Ingredient
 */

/**
 * What one of each kind is called.
 *
 * @type {Record<Kind, string>}
 */
const ONE = { dayparts: "daypart", inserts: "insert", slots: "slot" };
const KINDS = /** @type {Kind[]} */ (Object.keys(ONE));

/** What the dialog is open for. @type {{kind: Kind, name: string | null, before: Written | null}} */
let edited = { kind: "slots", name: null, before: null };
/** What is shown. @type {Ingredient[]} */
let shown = [];
let reread = async () => {};

const dialog = () => find("ingredient-dialog", HTMLDialogElement);
const part = (/** @type {Kind} */ kind) => find(`of-${kind}`, HTMLFieldSetElement);
const addButton = (/** @type {Kind} */ kind) => find(`add-${ONE[kind]}`, HTMLButtonElement);

/**
 * Sets up the list and its dialog.
 *
 * @param {() => Promise<void>} again asks the station for the schedule
 */
export function begin(again) {
  reread = again;
  for (const kind of KINDS) addButton(kind).onclick = () => open({ kind, name: null, before: null });
  find("ingredient-cancel", HTMLButtonElement).onclick = () => dialog().close();
  find("ingredient-form", HTMLFormElement).onsubmit = (event) => {
    event.preventDefault();
    void save();
  };
}

/** @param {Schedule} schedule */
export function show({ dayparts, inserts, slots }) {
  shown = [
    ...dayparts.map(({ name, days, from, to, playlists, written }) => ({
      kind: /** @type {Kind} */ ("dayparts"),
      name,
      about: `${days} ${from}–${to}: ${playlists.map(weighted).join(", ")}`,
      written,
    })),
    ...inserts.map(({ name, playlist, every, kind, written }) => ({
      kind: /** @type {Kind} */ ("inserts"),
      name,
      about: `Every ${every}: a ${kind} of ${playlist}`,
      written,
    })),
    ...slots.map(({ name, at, play, start, written }) => ({
      kind: /** @type {Kind} */ ("slots"),
      name,
      about: `${at.join(", ")}: ${play} (${start})`,
      written,
    })),
  ];
  const mayChange = may("change") && hasPart("library");
  for (const kind of KINDS) addButton(kind).hidden = !mayChange;
  find("ingredients-note", HTMLParagraphElement).textContent =
    may("change") && !hasPart("library")
      ? "What is added here is kept by the library, which this station does not have: see [library] in its " +
        "configuration."
      : "Dayparts are hours with playlists of their own. Inserts come again and again between the songs, " +
        "as jingles do. Slots play something at a time, as the news. Those of the configuration are changed " +
        "there.";
  // A row is another one when anything of it has changed.
  const key = (/** @type {Ingredient} */ ingredient) => JSON.stringify([ingredient, mayChange]);
  fill(find("ingredients", HTMLOListElement), unique(shown, key), key, (ingredient) =>
    row(ingredient, mayChange),
  );
}

/**
 * The configuration may declare one thing twice, and has it in one row.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T) => string} key
 */
const unique = (items, key) => [...new Map(items.map((item) => [key(item), item])).values()];

/**
 * @param {Ingredient} ingredient
 * @param {boolean} mayChange
 */
function row(ingredient, mayChange) {
  const { kind, name, about, written } = ingredient;
  const text = el(
    "span",
    { class: "name" },
    name === "" ? null : el("bdi", {}, name),
    el("span", { class: "small", dir: "auto" }, `${ONE[kind]}: ${about}`),
  );
  if (written === null) return el("li", {}, text, el("span", { class: "small" }, "in the configuration"));
  if (!mayChange) return el("li", {}, text);
  const change = button("Change", () => open({ kind, name, before: written }), {
    "aria-label": `Change ${name}`,
  });
  const away = button("Remove", () => remove(kind, name, written), { "aria-label": `Remove ${name}` });
  return el("li", {}, text, change, away);
}

/** @param {{playlist: string, weight: number}} list */
export function weighted({ playlist, weight }) {
  return weight === 1 ? playlist : `${playlist} ×${weight}`;
}

/**
 * Opens the dialog, for one that is there or for a new one.
 *
 * @param {{kind: Kind, name: string | null, before: Written | null}} what
 */
function open(what) {
  edited = what;
  const { kind, name: old, before } = what;
  find("ingredient-heading", HTMLHeadingElement).textContent =
    old === null ? `Add ${kind === "inserts" ? "an" : "a"} ${ONE[kind]}` : `Change ${old}`;
  for (const other of KINDS) {
    part(other).hidden = other !== kind;
    // The browser asks for nothing that is not shown.
    part(other).disabled = other !== kind;
  }
  const name = find("ingredient-name", HTMLInputElement);
  name.value = old ?? "";
  name.readOnly = old !== null;
  // What has its default is not among it.
  write(part(kind), before ?? {});
  find("ingredient-problem", HTMLParagraphElement).textContent = "";
  dialog().showModal();
  const first = part(kind).querySelector("input, textarea");
  (old === null || !(first instanceof HTMLElement) ? name : first).focus();
  if (hasPart("library")) void suggest();
}

/** Names the library's playlists where one is typed. */
async function suggest() {
  try {
    /** @type {import("./playlist.js").Playlist[]} */
    const playlists = await ask("GET", ALL);
    const names = find("library-playlists", HTMLDataListElement);
    names.replaceChildren(...playlists.map(({ name }) => el("option", { value: `library:${name}` })));
  } catch {
    // Who knows the name types it.
  }
}

async function save() {
  const { kind, before } = edited;
  const form = find("ingredient-form", HTMLFormElement);
  const name = find("ingredient-name", HTMLInputElement).value.trim();
  // The station would put the new one in its place, which nobody asked for.
  const isThere = (/** @type {Ingredient} */ one) =>
    one.kind === kind && one.name === name && one.written !== null;
  if (before === null && shown.some(isThere)) {
    refuse("there is one of this name already");
    return;
  }
  const written = read(part(kind));
  form.inert = true;
  try {
    await ask("PUT", path(kind, name), written);
    dialog().close();
    if (before === null) say(`The ${ONE[kind]} “${name}” is added.`, () => take(kind, name));
    else say(`The ${ONE[kind]} “${name}” is changed.`, () => put(kind, name, before));
  } catch (problem) {
    refuse(/** @type {Error} */ (problem).message);
  } finally {
    form.inert = false;
    // Whoever types on finds what was typed before.
    if (dialog().open) find("ingredient-save", HTMLButtonElement).focus();
  }
  await reread();
}

/**
 * Says why what is in the dialog is not saved.
 *
 * @param {string} reason
 */
function refuse(reason) {
  find("ingredient-problem", HTMLParagraphElement).textContent = `Not saved: ${reason}.`;
}

/**
 * @param {Kind} kind
 * @param {string} name
 * @param {Written} written
 */
async function remove(kind, name, written) {
  if (!(await take(kind, name))) return;
  say(`The ${ONE[kind]} “${name}” is removed.`, () => put(kind, name, written));
  addButton(kind).focus();
}

/**
 * Takes one out. Says whether it succeeded.
 *
 * @param {Kind} kind
 * @param {string} name
 */
async function take(kind, name) {
  const answer = await order(`remove the ${ONE[kind]}`, "DELETE", path(kind, name));
  await reread();
  return answer !== undefined;
}

/**
 * Writes one as it was.
 *
 * @param {Kind} kind
 * @param {string} name
 * @param {Written} written
 */
async function put(kind, name, written) {
  await order(`bring back the ${ONE[kind]}`, "PUT", path(kind, name), written);
  await reread();
}

/**
 * @param {Kind} kind
 * @param {string} name
 */
const path = (kind, name) => `${base()}/schedule/${kind}/${encodeURIComponent(name)}`;

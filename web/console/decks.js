// Decks: two files that are driven by hand over the programme, and a crossfader between them. Below them is
// everything else that sounds.

import { ask, inOrder, order } from "./api.js";
import { button, el, fill, find, settled } from "./dom.js";
import { complain } from "./notes.js";
import { may } from "./session.js";
import { base, look, pipeline } from "./station.js";
import { clock } from "./text.js";

/**
 * @typedef {{id: number, file: string | null, paused: boolean, volume: number, position: number,
 *   duration: number | null}} Voice
 * @typedef {{name: string, gain: number, volume: number, voice: number | null, seen: boolean,
 *   loadedAt: number, shown: HTMLElement}} Deck `seen`: whether its voice was in a list already; `loadedAt`:
 *   by the clock of `performance`
 */

/** A volume is reached in so many seconds: quick for a hand, and without a click. */
const RAMP = 0.05;
/** A voice that was ordered is looked for again after this time, in milliseconds. */
const COMES_WITHIN = 150;
/** One that is not there after this time has ended before it was seen. */
const COMES_NO_MORE = 5_000;
/** The volume of a deck that nobody has moved. */
const FULL = 1;

/** @type {Deck[]} */
const decks = ["A", "B"].map((name) => ({
  name,
  gain: 1,
  volume: FULL,
  voice: null,
  seen: false,
  loadedAt: 0,
  shown: el("div"),
}));
/** @type {Voice[]} */
let voices = [];
/** When the voices were looked at, by the clock of `performance`. */
let lookedAt = 0;

/** Sets up the view. */
export function begin() {
  find("deck-list", HTMLDivElement).append(...decks.map(panel));
  const fader = find("crossfader", HTMLInputElement);
  fader.oninput = () => {
    balance(Number(fader.value));
    for (const deck of decks) void sendVolume(deck);
  };
  balance(Number(fader.value));
  setInterval(showPositions, 250);
}

const turn = inOrder();

/** Shows what sounds now. */
export async function refresh() {
  const isNewest = turn();
  /** @type {Voice[]} */
  let now;
  try {
    now = await ask("GET", `${base()}/voices`);
  } catch (problem) {
    if (isNewest()) complain(`The decks cannot be shown: ${/** @type {Error} */ (problem).message}.`);
    return;
  }
  if (!isNewest()) return;
  voices = now;
  lookedAt = performance.now();
  for (const deck of decks) {
    const isThere = voiceOf(deck) !== undefined;
    // A new voice is in the list within a tenth of a second. One that was there and is gone has ended.
    const isLate = lookedAt - deck.loadedAt > COMES_NO_MORE;
    if ((deck.seen || isLate) && !isThere) deck.voice = null;
    deck.seen = isThere;
    if (deck.voice !== null && !isThere) soon();
    showDeck(deck);
  }
  const others = voices.filter(({ id }) => decks.every((deck) => deck.voice !== id));
  find("voices-empty", HTMLParagraphElement).hidden = others.length > 0;
  fill(find("voices", HTMLOListElement), others, ({ id }) => id, row);
  showPositions();
}

const soon = settled(COMES_WITHIN, () => void refresh());

/**
 * At equal power, so that two songs together are as loud as each of them: at the middle both have -3 dB.
 *
 * @param {number} place from 0 (deck A alone) to 1 (deck B alone)
 */
function balance(place) {
  const angle = (place * Math.PI) / 2;
  const [a, b] = decks;
  if (a) a.gain = Math.cos(angle);
  if (b) b.gain = Math.sin(angle);
}

/** @param {Deck} deck */
async function sendVolume(deck) {
  if (deck.voice === null) return;
  const body = { volume: deck.gain * deck.volume, over: RAMP };
  await order("change the volume", "PUT", `${base()}/voices/${deck.voice}/volume`, body);
}

/** @param {Deck} deck */
function panel(deck) {
  const file = el("input", {
    autocomplete: "off",
    "aria-label": `File for deck ${deck.name}`,
    placeholder: "file",
  });
  const load = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (file.value.trim() === "") return file.focus();
    const body = { file: file.value.trim(), paused: true, volume: deck.gain * deck.volume };
    const before = deck.voice;
    const answer = await order("load the deck", "POST", `${base()}/voices`, body);
    if (!answer) return;
    deck.voice = answer.id;
    deck.seen = false;
    deck.loadedAt = performance.now();
    if (before !== null) await order("stop what was there", "DELETE", `${base()}/voices/${before}?fade=1`);
    await refresh();
  };
  const voiceOrder = (/** @type {string} */ what, /** @type {unknown} */ body) =>
    order(what, "POST", `${base()}/voices/${deck.voice}/${what}`, body).then(refresh);
  const seek = el("input", {
    type: "range",
    min: 0,
    step: 0.1,
    "aria-label": `Position of deck ${deck.name}`,
    class: "seek",
    onchange: () => voiceOrder("seek", { to: Number(seek.value) }),
  });
  const volume = el("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.01,
    value: String(FULL),
    "aria-label": `Volume of deck ${deck.name}`,
    oninput: () => {
      deck.volume = Number(volume.value);
      void sendVolume(deck);
    },
  });
  const play = button("Play", () => voiceOrder(isPaused(deck) ? "resume" : "pause", undefined), {
    class: "main play",
  });
  const stop = button(
    "Stop",
    () => order("stop the deck", "DELETE", `${base()}/voices/${deck.voice}?fade=1`).then(look),
    { class: "stop", "aria-label": `Stop deck ${deck.name}` },
  );
  deck.shown = el(
    "section",
    { class: "deck", "aria-label": `Deck ${deck.name}` },
    el("h3", {}, `Deck ${deck.name}`),
    el("p", { class: "file", dir: "auto" }),
    el("p", { class: "time" }),
    seek,
    el("p", { class: "buttons" }, play, stop),
    el("label", {}, "Volume", volume),
    el(
      "form",
      { onsubmit: load },
      el("p", { class: "field" }, file, el("button", { class: "load" }, "Load")),
    ),
  );
  return deck.shown;
}

/** @param {Deck} deck */
const voiceOf = (deck) => voices.find(({ id }) => id === deck.voice);
/** @param {Deck} deck */
const isPaused = (deck) => voiceOf(deck)?.paused ?? true;

/** @param {Deck} deck */
function showDeck(deck) {
  const voice = voiceOf(deck);
  const mayPlay = may("play", pipeline()?.name);
  const isEmpty = voice === undefined;
  const text = deck.shown.querySelector(".file");
  if (text) text.textContent = voice?.file ?? "Empty";
  for (const control of deck.shown.querySelectorAll("button, input")) {
    const isAlways = control.closest("form") !== null || control.closest("label") !== null;
    control.toggleAttribute("disabled", !mayPlay || (isEmpty && !isAlways));
  }
  const play = deck.shown.querySelector(".play");
  if (play) {
    play.textContent = isPaused(deck) ? "Play" : "Pause";
    play.setAttribute("aria-label", `${play.textContent} deck ${deck.name}`);
  }
}

/** Between two looks, what is not paused goes on. */
function showPositions() {
  const passed = (performance.now() - lookedAt) / 1000;
  for (const deck of decks) {
    const voice = voiceOf(deck);
    const [time, seek] = [deck.shown.querySelector(".time"), deck.shown.querySelector(".seek")];
    const at = voice ? voice.position + (voice.paused ? 0 : passed) : 0;
    if (time) time.textContent = voice ? `${clock(at)} of ${clock(voice.duration)}` : "";
    if (seek instanceof HTMLInputElement && document.activeElement !== seek) {
      seek.max = String(voice?.duration ?? 0);
      seek.value = String(at);
    }
  }
}

/** @param {Voice} voice */
function row({ id, file }) {
  const stop = () => order("stop it", "DELETE", `${base()}/voices/${id}?fade=1`).then(look);
  const text = file ?? "sound of an application";
  return el(
    "li",
    {},
    el("span", { class: "name", dir: "auto" }, text),
    button("Stop", stop, { "aria-label": `Stop ${text}`, disabled: !may("play", pipeline()?.name) }),
  );
}

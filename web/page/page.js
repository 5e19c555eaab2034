/**
 * The listeners' page, and the player for a frame: both documents have the same parts, or some of them.
 *
 * It reads the streams from the document, plays one of them, and shows what is heard: a title is shown when
 * the sound has come to where it began. Whatever breaks, it tries again until it is stopped.
 */

/**
 * What a mount plays, as `/nowplaying` says.
 * @typedef {object} Playing
 * @property {string} title
 * @property {string | null} artist
 * @property {string | null} album
 * @property {string | null} next
 * @property {string | null} art the address of its cover
 * @property {string} reached_at when the mount had it, in RFC 3339
 * @property {string | null} [live] what the source calls its stream, if one is heard
 * @property {Heard[]} [history] what was heard before, the last first
 * @property {number} burst how far who joins now is behind the mount, in seconds
 *
 * A title that was heard.
 * @typedef {object} Heard
 * @property {string} title
 * @property {string | null} artist
 * @property {string | null} album
 * @property {string} audible_at when listeners heard it begin, in RFC 3339
 * @property {string | null} [live]
 *
 * A form of a stream that can be played.
 * @typedef {object} Format
 * @property {string} url
 * @property {string} mount the path of the mount, which says what it plays
 * @property {string} type
 * @property {string} label
 * @property {number} bitrate in kilobits per second; 0 if unknown
 *
 * @typedef {"idle" | "connecting" | "playing" | "lost"} State
 */

/** A stream that brings nothing new for so long is taken for lost, in milliseconds. */
const STALLS_AFTER = 8_000;
/** The same when the network has just changed. */
const STALLS_SOON = 2_500;
/** The longest wait before the next try, in milliseconds. */
const LONGEST_WAIT = 15_000;
/** What is not heard yet is kept, but no more than so many titles. */
const MOST_TITLES = 20;
const HLS = "application/vnd.apple.mpegurl";

/** @param {string} id @returns {HTMLElement | null} */
const part = (id) => document.getElementById(id);

/**
 * Writes a text into a part of the document, if the document has it.
 *
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  const element = part(id);
  if (element && element.textContent !== text) element.textContent = text;
}

/** Shows a part if there is something to say, in its `bdi`. @param {string} id @param {string | null} text */
function say(id, text) {
  const element = part(id);
  if (!element) return;
  element.hidden = !text;
  const place = element.querySelector("bdi");
  if (place) place.textContent = text ?? "";
}

// What can be played.

/**
 * The streams of the document: by the name of each, in which forms it comes.
 *
 * @returns {Map<string, Format[]>}
 */
function readChannels() {
  const channels = new Map();
  for (const stream of document.querySelectorAll(".stream")) {
    const mount = stream.getAttribute("data-mount") ?? "";
    // A stream without a name has that of its mount, and its other forms the same but for the end.
    const name = (stream.querySelector("h2")?.textContent ?? mount).replace(/\.\w{2,4}$/, "");
    const about = stream.querySelector(".format")?.textContent ?? "";
    const formats = [...stream.querySelectorAll("source")].map((source) => {
      const label = source.type === HLS ? "HLS" : nameOf(about);
      const bitrate = Number(/(\d+) kbit/.exec(about)?.[1] ?? 0);
      return { url: source.src, mount, type: source.type, label, bitrate };
    });
    channels.set(name, [...(channels.get(name) ?? []), ...formats.filter(isPlayable)]);
  }
  for (const [name, formats] of channels) if (formats.length === 0) channels.delete(name);
  return channels;
}

/** A content type as people call it. @param {string} about */
function nameOf(about) {
  const names = { "audio/mpeg": "MP3", "audio/aac": "AAC", "audio/aacp": "AAC", "application/ogg": "Ogg" };
  const [type, ...rest] = about.split(",");
  return [names[/** @type {keyof typeof names} */ (type)] ?? type, ...rest].join(",");
}

const audio = new Audio();
const isWebKit = navigator.vendor.startsWith("Apple");

/** Chromium says that it plays HLS, but loses its titles. @param {Format} format */
function isPlayable(format) {
  return audio.canPlayType(format.type) !== "" && (format.type !== HLS || isWebKit);
}

/** The form that is best here. @param {Format[]} formats */
function best(formats) {
  const order = [HLS, "audio/aac", "audio/aacp", "audio/mpeg"];
  const rank = (/** @type {Format} */ { type }) =>
    order.includes(type) ? order.indexOf(type) : order.length;
  return [...formats].sort((a, b) => rank(a) - rank(b) || b.bitrate - a.bitrate)[0];
}

// The station's clock, which may differ from the machine's.

/** Between which two values the station's clock is ahead of ours, in milliseconds. */
let ahead = { least: -Infinity, most: Infinity };

/** Learns from an answer, whose `Date` is cut to seconds. @param {Response} answer @param {number} asked */
function learnClock(answer, asked) {
  const date = Date.parse(answer.headers.get("Date") ?? "");
  if (Number.isNaN(date)) return;
  const [least, most] = [date - Date.now(), date + 1_000 - asked];
  const both = { least: Math.max(ahead.least, least), most: Math.min(ahead.most, most) };
  ahead = both.least <= both.most ? both : { least, most };
}

/** Now, by the station's clock. A clock that may be right is taken for right. */
function stationTime() {
  const { least, most } = ahead;
  const isRight = least <= 0 && most >= 0;
  return Date.now() + (isRight ? 0 : (least + most) / 2);
}

// The player.

/** @type {State} */
let state = "idle";
/** @type {Format | undefined} */
let format;
/** When the stream was asked for, by the station's clock. */
let joined = 0;
/** How far its sound at 0 was behind the mount then, in milliseconds. */
let behind = 0;
let tries = 0;
let retry = 0;
let progress = { at: 0, position: 0 };

/** What the status says, which a screen reader reads aloud. @type {Record<State, string>} */
const SAID = { idle: "", connecting: "Connecting …", playing: "", lost: "Connection lost. Trying again …" };

/** @param {State} next @param {string} [text] */
function enter(next, text) {
  state = next;
  part("player")?.setAttribute("data-state", next);
  write("status", text ?? SAID[next]);
  write("play-label", next === "idle" ? "Play" : "Stop");
  if ("mediaSession" in navigator) {
    navigator.mediaSession.playbackState = next === "idle" ? "paused" : "playing";
  }
  show();
}

function play() {
  tries = 0;
  connect();
}

function stop() {
  enter("idle");
  clearTimeout(retry);
  letGo();
}

/** Lets the stream go, with what is left of it. */
function letGo() {
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
}

function connect() {
  if (!format) return;
  clearTimeout(retry);
  joined = stationTime();
  enter(tries === 0 ? "connecting" : "lost");
  progress = { at: performance.now(), position: 0 };
  learn(format.mount);
  audio.src = format.url;
  audio.play().catch((/** @type {DOMException} */ error) => {
    // The browser plays only what a person has asked for.
    if (error.name === "NotAllowedError") stop();
  });
}

/** The stream has ended, or brings nothing: tries again, a little later each time. */
function lose() {
  if (state === "idle") return;
  tries += 1;
  enter("lost");
  letGo();
  const wait = Math.min(LONGEST_WAIT, 250 * 2 ** tries) * (0.75 + Math.random() / 2);
  clearTimeout(retry);
  retry = setTimeout(connect, wait);
}

/** Looks whether the sound goes on. */
function watch() {
  if (state === "idle") return;
  const now = performance.now();
  if (audio.currentTime !== progress.position) progress = { at: now, position: audio.currentTime };
  else if (now - progress.at > STALLS_AFTER && audio.hasAttribute("src")) lose();
}

/** The network is back, or the machine was woken: does not wait for what was planned. */
function hurry() {
  if (state === "lost" && !audio.hasAttribute("src")) connect();
  if (state === "playing")
    progress.at = Math.min(progress.at, performance.now() - STALLS_AFTER + STALLS_SOON);
}

audio.addEventListener("playing", () => {
  // After a pause to fill its buffer, it says so again.
  if (state === "idle" || state === "playing") return;
  const wasLost = tries > 0;
  tries = 0;
  enter("playing", wasLost ? "Back on the air." : undefined);
});
audio.addEventListener("error", () => audio.getAttribute("src") && lose());
audio.addEventListener("ended", lose);
// By a headset or the lock screen.
audio.addEventListener("pause", () => state === "playing" && !audio.ended && !audio.error && stop());
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && hurry());
setInterval(watch, 1_000);

// What is heard.

/** What was told, the oldest first; of what is heard already, the last one. @type {Playing[]} */
let told = [];
/** @type {Playing | undefined} */
let shown;
let showing = 0;

/** When the mount had the sound of HLS at 0, as only WebKit tells. */
function dateOfHls() {
  const date = /** @type {{ getStartDate?: () => Date }} */ (audio).getStartDate?.().getTime();
  return format?.type === HLS && !Number.isNaN(date) ? date : undefined;
}

/** Shows what is heard, and comes again when the next title is. */
function show() {
  clearTimeout(showing);
  const position = audio.currentTime * 1_000;
  // Who does not listen sees what those hear who do.
  const isListening = state === "connecting" || state === "playing";
  const heard = isListening ? (dateOfHls() ?? joined - behind) + position : stationTime() - behind;
  const begins = (/** @type {Playing} */ playing) => Date.parse(playing.reached_at);
  const isHeard = (/** @type {Playing | undefined} */ playing) => playing && begins(playing) <= heard;
  while (isHeard(told[1])) told.shift();
  const now = told.at(0);
  if (now && now !== shown) {
    shown = now;
    render(now);
  }
  const next = told.find((playing) => begins(playing) > heard);
  if (next) showing = setTimeout(show, Math.min(1_000, Math.max(20, begins(next) - heard)));
}

/** @param {Playing} playing */
function render(playing) {
  const { title, artist } = playing;
  const prefix = `${artist} - `;
  const song = artist && title.startsWith(prefix) ? title.slice(prefix.length) : title;
  const station = part("station")?.textContent ?? "";
  write("title", song || station);
  write("artist", artist ?? "");
  say("next", playing.next);
  say("live", playing.live ?? null);
  showCover(playing.art);
  showPlayed(playing.history ?? []);
  document.title = title ? `${title} · ${station}` : station;
  if ("mediaSession" in navigator) {
    navigator.mediaSession.metadata = new MediaMetadata({
      title: song || station,
      artist: artist ?? station,
      album: playing.album ?? station,
      artwork: playing.art ? [{ src: playing.art }] : [],
    });
  }
}

/** @param {string | null} art */
function showCover(art) {
  const cover = /** @type {HTMLImageElement | null} */ (part("cover"));
  if (!cover) return;
  cover.hidden = !art;
  cover.onerror = () => (cover.hidden = true);
  if (art) cover.src = art;
  else cover.removeAttribute("src");
}

/** What was heard, each at its time of day. @param {Heard[]} history */
function showPlayed(history) {
  const played = part("played");
  if (!played) return;
  const rows = history.map(({ title, audible_at }) => {
    const [row, text, time] = [
      document.createElement("li"),
      document.createElement("bdi"),
      document.createElement("time"),
    ];
    text.textContent = title;
    time.dateTime = audible_at;
    time.textContent = new Date(audible_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    row.append(text, time);
    return row;
  });
  played.querySelector("ol")?.replaceChildren(...rows);
  played.hidden = rows.length === 0;
}

/** @type {EventSource | undefined} */
let events;
let following = 0;

/** Follows what the chosen mount plays. */
function follow() {
  if (!format) return;
  const { mount } = format;
  clearTimeout(following);
  events?.close();
  events = new EventSource(`/nowplaying${mount}?format=events`);
  events.addEventListener("now-playing", (event) => {
    const playing = /** @type {Playing} */ (JSON.parse(/** @type {MessageEvent<string>} */ (event).data));
    if (told.length === 0) {
      // The mount has this one already, while the one before it may still be heard.
      behind = playing.burst * 1_000;
      told = before(playing);
    }
    told = [...told.slice(1 - MOST_TITLES), playing];
    show();
  });
  // A browser gives up at an answer that is no stream: the mount may be away for a while.
  events.addEventListener("error", () => {
    if (events?.readyState === EventSource.CLOSED) following = setTimeout(follow, 5_000);
  });
  learn(mount);
}

/**
 * The title that was before the one that a mount plays, if it is known.
 *
 * @param {Playing} playing
 * @returns {Playing[]}
 */
function before({ title: next, burst, history = [] }) {
  return history.slice(0, 1).map(({ audible_at, ...heard }) => {
    const reached_at = new Date(Date.parse(audible_at) - burst * 1_000).toISOString();
    return { ...heard, next, art: null, reached_at, burst, history: history.slice(1) };
  });
}

/** Learns how late a listener is who joins now, and what time it is at the station. @param {string} mount */
async function learn(mount) {
  const asked = Date.now();
  const answer = await fetch(`/nowplaying${mount}?format=json`).catch(() => undefined);
  if (!answer?.ok) return;
  learnClock(answer, asked);
  // A listener may have chosen another one meanwhile.
  if (mount !== format?.mount) return;
  const { burst } = /** @type {Playing} */ (await answer.json());
  behind = burst * 1_000;
  show();
}

// The controls.

const channels = readChannels();

/** Takes this channel and form: what plays goes on with it. @param {string} channel @param {string} [url] */
function choose(channel, url) {
  const formats = channels.get(channel) ?? [];
  const next = formats.find((other) => other.url === url) ?? best(formats);
  if (!next || next.url === format?.url) return;
  const isElsewhere = next.mount !== format?.mount;
  format = next;
  if (isElsewhere) {
    [told, shown] = [[], undefined];
    follow();
  }
  if (state !== "idle") play();
}

/**
 * Fills a choice, which is hidden where there is none.
 * @param {string} id
 * @param {[string, string][]} options each with its value and its text
 * @param {(value: string) => void} chosen
 */
function offer(id, options, chosen) {
  const select = part(id)?.querySelector("select");
  if (!select) return;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  select.onchange = () => chosen(select.value);
  /** @type {HTMLElement} */ (part(id)).hidden = options.length < 2;
}

/** @param {string} channel */
function offerFormats(channel) {
  const formats = channels.get(channel) ?? [];
  /** @type {[string, string][]} */
  const options = formats.map(({ url, label }) => [url, label]);
  const all =
    options.length > 1 ? [/** @type {[string, string]} */ (["", "automatic"]), ...options] : options;
  offer("formats", all, (url) => choose(channel, url || undefined));
}

function begin() {
  document.documentElement.classList.add("scripted");
  part("streams")?.removeAttribute("open");
  const names = [...channels.keys()];
  const [first] = names;
  if (first === undefined) return;
  offer(
    "channels",
    names.map((name) => [name, name]),
    (name) => {
      choose(name);
      offerFormats(name);
    },
  );
  choose(first);
  offerFormats(first);
  write("title", part("station")?.textContent ?? "");
  enter("idle");
  /** @type {HTMLElement} */ (part("player")).hidden = false;
  part("play")?.addEventListener("click", () => (state === "idle" ? play() : stop()));
  prepareVolume();
  prepareSharing();
  prepareRequests();
  if ("mediaSession" in navigator) {
    navigator.mediaSession.setActionHandler("play", play);
    navigator.mediaSession.setActionHandler("pause", stop);
    navigator.mediaSession.setActionHandler("stop", stop);
  }
}

/** The volume is remembered. Where a page cannot set it, as on an iPhone, the control is hidden. */
function prepareVolume() {
  const control = /** @type {HTMLInputElement | null} */ (part("volume"));
  if (!control) return;
  audio.volume = 0.5;
  const label = control.closest("label");
  if (label) label.hidden = audio.volume !== 0.5;
  const remembered = stored("volume");
  control.value = remembered ?? "1";
  audio.volume = Number(control.value);
  control.addEventListener("input", () => {
    audio.volume = Number(control.value);
    store("volume", control.value);
  });
}

function prepareSharing() {
  const [sharing, button, code] = ["sharing", "share", "code"].map(part);
  if (!sharing || !button || !(code instanceof HTMLTextAreaElement)) return;
  const frame = document.createElement("iframe");
  frame.src = `${location.origin}/embed`;
  frame.title = part("station")?.textContent ?? "";
  frame.width = "100%";
  frame.height = "112";
  frame.allow = "autoplay";
  frame.style.border = "0";
  code.value = frame.outerHTML;
  code.addEventListener("focus", () => code.select());
  const canShare = "share" in navigator;
  if (!canShare) button.textContent = "Copy the address";
  // Without TLS a browser lets a page do neither.
  button.hidden = !canShare && !("clipboard" in navigator);
  button.addEventListener("click", async () => {
    const shared = { title: document.title, url: location.href };
    if (canShare) await navigator.share(shared).catch(() => undefined);
    else
      await navigator.clipboard.writeText(shared.url).then(
        () => write("shared", "Copied."),
        () => undefined,
      );
  });
  sharing.hidden = false;
}

/**
 * A track that may be requested.
 * @typedef {{ track: number, title: string | null, artist: string | null }} Offer
 */

/** Listeners search and request where the station takes that. */
function prepareRequests() {
  const [requests, form, words, found] = ["requests", "search", "words", "found"].map(part);
  if (!requests || !form || !found || !(words instanceof HTMLInputElement)) return;
  requests.hidden = requests.dataset.taken !== "yes";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    /** @type {Offer[] | undefined} */
    const offers = await ask(`/requests/search?q=${encodeURIComponent(words.value)}`);
    if (!offers) return;
    write("answer", offers.length === 0 ? "Nothing is found." : `${offers.length} found.`);
    found.replaceChildren(...offers.map(offerOf));
  });
}

/** A row with a button. @param {Offer} offer */
function offerOf({ track, title, artist }) {
  const [row, text, button] = [
    document.createElement("li"),
    document.createElement("bdi"),
    document.createElement("button"),
  ];
  text.textContent = [artist, title].filter(Boolean).join(" – ");
  button.textContent = "Request";
  button.setAttribute("aria-label", `Request ${text.textContent}`);
  button.addEventListener("click", async () => {
    const headers = { "Content-Type": "application/json" };
    const taken = await ask("/requests", { method: "POST", headers, body: JSON.stringify({ track }) });
    if (taken) write("answer", `${text.textContent} is in the queue.`);
  });
  row.append(text, button);
  return row;
}

/**
 * What the station answers; nothing if it refuses, which is said.
 *
 * @param {string} url
 * @param {RequestInit} [how]
 */
async function ask(url, how) {
  const answer = await fetch(url, how).catch(() => undefined);
  const body = await answer?.json().catch(() => undefined);
  if (answer?.ok) return body;
  write("answer", body?.detail ?? "The station does not answer. Try again soon.");
  return undefined;
}

/** What was remembered; nothing, where the browser keeps nothing. @param {string} key */
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It is as it was next time.
  }
}

begin();

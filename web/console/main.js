// The console: logs in, follows the station, and shows one of its views at a time.

import { refresh as refreshAdministration } from "./administration.js";
import { begin as beginConfiguration } from "./configuration.js";
import { begin as beginCues } from "./cues.js";
import { begin as beginDecks, refresh as refreshDecks } from "./decks.js";
import { el, fill, find } from "./dom.js";
import { begin as beginJingles, refresh as refreshJingles } from "./jingles.js";
import { begin as beginLibrary } from "./library.js";
import { refresh as refreshListeners } from "./listeners.js";
import { begin as beginLive, refresh as refreshLive } from "./live.js";
import { complain, undoLast } from "./notes.js";
import { begin as beginOnAir, beginAnnouncements, show as showOnAir } from "./onair.js";
import { begin as beginPlaylists, refresh as refreshPlaylists } from "./playlists.js";
import { begin as beginQueue, refresh as refreshQueue } from "./queue.js";
import { begin as beginRecordings, refresh as refreshRecordings } from "./recordings.js";
import { begin as beginSchedule, refresh as refreshSchedule } from "./schedule.js";
import { begin as beginSession, logOut, may, onLogin } from "./session.js";
import { begin as beginOverTime, refresh as refreshOverTime } from "./overtime.js";
import { begin as beginShows, refresh as refreshShows } from "./shows.js";
import { begin as beginStation, choose, follow, names, onChange, pipeline } from "./station.js";
import { begin as beginUsers, refresh as refreshUsers } from "./users.js";

/**
 * What brings each view up to date. The first one is shown first.
 *
 * @type {Record<string, () => unknown>}
 */
const VIEWS = {
  onair: () => Promise.all([refreshQueue(), refreshJingles()]),
  playlists: refreshPlaylists,
  decks: refreshDecks,
  live: refreshLive,
  schedule: refreshSchedule,
  shows: () => Promise.all([refreshShows(), refreshRecordings()]),
  listeners: () => Promise.all([refreshListeners(), refreshOverTime()]),
  users: refreshUsers,
  station: refreshAdministration,
};

async function main() {
  beginOnAir();
  beginAnnouncements();
  beginQueue();
  beginJingles();
  const search = beginLibrary();
  beginCues();
  beginPlaylists();
  beginDecks();
  beginLive();
  beginShows();
  beginRecordings();
  beginUsers();
  beginSchedule();
  beginConfiguration();
  beginOverTime();
  find("log-out", HTMLButtonElement).onclick = logOut;
  find("pipelines", HTMLSelectElement).onchange = (event) => {
    if (event.target instanceof HTMLSelectElement) choose(event.target.value);
  };
  onLogin(({ name, role }) => {
    showWhatIsAllowed();
    find("who", HTMLElement).textContent = `${name} (${role})`;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && !isText(event.target)) {
      event.preventDefault();
      undoLast();
    }
  });
  window.addEventListener("hashchange", showView);

  await beginSession();
  await beginStation();
  onChange(showAll);
  showView();
  search();
  follow();
}

/** What is typed into these has an undo of its own. */
const TEXT = "textarea, input:not([type=checkbox], [type=file], [type=range])";

/** @param {EventTarget | null} target */
const isText = (target) => target instanceof Element && target.matches(TEXT);

/** The name of the view that the address names. */
function viewName() {
  const name = location.hash.slice(1);
  return name in VIEWS ? name : "onair";
}

function showView() {
  const shown = viewName();
  for (const name of Object.keys(VIEWS)) find(name, HTMLDivElement).hidden = name !== shown;
  for (const link of find("views", HTMLElement).querySelectorAll("a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  showAll();
}

function showAll() {
  const shown = pipeline();
  const select = find("pipelines", HTMLSelectElement);
  fill(
    select,
    names(),
    (name) => name,
    (name) => el("option", { value: name }, name),
  );
  if (shown) select.value = shown.name;
  find("pipelines-label", HTMLLabelElement).hidden = names().length < 2;
  document.title = shown?.current ? `${shown.current.title} · Console` : "Console";
  showWhatIsAllowed();
  showOnAir();
  void VIEWS[viewName()]?.();
}

/** Hides what the role of who is logged in may not do. */
function showWhatIsAllowed() {
  for (const part of document.querySelectorAll("[data-needs]")) {
    if (part instanceof HTMLElement) part.hidden = !may(part.dataset["needs"] ?? "");
  }
}

main().catch((/** @type {Error} */ error) => complain(`The console could not begin: ${error.message}.`));

// Lists whose rows are put in order by dragging and by keys.

/** The kind of what is dragged from the library: the name of a file. */
export const FILE = "application/x-longwave-file";
/** The kind of what is dragged from the library: the id of a track. */
export const TRACK = "application/x-longwave-track";

/**
 * Lets things be dropped between the rows of a list. `takes` has, for each kind of what may be dropped,
 * what is done with it and the index of the row at which it was dropped.
 *
 * @param {HTMLElement} list
 * @param {Record<string, (dropped: string, place: number) => unknown>} takes
 */
export function takeDrops(list, takes) {
  list.ondragover = (event) => {
    const kinds = event.dataTransfer?.types ?? [];
    if (!Object.keys(takes).some((kind) => kinds.includes(kind))) return;
    event.preventDefault();
    mark(list, placeAt(list, event.clientY));
  };
  list.ondragleave = () => mark(list, -1);
  list.ondrop = (event) => {
    event.preventDefault();
    const place = placeAt(list, event.clientY);
    mark(list, -1);
    for (const [kind, take] of Object.entries(takes)) {
      const dropped = event.dataTransfer?.getData(kind) ?? "";
      if (dropped !== "") return void take(dropped, place);
    }
  };
}

/**
 * Lets keys put a row in order: with Alt the arrows move it, without they go to the rows beside it. Delete
 * takes it out.
 *
 * @param {HTMLElement} row
 * @param {{step: (by: number) => unknown, remove: () => unknown}} orders
 */
export function takeKeys(row, { step, remove }) {
  row.tabIndex = 0;
  row.onkeydown = (event) => {
    if (event.target !== row) return;
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0;
    if (event.key === "Delete") void remove();
    else if (by === 0) return;
    else if (event.altKey) void step(by);
    else focusOn(by < 0 ? row.previousElementSibling : row.nextElementSibling);
    event.preventDefault();
  };
}

/** @param {Element | null} element */
function focusOn(element) {
  if (element instanceof HTMLElement) element.focus();
}

/**
 * The index at which something would be that is dropped here.
 *
 * @param {HTMLElement} list
 * @param {number} y
 */
function placeAt(list, y) {
  const rows = [...list.children];
  const below = rows.findIndex((row) => {
    const { top, height } = row.getBoundingClientRect();
    return y < top + height / 2;
  });
  return below < 0 ? rows.length : below;
}

/**
 * Shows where it would be.
 *
 * @param {HTMLElement} list
 * @param {number} place -1: nowhere
 */
function mark(list, place) {
  [...list.children].forEach((row, index) => row.classList.toggle("drop-here", index === place));
  list.classList.toggle("drop-last", place === list.children.length);
}

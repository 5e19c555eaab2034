// What all parts of the console use to make and find elements. Text is never parsed as HTML.

/**
 * Makes an element. A property whose name begins with "on" is a listener; of the others, what the element
 * does not know becomes an attribute. Undefined and false attributes are left out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name in element && !name.includes("-")) {
      Object.assign(element, { [name]: value });
    } else if (value !== undefined && value !== false) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Makes an element of SVG.
 *
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
export function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * A button with a text.
 *
 * @param {string} text
 * @param {() => unknown} press
 * @param {Record<string, unknown>} [properties]
 */
export function button(text, press, properties = {}) {
  return el("button", { type: "button", onclick: press, ...properties }, text);
}

/**
 * The element with this id, which must be of this type.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} ${id}`);
  return element;
}

/**
 * Makes the children of `list` those of `items`, and keeps the elements of items that stay: who has one of
 * them under a finger, or under the keyboard's focus, does not lose it.
 *
 * @template I
 * @param {HTMLElement} list
 * @param {I[]} items
 * @param {(item: I) => string | number} key
 * @param {(item: I) => HTMLElement} make
 * @param {(element: HTMLElement, item: I, index: number) => void} [change] brings an element up to date
 */
export function fill(list, items, key, make, change = () => {}) {
  const before = new Map(
    [...list.children].map((child) => [child instanceof HTMLElement ? child.dataset.key : "", child]),
  );
  const focused = document.activeElement;
  let at = list.firstElementChild;
  items.forEach((item, index) => {
    const name = String(key(item));
    let element = before.get(name);
    before.delete(name);
    if (!(element instanceof HTMLElement)) {
      element = make(item);
      /** @type {HTMLElement} */ (element).dataset.key = name;
    }
    change(/** @type {HTMLElement} */ (element), item, index);
    if (element === at) at = at.nextElementSibling;
    else list.insertBefore(element, at);
  });
  for (const element of before.values()) element.remove();
  // What is moved loses it.
  const hasLost = focused !== document.activeElement && list.contains(focused);
  if (hasLost && focused instanceof HTMLElement) focused.focus();
}

/**
 * Calls `work` once, this many milliseconds after the last call of the result.
 *
 * @param {number} wait
 * @param {() => void} work
 * @returns {() => void}
 */
export function settled(wait, work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(work, wait);
  };
}

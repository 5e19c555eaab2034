// A button for what is not easily undone: the first tap arms it, the second one does it.

import { button } from "./dom.js";

/**
 * A button that wants two taps. It is disarmed when the focus leaves it.
 *
 * @param {string} text
 * @param {string} again what it says when it is armed: "Tap again to remove"
 * @param {() => unknown} press
 * @param {string} about what it does, for who does not see where it stands: "Remove ana"
 */
export function twice(text, again, press, about) {
  const element = button(text, tap, { "aria-label": about });
  let isArmed = false;
  /** @param {boolean} armed */
  function arm(armed) {
    isArmed = armed;
    element.textContent = armed ? again : text;
    element.setAttribute("aria-label", armed ? `${again}: ${about}` : about);
    element.classList.toggle("armed", armed);
  }
  function tap() {
    if (!isArmed) return arm(true);
    arm(false);
    press();
  }
  element.onblur = () => arm(false);
  return element;
}

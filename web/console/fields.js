// Fields that stand for the values of a document: each has the name of its key, and `data-as` says in what
// form the value is typed. A field without text has no value.

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Field */
/** @typedef {string | number | boolean | string[] | number[]} Value */

/**
 * The fields of a form, or of a part of it.
 *
 * @param {HTMLFormElement | HTMLFieldSetElement} of
 * @returns {Field[]}
 */
const fields = (of) => [...of.elements].filter(isField);

/**
 * @param {Element} control
 * @returns {control is Field}
 */
function isField(control) {
  const isOne =
    control instanceof HTMLInputElement ||
    control instanceof HTMLSelectElement ||
    control instanceof HTMLTextAreaElement;
  return isOne && control.name !== "";
}

/**
 * Shows these values. A field whose key has none is empty; a list of choices then has its first one.
 *
 * @param {HTMLFormElement | HTMLFieldSetElement} into
 * @param {Record<string, Value | null | undefined>} values
 */
export function write(into, values) {
  for (const field of fields(into)) {
    const value = values[field.name];
    const between = field.dataset["as"] === "lines" ? "\n" : ", ";
    field.value = Array.isArray(value) ? value.join(between) : String(value ?? "");
    if (field instanceof HTMLSelectElement && field.selectedIndex < 0) field.selectedIndex = 0;
  }
}

/**
 * The values that the fields have.
 *
 * @param {HTMLFormElement | HTMLFieldSetElement} of
 */
export function read(of) {
  /** @type {Record<string, Value>} */
  const values = {};
  for (const field of fields(of)) {
    const text = field.value.trim();
    if (text !== "") values[field.name] = valueOf(field, text);
  }
  return values;
}

/**
 * @param {Field} field
 * @param {string} text
 * @returns {Value}
 */
function valueOf(field, text) {
  const parts = (/** @type {string} */ between) => text.split(between).flatMap((part) => part.trim() || []);
  switch (field.dataset["as"]) {
    case "list":
      return parts(",");
    case "lines":
      return parts("\n");
    case "numbers":
      // What is no number is for the station to refuse.
      return /** @type {number[]} */ (parts(",").map((part) => (isNaN(Number(part)) ? part : Number(part))));
    case "truth":
      return text === "true";
    default:
      return field.type === "number" ? Number(text) : text;
  }
}

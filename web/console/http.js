// Requests to the station's API, and its refusals.

import { settled } from "./dom.js";

/** Why a request was refused, or that the station cannot be reached (status 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{detail?: string, code?: string}} details
   */
  constructor(status, details) {
    super(details.detail ?? `the station answers with ${status}`);
    this.status = status;
    this.code = details.code;
  }
}

/** How long a request may take, in milliseconds. The station answers sooner, also where a disk hangs. */
const PATIENCE = 30_000;
/** A file that is sent has got no further for so long when it is given up. */
const STALLED = 120_000;

/**
 * Sends a request, and returns the document of its answer (null if it has none).
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON; a blob as it is
 * @returns {Promise<any>}
 */
export async function send(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", "X-Requested-With": "longwave" };
  // The station wants it of all that changes something, so that no form on another site can do it.
  const isBlob = body instanceof Blob;
  if (method !== "GET") headers["Content-Type"] = isBlob ? body.type : "application/json";
  let answer, text;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: isBlob ? body : body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    text = await answer.text();
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    throw new Problem(0, {
      detail: isLate
        ? `the station has not answered within ${PATIENCE / 1000} seconds`
        : "the station cannot be reached",
    });
  }
  return documentOf(answer.status, answer.headers.get("Content-Type"), text);
}

/**
 * Sends a file, which may take as long as it takes, and returns the document of its answer.
 *
 * @param {string} path
 * @param {File} file
 * @param {(part: number) => void} tell is called with how much of it is sent, from 0 to 1
 * @param {AbortSignal} signal breaks it off
 * @returns {Promise<any>}
 */
export function sendFile(path, file, tell, signal) {
  // fetch() does not say how much of a body is sent.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const breakOff = (/** @type {unknown} */ why) => {
      reject(why);
      request.abort();
    };
    const goesOn = settled(STALLED, () =>
      breakOff(new Problem(0, { detail: `nothing has moved for ${STALLED / 1000} seconds` })),
    );
    request.open("PUT", path);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-Requested-With", "longwave");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => {
      goesOn();
      tell(total > 0 ? loaded / total : 0);
    };
    request.onload = () => {
      try {
        const { status, responseText } = request;
        resolve(documentOf(status, request.getResponseHeader("Content-Type"), responseText));
      } catch (problem) {
        reject(problem);
      }
    };
    request.onerror = () => reject(new Problem(0, { detail: "the connection to the station broke off" }));
    signal.addEventListener("abort", () => breakOff(signal.reason));
    goesOn();
    request.send(file);
  });
}

/**
 * The document of an answer; null if it has none. A refusal is thrown, and so is an answer that should have a
 * document and has none that can be read: a proxy may have cut it, or written it.
 *
 * @param {number} status
 * @param {string | null} type
 * @param {string} text
 * @returns {any}
 */
function documentOf(status, type, text) {
  const isJson = (type ?? "").includes("json") && text !== "";
  const content = isJson ? parsed(text) : null;
  // /health says by 503 that something is wrong, and says it in the same form.
  const isFine = (status >= 200 && status < 300) || (status === 503 && content?.status === "failing");
  if (isFine && content !== undefined) return content;
  if (isFine) throw new Problem(status, { detail: `the station answers with ${status}, but not in JSON` });
  const isSentence = (type ?? "").startsWith("text/plain") && text.trim() !== "";
  throw new Problem(status, content ?? (isSentence ? { detail: text.trim() } : {}));
}

/**
 * What JSON says; undefined if it is none.
 *
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Requests to the station's API, and its refusals.

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

/** How long a request may take. The station answers sooner, also where a disk hangs. */
const PATIENCE = 30_000;

/**
 * Sends a request, and returns the document of its answer (null if it has none).
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @returns {Promise<any>}
 */
export async function send(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", "X-Requested-With": "longwave" };
  // The station wants it of all that changes something, so that no form on another site can do it.
  if (method !== "GET") headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Problem(0, { detail: "the station cannot be reached" });
  }
  const text = await answer.text().catch(() => "");
  const content = jsonIn(answer.headers.get("Content-Type"), text);
  // /health says by 503 that something is wrong, and says it in the same form.
  if (!answer.ok && !(answer.status === 503 && content?.status === "failing")) {
    throw new Problem(answer.status, content ?? { detail: text.trim() || undefined });
  }
  return content;
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
    request.open("PUT", path);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-Requested-With", "longwave");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => tell(total > 0 ? loaded / total : 0);
    request.onload = () => {
      const content = jsonIn(request.getResponseHeader("Content-Type"), request.responseText);
      if (request.status < 300) resolve(content);
      else
        reject(new Problem(request.status, content ?? { detail: request.responseText.trim() || undefined }));
    };
    request.onerror = () => reject(new Problem(0, { detail: "the connection to the station broke off" }));
    request.onabort = () => reject(signal.reason);
    signal.onabort = () => request.abort();
    request.send(file);
  });
}

/**
 * The document in an answer; null if it has none.
 *
 * @param {string | null} type
 * @param {string} text
 * @returns {any}
 */
function jsonIn(type, text) {
  return (type ?? "").includes("json") && text !== "" ? JSON.parse(text) : null;
}

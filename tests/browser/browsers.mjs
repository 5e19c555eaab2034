// The browsers of the tests, with one handle for both: a tab of Chromium or of Firefox.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

export const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What each page has before its own script: it notes what a browser refuses, when a stream is asked for, and
 * where in the stream titles are shown.
 */
const NOTES = `
  window.refused = [];
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    refused.push(violatedDirective + " " + blockedURI));
  window.Audio = class extends Audio {
    constructor(...all) { super(...all); window.player = this; }
    set src(url) { [window.asked, window.titles] = [Date.now(), []]; super.src = url; }
  };
  window.titles = [];
  document.addEventListener("DOMContentLoaded", () => {
    const title = document.getElementById("title");
    const note = () => titles.push({ title: title.textContent, position: player.currentTime });
    const all = { childList: true, characterData: true, subtree: true };
    if (title) new MutationObserver(note).observe(title, all);
  });
`;

class Tab {
  /** What the browser has written to its console as errors. */
  errors = [];

  /** Waits until an expression is true in the page. */
  async until(what, expression, seconds = 40) {
    const end = Date.now() + seconds * 1000;
    while (!(await this.value(`Boolean(${expression})`))) {
      if (Date.now() > end)
        throw new Error(`waited in vain until ${what}: ${await this.value("document.body.innerText")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Plays on for so many seconds of the stream. */
  async plays(seconds) {
    const from = await this.value("player.currentTime");
    await this.until(`it plays on from ${from}`, `player.currentTime >= ${from + seconds}`);
  }

  /** What axe-core has to say against the page. */
  async violations() {
    await this.value(`${AXE}; undefined`);
    const found = await this.value("axe.run().then(({ violations }) => violations)");
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  }
}

class ChromiumTab extends Tab {
  static async open(options = {}) {
    const tab = new ChromiumTab();
    tab.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
    });
    tab.context = await tab.browser.newContext(options);
    tab.page = await tab.context.newPage();
    tab.page.on("console", (message) => message.type() === "error" && tab.errors.push(message.text()));
    tab.page.on("pageerror", (error) => tab.errors.push(String(error)));
    await tab.page.addInitScript(NOTES);
    tab.session = await tab.context.newCDPSession(tab.page);
    return tab;
  }

  async goto(url) {
    await this.page.goto(url);
  }

  /** The value of an expression in the page, past its Content-Security-Policy. */
  async value(expression) {
    const how = { expression, awaitPromise: true, returnByValue: true, allowUnsafeEvalBlockedByCSP: true };
    const { result, exceptionDetails } = await this.session.send("Runtime.evaluate", how);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  async picture(path) {
    await this.page.screenshot({ path });
  }

  async close() {
    await this.browser.close();
  }
}

class FirefoxTab extends Tab {
  static async open() {
    const tab = new FirefoxTab();
    tab.browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
      headless: true,
      extraPrefsFirefox: { "media.autoplay.default": 0, "media.autoplay.blocking_policy": 0 },
    });
    tab.page = await tab.browser.newPage();
    tab.page.on("console", (message) => message.type() === "error" && tab.errors.push(message.text()));
    tab.page.on("pageerror", (error) => tab.errors.push(String(error)));
    await tab.page.evaluateOnNewDocument(NOTES);
    // Without a loudspeaker, it plays only what is silent.
    await tab.page.evaluateOnNewDocument("localStorage.setItem('volume', '0')");
    return tab;
  }

  async goto(url) {
    await this.page.goto(url);
  }

  async value(expression) {
    return this.page.evaluate(expression);
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  async close() {
    await this.browser.close();
  }
}

export const BROWSERS = { Chromium: ChromiumTab, Firefox: FirefoxTab };

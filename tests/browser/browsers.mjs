// The browsers of the tests, with one handle for both: a tab of Chromium or of Firefox.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

export const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What each page has before its own script: it notes what a browser refuses, and hears what the page plays.
 */
const EARS = `
  window.refused = [];
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    refused.push(violatedDirective + " " + blockedURI));
  window.Audio = class extends Audio {
    constructor(...all) { super(...all); window.player = this; }
  };
  window.heard = [];
  window.listen = async (pitches) => {
    const context = new AudioContext();
    await context.resume();
    const ear = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    context.createMediaElementSource(player).connect(ear).connect(context.destination);
    const levels = new Float32Array(ear.frequencyBinCount);
    const level = (pitch) => levels[Math.round((pitch * ear.fftSize) / context.sampleRate)];
    setInterval(() => {
      ear.getFloatFrequencyData(levels);
      const [loudest] = [...pitches].sort((a, b) => level(b) - level(a));
      if (level(loudest) <= -60 || heard.at(-1)?.pitch === loudest) return;
      heard.push({ pitch: loudest, at: performance.now() });
    }, 10);
  };
  window.titles = [];
  document.addEventListener("DOMContentLoaded", () => {
    const title = document.getElementById("title");
    const note = () => titles.push({ title: title.textContent, at: performance.now() });
    const all = { childList: true, characterData: true, subtree: true };
    if (title) new MutationObserver(note).observe(title, all);
  });
`;

class Tab {
  /** Whether sound passes through it, so that a test can listen to it. */
  canListen = true;

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
    await tab.page.addInitScript(EARS);
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

/** A loudspeaker that nobody hears, where PulseAudio is installed. */
class Loudspeaker {
  static isThere() {
    return spawnSync("pulseaudio", ["--version"]).status === 0;
  }

  static async start() {
    const loudspeaker = new Loudspeaker();
    loudspeaker.folder = mkdtempSync(join(tmpdir(), "longwave-loudspeaker."));
    const { folder } = loudspeaker;
    const socket = join(folder, "native");
    const modules = ["null-sink", `native-protocol-unix auth-anonymous=1 socket=${socket}`];
    const plain = ["-n", "--daemonize=no", "--use-pid-file=no", "--disable-shm=yes", "--exit-idle-time=-1"];
    loudspeaker.process = spawn(
      "pulseaudio",
      [...plain, ...modules.map((module) => `--load=module-${module}`)],
      { stdio: "ignore", env: { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder } },
    );
    loudspeaker.ended = new Promise((resolve) => loudspeaker.process.once("close", resolve));
    while (!existsSync(socket)) {
      if (loudspeaker.process.exitCode !== null) throw new Error("pulseaudio has ended");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Firefox hands sound on this long before it is due.
    loudspeaker.env = { PULSE_SERVER: `unix:${socket}`, PULSE_LATENCY_MSEC: "30" };
    return loudspeaker;
  }

  async end() {
    this.process.kill();
    await this.ended;
    rmSync(this.folder, { recursive: true });
  }
}

class FirefoxTab extends Tab {
  static async open() {
    const tab = new FirefoxTab();
    tab.canListen = Loudspeaker.isThere();
    if (tab.canListen) tab.loudspeaker = await Loudspeaker.start();
    tab.browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
      headless: true,
      env: { ...process.env, ...tab.loudspeaker?.env },
      extraPrefsFirefox: { "media.autoplay.default": 0, "media.autoplay.blocking_policy": 0 },
    });
    tab.page = await tab.browser.newPage();
    tab.page.on("console", (message) => message.type() === "error" && tab.errors.push(message.text()));
    tab.page.on("pageerror", (error) => tab.errors.push(String(error)));
    await tab.page.evaluateOnNewDocument(EARS);
    // Without a loudspeaker, Firefox plays only what is silent.
    if (!tab.canListen) await tab.page.evaluateOnNewDocument("localStorage.setItem('volume', '0')");
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
    await this.loudspeaker?.end();
  }
}

export const BROWSERS = { Chromium: ChromiumTab, Firefox: FirefoxTab };

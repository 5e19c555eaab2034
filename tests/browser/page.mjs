// A page with hls.js in Chromium, served from another origin than the station's, as on a website.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const HLS = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"));

const PAGE = `<!DOCTYPE html><meta charset="utf-8"><title>player</title><audio controls></audio>
<script src="/hls.js"></script><script>
  const audio = document.querySelector("audio");
  const seen = { errors: [], fragments: [], levels: [] };
  let hls;
  function play(url) {
    hls = new Hls({ liveSyncDurationCount: 3 });
    hls.on(Hls.Events.ERROR, (_, data) => {
      seen.errors.push({ details: data.details, fatal: data.fatal, type: data.type });
      // What every page with hls.js does: a station that is away comes back.
      if (data.fatal && data.type === Hls.ErrorTypes.NETWORK_ERROR) {
        setTimeout(() => hls.loadSource(url), 500);
      } else if (data.fatal && data.type === Hls.ErrorTypes.MEDIA_ERROR) {
        hls.recoverMediaError();
      }
    });
    hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag: { url, start, end, level, cc } }) => {
      seen.fragments.push({ url, start, end, level, cc });
    });
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, { level }) => seen.levels.push(level));
    hls.loadSource(url);
    hls.attachMedia(audio);
    audio.play();
  }
  function cues() {
    return [...audio.textTracks].flatMap((track) =>
      [...(track.cues ?? [])].map(({ startTime, value, type }) =>
        ({ label: track.label, startTime, type, value })));
  }
  function buffered() {
    const { buffered } = audio;
    return Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)]);
  }
</script>`;

export class Page {
  static async open() {
    const page = new Page();
    page.server = createServer((request, answer) => {
      const [type, body] =
        request.url === "/hls.js" ? ["text/javascript", HLS] : ["text/html; charset=utf-8", PAGE];
      answer.writeHead(200, { "Content-Type": type }).end(body);
    });
    await new Promise((resolve) => page.server.listen(0, "127.0.0.1", resolve));
    page.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
    });
    page.tab = await page.browser.newPage();
    page.console = [];
    page.tab.on("console", (message) => page.console.push(message.text()));
    page.tab.on("pageerror", (error) => page.console.push(String(error)));
    await page.tab.goto(`http://127.0.0.1:${page.server.address().port}/`);
    return page;
  }

  /** The value of an expression in the page. */
  value(expression) {
    return this.tab.evaluate(expression);
  }

  /** Waits until an expression is true in the page. */
  async until(what, expression, seconds = 40) {
    await this.tab
      .waitForFunction(expression, undefined, { timeout: seconds * 1000, polling: 100 })
      .catch(async () => {
        const seen = JSON.stringify(
          await this.value("({ seen, now: audio.currentTime, buffered: buffered() })"),
        );
        throw new Error(`waited in vain until ${what}: ${seen}; ${this.console.join("; ")}`);
      });
  }

  /** Plays on for so many seconds of the stream. */
  async plays(seconds) {
    const from = await this.value("audio.currentTime");
    await this.until(`it plays on from ${from}`, `audio.currentTime >= ${from + seconds}`);
  }

  async close() {
    await this.browser.close();
    this.server.close();
  }
}

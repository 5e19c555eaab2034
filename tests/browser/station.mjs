// A station of the tests: the program itself, with music that the tests can tell apart by ear.

import { spawn, execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PROGRAM =
  process.env.LONGWAVE ?? new URL("../../target/debug/longwave", import.meta.url).pathname;

/** The pitch of each track, in Hz. */
export const PITCHES = [500, 1000];
/** How long each track lasts, in seconds. */
export const TRACK_SECONDS = 5;

/** A free port. The station must have the same one after a restart. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Writes a track of each pitch into a folder. */
export function makeMusic(folder) {
  for (const [number, pitch] of PITCHES.entries()) {
    const sine = `sine=frequency=${pitch}:sample_rate=44100:duration=${TRACK_SECONDS}`;
    const tags = ["-metadata", `title=Tön ${pitch}`, "-metadata", 'artist=Die "Töne"'];
    const file = join(folder, `${number}.wav`);
    execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", sine, "-ac", "2", ...tags, file]);
  }
}

export class Station {
  /**
   * Writes music and configuration into a folder of their own, and starts. `page` is the page's table,
   * `cover` a picture that lies beside the music; `server` has further keys of the server, `more` further
   * tables, and `prepare` writes further files.
   */
  static async start({ page = "", cover = undefined, server = "", more = "", prepare = () => {} } = {}) {
    const folder = mkdtempSync(join(tmpdir(), "longwave-browser."));
    makeMusic(folder);
    if (cover) copyFileSync(cover, join(folder, "cover.png"));
    const port = await freePort();
    writeFileSync(
      join(folder, "station.toml"),
      `[server]
listen = "127.0.0.1:${port}"
access_log = "off"
${server}
${page}
[[pipeline]]
playlist = [${PITCHES.map((_, number) => `"${number}.wav"`).join(", ")}]
loop = true
state_file = "state"
[[pipeline.output]]
format = "aac"
mount = "/radio.aac"
[[pipeline.output]]
format = "aac"
mount = "/low.aac"
bitrate = 64
[[pipeline.hls]]
path = "/radio"
segment = "2s"
${more}
`,
    );
    prepare(folder);
    const station = new Station(folder, port);
    await station.begin();
    return station;
  }

  constructor(folder, port) {
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.playlist = `${this.url}/radio/hls.m3u8`;
  }

  /** Starts the program, and waits until players can open the playlist. */
  async begin() {
    this.said = "";
    const environment = { ...process.env, XDG_STATE_HOME: this.folder };
    this.process = spawn(PROGRAM, ["serve", "station.toml"], { cwd: this.folder, env: environment });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.stderr.on("data", (text) => (this.said += text));
    const until = Date.now() + 30_000;
    while ((await fetch(this.playlist).catch(() => undefined))?.status !== 200) {
      if (Date.now() > until) throw new Error(`no playlist after 30 s: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends the program as a supervisor does. */
  async end() {
    this.process.kill("SIGTERM");
    await this.ended;
  }

  async remove() {
    await this.end();
    rmSync(this.folder, { recursive: true });
  }
}

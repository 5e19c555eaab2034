// What the tests hear in a stream: the tones of the station's music.

import { execFileSync } from "node:child_process";

import { PITCHES } from "./station.mjs";

/** The sample rate of the streams. */
export const RATE = 44_100;

/**
 * Where the tone of a stream changes, in seconds from its first sample, and to which pitch. `bytes` is all
 * that a player has got of it.
 */
export function changesOf(bytes) {
  const samples = decoded(bytes);
  const changes = [];
  let last;
  for (let at = 0; at + 882 <= samples.length; at += 441) {
    const pitch = pitchAt(samples, at);
    // Only where one tone follows the other at once, it is heard when the title changes.
    const isNext = last !== undefined && at - last.at <= 3 * 441;
    if (isNext && pitch !== undefined && pitch !== last.pitch) {
      // Between the two windows, the change is where the pitch of the tone begins.
      changes.push({ at: begins(samples, last.at, at + 882, pitch) / RATE, pitch });
    }
    if (pitch !== undefined) last = { at, pitch };
  }
  return changes;
}

/** The pitch of a window of 20 ms, by its zero crossings; undefined in the middle of a change. */
function pitchAt(samples, from) {
  let crossings = 0;
  for (let n = from + 1; n < from + 882; n++) crossings += samples[n - 1] < 0 !== samples[n] < 0;
  return PITCHES.find((pitch) => Math.abs(crossings - pitch * 0.04) <= 2);
}

/** The first sample from which on a short window has this pitch. */
function begins(samples, from, to, pitch) {
  const window = Math.round((2 * RATE) / pitch);
  for (let at = from; at < to; at += 8) {
    let crossings = 0;
    for (let n = at + 1; n < at + window; n++) crossings += samples[n - 1] < 0 !== samples[n] < 0;
    if (Math.abs(crossings - 4) <= 1 && Math.abs(peak(samples, at, at + window)) > 0.05) return at;
  }
  return to;
}

function peak(samples, from, to) {
  let most = 0;
  for (let n = from; n < to; n++) most = Math.max(most, Math.abs(samples[n]));
  return most;
}

/** The samples of a stream, in one channel. */
function decoded(bytes) {
  // Where the player has left out a segment, or the station was too busy to make a packet, there is silence:
  // so a sample's place says when it sounds.
  const inPlace = "-af aresample=async=1:first_pts=0";
  const command = `-v error -i - -map 0:a ${inPlace} -ac 1 -ar ${RATE} -f f32le -`;
  const pcm = execFileSync("ffmpeg", command.split(" "), { input: bytes, maxBuffer: 1 << 28 });
  return new Float32Array(pcm.buffer, pcm.byteOffset, Math.floor(pcm.length / 4));
}

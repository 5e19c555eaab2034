"""What mutagen reads from files: title, artist and gain of each, as JSON."""

import json
import sys

import mutagen

KEYS = {
    "title": ("TIT2", "Title", "title", "\xa9nam"),
    "artist": ("TPE1", "Artist", "artist", "\xa9ART"),
}
GAINS = ("replaygain_track_gain", "----:com.apple.itunes:replaygain_track_gain", "txxx:replaygain_track_gain")


def text(value):
    """The text of a field, whatever mutagen makes of it."""
    if hasattr(value, "text"):
        value = value.text
    if isinstance(value, (list, tuple)):
        return " / ".join(text(one) for one in value)
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def first(tags, keys):
    """The text of the first of these fields that is there. A key that a format cannot have is a ValueError."""
    there = set(tags.keys())
    return next((text(tags[key]) for key in keys if key in there), None)


def gain(tags):
    for key in tags.keys():
        if key.lower() in GAINS:
            return float(text(tags[key]).split()[0])
        if key.lower() == "r128_track_gain":
            # RFC 7845: to -23 LUFS, in 256ths; ReplayGain's level is 5 dB above that.
            return int(text(tags[key])) / 256 + 5
        if key.startswith("RVA2:"):
            return tags[key].gain
    return None


def said(path):
    try:
        file = mutagen.File(path)
        if file is None:
            return {"error": "unknown"}
        tags = file.tags or {}
        found = {name: first(tags, keys) for name, keys in KEYS.items()}
        try:
            # LAME's own gain stands in the first packet.
            found["gain"] = gain(tags) if tags else getattr(file.info, "track_gain", None)
        except ValueError:
            found["gain"] = None
        return found
    except Exception as error:  # Whatever it says: it cannot read it.
        return {"error": str(error) or type(error).__name__}


json.dump([said(path) for path in sys.argv[1:]], sys.stdout)

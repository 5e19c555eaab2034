"""Writes a C program in which ten threads call every function of longwave.h at random: with handles that they
share, that others close meanwhile, and that are closed already.

It reads the functions from the header, so none is forgotten; what it does not know how to call, it refuses.
"""

import json
import sys

from declarations import Header

header = Header(sys.argv[1])

# These are not called as the others are.
OTHERWISE = {
    "lw_free": "drop_text calls it for every text; of other pointers it cannot know that they are none",
    "lw_last_error": "the loop of each thread calls it after every failure",
    "lw_pipeline_restore": "restore_snapshot calls it: only a snapshot can be restored",
    "lw_station_kick_source": "kick_source calls it: only the list of sources tells which",
    "lw_server_kick": "kick_somebody calls it: only the list of listeners tells whom",
    "lw_server_port": "ask_server calls it",
}
BY_HAND = ["ask_server", "kick_somebody", "kick_source", "restore_snapshot"]

# What a text may be, by the function and its parameter, or by the parameter alone.
OUTPUTS = ["mount = '/a.mp3'\nformat = 'mp3'\nbitrate = 32", "mount = '/b.mp3'\nformat = 'mp3'\nbitrate = 64"]
LISTEN = "listen = '127.0.0.1:0'"
OWN = "mount = '/own'\ncontent_type = 'audio/x-own'"
LIVE = "mount = '/live'\ncontent_type = 'audio/x-own'"
ENTRIES = ['["crowd.wav"]', '["crowd.wav", {"file": "crowd.wav", "title": "Twice"}]', "[]", "[3]"]
INGREDIENT_KINDS = ["slot", "slot", "daypart", "typo"]
TEXTS = {
    "lw_encoder_open.declaration": ["format = 'mp3'\nbitrate = 32", "format = 'aac'", "format = 'mp2'"],
    "lw_pipeline_open.declaration": [
        "sample_rate = 22050\nchannels = 1\nplaylist = ['crowd.wav']\nloop = true\n[[output]]\n" + OUTPUTS[0],
        "sample_rate = 22050\nchannels = 2\n[[output]]\n" + OUTPUTS[1],
    ],
    "lw_pipeline_add_output.declaration": OUTPUTS,
    "lw_pipeline_update_output.declaration": OUTPUTS,
    "lw_pipeline_replace_encoder.declaration": [f"format = 'mp3'\nbitrate = {n}" for n in (32, 48)],
    "lw_pipeline_add_own_output.declaration": [OWN],
    "lw_pipeline_set_title_format.format": ["{artist}: {title}", "{"],
    "lw_server_open.declaration": [LISTEN],
    "lw_server_reconfigure.declaration": [LISTEN, LISTEN + "\nmax_listeners = 3", "listen = 3"],
    "lw_server_add_mount.declaration": [LIVE],
    "lw_server_update_mount.declaration": [LIVE, LIVE + "\ngenre = 'Jazz'"],
    "lw_pipeline_set_ingredient.kind": INGREDIENT_KINDS,
    "lw_pipeline_set_ingredient.declaration": [
        '{"name": "x", "at": "daily *:00", "play": "crowd.wav"}',
        '{"name": "main", "at": "Mon 7:00", "play": "crowd.wav", "start": "hard"}',
        '{"name": "x", "from": "06:00"}',
    ],
    "lw_pipeline_remove_ingredient.kind": INGREDIENT_KINDS,
    "lw_pipeline_go_live.path": ["/dj"],
    "info": ["{}", '{"user": "anna", "content_type": "audio/mpeg"}', "[]"],
    "lw_pipeline_force_live.path": ["/dj", "/typo"],
    "lw_pipeline_mute_live.path": ["/dj"],
    "lw_pipeline_unmute_live.path": ["/dj"],
    "lw_station_update_source_metadata.path": ["/dj", "/typo"],
    "lw_server_expect.path": ["/expected"],
    "lw_server_expect_no_more.path": ["/expected"],
    "lw_station_open.declaration": ["STATION"],
    "lw_station_reload.declaration": ["STATION"],
    "method": ["GET", "DELETE", "BREW"],
    "target": ["/api/v1/health", "/api/v1/mounts", "/api/v1/events", "/typo"],
    "body": ["{}"],
    "lw_station_read.file": ["crowd.toml", "library.toml", "nowhere.toml"],
    "file": ["crowd.wav", "nowhere.wav"],
    "path": ["crowd.wav", "nowhere"],
    "files": ENTRIES,
    "paths": ['["/asked"]', '["/a.mp3"]'],
    "options": ["{}", '{"now": true, "loop": true}', '{"shuffle": true}'],
    "mount": ["/a.mp3", "/b.mp3", "/live", "/own", "/typo"],
    "format": ["s16le", "f32le"],
    "kind": ["track-change", "pipeline-stop", "voice-ended", "typo"],
    "level": ["error", "info", "loud"],
    "curve": ["linear", "equal-power"],
    "title": ["A title", "Ein Titel – 標題"],
    "name": ["main", "Host", "x"],
    "headers": ["{}", '{"X-Asked": "yes"}'],
    "url": ["http://localhost/"],
    "tags": ["{}"],
    "given": ["x"],
    "extinf": ["x"],
    "reason": ["no more"],
    "words": ["", "crowd", "artist:x"],
    "changes": ["{}", '{"rating": 5}', '{"rating": "many"}'],
    "playlist": ['{"ordered": []}', '{"smart": {}}', "[]"],
    "address": ["192.0.2.1", "nowhere"],
    "from": ["2026-01-01", "yesterday"],
    "to": ["2026-01-31"],
    "pipeline_name": ["main", "x"],
    "by": ["track", "play", "month"],
    "step": ["1m", "1d", "never"],
    "lw_station_report.format": ["csv", "json", "pdf"],
}
C_NAMES = ("STATION", "NULL")

# The C expression of an argument, by the function and its parameter, by the parameter, or by its type.
NUMBERS = {
    # Without a server, it would open one on all addresses.
    "lw_pipeline_open.server": "a_server(self)",
    "lw_status_name.status": "-(int)draw(self, 20)",
    "status": "200 + (uint32_t)draw(self, 3)",
    "sample_rate": "22050",
    "channels": "1 + (uint32_t)draw(self, 2)",
    "id": "near(self, self->id)",
    "voice": "near(self, self->voice)",
    "hook": "near(self, self->hook)",
    "frames": "draw(self, 512)",
    "count": "draw(self, 512)",
    "double": "(double)draw(self, 3) / 2",
    "int32_t": "(int32_t)draw(self, 3)",
    "uint32_t": "(uint32_t)draw(self, 3)",
    "int64_t": "(int64_t)draw(self, 5)",
    "uint64_t": "draw(self, 40)",
    "size_t": "draw(self, 4)",
}
# Where a function puts the number of what it makes, for later calls of the same thread.
GIVES_NUMBER = ("id", "voice", "hook")
# How often a function is called, by how its name ends. What begins a whole is rare beside what is done with
# it, as are handles to what is there already; what ends one is rarer still.
WEIGHTS = {
    ("_stop", "_close", "_use_stepped_clock", "_reload", "_reconfigure"): 1,
    ("_open", "_read", "_start", "_station_server", "_station_pipeline", "_pipeline_server"): 4,
    "": 40,
}
# What they give is the caller's, who closes it.
GIVES_DESCRIPTOR = ("lw_pipeline_play_pipe",)


def argument(function, kind, name, place, nullable):
    """The C expression of an argument."""
    if kind == "const char *":
        return text(function, name, nullable)
    if kind in header.callbacks:
        return f"on_{kind}"
    if kind == "void *":
        return "NULL"
    if kind == "float *":
        return "self->pcm"
    if kind.startswith("const ") and "**" not in kind:
        return f"({kind})zeros"
    if kind == "uint64_t *" and name in GIVES_NUMBER:
        return f"&self->{name}"
    if kind.endswith("*"):
        return f"({kind})&self->outs[{place}]"
    for known in (f"{function}.{name}", name, kind):
        if known in NUMBERS:
            return NUMBERS[known]
    if kind in header.handles:
        return f"a_handle(self, KIND_{kind})"
    sys.exit(f"crowd.py: it does not know what to give for {kind!r} {name} of {function}")


def text(function, name, nullable):
    texts = TEXTS.get(f"{function}.{name}") or TEXTS.get(name)
    if not texts:
        sys.exit(f"crowd.py: it does not know a text for {name} of {function}")
    quoted = [text if text in C_NAMES else json.dumps(text, ensure_ascii=False) for text in texts]
    quoted += ["NULL"] * nullable
    return f"(const char *[]){{{', '.join(quoted)}}}[draw(self, {len(quoted)})]"


def what_follows(function, params):
    """The calls that look after what a function has given."""
    for place, (kind, _) in enumerate(params):
        given = kind.rstrip(" *")
        if kind == "char **":
            yield f"drop_text(self, status, {place});"
        elif kind.endswith("*") and given in header.handles:
            yield f"share(self, status, KIND_{given}, {place}, {given}_close);"
        elif kind == "int *" and function in GIVES_DESCRIPTOR:
            yield f"shut(self, status, {place});"


def written(doc, result, name, params):
    """A C function that makes a random call of one of the header's."""
    nullable = "NULL" in doc
    arguments = [argument(name, kind, param, place, nullable) for place, (kind, param) in enumerate(params)]
    call = f"{name}({', '.join(arguments)})"
    print(f"static lw_status call_{name}(struct thread *self)\n{{")
    if result == "lw_status":
        print(f"    lw_status status = {call};")
        for line in what_follows(name, params):
            print(f"    {line}")
        print("    return status;\n}\n")
    else:
        value = f"*{call}" if result.endswith("*") else call
        print(f"    (void)self;\n    CHECK({value});\n    return LW_OK;\n}}\n")


def weight(name):
    return next(weight for ends, weight in WEIGHTS.items() if name.endswith(ends))


unknown = set(OTHERWISE) - {name for _, _, name, _ in header.functions}
if unknown:
    sys.exit(f"crowd.py: {unknown} are not in the header")
called = [function for function in header.functions if function[2] not in OTHERWISE]
print("enum kind { " + ", ".join(f"KIND_{kind}" for kind in header.handles) + ", KINDS };\n")
print('#include "crowd.h"\n')
for function in called:
    written(*function)
print("const struct call CALLS[] = {")
for name in BY_HAND:
    print(f'    {{ {name}, "{name}", {weight(name)} }},')
for _, _, name, _ in called:
    print(f'    {{ call_{name}, "{name}", {weight(name)} }},')
print("};\nconst size_t CALL_COUNT = sizeof CALLS / sizeof *CALLS;\n")
print("int main(int argc, char **argv)\n{\n    begin(argc, argv);\n    crowd();")
for kind in header.handles:
    if any(name == f"{kind}_close" for _, _, name, _ in called):
        print(f"    close_all(KIND_{kind}, {kind}_close);")
print("    return report();\n}")

"""Writes a C program that misuses every function of longwave.h: NULL, handles that are zero, closed, made up
or of another kind, text that is not UTF-8, broken JSON, impossible numbers.

It reads the functions from the header, so none is forgotten; what it does not know how to call, it refuses.
"""

import sys

from declarations import Header

header = Header(sys.argv[1])

SLOT = r'"{\"name\": \"x\", \"at\": \"daily 07:00\", \"play\": \"x.mp3\"}"'
# What passes for a value of a parameter, by the function and its name, or by its name alone.
TEXTS = {
    "lw_pipeline_set_ingredient.kind": '"slot"', "lw_pipeline_set_ingredient.declaration": SLOT,
    "lw_pipeline_remove_ingredient.kind": '"slot"',
    "declaration": r'"{\"format\": \"mp3\"}"', "name": '"x"', "title": '"x"', "url": '"x"', "mount": '"/live"',
    "file": "music", "path": "music", "files": '"[]"', "options": '"{}"', "snapshot": "snapshot", "curve": '"linear"',
    "paths": r'"[\"/x\"]"', "headers": '"{}"', "info": '"{}"', "reason": '"x"',
    "kind": '"track-change"', "format": '"s16le"', "level": '"info"', "tags": '"{}"', "given": '"x"', "extinf": '"x"',
    "words": '"x"', "changes": '"{}"', "playlist": r'"{\"ordered\": []}"', "address": '"192.0.2.1"',
    "from": '"2026-01-01"', "to": '"2026-01-31"', "pipeline_name": '"main"', "by": '"track"',
    "step": '"1h"', "method": '"GET"', "target": '"/health"', "body": '"{}"',
}
PATHS = {"file", "path"}  # any bytes will do for them
ARRAYS = {"const uint8_t *", "const float *", "const int16_t *"}
NUMBERS = {"double", "int32_t", "int64_t", "int", "uint32_t", "uint64_t", "size_t"}


def good(function, kind, name, place):
    """What is right for a parameter."""
    if kind in header.handles:
        return f"live_{kind}"
    if kind == "const char *":
        return TEXTS.get(f"{function}.{name}") or TEXTS[name]
    if kind in ARRAYS:
        return f"({kind})zeros"
    if kind in ("void *", "char *"):
        return "NULL"
    if kind in header.callbacks:
        return f"on_{kind}"
    if kind.endswith("*"):
        return f"({kind})&outs[{place}]"
    if kind in NUMBERS:
        return "1"
    sys.exit(f"misuse.py: it does not know what to give for {kind!r} {name}")


def misuses(function, kind, name, nullable):
    """What is wrong for a parameter, and what is to come of it."""
    if kind in header.handles:
        if function.endswith("_close"):
            shut = "OK"  # harmless
        elif function == "lw_pipeline_open":
            shut = "ANY"  # zero means a server of its own
        else:
            shut = "BAD_HANDLE"
        yield "0", shut
        yield f"closed_{kind}", "BAD_HANDLE" if shut == "ANY" else shut
        made_up = ["1", "UINT64_MAX", "0x123456789abcdef"]
        for value in made_up + [f"live_{other}" for other in header.handles if other != kind]:
            yield value, "BAD_HANDLE"
        return
    pointer = kind.endswith("*") or kind in header.callbacks
    if pointer and kind not in ("void *", "char *"):
        yield "NULL", "ANY" if nullable else "INVALID"
    if kind == "const char *":
        yield r'"\xff\xfe"', "ANY" if name in PATHS else "INVALID"
        for value in ['""', '"{"', '"[1, {}]"', '"%s%n"', "long_text"]:
            yield value, "ANY"
    elif kind in ("const float *", "const int16_t *") or kind.endswith("**") or "64" in kind and pointer:
        yield f"({kind})(zeros + 1)", "INVALID"  # not aligned
    elif kind == "double":
        for value in ["-1", "0 / zero", "1 / zero", "1e300"]:
            yield value, "REFUSED"
    elif kind == "size_t" and name not in ("index", "most", "offset", "hours"):
        # More than there can be. That there are fewer than it says, nobody can tell.
        yield "SIZE_MAX", "INVALID"
        if not any(word in function for word in ("audio", "header", "source_write")):
            yield "SIZE_MAX / 2", "INVALID"
    elif kind in NUMBERS and not (name == "timeout_ms" and "_next" in function):  # which would wait
        for value in ["0", "-1", "INT32_MAX", "INT32_MIN"]:
            yield f"({kind}){value}", "ANY"


# Those that end something come last.
functions = sorted(header.functions, key=lambda function: function[2].endswith(("_stop", "_close")))

calls = 0
print('#include "misuse.h"\n\nint main(int argc, char **argv)\n{\n    begin(argc, argv);')
for doc, result, name, params in functions:
    if result != "lw_status":
        continue
    usual = [good(name, kind, param, place) for place, (kind, param) in enumerate(params)]
    texts = [place for place, (kind, _) in enumerate(params) if kind == "char **"]
    for place, (kind, param) in enumerate(params):
        for value, expected in misuses(name, kind, param, "NULL" in doc):
            arguments = ", ".join(usual[:place] + [value] + usual[place + 1 :])
            said = f"{name}: {param} = {value}".replace("\\", "\\\\").replace('"', "'")
            print(f'    judge({expected}, "{said}", (prepare(), {name}({arguments})));')
            for text in texts:
                print(f"    drop_text({text});")
            calls += 1
print(f'    end();\n    printf("{calls} wrong calls of {len(functions)} functions\\n");\n    return 0;\n}}')

"""Reads what longwave.h declares, for programs that write C programs which call all of it."""

import re
import sys

# What stands before a function, its type, its name, its parameters.
FUNCTION = re.compile(r"((?://[^\n]*\n)*)([a-z_0-9 ]+[ *])(lw_\w+)\(([^;]*)\);")


class Header:
    """`handles` and `callbacks` are names of types; `functions` has the documentation, type, name and
    parameters (type and name) of each function."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.handles = re.findall(r"^typedef uint64_t (lw_\w+);", text, re.M)
        self.callbacks = re.findall(r"^typedef [^;]*?\(\*(lw_\w+)\)", text, re.M)
        self.functions = [
            (doc, result.strip(), name, parameters(rest))
            for doc, result, name, rest in FUNCTION.findall(text)
        ]
        declared = set(re.findall(r"\b(lw_\w+)\(", re.sub(r"//[^\n]*|typedef[^\n]*", "", text)))
        unread = declared ^ {name for _, _, name, _ in self.functions}
        if unread or not self.handles or not self.callbacks:
            sys.exit(f"declarations.py: it cannot read all of {path}: {unread}")


def parameters(text):
    if text.strip() == "void":
        return []
    pairs = [re.fullmatch(r"\s*(.*?)(\w+)\s*", part, re.S).groups() for part in text.split(",")]
    return [(re.sub(r"\s+", " ", kind).strip().replace("* *", "**"), name) for kind, name in pairs]

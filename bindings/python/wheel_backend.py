"""Makes a wheel of longwave.py and the shared library, for `pip install ./bindings/python` (PEP 517).

It needs nothing but Python, and the library: LONGWAVE_LIBRARY names one that was built, else `cargo` builds it. The
wheel is for machines like this one, with LAME and Opus installed.
"""

import base64
import hashlib
import os
import re
import subprocess
import sysconfig
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

METADATA = """Metadata-Version: 2.1
Name: longwave
Version: {version}
Summary: An internet radio station inside a program
License: MIT OR Apache-2.0
Requires-Python: >=3.8
"""

WHEEL = """Wheel-Version: 1.0
Generator: longwave
Root-Is-Purelib: false
Tag: {tag}
"""


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    version = _version()
    tag = "py3-none-" + re.sub("[-.]", "_", sysconfig.get_platform())
    info = "longwave-%s.dist-info/" % version
    library, licences = _library()
    contents = {
        "longwave.py": _read(os.path.join(HERE, "longwave.py")),
        # In a folder of its own, because site-packages belongs to all.
        "longwave.libs/liblongwave.so.0": _stripped(library),
        info + "METADATA": METADATA.format(version=version).encode(),
        info + "WHEEL": WHEEL.format(tag=tag).encode(),
        info + "licenses/THIRD-PARTY-LICENCES": licences,
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "NOTICE"]:
        contents[info + "licenses/" + name] = _read(os.path.join(ROOT, name))
    record = "".join(map(_line, contents.items())) + info + "RECORD,,\n"

    name = "longwave-%s-%s.whl" % (version, tag)
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in contents.items():
            wheel.writestr(path, content)
        wheel.writestr(info + "RECORD", record)
    return name


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("there is no source distribution: install from Longwave's repository")


def _version():
    manifest = os.path.join(ROOT, "Cargo.toml")
    if not os.path.exists(manifest):
        raise SystemExit("pip must be given bindings/python in the repository of Longwave, not a copy of it (pip before 21.3 makes one)")
    return re.search('^version = "(.*)"', _read(manifest).decode(), re.MULTILINE).group(1)


def _library():
    """The library's path, and the licences of all that it contains, which go with every copy of it."""
    given = os.environ.get("LONGWAVE_LIBRARY")
    if given is None:
        command = ["cargo", "build", "--release", "--locked", "--package", "longwave-ffi", "--message-format=json"]
        built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()
        given = re.findall(r'"([^"]*/liblongwave_c\.so)"', built)[-1]
    collect = ["sh", os.path.join(ROOT, "scripts", "licences.sh")]
    return given, subprocess.run(collect, check=True, stdout=subprocess.PIPE).stdout


def _stripped(library):
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "library")
        subprocess.run(["strip", "-o", copy, library], check=True)
        return _read(copy)


def _line(entry):
    """A line of the wheel's RECORD: path, hash, size."""
    path, content = entry
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return "%s,sha256=%s,%d\n" % (path, digest, len(content))


def _read(path):
    with open(path, "rb") as file:
        return file.read()

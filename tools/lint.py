#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The project's own rules, checked: ./dev lint. One line a finding, FILE:LINE: what."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
LINES_MAX = 700
CODE = (".c", ".h", ".py", ".sh", ".cmake")
# Files that have a comment syntax and so carry the SPDX line. The first line, or the second after a #!.
SPDX = "SPDX-License-Identifier: Apache-2.0"

FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "string.h"}
# Which folder of src/ may include headers of which other one.
LAYERS = {
    "util": set(),
    "framing": {"util"},
    "ble": {"util"},
    "image": {"util"},
    "smp": {"util"},
    "update": {"util", "image", "smp"},
    "cast": {"util"},
    "gateway": {"util"},
    "central": {"util"},
    "fleet": {"util"},
    "host": {"util"},
}
# Which layer a public header belongs to. "base" is open to all; "consumer" is the seam between cast and update.
HEADERS = {
    "err": "base", "port": "base", "frame": "base", "match": "base",
    "framing": "framing", "image": "image",
    "ble": "ble", "ble_params": "ble", "ble_scan": "ble", "ble_event": "ble", "ble_door": "ble", "ble_setup": "ble",
    "ble_central": "central", "ble_fleet": "fleet",
    "smp": "smp", "smp_os": "smp", "smp_img": "smp", "smp_server": "smp", "smp_fleet": "smp",
    "consumer": "consumer", "update": "update", "cast": "cast", "ring": "cast", "gateway": "gateway", "host": "host",
}  # fmt: skip
PUBLIC = {
    "util": {"base", "framing"},  # dfucast_crc16() is declared in framing.h
    "framing": {"base", "framing"},
    "ble": {"base", "ble"},
    "image": {"base", "image"},
    "smp": {"base", "image", "smp"},  # versions in the image list
    "consumer": {"base", "image"},  # the read hook's type
    "update": {"base", "image", "smp", "consumer", "update"},
    "cast": {"base", "consumer", "cast"},
    "gateway": {"base", "image", "smp", "consumer", "update", "cast", "gateway"},
    "host": {"base", "image", "smp", "consumer", "host"},
    "central": {"base", "ble", "consumer", "cast", "central"},
    "fleet": {"base", "ble", "central", "cast", "gateway", "fleet"},
    "base": {"base"},
}

BANNED_ANYWHERE = r"strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|tmpnam|mktemp|system|popen"
BANNED_IN_SRC = (
    r"malloc|calloc|realloc|free|printf|fprintf|snprintf|vprintf|vfprintf|vsnprintf|puts|putchar|time|clock|abort|exit"
    r"|assert|setjmp|longjmp|qsort|strdup|atoi|strtol|strtoul|rand"
)
BANNED_IN_PORTS = r"exit|abort|_exit|printf|puts|atoi|rand"
LEFTOVER = re.compile(r"\b(FIX" r"ME|X" r"XX|TO" r"DO)\b")
MACHINE_PATH = re.compile(r"(?<![\w./])/(work|root|farm)/")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')

findings = []


def report(path, line, text):
    findings.append(f"{path}:{line}: {text}")


def tracked():
    """What git has or would take: relative paths."""
    text = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                          check=True, capture_output=True, text=True).stdout
    return sorted(pathlib.Path(name) for name in text.split("\0") if name and (ROOT / name).is_file())


def code_only(text):
    """C without comments and strings, line numbers kept."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: " " + "\n" * m.group().count("\n"), text, flags=re.S)


def is_script(text):
    return text.startswith("#!")


def check_text(path, text):
    lines = text.split("\n")
    if (path.suffix in CODE or is_script(text) or path.name == "CMakeLists.txt") and SPDX not in lines[is_script(text)]:
        report(path, 1, f"no {SPDX} line first")
    if (path.suffix in CODE or is_script(text)) and len(lines) - 1 > LINES_MAX:
        report(path, len(lines), f"{len(lines) - 1} lines; the most is {LINES_MAX}")
    for number, line in enumerate(lines, 1):
        if LEFTOVER.search(line):
            report(path, number, f"leftover {LEFTOVER.search(line).group()}")
        if MACHINE_PATH.search(line):
            report(path, number, "a path of one machine")
        if line != line.rstrip() and path.suffix != ".md" and path.name != "LICENSE":
            report(path, number, "space at the end of the line")
    if text and not text.endswith("\n"):
        report(path, len(lines), "no newline at the end")


def check_calls(path, text):
    banned = BANNED_ANYWHERE
    if path.parts[0] == "src":
        banned += "|" + BANNED_IN_SRC
    elif path.parts[0] == "ports":
        banned += "|" + BANNED_IN_PORTS
    for number, line in enumerate(code_only(text).split("\n"), 1):
        for found in re.finditer(rf"(?<![\w.>])({banned})\s*\(", line):
            report(path, number, f"banned call {found.group(1)}()")


def resolve(path, name):
    """The file of the tree that a quoted include names, relative to its folder, or to src/."""
    for base in (ROOT / path.parent, ROOT / "src"):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(ROOT)
    return None


def check_public(path, number, layer, name):
    """An <dfucast/…> include from a layer."""
    module = name.removeprefix("dfucast/").removesuffix(".h")
    if module not in HEADERS:
        report(path, number, f"<{name}>: tools/lint.py does not know this header's layer")
    elif HEADERS[module] not in PUBLIC[layer]:
        report(path, number, f"<{name}>: {layer} must not know {HEADERS[module]}")


def check_src_include(path, number, quote, name):
    folder = path.parts[1]
    if quote == "<":
        if name.startswith("dfucast/"):
            check_public(path, number, folder, name)
        elif name not in FREESTANDING and not re.fullmatch(r"zcbor_\w+\.h", name):
            report(path, number, f"<{name}>: src/ includes freestanding headers, string.h, zcbor and our own only")
        elif name.startswith("zcbor_") and folder != "smp":
            report(path, number, f"<{name}>: only smp/ knows CBOR")
        return
    found = resolve(path, name)
    if found is None or found.parts[0] != "src":
        report(path, number, f'"{name}": not a header of src/')
    elif found.parts[1] != folder and found.parts[1] not in LAYERS[folder]:
        report(path, number, f'"{name}": {folder} must not know {found.parts[1]}')


def check_includes(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, name = found.groups()
        top = path.parts[0]
        if top == "src":
            if path.parts[1] not in LAYERS:
                report(path, number, f"tools/lint.py does not know the layer {path.parts[1]}")
            else:
                check_src_include(path, number, quote, name)
        elif top == "include":
            if name.startswith("dfucast/"):
                layer = HEADERS.get(path.stem)
                if layer is None:
                    report(path, number, "tools/lint.py does not know this header's layer")
                else:
                    check_public(path, number, layer, name)
            elif name not in FREESTANDING:
                report(path, number, f"<{name}>: a public header includes freestanding headers and our own only")
        elif top in ("ports", "apps") and quote == '"':
            found_file = resolve(path, name) or next((p.relative_to(ROOT) for p in ROOT.glob(f"ports/*/{name}")), None)
            if found_file and found_file.parts[0] == "src":
                report(path, number, f'"{name}": {top} know the public headers only')
            if found_file and top == "ports" and found_file.parts[0] == "apps":
                report(path, number, f'"{name}": ports must not know apps')


def check_lists(paths):
    """Every source is in cmake/sources.cmake, every unit and wire test in tests/CMakeLists.txt."""
    listed = set(re.findall(r"^\s+(\S+\.c)$", (ROOT / "cmake/sources.cmake").read_text(), re.M))
    tests = (ROOT / "tests/CMakeLists.txt").read_text()
    every = {str(p) for p in paths}
    for path in paths:
        name = str(path)
        if path.suffix == ".c" and path.parts[0] in ("src", "ports") and name not in listed:
            report(path, 1, "not in cmake/sources.cmake")
        if re.fullmatch(r"tests/(unit|wire)/\w+_test\.c", name):
            folder = path.parts[1]
            if not re.search(rf"dfucast_add_test\({folder} {path.stem}\b", tests):
                report(path, 1, "not in tests/CMakeLists.txt")
    for name in sorted(listed - every):
        report("cmake/sources.cmake", 1, f"{name} does not exist")


def check_format(paths):
    files = [str(p) for p in paths if p.suffix in (".c", ".h")]
    if not files:
        return
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    for line in done.stderr.splitlines():
        if "error:" in line:
            findings.append(line.replace(" [-Wclang-format-violations]", " (./dev fmt)"))


def main():
    paths = tracked()
    for path in paths:
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path.name not in ("LICENSE", "lint.py"):
            check_text(path, text)
        if path.suffix in (".c", ".h"):
            check_calls(path, text)
            check_includes(path, text)
    check_lists(paths)
    check_format(paths)
    for line in findings:
        print(line)
    print(f"lint: {len(paths)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

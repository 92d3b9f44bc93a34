#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Assertions in C of all that the headers of tests/fake/zephyr declare of Zephyr's API: to be compiled against a real one.

    assertions.py [--without FOLDER] ROOT… > assertions.c     include folders of declarations, each with all below it

A function: its exact type, and a call (Zephyr makes some of them macros). A structure: each member by name and type. An
enumeration, a macro that is a number: the value. A typedef: the type. Preprocessor conditions stay where they were."""

import argparse
import collections
import pathlib
import re

OWN = "fake_"  # headers with types that are the fake's own
CODE = re.compile(
    r"(?P<condition>^#(?:if|else|elif|endif)\b[^\n]*$)"
    r"|^#define (?P<macro>\w+) (?P<value>\(?-?\w+\)?)$"
    r"|^(?:typedef )?enum ?(?P<enum>\w*) \{\n(?P<constants>.*?)^\}(?: \w+)?;"
    r"|^(?P<typedef>typedef )?(?P<kind>struct|union) ?(?P<tag>\w*) \{\n(?P<members>.*?)^\}(?: (?P<name>\w+))?;"
    r"|^typedef (?P<alias>[^;{]+);"
    r"|^(?P<noreturn>_Noreturn )?(?P<result>\w[\w ]*?[ *]+)(?P<function>\w+)\((?P<arguments>[^;{]*?)\);",
    re.M | re.S)


def plain(text):
    """Without comments, the guard and the choice of a header; one blank where lines were wrapped inside brackets."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"^#if __has_include.*?^#endif\n", "", text, flags=re.S | re.M)
    text = re.sub(r"^#ifndef (FAKE_\w+_H)\n#define \1\n(.*)^#endif\n*\Z", r"\2", text, flags=re.S | re.M)
    return re.sub(r"\\\n", " ", text)


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def pointer_type(declaration):
    """(name, type) of a member, a typedef or an argument: `uint8_t val[6]`, `void (*cancel)(struct bt_conn *conn)`."""
    found = re.fullmatch(r"(.*?)\(\*(\w+)\)(\(.*\))", declaration)
    if found:
        return found[2], f"{found[1].strip()} (*){found[3]}"
    found = re.fullmatch(r"(.*?)(\w+)(\[\w+\])", declaration)
    if found:
        return found[2], f"{found[1].strip()} {found[3]}"
    found = re.fullmatch(r"(.*?)(\w+)(\(.*\))", declaration)
    if found:
        return found[2], f"{found[1].strip()} {found[3]}"
    found = re.fullmatch(r"(.*?)(\w+)", declaration)
    return found[2], found[1].strip()


class Assertions:
    """What is printed, and how much of what."""

    def __init__(self):
        self.lines = []
        self.counts = collections.Counter()

    def add(self, what, line):
        self.counts[what] += 1
        self.lines.append(line)

    def same(self, what, name, have, want):
        self.add(what, f'_Static_assert(__builtin_types_compatible_p({have}, {want}), "{name}: not {want}");')

    def constants(self, text):
        for name, value in re.findall(r"^\t(\w+) = (\w+),$", text, re.M):
            self.add("constants", f'_Static_assert({name} == {value}, "{name}: not {value}");')

    def members(self, of, text):
        for declaration in re.split(r";\n", text):
            for line in declaration.split("\n"):
                if line.startswith("#"):
                    self.lines.append(line)
            declaration = one_line(re.sub(r"^#.*$", "", declaration, flags=re.M))
            if declaration:
                name, kind = pointer_type(declaration)
                self.same("members", f"{of}.{name}", f"__typeof__((({of} *)0)->{name})", kind)

    def function(self, result, name, arguments, noreturn):
        arguments = [] if arguments == "void" else [a.strip() for a in arguments.split(",")]
        kinds = [pointer_type(a)[1] for a in arguments]
        self.counts["functions"] += 1
        self.lines += [
            f"#ifndef {name}",
            f'_Static_assert(__builtin_types_compatible_p(__typeof__({name}), {result} ({", ".join(kinds) or "void"})),'
            f' "{name}: another type");',
            "#endif",
        ]
        call = f"{name}({', '.join(pointer_type(a)[0] for a in arguments)});"
        self.lines += [f"{noreturn}{result} use_{name}({', '.join(arguments) or 'void'});",
                       f"{noreturn}{result} use_{name}({', '.join(arguments) or 'void'})",
                       "{", f"\t{'return ' if result != 'void' else ''}{call}", "}"]

    def header(self, text):
        for found in CODE.finditer(plain(text)):
            part = {key: value for key, value in found.groupdict().items() if value is not None}
            if "condition" in part:
                self.lines.append(part["condition"])
            elif "macro" in part:
                if re.match(r"\(?-?\d", part["value"]) and part["macro"] != "KERNEL_VERSION_NUMBER":
                    name, value = part["macro"], part["value"]
                    self.add("macros", f'_Static_assert({name} == {value}, "{name}: not {value}");')
            elif "constants" in part:
                self.constants(part["constants"])
            elif "members" in part:
                self.members(part["name"] if part["tag"] == "" else f"{part['kind']} {part['tag']}", part["members"])
            elif "alias" in part:
                name, kind = pointer_type(one_line(part["alias"]))
                self.same("typedefs", name, name, kind)
            elif "function" in part:
                self.function(one_line(part["result"]), part["function"], one_line(part["arguments"]),
                              part.get("noreturn", ""))


def headers(roots):
    """Path as it is included -> text."""
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8")
            for root in map(pathlib.Path, roots) for path in sorted(root.rglob("*.h"))}


def assertions(texts):
    """@return (the C file, how many of each kind)"""
    out = Assertions()
    out.lines = ["/* Made by assertions.py. */"]
    ours = {name: text for name, text in texts.items() if not name.startswith(OWN)}
    for name in ours:  # versions have some elsewhere: what they declare is missed below, then
        out.lines += [f"#if __has_include(<{name}>)", f"#include <{name}>", "#endif"]
    for name, text in ours.items():
        out.lines.append(f"/* ---- {name} ---- */")
        out.header(text)
    return "\n".join(out.lines) + "\n", out.counts


def main():
    parser = argparse.ArgumentParser(description="Assertions in C of all that these headers declare")
    parser.add_argument("--without", metavar="FOLDER", help="a folder below the roots, of what is not configured")
    parser.add_argument("roots", metavar="ROOT", nargs="+")
    wanted = parser.parse_args()
    texts = headers(wanted.roots)
    if wanted.without:
        texts = {name: text for name, text in texts.items() if not name.startswith(wanted.without)}
    print(assertions(texts)[0], end="")


if __name__ == "__main__":
    main()

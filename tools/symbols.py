#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The core's symbols: what it may refer to, and what it may define.

    symbols.py [--nm NM] LIBRARY

The core has no heap, no clock, no files, no errno and no globals. So its objects may refer to a handful of memory
functions, to zcbor, to themselves, and to what a compiler calls by itself; they define only dfucast_* names, and
no writable data.
"""

import argparse
import re
import subprocess
import sys

ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "strlen", "bcmp"}  # clang turns memcmp() == 0 into bcmp()
ALLOWED_PATTERN = re.compile(
    r"dfucast_\w+|zcbor_\w+"
    r"|__aeabi_\w+|__gnu_thumb1_case_\w+"  # Arm run-time ABI
    r"|__(u|)(div|mod|divmod|ash|ashr|lshr|mul|cmp)[sdt]i[0-9]"  # libgcc on 32-bit
    r"|__x86\.get_pc_thunk\.\w+|_GLOBAL_OFFSET_TABLE_"  # position-independent x86
)
# Sections that hold data one can write; .data.rel.ro is constant tables of pointers.
WRITABLE = re.compile(r"\.s?(data|bss)(?!\.rel\.ro)|\*COM\*")


def symbols(nm, library):
    """(object, symbol, nm's letter, section) of every symbol."""
    text = subprocess.run([nm, "-A", "-f", "sysv", library], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 7 and fields[0].count(":"):
            where, name = fields[0].rsplit(":", 1)
            yield where.split(":")[-1], name.strip(), fields[2], fields[6]


def problems(nm, library):
    seen = 0
    for where, name, kind, section in symbols(nm, library):
        seen += 1
        if kind in "Uwv":
            if name not in ALLOWED and not ALLOWED_PATTERN.fullmatch(name):
                yield f"{where}: refers to {name}"
        elif WRITABLE.match(section) and kind.lower() in "bcdgs":
            yield f"{where}: {name} is writable data; the core has no state of its own"
        elif kind.isupper() and not name.startswith(("dfucast_", "__x86.")):
            yield f"{where}: defines {name}, which does not start with dfucast_"
    if not seen:
        yield f"{library}: no symbols at all"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("library")
    args = parser.parse_args()
    found = list(problems(args.nm, args.library))
    for line in found:
        print(line)
    print(f"{args.library}: {'ok' if not found else str(len(found)) + ' wrong symbols'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

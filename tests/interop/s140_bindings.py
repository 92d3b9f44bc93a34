# SPDX-License-Identifier: Apache-2.0
"""ports/s140/sd_api.h beside generated bindings of the S140 SoftDevice 7.0.1, made by others from Nordic's headers.

The crate nrf-softdevice-s140 is fetched from crates.io with its hash pinned (s140/Cargo.lock); its source is read, never
built, never committed. Layouts are those of the compiler for the Cortex-M4: assertions that it must accept, and objects
with one bit field set each, whose bytes are looked at."""

import fcntl
import functools
import hashlib
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "ports/s140/sd_api.h"
MANIFEST = ROOT / "tests/interop/s140/Cargo.toml"
CRATE = "nrf-softdevice-s140-0.1.2"
BINDINGS_SHA256 = "e61e24a4857516640af8475467d618870d192ec77984288e7f2a2f4a6f443b9a"
GCC = ["arm-none-eabi-gcc", "-std=c11", "-mcpu=cortex-m4", "-mthumb", "-Wall", "-Wextra", "-Werror"]


class FetchError(Exception):
    pass


@functools.cache
def bindings():
    """The text of the crate's bindings.rs."""
    folder = ROOT / "build/fixtures/s140"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / CRATE / "src/bindings.rs"
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for _ in range(3):
            if source.exists() and hashlib.sha256(source.read_bytes()).hexdigest() == BINDINGS_SHA256:
                return source.read_text(encoding="utf-8")
            shutil.rmtree(folder / CRATE, ignore_errors=True)
            command = ["cargo", "vendor", "--locked", "--versioned-dirs", "--manifest-path", MANIFEST, folder]
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    raise FetchError(f"{CRATE}: {done.stderr or 'its bindings are not those that were looked at'}")


# ---- what the header declares ----

def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def declared_constants(header):
    """name -> value as written."""
    return dict(re.findall(r"^#define ((?:NRF|BLE)_\w+) (\S+)$", header, re.M))


def declared_types(header):
    """name -> [(field, bits or None, type, is a flexible array)]; members of an inner union belong to its own."""
    types = {}
    for body, name in re.findall(r"^typedef (?:struct|union) \{\n(.*?)^\} (\w+);", header, re.S | re.M):
        fields = []
        body = re.sub(r"union \{.*?\} (\w+);", r"union \1;", body, flags=re.S)
        for kind, field, bits, array in re.findall(r"([\w ]+?)(?: \*| )(\w+)(?: : (\d+))?(\[\d+\])?;", body):
            fields.append((field, int(bits) if bits else None, kind.strip(), array == "[1]"))
        types[name] = fields
    return types


def declared_calls(header):
    """name -> (number, [argument types as Rust writes them])"""
    calls = {}
    for number, name, arguments in re.findall(r"^S140_CALL\((\d+), (\w+)\((.*)\)\)$", header, re.M):
        calls[name] = (int(number), [rust_type(a) for a in arguments.split(", ") if a != "void"])
    return calls


def rust_type(argument):
    kind = re.match(r"(\w+)( const)?( \*)?", argument)
    base = re.sub(r"^uint(\d+)_t$", r"u\1", kind.group(1))
    if not kind.group(3):
        return base
    return f"{'*const' if kind.group(2) else '*mut'} {base}"


# ---- what the bindings say ----

class Bindings:
    """The crate's text, looked into."""

    def __init__(self, text):
        self.text = text
        self.layouts = dict(re.findall(r"^fn bindgen_test_layout_(\w+)\(\) \{\n(.*?)^\}", text, re.S | re.M))
        self.constants = {}
        for name, kind, value in re.findall(r"^pub const (\w+): (\w+) = (\d+);", text, re.M):
            self.constants[name.removeprefix(kind + "_")] = int(value)

    def size(self, name):
        return int(re.search(r"size_of::<\w+>\(\),\s*(\d+)usize", self.layouts[name]).group(1))

    def offsets(self, name):
        found = re.findall(r"\.(\w+) as \*const _ as usize\s*\},\s*(\d+)usize", self.layouts[name])
        return {field.rstrip("_"): int(offset) for field, offset in found}

    def fields(self, name):
        """Every field in order with its type; bit fields stay in their units."""
        body = re.search(rf"^pub (?:struct|union) {name} \{{\n(.*?)^\}}", self.text, re.S | re.M).group(1)
        return re.findall(r"^    pub (\w+): (.*?),$", body, re.M)

    def bit_fields(self, name):
        """field -> (bit in its unit, width)"""
        implementation = re.search(rf"^impl {name} \{{\n(.*?)^\}}", self.text, re.S | re.M)
        found = re.findall(r"pub fn (\w+)\(&self\) -> \w+ \{\s*unsafe \{ ::core::mem::transmute\(self\._bitfield_1"
                           r"\.get\((\d+)usize, (\d+)u8\)", implementation.group(1) if implementation else "")
        return {field.rstrip("_"): (int(bit), int(width)) for field, bit, width in found}

    def unit_offset(self, name):
        """Where the bit fields' unit lies: behind the field in front of it."""
        offsets, end = self.offsets(name), 0
        for field, kind in self.fields(name):
            if field == "_bitfield_1":
                unit = int(re.search(r"\[u8; (\d+)usize\], u(\d+)", kind).group(2)) // 8
                return (end + unit - 1) // unit * unit
            size = {"u8": 1, "i8": 1, "u16": 2, "u32": 4}.get(kind) or self.size(kind)
            end = offsets[field.rstrip("_")] + size
        return 0

    def call(self, name):
        """(number, argument types), or None"""
        found = re.search(rf"^pub unsafe fn {name}\((.*?)\) -> u32 \{{.*?\"svc (\d+)\"", self.text, re.S | re.M)
        if not found:
            return None
        kinds = re.findall(r"\w+: ([^,]+?)(?:,|$)", re.sub(r"\s+", " ", found.group(1)).strip())
        return int(found.group(2)), [kind.strip() for kind in kinds]


# ---- beside each other ----

def check_types(real, types, findings):
    """Assertions for the compiler, and what is wrong already."""
    asserts, bits = [], []
    for name, fields in types.items():
        if name not in real.layouts:
            findings.append(f"{name}: the SoftDevice has no such type")
            continue
        offsets, widths = real.offsets(name), real.bit_fields(name)
        for field, width, _, _ in fields:
            if width is not None and field in widths:
                if widths[field][1] != width:
                    findings.append(f"{name}.{field}: {width} bits, the SoftDevice's has {widths[field][1]}")
                bits.append((name, field, width, real.unit_offset(name), widths[field][0]))
            elif field in offsets and width is None:
                asserts.append(f"_Static_assert(offsetof({name}, {field}) == {offsets[field]}, \"{name}.{field}\");")
            elif field != "reserved":
                findings.append(f"{name}.{field}: the SoftDevice's has no such field")
        ours = {field for field, _, _, _ in fields}
        theirs = {field.rstrip("_") for field, _ in real.fields(name) if not field.startswith("_")} | set(widths)
        partial = bool(theirs - ours) or any("union" in kind for _, _, kind, _ in fields)
        # Whole ones, and those that the SoftDevice reads: padded with `reserved`.
        if ("reserved" in ours or not partial) and not any(flexible for _, _, _, flexible in fields):
            asserts.append(f"_Static_assert(sizeof({name}) == {real.size(name)}, \"sizeof {name}\");")
    return asserts, bits


def check_constants(real, constants, findings):
    asserts = []
    for name, written in constants.items():
        if name not in real.constants:
            findings.append(f"{name}: the SoftDevice has no such constant")
        else:
            asserts.append(f"_Static_assert({name} == {real.constants[name]}, \"{name} is not {written}\");")
    return asserts


def check_calls(real, calls, findings):
    for name, (number, kinds) in calls.items():
        theirs = real.call(name)
        if theirs is None:
            findings.append(f"{name}: the SoftDevice has no such call")
        elif theirs[0] != number:
            findings.append(f"{name}: number {number}, the SoftDevice's is {theirs[0]}")
        elif theirs[1] != kinds:
            findings.append(f"{name}: ({', '.join(kinds)}), the SoftDevice's: ({', '.join(theirs[1])})")


def compile_asserts(folder, asserts, findings):
    source = folder / "asserts.c"
    source.write_text("#include <stddef.h>\n#include \"sd_api.h\"\n" + "\n".join(asserts) + "\n")
    done = subprocess.run([*GCC, "-fsyntax-only", f"-I{folder}", source], capture_output=True, text=True, check=False)
    for line in done.stderr.splitlines():
        if "error:" in line:
            findings.append(line.split("error: ")[1])


def check_bits(folder, bits, findings):
    """Every bit field of its own, all ones: the bytes that the compiler makes of it."""
    source, built = folder / "bits.c", folder / "bits.o"
    objects = [f"const {name} bits_{i} __attribute__((section(\".bits_{i}\"))) = {{.{field} = {2**width - 1}}};"
               for i, (name, field, width, _, _) in enumerate(bits)]
    source.write_text("#include \"sd_api.h\"\n" + "\n".join(objects) + "\n")
    flags = ["-Wno-missing-field-initializers"]
    done = subprocess.run([*GCC, *flags, f"-I{folder}", "-c", source, "-o", built], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        findings.append(f"bit fields: {done.stderr}")
        return
    for i, (name, field, width, unit, bit) in enumerate(bits):
        subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", f".bits_{i}", "--set-section-flags",
                        f".bits_{i}=alloc", built, folder / "bits.bin"], check=True)
        value = int.from_bytes((folder / "bits.bin").read_bytes(), "little")
        if value != (2**width - 1) << (unit * 8 + bit):
            findings.append(f"{name}.{field}: bits {value:#x}, the SoftDevice's from bit {unit * 8 + bit}")


def check(header, folder):
    """@return (what is wrong with this header text, how much was compared)"""
    (folder / "sd_api.h").write_text(header)
    real, findings = Bindings(bindings()), []
    plain = without_comments(header)
    types, constants, calls = declared_types(plain), declared_constants(plain), declared_calls(plain)
    asserts, bits = check_types(real, types, findings)
    asserts += check_constants(real, constants, findings)
    check_calls(real, calls, findings)
    compile_asserts(folder, asserts, findings)
    check_bits(folder, bits, findings)
    return findings, {"types": len(types), "assertions": len(asserts), "bits": len(bits), "calls": len(calls)}

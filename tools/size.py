#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev size: code and memory of the core on Cortex-M4 (-Os). With --json, one object on standard output.

text            what a central links (tools/size/probe_text.c), --gc-sections, console the one framing; zcbor and
                libgcc in, libc out
text_full       all objects of src/ with all framings, nothing dropped
ram_per_device  what a caller supplies for each device more (tools/size/ram.c)
ram_fixed       every other buffer but the ring, by name
firmware        whole bare-metal programs, as they are flashed

Asserts are on and trap (DFUCAST_ASSERT_TRAPS, port.h): no file names, no call.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/interop"))

import mps2

OUT = ROOT / "build/size"
GOALS = {"text": 8192, "text_full": 16384, "ram_per_device": 128, "ram_fixed": 12288}
GCC, SIZE, NM = "arm-none-eabi-gcc", "arm-none-eabi-size", "arm-none-eabi-nm"
FLAGS = ["-std=c11", "-mcpu=cortex-m4", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-DNDEBUG",
         "-DDFUCAST_ASSERT_TRAPS"]
# Bare-metal programs (preset "embedded").
FIRMWARE = {name: ROOT / f"build/embedded/{name}.elf" for name in
            ("gateway_mps2", "gateway_s140_1", "gateway_s140_8", "gateway_s140_20")}
IN_QEMU = {"gateway_mps2"}  # there, the stack can be measured
# `text` has one framing: the console, the longest of the three.
ONE_FRAMING = ["-DDFUCAST_FRAMING_KINDS=0x1"]
# Left to the C library of the program that links us; given an address so that their code is not counted.
LIBC = ["memcpy", "memmove", "memset", "memcmp", "strlen"]
COUNTED = re.compile(r"\.(text|rodata|data)(\.|$)")


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"size: {' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def zcbor():
    found = sorted(ROOT.glob("build/venv/lib/python3*/site-packages/zcbor"))
    if not found:
        sys.exit("size: no zcbor in build/venv; run ./dev size")
    return found[0]


def libsodium():
    found = sorted(ROOT.glob("build/embedded/libsodium/pynacl-*/src/libsodium/src/libsodium/include"))
    if not found:
        sys.exit("size: no libsodium in build/embedded; run ./dev size")
    return found[0]


def listed(name):
    """The files of one list of cmake/sources.cmake."""
    text = (ROOT / "cmake/sources.cmake").read_text()
    return re.findall(r"^\s+(\S+\.c)$", re.search(rf"set\({name}\n(.*?)\)", text, re.S).group(1), re.M)


def compile_all(sources, extra=(), folder="all"):
    """Object path for each source, by the name it is shown under."""
    objects = {}
    (OUT / folder).mkdir(parents=True, exist_ok=True)
    for name, path in sources.items():
        objects[name] = OUT / folder / (name.replace("/", "_") + ".o")
        run(GCC, *FLAGS, *extra, f"-I{ROOT}/include", f"-I{ROOT}/src", f"-isystem{zcbor()}/include", "-c", path,
            "-o", objects[name])
    return objects


def text_of(objects):
    """Code and constants of each object (size's `text` column, plus `data`, which costs flash too)."""
    lines = run(SIZE, *objects.values()).splitlines()[1:]
    return {name: sum(map(int, line.split()[:2])) for name, line in zip(objects, lines)}


def linked_text(objects, probe):
    """Bytes that each object brings into the linked probe, from the linker's map."""
    elf, map_file = OUT / "probe.elf", OUT / "probe.map"
    run(GCC, *FLAGS, "-nostdlib", "-Wl,--gc-sections", "-Wl,-e,dfucast_probe", f"-Wl,-Map,{map_file}", probe,
        *objects.values(), "-lgcc", *(f"-Wl,--defsym,{name}=0" for name in LIBC), "-o", elf)
    names = {path.name: name for name, path in objects.items()}
    sizes = collections.Counter()
    text = map_file.read_text().split("Linker script and memory map")[1]
    # " .text.name  0xaddress  0xsize  file", the name sometimes on a line of its own.
    for section, size, file in re.findall(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", text, re.M):
        if COUNTED.match(section) and int(size, 16):
            member = pathlib.PurePath(file.split("(")[0]).name
            sizes[names.get(member, "libgcc" if "libgcc" in file else member)] += int(size, 16)
    # Checked against the sections themselves: alignment between pieces is all that may differ.
    total = sum(int(size) for name, size in re.findall(r"^(\.\S+)\s+(\d+)", run(SIZE, "-A", elf), re.M)
                if COUNTED.match(name))
    sizes["alignment"] = total - sum(sizes.values())
    return dict(sizes), total


def ram():
    """Sizes of tools/size/ram.c's arrays by kind and name."""
    found = collections.defaultdict(dict)
    objects = compile_all({"ram": ROOT / "tools/size/ram.c"})
    for line in run(NM, "-S", objects["ram"]).splitlines():
        words = line.split()
        if len(words) == 4 and (match := re.fullmatch(r"(ram_\w+?)__(\w+)", words[3])):
            found[match.group(1)][match.group(2)] = int(words[1], 16)
    return found


def port_totals():
    """Each port's own code. Linux: of the host's build."""
    archive = ROOT / "build/host/libdfucast_linux.a"
    totals = {}
    if archive.exists():
        totals["linux (host)"] = sum(sum(map(int, line.split()[:2])) for line in
                                     run("size", archive).splitlines()[1:])
    mps2 = {name: ROOT / name for name in listed("DFUCAST_PORT_MPS2_SOURCES")}
    totals["mps2"] = sum(text_of(compile_all(mps2, [f"-I{ROOT}/ports/mps2", f"-isystem{libsodium()}"])).values())
    s140 = {name: ROOT / name for name in listed("DFUCAST_PORT_S140_SOURCES")}
    totals["s140"] = sum(text_of(compile_all(s140, [f"-I{ROOT}/ports/s140"])).values())
    null = {name: ROOT / name for name in listed("DFUCAST_PORT_NULL_SOURCES")}
    totals["null"] = sum(text_of(compile_all(null, [f"-I{ROOT}/ports/null"])).values())
    return totals


def stack_peak(name, elf):
    """None: nobody can say."""
    peak = mps2.recorded_stack(elf)
    if peak is None and shutil.which("qemu-system-arm"):
        print("size: measuring the stack: four boards updated in QEMU ...", file=sys.stderr)
        peak = mps2.measure_stack(name)
    return peak


def biggest(symbols):
    """Name -> bytes of everything in RAM of 256 bytes and more, and the rest: what the RAM total is the sum of."""
    sizes = {words[3]: int(words[1], 16) for words in symbols if len(words) == 4 and words[2] in "bBdD"}
    shown = {name: size for name, size in sorted(sizes.items(), key=lambda item: -item[1]) if size >= 256}
    return shown | {"the rest": sum(sizes.values()) - sum(shown.values())}


def firmware_totals():
    """What a bare-metal program takes of its board, everything linked: from its ELF. Flash = text + data, RAM = data + bss
    + stack, of which the ring. The stack's peak is measured in QEMU, in the tests' runs or in one made here."""
    totals = {}
    for name, elf in FIRMWARE.items():
        if elf.exists():
            text, data, bss = map(int, run(SIZE, elf).splitlines()[1].split()[:3])
            symbols = [line.split() for line in run(NM, "-S", elf).splitlines()]
            sizes = {words[-1]: int(words[1], 16) for words in symbols if len(words) == 4}
            values = {words[-1]: int(words[0], 16) for words in symbols}
            # Stack, and on the nRF52840 what the SoftDevice takes, lie in sections without content: size counts bss.
            stack = values.get("mps2_ld_stack_bytes") or sizes["stack"]
            others = sizes.get("softdevice_ram", 0)
            totals[name] = {"text": text, "data": data, "bss": bss - stack - others, "flash": text + data,
                            "ram": data + bss, "ring": sizes["ring"], "stack": stack}
            if others:
                totals[name]["softdevice"] = others
            if name in IN_QEMU:
                totals[name]["stack_peak"] = stack_peak(name, elf)
            totals[name]["buffers"] = biggest(symbols)
    return totals


def measure():
    sources = {name: ROOT / name for name in listed("DFUCAST_CORE_SOURCES")}
    core = compile_all(sources, ONE_FRAMING, "linked")
    parts = compile_all({f"zcbor/{name}": zcbor() / f"src/zcbor_{name}.c" for name in ("common", "decode", "encode")})
    probe = compile_all({"probe": ROOT / "tools/size/probe_text.c"}, ["-Wno-cast-function-type"])["probe"]
    linked, text = linked_text(core | parts, probe)
    full = text_of(compile_all(sources))
    memory = ram()
    return {
        "text": text,
        "text_full": sum(full.values()),
        "ram_per_device": sum(memory["ram_per_device"].values()),
        "ram_fixed": memory["ram_fixed"],
        "ram_fixed_total": sum(memory["ram_fixed"].values()),
        "text_files": linked,
        "text_full_files": full,
        "ram_per_device_parts": memory["ram_per_device"],
        "structs": memory["ram_struct"],
        "ports": port_totals(),
        "firmware": firmware_totals(),
        "goals": GOALS,
    }


def show(sizes):
    print(f"{'Cortex-M4, -Os, asserts trap':<28}{'bytes':>8}{'goal':>8}")
    for key in ("text", "text_full", "ram_per_device"):
        mark = "" if sizes[key] <= GOALS[key] else "  over"
        print(f"{key:<28}{sizes[key]:>8}{GOALS[key]:>8}{mark}")
    print(f"{'ram_fixed (beside the ring)':<28}{sizes['ram_fixed_total']:>8}{GOALS['ram_fixed']:>8}")
    print(f"\n{'per file':<28}{'text':>8}{'full':>8}")
    for name in sorted(set(sizes["text_files"]) | set(sizes["text_full_files"])):
        print(f"{name:<28}{sizes['text_files'].get(name, 0):>8}{sizes['text_full_files'].get(name, ''):>8}")
    for title, key in (("ram_per_device", "ram_per_device_parts"), ("ram_fixed", "ram_fixed"),
                       ("other structures", "structs"), ("ports, code", "ports")):
        print(f"\n{title}")
        for name, size in sizes[key].items():
            print(f"  {name:<26}{size:>8}")
    for name, parts in sizes["firmware"].items():
        print(f"\nfirmware {name}, asserts on, all linked")
        for key, size in parts.items():
            if key != "buffers":
                print(f"  {key:<26}{'unknown' if size is None else size:>8}")
        for key, size in parts["buffers"].items():
            print(f"    {key:<24}{size:>8}")


def main():
    parser = argparse.ArgumentParser(prog="./dev size", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sizes = measure()
    if args.json:
        print(json.dumps(sizes))
    else:
        show(sizes)


if __name__ == "__main__":
    main()

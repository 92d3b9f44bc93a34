#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev demo boards: four boards in QEMU (Cortex-M0, real MCUboot and Zephyr, built by others), updated by one command,
and the same command once more."""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/interop"))

import boards as beds
import fixtures
import images

COUNT = 4
DFUCAST = ROOT / "build/host/dfucast"


def run(*words):
    print("\n$ dfucast " + " ".join(str(word) for word in words), flush=True)
    return subprocess.run([DFUCAST, *words], check=False).returncode


def main():
    print(f"Starting {COUNT} boards (QEMU microbit, MCUboot, Zephyr 4.4) ...", flush=True)
    fleet = beds.start_boards(COUNT)
    targets = [board.target for board in fleet]
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "sensor-1.1.0.signed.bin"
        image.write_bytes(images.with_version(fixtures.board_image(), 1, 1, 0))
        to = [word for target in targets for word in ("--to", target)]
        code = run("inventory", *to) or run("update", image, *to)
        if code == 0:
            print("\nThe same again: everybody runs it already, no image byte is sent.", flush=True)
            code = run("update", image, *to) or run("inventory", *to)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev boards N: N QEMU boards with real MCUboot and Zephyr. One target a line, then waits for Ctrl-C."""

import argparse
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/interop"))

import boards as beds


def main():
    parser = argparse.ArgumentParser(prog="./dev boards", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1, metavar="N")
    count = parser.parse_args().count
    if not 1 <= count <= 64:
        parser.error("N is 1 to 64")
    # A shell that starts this in the background has it ignore Ctrl-C; whoever sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for board in beds.start_boards(count):
            print(board.target, flush=True)
        print("Ctrl-C ends them", file=sys.stderr)
        signal.pause()
    except KeyboardInterrupt:
        pass
    except beds.BedError as error:
        sys.exit(f"boards: {error}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev boards N: N QEMU boards with real MCUboot and Zephyr. One target a line, then waits for Ctrl-C. With --gateway they
stand behind the gateway on a Cortex-M4 (apps/gateway_mps2), also in QEMU, and its target is the one that is printed."""

import argparse
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/interop"))

import boards as beds
import mps2


def main():
    parser = argparse.ArgumentParser(prog="./dev boards", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1, metavar="N")
    parser.add_argument("--gateway", action="store_true", help="put them behind a gateway on bare metal; N is at most 4")
    args = parser.parse_args()
    count = args.count
    if not 1 <= count <= 64:
        parser.error("N is 1 to 64")
    if args.gateway and count > 4:
        parser.error("the gateway has UARTs for 4 boards")
    # A shell that starts this in the background has it ignore Ctrl-C; whoever sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        boards = beds.start_boards(count)
        if args.gateway:
            gateway = mps2.Mps2("gateway_mps2", boards, reboots=True).start()
            gateway.go()
            print(gateway.target, flush=True)
        else:
            for board in boards:
                print(board.target, flush=True)
        print("Ctrl-C ends them", file=sys.stderr)
        signal.pause()
    except KeyboardInterrupt:
        pass
    except beds.BedError as error:
        sys.exit(f"boards: {error}")


if __name__ == "__main__":
    main()

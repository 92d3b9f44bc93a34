#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One run on BabbleSim: the central, peripherals around it, and the phy.

run.py --central EXE --periph EXE [--devices N] …   (README.md)
Prints what the central printed; the peripherals' output is in --out, one file for each life.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--central", required=True, type=pathlib.Path)
    parser.add_argument("--periph", required=True, type=pathlib.Path)
    parser.add_argument("--mcuboot", type=pathlib.Path, help="run before each life of a board but the first")
    parser.add_argument("--boot-ms", type=int, default=0, help="simulated time from a reset to the program's start")
    parser.add_argument("--devices", type=int, default=4)
    parser.add_argument("--lives", type=int, default=1, help="of each board: resets it will see, and 1")
    parser.add_argument("--off", help="DEVICE:MS: this one loses its power then, and has another life")
    parser.add_argument("--periph-option", action="append", default=[], help="for all peripherals")
    parser.add_argument("--option-of", action="append", default=[], metavar="DEVICE:OPTION", help="for this one")
    parser.add_argument("--periph-of", action="append", default=[], metavar="DEVICE:EXE", help="this one is another program")
    parser.add_argument("--central-option", action="append", default=[])
    parser.add_argument("--phy-option", action="append", default=[])
    parser.add_argument("--seconds", type=int, default=120, help="of simulated time at most")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("/tmp/bsim_cast"))
    return parser.parse_args()


def of_device(pairs, device):
    """What DEVICE:WHAT say for this device."""
    return [what for one, _, what in (pair.partition(":") for pair in pairs) if int(one) == device]


def board(args, simulation, device, number):
    """Processes of one board; @number: the first one's on the phy. Returns their commands."""
    flash = args.out / f"flash{device}.bin"
    subprocess.run([sys.executable, HERE / "flash.py", flash], check=True)
    periph = pathlib.Path((of_device(args.periph_of, device) or [args.periph])[-1])
    command = [periph.resolve(), f"-s={simulation}", f"-flash={flash}", "-RealEncryption=0"]
    command += [f"-address={device}", f"-board={args.out}/board{device}", *args.periph_option]
    command += of_device(args.option_of, device)
    off_device, off_ms = (int(part) for part in args.off.split(":")) if args.off else (0, 0)
    lives = args.lives + (device == off_device)
    commands = []
    for life in range(lives):
        own = [f"-d={number + life}", f"-life={life}"]
        if life == 0 and device == off_device:
            own += [f"-off_at_ms={off_ms}"]
        if life > 0 and args.mcuboot:
            own += [f"-bootloader={args.mcuboot.resolve()}", f"-boot_flash={flash}"]
        if life > 0:
            own += [f"-boot_ms={args.boot_ms}"]
        commands.append((f"board{device}.{life}.log", command + own))
    return commands


def main():
    args = arguments()
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    for left in args.out.glob("board*.[0-9]"):
        left.unlink()  # of another run: a second life would begin at once
    simulation = f"cast{os.getpid()}"
    central = [args.central.resolve(), f"-s={simulation}", "-d=0", "-RealEncryption=0", *args.central_option]
    commands = [("central.log", central)]
    for device in range(1, args.devices + 1):
        commands += board(args, simulation, device, len(commands))
    phy = ["./bs_2G4_phy_v1", f"-s={simulation}", f"-D={len(commands)}", f"-sim_length={args.seconds}e6", "-defmodem=Magic"]
    commands.append(("phy.log", phy + args.phy_option))
    running = []
    for log, command in commands:
        with open(args.out / log, "wb") as file:
            running.append(subprocess.Popen(command, cwd=pathlib.Path(os.environ["BSIM_OUT_PATH"]) / "bin",
                                            stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))
    while running[-1].poll() is None and not any(process.poll() for process in running):
        time.sleep(0.1)  # one that could not begin: the others would wait for ever
    for process in running:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
    print((args.out / "central.log").read_text(errors="replace"), end="")


if __name__ == "__main__":
    main()

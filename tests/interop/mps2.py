# SPDX-License-Identifier: Apache-2.0
"""The bare-metal port in QEMU (mps2-an386, Cortex-M4): UART 0 on a TCP port, UART 1 … 4 wired to boards' UARTs."""

import re
import shutil
import socket
import struct
import subprocess
import tempfile

import boards as beds
import fixtures
import images

BUILD = fixtures.BUILD / "embedded"
PSRAM = 0x21000000
UARTS = 5


class Mps2:
    """One machine with one of our programs. Its UARTs 1 … are wired to these boards; without boards all are ports."""

    def __init__(self, program, boards=(), loaded=None):
        self.elf = BUILD / f"{program}.elf"
        self.boards = boards
        self.loaded = loaded  # bytes for the PSRAM
        self.folder = tempfile.mkdtemp(prefix="dfucast-")
        self.process = None
        self.qmp = None
        self.ports = [0] if boards else [0] * UARTS  # TCP, for UART 0 …; kept through stop() and start()
        beds._live.append(self)

    @property
    def target(self):
        return f"tcp:127.0.0.1:{self.ports[0]}"

    def start(self):
        if not self.elf.exists():
            raise beds.BedError(f"{self.elf} is not built: cmake --preset embedded && cmake --build --preset embedded")
        # Reset is the end: nothing here resets itself but after an assert or a fault.
        command = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-no-reboot", "-S",
                   "-kernel", str(self.elf), "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]  # fmt: skip
        uarts = [f"port={port},server=on,wait=off" for port in self.ports]
        uarts += [f"port={board.port},reconnect=1" for board in self.boards]
        for number, where in enumerate(uarts):
            command += ["-chardev", f"socket,id=uart{number},host=127.0.0.1,{where}", "-serial", f"chardev:uart{number}"]
        if self.loaded:
            with open(f"{self.folder}/psram", "wb") as file:
                file.write(self.loaded)
            command += ["-device", f"loader,file={self.folder}/psram,addr={PSRAM:#x},force-raw=on"]
        self.process = beds.Process(command, self.folder, f"{self.folder}/qemu.log")
        self.qmp = beds.Qmp(f"{self.folder}/qmp", self.process)
        for chardev in self.qmp.command("query-chardev"):
            number = int(chardev["label"].removeprefix("uart")) if chardev["label"].startswith("uart") else UARTS
            if number < len(self.ports):
                self.ports[number] = int(re.search(r"127\.0\.0\.1:(\d+)", chardev["filename"]).group(1))
        return self

    def go(self):
        self.qmp.command("cont")

    def connect(self, uart=0, timeout=300):
        """A UART as a socket. Connect before go(): what is written to nobody is lost."""
        return socket.create_connection(("127.0.0.1", self.ports[uart]), timeout=timeout)

    def read_memory(self, address, size):
        path = f"{self.folder}/memory"
        self.qmp.command("pmemsave", val=address, size=size, filename=path)
        with open(path, "rb") as saved:
            return saved.read()

    def stack_peak(self):
        """Bytes of stack that were ever used, of how many: what is not painted any more (ports/mps2/startup.c)."""
        names = symbols(self.elf)
        bottom, top = names["mps2_ld_stack_bottom"], names["mps2_ld_stack_top"]
        stack = self.read_memory(bottom, top - bottom)
        return len(stack.lstrip(b"\xa5")), len(stack)

    def stop(self):
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        if self.process:
            self.process.stop()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in beds._live:
            beds._live.remove(self)


def symbols(elf):
    """Name -> address, or size where the linker script says it as an absolute symbol."""
    text = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
    return {words[2]: int(words[0], 16) for line in text.splitlines() if len(words := line.split()) == 3}


def announce(image, ring_bytes=0, canary=1):
    """An image with what tests/mps2/cast_main.c is to know of it in front."""
    version = image[20:28]
    return struct.pack("<III", ring_bytes, canary, len(image)) + version + images.tlv_hash(image) + \
        images.file_sha(image) + image

# SPDX-License-Identifier: Apache-2.0
"""The bare-metal port in QEMU (mps2-an386, Cortex-M4): UART 0 on a TCP port, UART 1 … 4 wired to boards' UARTs. And the
gateway's host: the fleet's group, and a tty for other people's tools."""

import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import boards as beds
import fixtures
import images
import smp

BUILD = fixtures.BUILD / "embedded"
PSRAM = 0x21000000
UARTS = 5


class Mps2:
    """One machine with one of our programs. Its UARTs 1 … are wired to these boards; without boards all are ports."""

    def __init__(self, program, boards=(), loaded=None, reboots=False):
        self.elf = BUILD / f"{program}.elf"
        self.boards = boards
        self.loaded = loaded  # bytes for the PSRAM
        self.reboots = reboots  # else a reset is its end: nothing resets by itself but after an assert or a fault
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
        command = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-S", "-kernel", str(self.elf),
                   "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]  # fmt: skip
        command += [] if self.reboots else ["-no-reboot"]
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

    def record_stack(self):
        """Keeps the highest stack_peak() seen of this very program, for ./dev size. @return (used, of)"""
        used, size = self.stack_peak()
        used = max(used, recorded_stack(self.elf) or 0)
        stack_record(self.elf).write_text(json.dumps({"elf": fixtures.sha256_file(self.elf), "peak": used}))
        return used, size

    def kill(self):
        """Power gone: RAM is lost. start() and go() bring it back, on the same ports."""
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        if self.process:
            self.process.stop()
            self.process = None
        if os.path.exists(f"{self.folder}/qmp"):
            os.unlink(f"{self.folder}/qmp")

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in beds._live:
            beds._live.remove(self)


def symbols(elf):
    """Name -> address, or size where the linker script says it as an absolute symbol."""
    text = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
    return {words[2]: int(words[0], 16) for line in text.splitlines() if len(words := line.split()) == 3}


def stack_record(elf):
    return elf.with_suffix(".stack.json")


def recorded_stack(elf):
    """The most stack that runs of this very program used; None: it was not run yet."""
    try:
        record = json.loads(stack_record(elf).read_text())
    except (OSError, ValueError):
        return None
    return record["peak"] if record["elf"] == fixtures.sha256_file(elf) else None


def measure_stack(program):
    """One whole update of four boards. @return the most stack that it used"""
    image = images.padded(images.with_version(fixtures.board_image(), 1, 1))
    fleet = beds.start_boards(UARTS - 1)
    gateway = Mps2(program, fleet).start()
    try:
        gateway.go()
        with Host.open(gateway.target) as host:
            host.upload_until(image, images.file_sha(image), len(image))
            host.request(smp.WRITE, smp.OS, smp.RESET)
            host.wait_over()
            if any(report["state"] != DONE for report in host.reports()):
                raise beds.BedError(f"no measurement: {host.reports()}")
        return gateway.record_stack()[0]
    finally:
        for one in (gateway, *fleet):
            one.stop()


def announce(image, ring_bytes=0, canary=1):
    """An image with what tests/mps2/cast_main.c is to know of it in front."""
    version = image[20:28]
    return struct.pack("<III", ring_bytes, canary, len(image)) + version + images.tlv_hash(image) + \
        images.file_sha(image) + image


@contextlib.contextmanager
def tty(target):
    """A pseudo terminal in front of a TCP target, for tools that want a serial port."""
    folder = tempfile.mkdtemp(prefix="dfucast-")
    path = f"{folder}/tty"
    bridge = beds.Process(["socat", f"PTY,link={path},raw,echo=0", target.replace("tcp:", "TCP:") + ",nodelay"], folder,
                          f"{folder}/log")
    try:
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if time.monotonic() > end or not bridge.alive():
                raise beds.BedError(f"socat: {bridge.log()}")
            time.sleep(0.01)
        yield path
    finally:
        bridge.stop()
        shutil.rmtree(folder, ignore_errors=True)


# ---- the gateway, as a host that knows it -----------------------------------------------------------------------

FLEET, STATISTICS = 3580, 2
CAPABILITIES, STATUS, REPORT, LOG, RELAY = 0, 8, 9, 10, 11
OVER = 4  # enum dfucast_smp_fleet_state
DONE = 11  # enum dfucast_state
STATUS_NAMES = ("now", "state", "next", "low", "high", "eta_s", "ended", "waiting", "host_bytes", "host_dropped_bytes",
                "passes")  # fmt: skip


class Host(smp.Client):
    """Reads of the fleet's group and of the gateway's own counters (docs/gateway-protocol.md)."""

    def capabilities(self):
        return self.request(smp.READ, FLEET, CAPABILITIES)

    def status(self):
        return dict(zip(STATUS_NAMES, self.request(smp.READ, FLEET, STATUS)["s"]))

    def reports(self):
        found, start = [], 0
        while True:
            page = self.request(smp.READ, FLEET, REPORT, {"at": start})
            found += page["targets"]
            if not (start := page.get("next", 0)):
                return found

    def wait_over(self, timeout=120):
        end = time.monotonic() + timeout
        while (status := self.status())["state"] != OVER:
            assert time.monotonic() < end, (status, self.reports())
            time.sleep(0.2)
        return status

    def upload_until(self, image, sha, stop_at, chunk_bytes=512):
        """As a stock tool: the offset of each answer is the next one. Ends when the bytes up to `stop_at` have been taken,
        one after the other: at the image's end, where the gateway looks first or parks a host, nothing is."""
        offset, taken = 0, 0
        while taken < stop_at:
            body = {"off": offset, "data": image[offset : offset + chunk_bytes]}
            if offset == 0:
                body |= {"len": len(image), "sha": sha}
            answer = self.request(smp.WRITE, smp.IMG, smp.UPLOAD, body, 5)
            assert "off" in answer, (offset, answer)
            if answer["off"] == offset + len(body["data"]):
                taken = answer["off"]
            offset = answer["off"]

    def relay(self, target, op, group, command, body, sequence=77, timeout=10):
        """One request to one target and its answer, as frames that the gateway need not understand."""
        inner = smp.pack(op, group, command, sequence, body)
        answer = self.request(smp.WRITE, FLEET, RELAY, {"id": target, "frame": inner}, timeout)
        return smp.Frame(answer["frame"]) if "frame" in answer else answer

    def counters(self):
        return self.request(smp.READ, STATISTICS, 0, {"name": "gateway"})["fields"]

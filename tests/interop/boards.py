# SPDX-License-Identifier: Apache-2.0
"""Devices for the tests: QEMU boards with real MCUboot and Zephyr, native Zephyr servers, a breakable TCP proxy.

What a board keeps. A microbit's flash (MCUboot, both slots, their trailers) lives in the QEMU process and outlasts
every reset, the guest's own and reset(). For that it is written through QEMU's debug port: what `-device loader`
loads is a ROM to QEMU, which it writes anew at each reset, so that slot 0 would turn back into the factory image
and a confirmed update, or a revert, would be no such thing. kill() and stop() lose the flash; kill(keep_flash=True)
saves it first, as a power cut would leave it, and the next start() goes on from it.
The mps2 boards load their image into RAM and are started with the loader: they keep nothing.
"""

import atexit
import ctypes
import fcntl
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import fixtures
import smp

_live = []  # everything to be ended when this process ends
_libc = ctypes.CDLL(None)


def _at_exit():
    for thing in reversed(list(_live)):
        thing.stop()


def _on_terminate(signum, _frame):
    raise SystemExit(128 + signum)


atexit.register(_at_exit)
for _signal in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_signal, _on_terminate)


class BedError(Exception):
    pass


class Process:
    """A child in its own process group, which is ended with us in every case, SIGKILL included."""

    def __init__(self, command, cwd, log):
        self.log_path = log
        with open(log, "ab") as output:
            # The death signal must be asked for in the child. Popen runs in the main thread: it is sent when
            # the *thread* that made the child ends.
            self.child = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          start_new_session=True, preexec_fn=lambda: _libc.prctl(1, signal.SIGKILL))

    def alive(self):
        return self.child.poll() is None

    def log(self):
        with open(self.log_path, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def wait_for(self, pattern, timeout=20):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if found := re.search(pattern, self.log()):
                return found
            if not self.alive():
                break
            time.sleep(0.02)
        raise BedError(f"{self.child.args[0]}: no '{pattern}' in:\n{self.log()}")

    def stop(self, how=signal.SIGKILL):
        if self.alive():
            os.killpg(self.child.pid, how)
        self.child.wait(10)


class Qmp:
    """QEMU's control socket: commands, and events as they come."""

    def __init__(self, path, process):
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                if time.monotonic() > end or not process.alive():
                    raise BedError(f"QEMU did not start: {process.log()}") from error
                time.sleep(0.02)
        self.answers = queue.Queue()
        self.events = queue.Queue()
        self.hooks = {}
        self.turn = threading.Lock()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.command("qmp_capabilities")

    def _read(self):
        with self.socket.makefile("rb") as lines:
            try:
                for line in lines:
                    self._take(json.loads(line))
            except (OSError, ValueError):
                pass
        self.answers.put(None)

    def _take(self, message):
        if "event" in message:
            hook = self.hooks.get(message["event"])
            if hook:
                hook(message)
            self.events.put(message)
        elif "return" in message or "error" in message:
            self.answers.put(message)

    def send(self, name):
        """A command whose answer nobody waits for: for hooks, which run in the reading thread."""
        self.socket.sendall(json.dumps({"execute": name, "id": "hook"}).encode())

    def command(self, name, **arguments):
        with self.turn:
            self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
            while True:
                answer = self.answers.get(timeout=20)
                if answer is None:
                    raise BedError("QEMU is gone")
                if answer.get("id") == "hook":
                    continue
                if "error" in answer:
                    raise BedError(f"{name}: {answer['error']}")
                return answer["return"]

    def wait_event(self, name, timeout):
        end = time.monotonic() + timeout
        while True:
            try:
                message = self.events.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise BedError(f"no {name} within {timeout} s") from None
            if message["event"] == name:
                return message

    def close(self):
        self.socket.close()


class Debug:
    """QEMU's gdb port, for one thing: writing flash."""

    CHUNK = 1024

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)

    def ask(self, packet):
        self.socket.sendall(f"${packet}#{sum(packet.encode()) & 0xFF:02x}".encode())
        answer = b""
        while not (len(answer) > 3 and answer[-3:-2] == b"#"):
            answer += self.socket.recv(4096)
        self.socket.sendall(b"+")
        return answer.lstrip(b"+")[1:-3]

    def write(self, address, data):
        for at in range(0, len(data), self.CHUNK):
            part = data[at : at + self.CHUNK]
            if self.ask(f"M{address + at:x},{len(part):x}:{part.hex()}") != b"OK":
                raise BedError(f"QEMU would not write flash at {address + at:#x}")

    def close(self):
        self.ask("D")  # detach: QEMU lets the machine run unless it is paused again
        self.socket.close()


def hex_segments(path):
    """(address, bytes) of an Intel HEX file, neighbouring records joined."""
    segments, base = [], 0
    for line in path.read_text().split():
        record = bytes.fromhex(line[1:])
        count, address, kind, data = record[0], record[1] << 8 | record[2], record[3], record[4:-1]
        if kind == 4:
            base = int.from_bytes(data, "big") << 16
        elif kind == 2:
            base = int.from_bytes(data, "big") << 4
        elif kind == 0 and count:
            address += base
            if segments and segments[-1][0] + len(segments[-1][1]) == address:
                segments[-1][1].extend(data)
            else:
                segments.append((address, bytearray(data)))
    return segments


FLASH_BYTES = 0x40000  # microbit (nRF51822)


class Board:
    """One QEMU board, its UART on a TCP port which it keeps through stop() and start()."""

    def __init__(self, name="board", fixture=fixtures.BOARD, ready=True):
        self.name = name
        self.fixture = fixture
        raw = fixtures.manifest()[fixture]["transport"] == "serial_raw"
        self.framing = "?framing=raw" if raw else ""
        self.has_flash = fixtures.manifest()[fixture]["target"] == "qemu_cortex_m0"
        self.flash = None
        self.ready = ready
        self.port = 0
        self.process = None
        self.qmp = None
        self.folder = tempfile.mkdtemp(prefix="dfucast-")
        _live.append(self)

    @property
    def target(self):
        return f"tcp:127.0.0.1:{self.port}"

    def _command(self):
        entry = fixtures.manifest()[self.fixture]
        command, files = ["qemu-system-arm"], fixtures.servers()
        words = entry["qemu_cmd"].split()[1:]
        while words:
            word = words.pop(0)
            if word == "-chardev":
                words.pop(0)
                command += ["-chardev", f"socket,id=con,host=127.0.0.1,port={self.port},server=on,wait=off"]
            elif word == "-device" and self.has_flash:
                words.pop(0)
            elif word == "-kernel":
                command += [word, f"{files}/{words.pop(0)}"]
            else:
                command.append(word.replace("file=", f"file={files}/") if word.startswith("loader,") else word)
        if self.has_flash:
            command += ["-S", "-gdb", f"unix:{self.folder}/gdb,server=on,wait=off"]
        return command + ["-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]

    def start(self):
        """The first start lets the system choose the port; later ones take the same again."""
        if not shutil.which("qemu-system-arm"):
            raise BedError("qemu-system-arm is missing: apt-get install qemu-system-arm")
        for leftover in ("qmp", "gdb"):
            if os.path.exists(f"{self.folder}/{leftover}"):
                os.unlink(f"{self.folder}/{leftover}")
        self.process = Process(self._command(), self.folder, f"{self.folder}/qemu.log")
        self.qmp = Qmp(f"{self.folder}/qmp", self.process)
        for chardev in self.qmp.command("query-chardev"):
            if chardev["label"] == "con":
                self.port = int(re.search(r"127\.0\.0\.1:(\d+)", chardev["filename"]).group(1))
        if self.has_flash:
            self._write_flash()
        if self.ready:
            self.wait_ready()
        return self

    def _write_flash(self):
        debug = Debug(f"{self.folder}/gdb")
        if self.flash:
            debug.write(0, self.flash)
        else:
            for address, data in hex_segments(fixtures.path(fixtures.manifest()[self.fixture]["artifact"])):
                debug.write(address, bytes(data))
        # The core has read its start vector from empty flash: reset it while it stands, then let it go.
        self.qmp.command("system_reset")
        self.qmp.wait_event("RESET", 10)
        debug.close()
        self.qmp.command("cont")

    def wait_ready(self, quiet=1.0, timeout=60):
        """Until it answers. After a reset with a swap give `quiet` the 5 s that the swap may be mute."""
        smp.wait_echo(self.target + self.framing, timeout, quiet)

    def reset(self):
        """From outside, as by the reset pin: flash and TCP connection stay."""
        self.qmp.command("system_reset")

    def pause(self):
        """Cut off: the UART takes bytes and never answers."""
        self.qmp.command("stop")

    def resume(self):
        self.qmp.command("cont")

    def pause_at_reset(self):
        """Cut off as soon as the guest resets itself: the image that boots then is never heard of."""
        self.qmp.hooks["RESET"] = lambda _: self.qmp.send("stop")

    def wait_reset(self, timeout=60):
        return self.qmp.wait_event("RESET", timeout)

    def read_flash(self):
        """All flash as it is now."""
        path = f"{self.folder}/flash"
        # memsave, not pmemsave: the SoC's memory is the core's own, not the machine's.
        self.qmp.command("memsave", val=0, size=FLASH_BYTES, filename=path)
        with open(path, "rb") as saved:
            return saved.read()

    def kill(self, keep_flash=False):
        """Power gone at once: connections break, the port refuses. Without keep_flash it comes back factory-new."""
        self.flash = None
        if self.qmp:
            if keep_flash:
                self.pause()
                self.flash = self.read_flash()
            self.qmp.close()
            self.qmp = None
        if self.process:
            self.process.stop()
            self.process = None

    def stop(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in _live:
            _live.remove(self)

    def restart(self, keep_flash=False):
        self.kill(keep_flash)
        return self.start()

    def client(self):
        return smp.Client.open(self.target + self.framing)


class NativeServer:
    """A native_sim server: UDP on port 1337, or a pty. UDP servers wait for each other, machine-wide."""

    def __init__(self, config):
        self.config = config
        self.entry = fixtures.manifest()[fixtures.NATIVE + config]
        self.folder = tempfile.mkdtemp(prefix="dfucast-")
        self.process = None
        self.lock = None
        self.target = None
        _live.append(self)

    def start(self):
        executable = fixtures.servers() / self.entry["artifact"]
        executable.chmod(0o755)
        if self.entry["transport"] == "udp":
            self.take_udp_port()
        # No flash file survives: each server starts new in its own folder.
        self.process = Process([str(executable)], self.folder, f"{self.folder}/log")
        if self.entry["transport"] == "udp":
            self.process.wait_for("smp_udp: Started|Started \\(|Initiali[sz]ed")
            self.target = "udp:[::1]" if self.entry["ip_family"] == "ipv6" else "udp:127.0.0.1"
        else:
            pty = self.process.wait_for(r"uart(?:_\d+)? connected to pseudotty: (\S+)").group(1)
            framing = "?framing=raw" if self.entry["transport"] == "serial_raw" else ""
            self.target = f"serial:{pty}{framing}"
        smp.wait_echo(self.target, 30)
        return self

    def take_udp_port(self, wait=True):
        family = self.entry["ip_family"]
        self.lock = open(os.path.join(tempfile.gettempdir(), f"dfucast-udp-1337-{family}.lock"), "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        kind, host = (socket.AF_INET6, "::1") if family == "ipv6" else (socket.AF_INET, "127.0.0.1")
        end = time.monotonic() + 20
        while True:
            with socket.socket(kind, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((host, 1337))
                    return
                except OSError as error:
                    if time.monotonic() > end:
                        raise BedError(f"UDP port 1337 ({family}) is taken by another program: {error}") from error
            time.sleep(0.2)

    def client(self):
        return smp.Client.open(self.target)

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None
        if self.lock:
            self.lock.close()
            self.lock = None
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in _live:
            _live.remove(self)


class Proxy:
    """A TCP port in front of a board, which can be broken: `pass` bytes on, `swallow` them silently, or `refuse`."""

    def __init__(self, port):
        self.backend = port
        self.mode = "pass"
        self.pairs = []
        self.turn = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.wake_read, self.wake_write = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        _live.append(self)

    @property
    def target(self):
        return f"tcp:127.0.0.1:{self.port}"

    def set(self, mode):
        """With `refuse`, connections that stand are closed and the port no longer listens."""
        with self.turn:
            if mode == "refuse" and self.listener:
                self._close_pairs()
                self.listener.close()
                self.listener = None
            elif mode != "refuse" and not self.listener:
                self.listener = socket.create_server(("127.0.0.1", self.port))
            self.mode = mode
        os.write(self.wake_write, b"x")

    def cut(self):
        """Closes the connections that stand; new ones are taken."""
        with self.turn:
            self._close_pairs()
        os.write(self.wake_write, b"x")

    def _close_pairs(self):
        for pair in self.pairs:
            for end in pair:
                end.close()
        self.pairs.clear()

    def _run(self):
        while self.mode != "end":
            with self.turn:
                ends = {a: b for pair in self.pairs for a, b in (pair, pair[::-1])}
                watched = [self.wake_read, *ends, *([self.listener] if self.listener else [])]
            try:
                ready, _, _ = select.select(watched, [], [])
            except (OSError, ValueError):
                continue  # closed under us by cut() or set()
            with self.turn:
                for end in ready:
                    self._serve(end, ends)

    def _serve(self, end, ends):
        if end == self.wake_read:
            os.read(self.wake_read, 64)
        elif end is self.listener:
            front, _ = self.listener.accept()
            try:
                self.pairs.append((front, socket.create_connection(("127.0.0.1", self.backend))))
            except OSError:
                front.close()
        elif end in ends and end.fileno() >= 0:
            try:
                data = end.recv(65536)
                if data and self.mode == "pass":
                    ends[end].sendall(data)
            except OSError:
                data = b""
            if not data:
                self.pairs = [pair for pair in self.pairs if end not in pair]
                end.close()
                ends[end].close()

    def stop(self):
        self.mode = "end"
        os.write(self.wake_write, b"x")
        self.thread.join(5)
        with self.turn:
            self._close_pairs()
            if self.listener:
                self.listener.close()
        os.close(self.wake_read)
        os.close(self.wake_write)
        if self in _live:
            _live.remove(self)


def start_boards(count):
    """So many boards, started side by side and answering."""
    boards = [Board(f"board{number}", ready=False) for number in range(count)]
    for board in boards:
        board.start()
    for board in boards:
        board.wait_ready()
        board.ready = True
    return boards

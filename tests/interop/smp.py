# SPDX-License-Identifier: Apache-2.0
"""SMP for the test beds: frames, framings and a small blocking client.

Written apart from the C code under test and from every packaged client, so that a mistake in one of them cannot
cancel out. CBOR comes from cbor2.
"""

import base64
import binascii
import os
import select
import socket
import struct
import time
import tty

import cbor2

READ, READ_RESPONSE, WRITE, WRITE_RESPONSE = 0, 1, 2, 3
OS, IMG = 0, 1
ECHO, RESET, PARAMS, INFO, BOOTLOADER = 0, 5, 6, 7, 8
STATE, UPLOAD, ERASE, SLOTS = 0, 1, 5, 6
HEADER = struct.Struct(">BBHHBB")
LINE_BYTES = 127  # a console line with its marker and LF
LINE_TEXT = 124


class Silence(Exception):
    """No answer in time."""


def crc16(data):
    """CRC-16/XMODEM."""
    return binascii.crc_hqx(data, 0)


def pack(op, group, command, sequence, body, version=1):
    payload = body if isinstance(body, bytes) else cbor2.dumps(body)
    return HEADER.pack(version << 3 | op, 0, len(payload), group, sequence, command) + payload


class Frame:
    def __init__(self, data):
        first, self.flags, self.length, self.group, self.sequence, self.command = HEADER.unpack(data[:8])
        self.op = first & 7
        self.version = first >> 3 & 3
        self.payload = data[8:]

    @property
    def body(self):
        return cbor2.loads(self.payload) if self.payload else {}


class Console:
    """Base64 lines with CRC-16; anything else on the stream is log text and kept in `noise`."""

    def __init__(self):
        self.line = bytearray()
        self.packet = None
        self.noise = bytearray()

    def encode(self, frame):
        data = struct.pack(">H", len(frame) + 2) + frame + struct.pack(">H", crc16(frame))
        lines = []
        for start in range(0, len(data), LINE_TEXT // 4 * 3):
            marker = b"\x04\x14" if start else b"\x06\x09"
            lines.append(marker + base64.b64encode(data[start : start + LINE_TEXT // 4 * 3]) + b"\n")
        return b"".join(lines)

    def decode(self, data):
        frames = []
        for byte in data:
            if byte != 0x0A:
                self.line.append(byte)
                continue
            frame = self.take_line(bytes(self.line))
            if frame is not None:
                frames.append(frame)
            self.line.clear()
        return frames

    def take_line(self, line):
        # A log line may stand unended before a frame: the frame starts at its marker.
        first, more = line.find(b"\x06\x09"), line.find(b"\x04\x14")
        start = first if first >= 0 else more
        if start < 0:
            self.noise += line + b"\n"
            return None
        self.noise += line[:start]
        try:
            raw = base64.b64decode(line[start + 2 :].strip(b"\r"), validate=True)
        except binascii.Error:
            self.packet = None
            return None
        if first >= 0:
            self.packet = bytearray(raw)
        elif self.packet is not None:
            self.packet += raw
        if self.packet is None or len(self.packet) < 2:
            return None
        total = struct.unpack(">H", self.packet[:2])[0]
        if len(self.packet) < total + 2:
            return None
        frame, crc = bytes(self.packet[2:total]), self.packet[total : total + 2]
        self.packet = None
        return frame if struct.pack(">H", crc16(frame)) == bytes(crc) else None


class Raw:
    """Frames back to back."""

    def __init__(self):
        self.have = bytearray()

    def encode(self, frame):
        return frame

    def decode(self, data):
        self.have += data
        frames = []
        while len(self.have) >= 8:
            total = 8 + struct.unpack(">H", self.have[2:4])[0]
            if len(self.have) < total:
                break
            frames.append(bytes(self.have[:total]))
            del self.have[:total]
        return frames


class Cobs:
    """COBS(frame, CRC-16 big endian), 00."""

    def __init__(self):
        self.have = bytearray()

    def encode(self, frame):
        data = frame + struct.pack(">H", crc16(frame))
        out = bytearray()
        for run in data.split(b"\0"):
            while len(run) >= 254:
                out += b"\xff" + run[:254]
                run = run[254:]
            out += bytes([len(run) + 1]) + run
        return bytes(out) + b"\0"

    def decode(self, data):
        self.have += data
        frames = []
        while (end := self.have.find(0)) >= 0:
            frame = self.decode_one(bytes(self.have[:end]))
            del self.have[: end + 1]
            if frame is not None:
                frames.append(frame)
        return frames

    @staticmethod
    def decode_one(coded):
        out, at = bytearray(), 0
        while at < len(coded):
            code = coded[at]
            run = coded[at + 1 : at + code]
            if len(run) != code - 1:
                return None
            out += run
            at += code
            if code != 255 and at < len(coded):
                out.append(0)
        if len(out) < 10 or crc16(out[:-2]) != struct.unpack(">H", out[-2:])[0]:
            return None
        return bytes(out[:-2])


class Datagram:
    """One frame a datagram."""

    def encode(self, frame):
        return frame

    def decode(self, data):
        return [data]


FRAMINGS = {"console": Console, "raw": Raw, "cobs": Cobs}


class TcpLink:
    def __init__(self, host, port, timeout=10):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send = self.socket.sendall
        self.close = self.socket.close

    def recv(self, timeout):
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data = self.socket.recv(4096)
        except socket.timeout:
            return b""
        if not data:
            raise ConnectionError("closed by the device")
        return data


class UdpLink:
    def __init__(self, host, port=1337):
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(family, kind)
        self.socket.connect(address)
        self.send = self.socket.send
        self.close = self.socket.close

    def recv(self, timeout):
        self.socket.settimeout(max(timeout, 0.001))
        try:
            return self.socket.recv(65536)
        except (socket.timeout, ConnectionRefusedError):
            return b""


class PtyLink:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)

    def send(self, data):
        os.write(self.fd, data)

    def recv(self, timeout):
        ready, _, _ = select.select([self.fd], [], [], max(timeout, 0.001))
        return os.read(self.fd, 4096) if ready else b""

    def close(self):
        os.close(self.fd)


class Client:
    """One request at a time; every answer is matched by op, group, command and sequence."""

    def __init__(self, link, framing=None):
        self.link = link
        self.framing = framing or Datagram()
        self.sequence = 0
        self.closed = False

    @classmethod
    def open(cls, target):
        """From a target as the command line writes it: udp:HOST[:PORT], tcp:HOST:PORT, serial:PATH."""
        scheme, rest = target.split(":", 1)
        rest, _, query = rest.partition("?")
        keys = dict(part.split("=") for part in query.split("&") if part)
        framing = FRAMINGS[keys.get("framing", "console")]
        if scheme == "tcp":
            host, port = rest.rsplit(":", 1)
            return cls(TcpLink(host, int(port)), framing())
        if scheme == "serial":
            return cls(PtyLink(rest), framing())
        host, port = rest, 1337
        if rest.startswith("["):
            host, _, tail = rest[1:].partition("]")
            port = int(tail[1:] or port)
        elif rest.count(":") == 1:
            host, port = rest.split(":")
        return cls(UdpLink(host, int(port)))

    def send(self, op, group, command, body=None, version=1):
        self.sequence = (self.sequence + 1) & 0xFF
        frame = pack(op, group, command, self.sequence, {} if body is None else body, version)
        self.link.send(self.framing.encode(frame))
        return self.sequence

    def receive(self, timeout):
        """The frames that came within the time; at least one, or Silence."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            frames = [Frame(f) for f in self.framing.decode(self.link.recv(left)) if len(f) >= 8]
            if frames:
                return frames
        raise Silence(f"nothing for {timeout} s")

    def request(self, op, group, command, body=None, timeout=3, version=1):
        sequence = self.send(op, group, command, body, version)
        end = time.monotonic() + timeout
        while True:
            for frame in self.receive(max(end - time.monotonic(), 0.001)):
                if (frame.op, frame.group, frame.command, frame.sequence) == (op + 1, group, command, sequence):
                    return frame.body

    def echo(self, text, timeout=3):
        return self.request(WRITE, OS, ECHO, {"d": text}, timeout)["r"]

    def params(self, timeout=3):
        return self.request(READ, OS, PARAMS, timeout=timeout)

    def images(self, timeout=3):
        return self.request(READ, IMG, STATE, timeout=timeout)["images"]

    def upload(self, image, sha, chunk_bytes=256, stop_at=None, timeout=1):
        """Window 1; a chunk whose answer is missing is sent again. Stops early at `stop_at`."""
        offset = 0
        while offset < (len(image) if stop_at is None else stop_at):
            body = {"off": offset, "data": image[offset : offset + chunk_bytes]}
            if offset == 0:
                body = {"image": 0, "len": len(image), "sha": sha, **body, "data": image[: chunk_bytes - 64]}
            for tries in range(1, 9):  # a busy machine makes boards lose lines, now and then several in a row
                try:
                    answer = self.request(WRITE, IMG, UPLOAD, body, timeout * tries if offset else 10)
                    break
                except Silence:
                    continue
            else:
                raise Silence(f"no answer at offset {offset}")
            if "off" not in answer:
                raise AssertionError(f"upload refused at {offset}: {answer}")
            offset = answer["off"]
        return offset

    def close(self):
        if not self.closed:
            self.closed = True
            self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


BANNER = b"Booting Zephyr OS"


def wait_echo(target, timeout=30, quiet=0.0, text="ready?"):
    """Until the target answers an echo; closes its link again.

    A board is not to be spoken to while its bootloader runs: bytes in that window wedge the microbit's emulated
    UART until the next reset, and can hold others in serial recovery. So nothing is sent before Zephyr's banner was
    read, or nothing came for `quiet` seconds (the link may have been opened after the boot).
    """
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            with Client.open(target) as client:
                _listen(client.link, quiet, end)
                while time.monotonic() < end:
                    try:
                        if client.echo(text, 1) == text:
                            return
                    except Silence:
                        pass
        except OSError:
            time.sleep(0.1)
    raise Silence(f"{target}: no echo within {timeout} s")


def _listen(link, quiet, end):
    seen, last = b"", time.monotonic()
    while quiet and time.monotonic() < min(last + quiet, end):
        data = link.recv(0.05)
        if data:
            seen, last = (seen + data)[-4096:], time.monotonic()
            if BANNER in seen:
                quiet = min(quiet, 0.2)

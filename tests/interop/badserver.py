#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An SMP device of our own: OS and image group in memory, over TCP (console, raw, cobs) or UDP, well-behaved until
told otherwise. For tests (BadServer in a thread) and by hand:

    badserver.py [--tcp PORT | --udp PORT] [--count N] [--bad NAME[=VALUE]]... [--swap-s 0.5] ...

What it can do wrong (--bad, several at once):
    silence              never answers                     garbage        answers with bytes that are no frame
    close                ends the connection at a request  malformed      answers with CBOR that is none
    off-backwards        upload answers go back for ever   off-past-end   an upload answer beyond the image
    foreign              another client uploads too        no-progress    takes no data, repeats the offset
    no-params            params: rc 8                      no-slots       slot info: rc 8
    small-slot=BYTES     slot size                         other-trial    runs another image unconfirmed
    other-pending        another image waits in slot 1     v1-only        version 1 answers, codes translated
    recovery             as MCUboot serial recovery (smp.md 3.9, 4.3, 5.1): params, list, upload into slot 0 and
                         reset, rc 8 for all else; a list without rc, splitStatus or flags. No reset gets it out
    recovery=N           the same, and the Nth reset gets it out
    window=S             a frame within S seconds of a reset holds it there, and the next reset gets it out
    never-listed         the list never shows slot 1       lose-first     the very first answer is lost
    lose=I,J,...         these answers are lost, from 0    lose-upload=I,J the same, counting upload answers only
    dead-after-swap      the new image boots and is mute   no-confirm     confirm is accepted and does nothing
    busy=N               the first N uploads: rc 10        no-bootloader  bootloader info: rc 8
"""

import argparse
import hashlib
import os
import random
import selectors
import socket
import struct
import sys
import threading
import time

import cbor2
import images
import smp

SLOT_BYTES = 106_496
# Group 1 code -> what a version 1 server says instead.
V1_CODES = {8: 1, 9: 6, 21: 3, 22: 3, 23: 1, 24: 3, 28: 6, 30: 1, 31: 1, 33: 1}
NAMES = {"silence", "garbage", "close", "malformed", "off-backwards", "off-past-end", "foreign", "no-progress",
         "no-params", "no-slots", "small-slot", "other-trial", "other-pending", "v1-only", "recovery",
         "never-listed", "lose-first", "lose", "lose-upload", "dead-after-swap", "no-confirm", "busy",
         "no-bootloader", "window"}  # fmt: skip


def small_image(version=(1, 0, 0), fill=0xAA, size=512):
    """A whole image with a right hash: 32 B of header and a payload."""
    header = struct.pack("<IIHHIIBBHII", images.MAGIC, 0, 32, 0, size, 0, *version, 0, 0)
    payload = bytes([fill]) * size
    digest = hashlib.sha256(header + payload).digest()
    return header + payload + struct.pack("<HHHH", images.TLV_INFO, 40, images.TLV_SHA256, 32) + digest


def version_text(image):
    major, minor, revision, build = struct.unpack_from("<BBHI", image, 20)
    return f"{major}.{minor}.{revision}" + (f".{build}" if build else "")


def is_valid(image):
    """What MCUboot looks at: the hash over header and payload."""
    try:
        header_bytes, payload_bytes = struct.unpack_from("<H", image, 8)[0], struct.unpack_from("<I", image, 12)[0]
        return hashlib.sha256(image[: header_bytes + payload_bytes]).digest() == images.tlv_hash(image)
    except (struct.error, ValueError):
        return False


class Refused(Exception):
    def __init__(self, rc, group=smp.IMG):
        super().__init__(rc)
        self.rc, self.group = rc, group


class Device:
    """The device behind the wire: two slots, an upload session, MCUboot's swap and revert."""

    def __init__(self, bad=None, running=None, swap_s=0.3, buf_size=384, buf_count=4, board="qemu_cortex_m0/nrf51822"):
        self.bad = dict(bad or {})
        if unknown := set(self.bad) - NAMES:
            raise ValueError(f"no such misbehaviour: {', '.join(sorted(unknown))}")
        self.swap_s, self.buf_size, self.buf_count, self.board = swap_s, buf_size, buf_count, board
        self.slot_bytes = int(self.bad.get("small-slot", SLOT_BYTES))
        self.slots = [running or small_image(), None]
        self.pending = None  # None, "test", "permanent"
        self.confirmed = True
        self.session = None  # [sha, length, bytes so far]
        self.mute_until = 0.0
        self.dead = False
        self.resets = self.answers = self.upload_answers = self.foreign = self.recovery_writes = 0
        self.requests = []  # (op, group, command, body) of every request, for tests
        self.recovery = float(self.bad.get("recovery", 0))  # resets that it takes to get out of it
        self.window_s, self.window_end = float(self.bad.get("window", 0)), None
        self.held = 0  # times a frame held it in the bootloader
        if "other-trial" in self.bad:
            self.slots = [small_image((7, 0, 0), 0x77), self.slots[0]]
            self.confirmed = False
        if "other-pending" in self.bad:
            self.slots[1] = small_image((6, 0, 0), 0x66)
            self.pending = "test"

    # ---- one request, one answer ----

    def answer(self, data):
        """The answer frame to a request frame, or None for silence."""
        if self.window_end is not None:
            early, self.window_end = time.monotonic() < self.window_end, None
            if early:
                self.recovery, self.held = 1, self.held + 1
                return None
            self.start()
        if time.monotonic() < self.mute_until or self.dead or len(data) < 8:
            return None
        request = smp.Frame(data)
        version = 0 if "v1-only" in self.bad else min(request.version, 1)
        try:
            body = request.body
            if not isinstance(body, dict):
                raise ValueError("no map")
        except (cbor2.CBORDecodeError, ValueError):
            body = None
        self.requests.append((request.op, request.group, request.command, body))
        answer = {"rc": 3} if body is None else self.result(request, body, version)
        op = smp.READ_RESPONSE if request.op == smp.READ else smp.WRITE_RESPONSE
        payload = b"\xbf\x63rc" if "malformed" in self.bad else indefinite(answer)
        frame = smp.pack(op, request.group, request.command, request.sequence, payload, version)
        return None if self.is_lost(request) else frame

    def result(self, request, body, version):
        if self.recovery:
            return self.recovery_result((request.op, request.group, request.command), body)
        try:
            handler = self.HANDLERS.get((request.op, request.group, request.command))
            return handler(self, body) if handler else {"rc": 8}
        except Refused as refused:
            if refused.group is None:
                return {"rc": refused.rc}
            if version == 0:
                return {"rc": V1_CODES.get(refused.rc, 1)}
            return {"err": {"group": refused.group, "rc": refused.rc}}

    def recovery_result(self, what, body):
        """MCUboot itself: `rc` beside upload and reset, never in the list."""
        if what == (smp.WRITE, smp.OS, smp.RESET):
            return {"rc": 0, **self.reset(body)}
        if what == (smp.READ, smp.OS, smp.PARAMS):
            return {"buf_size": 1024, "buf_count": 1}
        if what == (smp.READ, smp.IMG, smp.STATE):
            return {"images": [{"slot": slot, "hash": images.tlv_hash(image), "version": version_text(image)}
                               for slot, image in enumerate(self.slots) if image and is_valid(image)]}
        if what[1:] == (smp.IMG, smp.UPLOAD):
            self.recovery_writes += 1  # over the image that runs, from the first byte on
            return {"rc": 0, "off": body.get("off", 0) + len(body.get("data", b""))}
        return {"rc": 8}

    def is_lost(self, request):
        index, self.answers = self.answers, self.answers + 1
        if "lose-first" in self.bad and index == 0:
            return True
        if str(index) in self.bad.get("lose", "").split(","):
            return True
        if (request.group, request.command) == (smp.IMG, smp.UPLOAD):
            index, self.upload_answers = self.upload_answers, self.upload_answers + 1
            return str(index) in self.bad.get("lose-upload", "").split(",")
        return False

    # ---- OS group ----

    def echo(self, body):
        if "d" not in body:
            raise Refused(3, None)
        return {"r": body["d"]}

    def reset(self, _body):
        # The answer goes out first; then MCUboot works and nobody is there.
        self.mute_until = time.monotonic() + 0.05 + self.swap_s
        self.boot()
        return {}

    def params(self, _body):
        if "no-params" in self.bad:
            raise Refused(8, None)
        return {"buf_size": self.buf_size, "buf_count": self.buf_count}

    def info(self, body):
        fields = {"s": "Zephyr", "i": self.board, "a": f"Zephyr unknown lab {self.board} Zephyr"}
        if body.get("format", "s") not in fields:
            raise Refused(2, smp.OS)
        return {"output": fields[body.get("format", "s")]}

    def bootloader(self, body):
        if "no-bootloader" in self.bad:
            raise Refused(8, None)
        if "query" not in body:
            return {"bootloader": "MCUboot"}
        if body["query"] != "mode":
            raise Refused(3, smp.OS)
        return {"mode": 9}

    # ---- image group ----

    def state(self, _body=None):
        entries = []
        for slot, image in enumerate(self.slots):
            if image is None or (slot == 1 and "never-listed" in self.bad):
                continue
            active = slot == 0
            flags = {"bootable": True, "pending": not active and self.pending is not None,
                     "confirmed": active == self.confirmed if active or not self.confirmed else False,
                     "active": active, "permanent": not active and self.pending == "permanent"}  # fmt: skip
            try:
                digest = images.tlv_hash(image)
            except (ValueError, struct.error):
                continue  # no TLVs yet: Zephyr does not list it
            entries.append({"slot": slot, "version": version_text(image), "hash": digest, **flags})
        return {"images": entries, "splitStatus": 0}

    def set_state(self, body):
        digest, confirm = body.get("hash"), body.get("confirm", False)
        if digest is None:
            if not confirm:
                raise Refused(24)
            slot = 0
        else:
            found = [s for s, image in enumerate(self.slots) if image and images.tlv_hash(image) == digest]
            if len(digest) != 32:
                raise Refused(24)
            if not found:
                raise Refused(8)
            slot = found[0]
        if slot == 0 and not confirm:
            raise Refused(33)
        if slot == 0 and self.pending:
            raise Refused(28)
        if slot == 1:
            self.pending = "permanent" if confirm else self.pending or "test"
        elif "no-confirm" not in self.bad:
            self.confirmed = True
        return self.state()

    def upload(self, body):
        off, data = body.get("off"), body.get("data", b"")
        if off is None:
            self.session = None
            raise Refused(20)
        if int(self.bad.get("busy", 0)) > 0:
            self.bad["busy"] = int(self.bad["busy"]) - 1
            raise Refused(10, None)
        if off == 0:
            return {"off": self.first_chunk(body, data)}
        if self.session is None:
            return {"off": 0}
        sha, length, have = self.session
        if off != len(have) or "no-progress" in self.bad:
            return {"off": len(have)}
        if "off-backwards" in self.bad and off > length // 2:
            del have[length // 4 :]
            return {"off": len(have)}
        if "off-past-end" in self.bad and off > length // 2:
            return {"off": length + 4096}
        if "foreign" in self.bad and off > length // 3:
            # Somebody else's session took the place of ours, and is well on its way.
            self.foreign += 4096
            return {"off": (length // 2 + self.foreign) % length}
        if off + len(data) > length:
            self.session = None
            raise Refused(31)
        have += data
        if len(have) == length:
            self.slots[1], self.session = bytes(have), None
            return {"off": length}
        return {"off": len(have)}

    def first_chunk(self, body, data):
        length, sha = body.get("len"), body.get("sha", b"")
        kept, session = self.session, self.session
        self.session = None  # every refusal below ends a session
        if len(data) < 32:
            raise Refused(22)
        if length is None:
            raise Refused(21)
        if struct.unpack_from("<I", data)[0] != images.MAGIC:
            raise Refused(23)
        if len(sha) > 32:
            raise Refused(24)
        if session and sha and session[0] == sha:
            self.session = kept
            return len(session[2])
        if self.pending or not self.confirmed:
            raise Refused(9)
        if length > self.slot_bytes:
            raise Refused(30)
        self.slots[1] = None
        self.session = [sha, length, bytearray(data)]
        if len(data) >= length:
            self.slots[1], self.session = bytes(data), None
        return len(data)

    def erase(self, body):
        if body.get("slot", 1) != 1 or self.pending or not self.confirmed:
            raise Refused(9)
        self.session, self.slots[1] = None, None
        return {}

    def slot_info(self, _body):
        if "no-slots" in self.bad:
            raise Refused(8, None)
        return {"images": [{"image": 0, "slots": [{"slot": 0, "size": self.slot_bytes},
                                                  {"slot": 1, "size": self.slot_bytes, "upload_image_id": 0}]}]}

    # ---- MCUboot ----

    def boot(self):
        """A reset: revert an unconfirmed trial, or refuse, or swap what is pending; or serial recovery."""
        self.resets += 1
        self.session = None
        if self.recovery:
            self.recovery -= 1
        if self.recovery:
            return
        if self.window_s:
            self.window_end = time.monotonic() + self.window_s
            return
        self.start()

    def start(self):
        """What is pending or unconfirmed is looked at once MCUboot no longer listens."""
        pending, self.pending = self.pending, None
        if pending and not is_valid(self.slots[1]):
            self.slots[1] = None
        elif pending:
            self.slots.reverse()
            self.confirmed = pending == "permanent"
            self.dead = "dead-after-swap" in self.bad
        elif not self.confirmed:
            self.slots.reverse()
            self.confirmed = True

    HANDLERS = {
        (smp.WRITE, smp.OS, smp.ECHO): echo,
        (smp.READ, smp.OS, smp.ECHO): echo,
        (smp.WRITE, smp.OS, smp.RESET): reset,
        (smp.READ, smp.OS, smp.PARAMS): params,
        (smp.READ, smp.OS, smp.INFO): info,
        (smp.READ, smp.OS, smp.BOOTLOADER): bootloader,
        (smp.READ, smp.IMG, smp.STATE): state,
        (smp.WRITE, smp.IMG, smp.STATE): set_state,
        (smp.WRITE, smp.IMG, smp.UPLOAD): upload,
        (smp.WRITE, smp.IMG, smp.ERASE): erase,
        (smp.READ, smp.IMG, smp.SLOTS): slot_info,
    }


def indefinite(value):
    """CBOR as Zephyr writes it: maps and lists of indefinite length."""
    if isinstance(value, dict):
        return b"\xbf" + b"".join(cbor2.dumps(k) + indefinite(v) for k, v in value.items()) + b"\xff"
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(indefinite, value)) + b"\xff"
    return cbor2.dumps(value)


class BadServer:
    """A device on a port, served by a thread. Use as a context manager, or start() and stop()."""

    def __init__(self, *bad, transport="tcp", framing="console", port=0, **device):
        bare = {"recovery": "inf"}
        wrong = dict(item.split("=", 1) if "=" in item else (item, bare.get(item, "1")) for item in bad)
        self.device = Device(wrong, **device)
        self.framing_kind, self.transport = framing, transport
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        if transport == "tcp":
            self.socket.listen(8)
        self.port = self.socket.getsockname()[1]
        self.wake = socket.socketpair()
        self.running = False
        self.connections = 0
        self.random = random.Random(1)

    @property
    def target(self):
        framing = "" if self.framing_kind == "console" else f"?framing={self.framing_kind}"
        return f"{self.transport}:127.0.0.1:{self.port}{framing}"

    def start(self):
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _reply(self, frame, framing, send):
        """False: the connection is to be closed."""
        if "close" in self.device.bad:
            self.device.answer(frame)
            return False
        if "garbage" in self.device.bad:
            self.device.answer(frame)
            send(self.random.randbytes(64))
            return True
        answer = self.device.answer(frame)
        if answer is not None and "silence" not in self.device.bad:
            send(framing.encode(answer))
        return True

    def _run(self):
        with selectors.DefaultSelector() as selector:
            self.socket.setblocking(False)
            selector.register(self.wake[0], selectors.EVENT_READ)
            selector.register(self.socket, selectors.EVENT_READ)
            while self.running:
                for key, _ in selector.select():
                    if key.fileobj is self.socket:
                        self._udp() if self.transport == "udp" else self._accept(selector)
                    elif key.fileobj is not self.wake[0]:
                        self._serve(selector, key)
            for key in list(selector.get_map().values()):
                if key.data:
                    key.fileobj.close()

    def _udp(self):
        try:
            data, peer = self.socket.recvfrom(65536)
            self._reply(data, smp.Datagram(), lambda answer: self.socket.sendto(answer, peer))
        except OSError:
            pass

    def _accept(self, selector):
        connection, _ = self.socket.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections += 1
        selector.register(connection, selectors.EVENT_READ, smp.FRAMINGS[self.framing_kind]())

    def _serve(self, selector, key):
        try:
            data = key.fileobj.recv(65536)
            stay = bool(data) and all(self._reply(f, key.data, key.fileobj.sendall) for f in key.data.decode(data))
        except OSError:
            stay = False
        if not stay:
            selector.unregister(key.fileobj)
            key.fileobj.close()

    def uploads(self):
        """The upload requests that came."""
        return [body for _, group, command, body in self.device.requests if (group, command) == (smp.IMG, smp.UPLOAD)]

    def stop(self):
        if self.running:
            self.running = False
            self.wake[1].send(b"x")
            self.thread.join(5)
        for end in (self.socket, *self.wake):
            end.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--tcp", type=int, metavar="PORT", help="0, the default: any free port")
    where.add_argument("--udp", type=int, metavar="PORT")
    parser.add_argument("--count", type=int, default=1, help="so many devices, on ports one after the other")
    parser.add_argument("--bad", action="append", default=[], metavar="NAME[=VALUE]")
    parser.add_argument("--framing", choices=sorted(smp.FRAMINGS), default="console")
    parser.add_argument("--swap-s", type=float, default=0.5)
    parser.add_argument("--buf-size", type=int, default=384)
    parser.add_argument("--buf-count", type=int, default=4)
    parser.add_argument("--image", metavar="FILE", help="what runs at the start")
    args = parser.parse_args()
    transport, port = ("udp", args.udp) if args.udp is not None else ("tcp", args.tcp or 0)
    running = None
    if args.image:
        with open(args.image, "rb") as file:
            running = file.read()
    servers = []
    try:
        for number in range(args.count):
            servers.append(BadServer(*args.bad, transport=transport, framing=args.framing, swap_s=args.swap_s,
                                     port=port + number if port else 0, buf_size=args.buf_size,
                                     buf_count=args.buf_count, running=running).start())
            print(servers[-1].target, flush=True)
        threading.Event().wait()
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        pass
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()

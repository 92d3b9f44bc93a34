# SPDX-License-Identifier: Apache-2.0
"""The simulator is honest: one script of requests is played to each Zephyr server that others built and to
`dfucast sim serve` configured like it, over the same kind of link, and the decoded answers are equal. What differs is in
DIFFERENCES, each with its reason; a difference that is not there fails, and so does one that is there and gone."""

import json
import os
import time

import cbor2
import pytest

import boards as beds
import conftest
import fixtures
import images
import smp
from badserver import small_image

READ, WRITE, OS, IMG = smp.READ, smp.WRITE, smp.OS, smp.IMG
OLD = small_image((0, 0, 0), 0x11, 500)
NEW = small_image((2, 0, 0), 0x22, 2000)
NEW_SHA, NEW_HASH = images.file_sha(NEW), images.tlv_hash(NEW)


class Step:
    """A request and how long to wait for its answers. `raw`: made from a whole good frame; `silent`: none is expected."""

    def __init__(self, name, op, group, command, body=None, version=1, raw=None, answers=1, silent=False, slow=False):
        self.name, self.op, self.group, self.command = name, op, group, command
        self.body, self.version, self.raw = {} if body is None else body, version, raw
        self.answers, self.silent = answers, silent
        self.timeout = 0.6 if silent else 25 if slow else 3


class Reset:
    """Resets it and waits until it is back; with `swaps`, after a swap."""

    def __init__(self, name):
        self.name = name


# ---- the script ------------------------------------------------------------------------------------------------


def echo(name, body, **options):
    return Step(name, options.pop("op", WRITE), OS, smp.ECHO, body, **options)


def os_steps(entry):
    """What every server has: the OS group, headers, CBOR, groups that are not there."""
    hi = {"d": "hi"}
    udp = entry["transport"] == "udp"
    # A console's buffer holds length and CRC besides; of a datagram 1500 bytes are read, whatever the buffers.
    room = (min(entry["buf_size"], 1500) if udp else entry["buf_size"] - 4) - 8 - 3
    longest = room - (1 if room < 26 else 2 if room < 258 else 3)
    yield echo("echo", hi)
    yield echo("echo as a read", hi, op=READ)
    for op in (1, 3, 4, 7):
        yield echo(f"echo with op {op}", hi, op=op)
    yield echo("echo v1", hi, version=0)
    yield echo("echo version 2", hi, version=2)
    yield echo("echo version 3", hi, version=3)
    yield echo("echo without d", {})
    yield echo("echo of nothing", {"d": ""})
    yield echo("echo of a number", {"d": 7})
    yield echo("echo of bytes", {"d": b"hi"})
    yield echo("echo with unknown keys", {"x": {"y": [1, {"z": None}]}, "d": "hi", "b": b"1", "f": 1.5})
    yield echo("echo with a number for a key", {1: 2, "d": "hi"})
    yield echo("echo with d twice", b"\xa2\x61d\x61a\x61d\x61b")
    yield echo("echo, a list", b"\x80")
    yield echo("echo, a text", b"\x62hi")
    yield echo("echo, no body", b"")
    yield echo("echo, cut", b"\xa1\x61d\x65hi")
    yield echo("echo, cut before the value", b"\xa1\x61d")
    yield echo("echo, bytes behind the map", b"\xa1\x61d\x62hi\x00\x00")
    yield echo("echo, indefinite map", b"\xbf\x61d\x62hi\xff")
    yield echo("echo, indefinite map without end", b"\xbf\x61d\x62hi")
    yield echo("echo, indefinite text", b"\xa1\x61d\x7f\x61h\x61i\xff")
    yield echo("echo, break alone", b"\xff")
    yield echo("echo of 60 letters", {"d": "x" * 60})
    yield echo("echo of umlauts", {"d": "äöü€"})
    yield echo("echo that fills the buffer but for one byte", {"d": "x" * (longest - 1)})
    yield echo("echo that fills the buffer", {"d": "x" * longest})
    yield echo("echo one byte too long", {"d": "x" * (longest + 1)}, silent=not udp)
    yield echo("echo far too long", {"d": "x" * (longest + 500)}, silent=not udp)
    yield Step("console echo control", WRITE, OS, 1, {"echo": 0})
    yield Step("threads", READ, OS, 2)
    yield Step("memory pools", READ, OS, 3)
    yield Step("time", READ, OS, 4)
    yield Step("time set", WRITE, OS, 4, {"datetime": "2026-01-01T00:00:00"})
    yield Step("reset as a read", READ, OS, smp.RESET)
    yield Step("params", READ, OS, smp.PARAMS)
    yield Step("params v1", READ, OS, smp.PARAMS, version=0)
    yield Step("params as a write", WRITE, OS, smp.PARAMS)
    yield Step("params, nonsense for a body", READ, OS, smp.PARAMS, b"\xff\xff")
    yield Step("params, no body", READ, OS, smp.PARAMS, b"")
    for letters in ("", "s", "n", "r", "v", "m", "p", "i", "o", "b", "a", "io", "oi", "sn", "x", "sx"):
        yield Step(f"info {letters or 'of nothing'}", READ, OS, smp.INFO, {"format": letters})
    yield Step("info", READ, OS, smp.INFO)
    yield Step("info x v1", READ, OS, smp.INFO, {"format": "x"}, version=0)
    yield Step("info of a number", READ, OS, smp.INFO, {"format": 1})
    yield Step("info as a write", WRITE, OS, smp.INFO)
    yield Step("bootloader", READ, OS, smp.BOOTLOADER)
    yield Step("bootloader mode", READ, OS, smp.BOOTLOADER, {"query": "mode"})
    yield Step("bootloader other", READ, OS, smp.BOOTLOADER, {"query": "x"})
    yield Step("bootloader as a write", WRITE, OS, smp.BOOTLOADER)
    for command in (9, 100, 255):
        yield Step(f"no such command {command}", READ, OS, command)
        yield Step(f"no such command {command} v1", READ, OS, command, version=0)
    for group in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 63, 64, 1000, 65535):
        yield Step(f"group {group}", READ, group, 0)
    yield Step("no such group v1", WRITE, 64, 0, version=0)
    yield echo("flags set", hi, raw=lambda f: f[:1] + b"\x55" + f[2:])
    yield echo("reserved bits set", hi, raw=lambda f: bytes([f[0] | 0xE0]) + f[1:])
    yield echo("length too large", hi, raw=lambda f: f[:2] + b"\x00\x20" + f[4:])
    yield echo("length too small", hi, raw=lambda f: f[:2] + b"\x00\x02" + f[4:])
    yield echo("three bytes behind it", hi, raw=lambda f: f + b"\1\2\3")
    yield echo("a header behind it", hi, raw=lambda f: f + b"\0" * 8, answers=2)
    yield echo("two in one", hi, raw=lambda f: f + smp.pack(WRITE, OS, 0, f[6], {"d": "ho"}), answers=2)
    yield echo("a bad one and a good one", {"d": 7}, raw=lambda f: f + smp.pack(WRITE, OS, 0, f[6], hi), answers=2)
    yield echo("seven bytes", hi, raw=lambda f: f[:7], silent=True)
    yield echo("echo at the end", hi)


def upload(name, off, data, version=1, slow=False, **more):
    return Step(name, WRITE, IMG, smp.UPLOAD, {"off": off, "data": data, **more}, version=version, slow=slow or off == 0)


def chunks(name, image, first_bytes=64, chunk_bytes=300, until=None, **more):
    """All of an image, or all before `until`."""
    yield upload(f"{name}: first chunk", 0, image[:first_bytes], len=len(image), sha=images.file_sha(image), **more)
    end = len(image) if until is None else until
    for off in range(first_bytes, end, chunk_bytes):
        yield upload(f"{name}: chunk at {off}", off, image[off : min(off + chunk_bytes, end)])


def listed(name, **options):
    return Step(f"list {name}", READ, IMG, smp.STATE, **options)


def erase(name, body=None, **options):
    return Step(f"erase {name}", WRITE, IMG, smp.ERASE, body, slow=True, **options)


def mark(name, body, **options):
    return Step(f"set {name}", WRITE, IMG, smp.STATE, body, **options)


def image_steps(running):
    """The image group, as far as no reset is needed."""
    active = images.tlv_hash(running)
    yield from (listed("at first"), listed("v1", version=0), listed("with nonsense for a body", body=b"\xff"))
    for command in (2, 3, 4, 7):
        yield Step(f"no such image command {command}", READ, IMG, command)
    yield Step("slots", READ, IMG, smp.SLOTS)
    yield Step("slots v1", READ, IMG, smp.SLOTS, version=0)
    yield Step("slots as a write", WRITE, IMG, smp.SLOTS)
    yield Step("erase as a read", READ, IMG, smp.ERASE)
    yield Step("upload as a read", READ, IMG, smp.UPLOAD, {"off": 0})
    # erase
    yield from (erase("what is empty"), erase("slot 1", {"slot": 1}), erase("slot 0", {"slot": 0}))
    yield from (erase("slot 2", {"slot": 2}), erase("slot 7", {"slot": 7}), erase("slot -1", {"slot": -1}))
    yield from (erase("slot x", {"slot": "x"}), erase("slot 0 v1", {"slot": 0}, version=0))
    yield from (erase("slot twice", b"\xa2\x64slot\x01\x64slot\x01"), erase("no body", b""))
    # the first chunk
    yield from (upload("probe, no upload", 1, b""), upload("chunk, no upload", 5, b"abc"))
    nothing = dict(data=NEW[:64], len=len(NEW))
    for version in (1, 0):
        way = f" v{version + 1}"
        old = {"version": version}
        yield Step("no off" + way, WRITE, IMG, smp.UPLOAD, nothing, **old)
        yield Step("off 2^32-1" + way, WRITE, IMG, smp.UPLOAD, {"off": 0xFFFFFFFF, **nothing}, **old)
        yield upload("31 bytes" + way, 0, NEW[:31], len=len(NEW), **old)
        yield upload("no len" + way, 0, NEW[:64], **old)
        yield upload("no magic" + way, 0, b"x" * 64, len=len(NEW), **old)
        yield upload("sha of 33" + way, 0, NEW[:64], len=len(NEW), sha=b"x" * 33, **old)
        yield upload("larger than the slot" + way, 0, NEW[:64], len=4_000_000, **old)
        yield upload("no newer one" + way, 0, OLD[:64], len=len(OLD), upgrade=True, **old)
        yield upload("overrun, first" + way, 0, NEW[:64], len=100, **old)
        yield upload("overrun" + way, 64, NEW[64:104], **old)
        yield upload("overrun, probe" + way, 1, b"", **old)
    yield Step("no data", WRITE, IMG, smp.UPLOAD, {"off": 0, "len": 100})
    yield Step("no keys", WRITE, IMG, smp.UPLOAD)
    yield Step("off twice", WRITE, IMG, smp.UPLOAD, b"\xa2\x63off\x01\x63off\x01")
    yield Step("off x", WRITE, IMG, smp.UPLOAD, {"off": "x", **nothing})
    yield Step("off 2^32", WRITE, IMG, smp.UPLOAD, {"off": 1 << 32, **nothing})
    yield Step("data as a text", WRITE, IMG, smp.UPLOAD, {"off": 0, "len": 100, "data": "x" * 64})
    yield Step("upload, a list", WRITE, IMG, smp.UPLOAD, b"\x80")
    yield Step("upload, no body", WRITE, IMG, smp.UPLOAD, b"")
    yield upload("len x", 0, NEW[:64], len="x")
    yield upload("len -1", 0, NEW[:64], len=-1)
    yield upload("len 2^32", 0, NEW[:64], len=1 << 32)
    yield upload("len 2^32-1", 0, NEW[:64], len=0xFFFFFFFF)
    yield from (upload("len 0", 0, NEW[:64], len=0), upload("len 0, probe", 1, b""))
    yield from (upload("len 10", 0, NEW[:64], len=10), upload("len 10, at 10", 10, b"abc"))
    yield from (upload("len 10, at its end", 64, b""), upload("len 10, probe", 1, b""))
    yield from (upload("len 64", 0, NEW[:64], len=64), upload("len 64, probe", 1, b""))
    yield upload("image 1", 0, NEW[:64], len=len(NEW), image=1)
    yield upload("image 9", 0, NEW[:64], len=len(NEW), image=9)
    yield upload("a newer one", 0, NEW[:64], len=len(NEW), upgrade=True)
    yield upload("a newer one, probe", 1, b"")
    # offsets, resume
    yield from chunks("resume", NEW, chunk_bytes=136, until=200)
    yield from (upload("repeated", 64, NEW[64:200]), upload("gap", 500, NEW[500:600]), upload("at 1", 1, b"x"))
    yield upload("same sha", 0, NEW[:64], len=len(NEW), sha=NEW_SHA)
    yield upload("same sha, other len", 0, NEW[:64], len=50, sha=NEW_SHA)
    yield from (upload("no data at the offset", 200, b""), upload("one byte", 200, NEW[200:201]))
    yield upload("three bytes", 201, NEW[201:204])
    yield Step("bad CBOR in between", WRITE, IMG, smp.UPLOAD, b"\xff\xff")
    yield upload("bad CBOR, probe", 1, b"")
    yield listed("with a part")
    yield upload("the largest chunk", 204, NEW[204 : 204 + 340])
    yield upload("other sha", 0, NEW[:64], len=len(NEW), sha=bytes(32))
    yield upload("short sha", 0, NEW[:64], len=len(NEW), sha=b"abc")
    yield upload("short sha, go on", 64, NEW[64:100])
    yield upload("short sha again", 0, NEW[:64], len=len(NEW), sha=b"abc")
    yield upload("empty sha", 0, NEW[:64], len=len(NEW), sha=b"")
    yield upload("empty sha, go on", 64, NEW[64:100])
    yield upload("empty sha again", 0, NEW[:64], len=len(NEW), sha=b"")
    # all of it
    yield from chunks("whole", NEW)
    yield upload("the last chunk again", len(NEW) - 8, NEW[-8:])
    yield from (upload("whole, probe", 1, b""), listed("with a whole one"))
    # set-state on what is there
    yield from (mark("nothing", {}), mark("nothing v1", {}, version=0), mark("not confirm", {"confirm": False}))
    yield from (mark("no body", b""), mark("cut", b"\xa1\x64hash"), mark("confirm 1", {"confirm": 1}))
    yield from (mark("hash as a text", {"hash": "x" * 32}), mark("unknown", {"hash": bytes(32)}))
    yield mark("unknown v1", {"hash": bytes(32)}, version=0)
    for length in (1, 31, 33, 64, 65):
        yield mark(f"hash of {length}", {"hash": bytes(length)})
    yield from (mark("active", {"hash": active}), mark("active v1", {"hash": active}, version=0))
    yield mark("active confirmed", {"hash": active, "confirm": True})
    yield from (mark("running confirmed", {"confirm": True}), mark("with image 1", {"confirm": True, "image": 1}))
    yield mark("running confirmed by an empty hash", {"confirm": True, "hash": b""})
    yield mark("the file's hash", {"hash": NEW_SHA})
    yield from (mark("test", {"hash": NEW_HASH}), mark("test again", {"hash": NEW_HASH}))
    yield from (mark("pending confirmed", {"hash": NEW_HASH, "confirm": True}), listed("with a pending one"))
    yield from (mark("pending, confirm", {"confirm": True}), mark("pending, confirm v1", {"confirm": True}, version=0))
    yield mark("pending, confirm active", {"hash": active, "confirm": True})
    yield from (upload("over a pending one", 0, NEW[:64], len=len(NEW), sha=NEW_SHA), listed("overwritten"))
    yield from (erase("a part"), listed("after that"))
    # permanent
    yield from chunks("again", NEW)
    yield mark("permanent", {"hash": NEW_HASH, "confirm": True})
    yield mark("permanent again", {"hash": NEW_HASH, "confirm": True})
    yield from (mark("permanent, test", {"hash": NEW_HASH}), mark("permanent, confirm", {"confirm": True}))
    yield from (listed("with a permanent one"), erase("a permanent one", {"slot": 1}), listed("after all"))


def swap_steps(running):
    """Through the bootloader: refused, on trial, back, and confirmed."""
    old, new = images.tlv_hash(running), images.with_version(running, 1, 1)
    bad = images.flipped(images.with_version(running, 3))
    yield from chunks("bad one", bad)
    yield from (mark("the bad one", {"hash": images.tlv_hash(bad)}), Reset("refused"), listed("when refused"))
    yield from chunks("good one", new)
    yield from (mark("the good one", {"hash": images.tlv_hash(new)}), Reset("swapped"), listed("on trial"))
    yield from (mark("on trial, test", {"hash": old}), mark("on trial, test v1", {"hash": old}, version=0))
    yield mark("on trial, test what runs", {"hash": images.tlv_hash(new)})
    yield mark("on trial, confirm the old", {"hash": old, "confirm": True})
    yield from (erase("on trial"), erase("on trial v1", {"slot": 1}, version=0))
    yield upload("on trial, upload", 0, NEW[:64], len=len(NEW), sha=NEW_SHA)
    yield upload("on trial, upload v1", 0, NEW[:64], len=len(NEW), sha=NEW_SHA, version=0)
    yield from (listed("on trial still"), Reset("reverted"), listed("when reverted"))
    yield from chunks("once more", new)
    yield from (mark("once more", {"hash": images.tlv_hash(new)}), Reset("swapped once more"))
    yield from (mark("confirm", {"confirm": True}), mark("confirm again", {"confirm": True}), listed("confirmed"))
    yield from (mark("the old, which is not seen any more", {"hash": old, "confirm": True}), erase("the old"))
    yield from chunks("back", running)
    yield from (mark("back for good", {"hash": old, "confirm": True}), listed("to go back for good"))
    yield from (Reset("back for good"), listed("back for good"), mark("back, confirm", {"confirm": True}))


# ---- playing it -------------------------------------------------------------------------------------------------


def body_of(answer):
    try:
        return answer.body
    except cbor2.CBORDecodeError:
        return "no CBOR", answer.payload


class Player:
    def __init__(self, bed):
        self.bed, self.client, self.resent = bed, None, 0

    def answers(self, step):
        """Headers and decoded bodies of what comes, without lengths and sequence numbers, which are checked here."""
        client = self.client
        client.sequence = (client.sequence + 1) & 0xFF
        frame = smp.pack(step.op, step.group, step.command, client.sequence, step.body, step.version)
        wire = client.framing.encode(step.raw(frame) if step.raw else frame)
        lines = wire.splitlines(keepends=True) if isinstance(client.framing, smp.Console) else [wire]
        for line in lines:  # a board's receive buffers are few: a burst of lines overruns them
            client.link.send(line)
            time.sleep(0.012)
        found, end = [], time.monotonic() + step.timeout
        while len(found) < step.answers and time.monotonic() < end:
            try:
                frames = client.receive(min(end - time.monotonic(), step.timeout) if not found else 0.3)
            except smp.Silence:
                break
            for answer in frames:
                if answer.sequence == client.sequence or (answer.sequence == 0 and step.answers > 1):
                    assert answer.length == len(answer.payload)
                    found.append((answer.op, answer.version, answer.flags, answer.group, answer.command, body_of(answer)))
        return found

    def play(self, steps):
        answers = {}
        self.client = self.bed.client()
        for step in steps:
            assert step.name not in answers, f"two steps are called {step.name}"
            if isinstance(step, Reset):
                answers[step.name] = None
                self.client.close()
                self.bed.reset()
                self.client = self.bed.client()
                continue
            answers[step.name] = self.answers(step)
            for _ in range(2):  # boards on a busy machine lose a line now and then
                if answers[step.name] or step.silent:
                    break
                self.resent += 1
                answers[step.name] = self.answers(step)
        self.client.close()
        return answers


class BoardBed:
    def __init__(self, board):
        self.board = board
        self.client = board.client

    def reset(self):
        with self.board.client() as client:
            client.request(WRITE, OS, smp.RESET)
            self.board.wait_reset()
        self.board.wait_ready(quiet=5)


class NativeBed:
    def __init__(self, server):
        self.client = server.client


class SimBed:
    """`dfucast sim serve`, told what to be like."""

    def __init__(self, start, entry, info, image=None):
        words = ["sim", "serve", "--json", "--board", info.pop("i"), "--info", "&".join(f"{k}={v}" for k, v in info.items())]
        keys = {"buf": entry["buf_size"], "bufs": entry["buf_count"], "mode": 6 if entry["target"] == "mps2_an385" else 9, "mode_told": 0, "ram_unlisted": 1, "verbose": 1,
                "params": int(entry["config"] != "serial_noparams"), "images": int("img" in entry["groups"]),
                "page_erase_ms": 1, "write_us_per_kib": 100}  # fmt: skip
        words += ["--sim", "&".join(f"{k}={v}" for k, v in keys.items())]
        if image:
            words += ["--image", fixtures.path(image), "--slot-kb", {"qemu_cortex_m0": 104, "mps2_an385": 512}[entry["target"]]]
        if entry["transport"] != "udp":
            self.open(start, *words, "--pty")
            return
        for port in range(43000 + os.getpid() % 5000, 65000, 97):
            if self.open(start, *words, "--udp", port):
                return
        raise AssertionError("no free port")

    def open(self, start, *words):
        first = json.loads(start(*words).child.stdout.readline())
        self.target = first.get("target")
        return first["event"] == "serving"

    def client(self):
        return smp.Client.open(self.target)

    def reset(self):
        with self.client() as client:
            client.request(WRITE, OS, smp.RESET)
            smp.wait_echo(self.target, 30, quiet=10)  # from its boot text on


def told(client):
    """OS info by letter: what the simulator is to be told."""
    return {letter: client.request(READ, OS, smp.INFO, {"format": letter})["output"] for letter in "nrvbmpi"}


# ---- what differs -----------------------------------------------------------------------------------------------


class Difference:
    """Steps whose answers are not equal, on the fixtures that `where` picks by their manifest entry, and why."""

    def __init__(self, steps, why, where=lambda entry: True):
        self.steps, self.why, self.where = set(steps), why, where


def has(group):
    return lambda entry: group in entry["groups"]


def is_raw(entry):
    return entry["transport"] == "serial_raw"


DIFFERENCES = [
    Difference(["threads"], "the model has no threads to tell of: rc 8, as a server built without that command",
               lambda entry: entry["buf_size"] > 96),
    Difference(["threads"], "as above; a buffer of 96 cannot hold the real answer, rc 7", lambda entry: entry["buf_size"] == 96),
    Difference(["group 2"], "no statistics in the model: rc 8 instead of rc 3 for the missing name", has("stat")),
    Difference(["group 3"], "no settings in the model: the same", has("settings")),
    Difference(["group 8"], "no files in the model: the same", has("fs")),
    Difference(["group 10"], "no enumeration in the model: rc 8 instead of the count of groups", has("enum")),
    Difference(["echo with op 4", "echo with op 7", "length too large"],
               "raw framing looks at the header itself and drops what it takes for none, or waits for its end; the "
               "simulator serves console lines, where that is a frame like another", is_raw),
    Difference(["echo one byte too long"], "raw framing carries neither length nor CRC: its buffer holds 4 bytes more", is_raw),
    Difference(["length too small", "a bad one and a good one"],
               "raw framing cuts the stream by the length field: what stands behind is a frame of its own", is_raw),
]


def compare(entry, real, simulated):
    listed = {step for row in DIFFERENCES if row.where(entry) for step in row.steps} & set(real)
    found = {step for step in real if real[step] != simulated[step]}
    said = [f"{step}:\n  real       {real[step]}\n  simulated  {simulated[step]}" for step in real if step in found - listed]
    said += [f"{step}: listed as a difference, and there is none: {real[step]}" for step in sorted(listed - found)]
    return said


def both(bed, entry, dfucast_start, steps, image=None):
    """Plays it to the real server and to its likeness. A board that lost a line gets a second chance."""
    with bed.client() as client:
        info = told(client)
    player = Player(bed)
    real = player.play(steps())
    simulated = Player(SimBed(dfucast_start, entry, info, image)).play(steps())
    return compare(entry, real, simulated), player.resent


# ---- the tests --------------------------------------------------------------------------------------------------

NATIVE = [name.removeprefix(fixtures.NATIVE) for name in fixtures.manifest() if name.startswith(fixtures.NATIVE)]


@pytest.mark.parametrize("config", NATIVE)
def test_native(native, dfucast_start, config):
    server = native(config)
    said, _ = both(NativeBed(server), server.entry, dfucast_start, lambda: os_steps(server.entry))
    assert not said, "\n".join(said)


@pytest.mark.parametrize("fixture", [fixtures.BOARD, fixtures.RECOVERY, fixtures.MPS2])
def test_board(make_board, dfucast_start, fixture):
    entry = fixtures.manifest()[fixture]
    running = fixtures.path(fixture + ".signed.bin").read_bytes()

    def steps():
        yield from os_steps(entry)
        yield from image_steps(running)
        if entry["target"] == "qemu_cortex_m0":
            yield from swap_steps(running)

    board = make_board(fixture=fixture)
    said, resent = both(BoardBed(board), entry, dfucast_start, steps, fixture + ".signed.bin")
    if said and resent:
        board.restart()
        said, resent = both(BoardBed(board), entry, dfucast_start, steps, fixture + ".signed.bin")
    assert not said, "\n".join(said)

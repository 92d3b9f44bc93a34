# SPDX-License-Identifier: Apache-2.0
"""Four boards shared by a file's tests, and what those tests look at: flash, image lists, event order, pcap traces."""

import concurrent.futures
import queue
import struct

import boards as beds
import conftest
import fixtures
import images
import smp

COUNT = 4
WINDOW = 3  # the boards have 4 buffers; the answer takes one
# What MCUboot starts from, where the shipped image stands in the factory file.
SLOT_0 = 0x8000

PAIRS = {(smp.IMG, smp.STATE): "state", (smp.IMG, smp.UPLOAD): "upload", (smp.IMG, smp.ERASE): "erase",
         (smp.OS, smp.RESET): "reset"}  # fmt: skip


def wait_quiet(boards, seconds=5):
    """Until boards that may be swapping answer: nothing is sent before one has booted, or was mute for so long."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda board: board.wait_ready(quiet=seconds), boards))


def slots(board):
    """The image list as another client sees it."""
    with board.client() as client:
        return client.images()


def is_settled(board):
    """Running, answering, confirmed, nothing waiting for a reset."""
    try:
        listed = slots(board)
    except (KeyError, OSError, smp.Silence):
        return False
    return all(i["slot"] != 0 or (i.get("active") and i.get("confirmed")) for i in listed) and not any(
        i.get("pending") for i in listed)  # fmt: skip


class Fleet(list):
    """The boards. Each image that is asked for has a higher version than all before."""

    def __init__(self):
        super().__init__(beds.start_boards(COUNT))
        self.minor = 0

    def image(self, folder, size=None, flip=False):
        """A new image as a file. Returns (path, bytes, version text)."""
        self.minor += 1
        made = images.with_version(fixtures.board_image(), 1, self.minor)
        made = images.padded(made, size) if size else made
        made = images.flipped(made) if flip else made
        path = folder / f"v{self.minor}{'-flipped' if flip else ''}.signed.bin"
        path.write_bytes(made)
        return path, made, f"1.{self.minor}.0"

    def to(self):
        """The options that name all boards."""
        return options(self)

    def settle(self):
        """Boards which the last test left in the middle of something start new from the factory."""
        for board in self:
            if board.process:
                board.qmp.hooks.clear()
                board.resume()
            if not board.process or not is_settled(board):
                board.restart()
            resets(board)

    def stop(self):
        for board in self:
            board.stop()


def options(boards):
    return [word for board in boards for word in ("--to", board.target)]


def resets(board):
    """How often the guest has reset itself since the last call."""
    count = 0
    while True:
        try:
            event = board.qmp.events.get_nowait()
        except queue.Empty:
            return count
        count += event["event"] == "RESET" and event["data"]["guest"]


# ---- proofs ----------------------------------------------------------------------------------------------------


def assert_runs(board, image, version, confirmed=True):
    """Three witnesses: the flash itself, another client, and `dfucast image list`."""
    with board.client() as client:
        active = [i for i in client.images() if i.get("active")]
    assert [(i["slot"], i["hash"], i["version"], i.get("confirmed", False)) for i in active] == [
        (0, images.tlv_hash(image), version, confirmed)]  # fmt: skip
    listed = conftest.run_dfucast("image", "list", board.target, "--json")
    ours = [i for i in listed.events[0]["images"] if i["active"]]
    assert [(i["hash"], i["version"], i["confirmed"]) for i in ours] == [
        (images.tlv_hash(image).hex(), version, confirmed)], listed  # fmt: skip
    assert board.read_flash()[SLOT_0 : SLOT_0 + len(image)] == image


def assert_all_done(result, boards):
    assert result.code == 0, result
    for board in boards:
        assert result.final(board.target)["state"] == "done", result
    summary = result.summary
    assert summary["done"] == len(boards), result
    assert sum(summary[s] for s in ("held", "skipped", "rejected", "reverted", "behind", "failed")) == 0


def first(result, state):
    """Target -> index of the event with which it entered that state the first time."""
    found = {}
    for index, event in enumerate(result.events):
        if event["event"] == "target" and event["state"] == state:
            found.setdefault(event["target"], index)
    return found


def board_of(boards, target):
    return next(b for b in boards if b.target == target)


def wait_all(running, boards, state):
    """Until every one of these boards has entered the state."""
    missing = {b.target for b in boards}
    while missing:
        missing.discard(running.wait_event("target", state=state)["target"])


class Trace:
    """The frames of a --trace file (pcap of raw IPv4, one UDP datagram a frame)."""

    def __init__(self, path):
        data = path.read_bytes()
        assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4 and struct.unpack_from("<I", data, 20)[0] == 101
        self.frames = []  # (target index, to the device?, frame)
        at = 24
        while at < len(data):
            length = struct.unpack_from("<I", data, at + 8)[0]
            packet = data[at + 16 : at + 16 + length]
            outgoing = struct.unpack_from(">H", packet, 22)[0] == 1337
            device = packet[18:20] if outgoing else packet[14:16]
            self.frames.append((int.from_bytes(device, "big") - 2, outgoing, smp.Frame(packet[28:])))
            at += 16 + length

    def requests(self, index=None):
        return [frame for target, outgoing, frame in self.frames if outgoing and index in (None, target)]

    def uploads(self):
        """For each board the (offset, length) of its upload requests."""
        found = [[] for _ in range(COUNT)]
        for target, outgoing, frame in self.frames:
            if outgoing and (frame.group, frame.command) == (smp.IMG, smp.UPLOAD):
                found[target].append((frame.body["off"], len(frame.body["data"])))
        return found

    def named(self, index=None):
        """The requests of the image group and the reset, by name: "state?" reads, "state!" writes."""
        names = []
        for frame in self.requests(index):
            if (frame.group, frame.command) in PAIRS:
                mark = "?" if frame.op == smp.READ else "!"
                names.append(PAIRS[frame.group, frame.command] + mark)
        return names

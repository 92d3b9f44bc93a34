# SPDX-License-Identifier: Apache-2.0
"""MCUboot's serial recovery: what it answers, that our probes never hold a board in it, and the way out of it.

The mps2-an385 servers (Zephyr, MCUboot in RAM load mode) go into it when asked to (reset with boot mode 1) or when
they find no good image, and not by a frame in the boot window. That window is our own device's part.
"""

import socket
import time

import pytest

import boards as beds
import conftest
import fixtures
import images
import smp

EXIT_TARGET = 3
QUIET_S = 5  # our silence after a reset on a line that is also a console; twice that once recovery was seen
ERRORS_MD = (fixtures.ROOT / "docs/errors.md").read_text()

# fixture, framing of the application, framing of the bootloader
SERVERS = {
    "console": (fixtures.RECOVERY, "", ""),
    "raw": (fixtures.RECOVERY_RAW, "?framing=raw", "?framing=raw"),
    # Only its MCUboot speaks COBS; its Zephyr application is the raw one.
    "cobs": (fixtures.RECOVERY_COBS, "?framing=raw", "?framing=cobs"),
}


class Recorder(beds.Proxy):
    """A port in front of a device that notes when something was sent to it."""

    def __init__(self, port):
        self.sent = []
        super().__init__(port)

    def _serve(self, end, ends):
        if any(end is front for front, _ in self.pairs) and end.fileno() >= 0:
            try:
                if end.recv(1, socket.MSG_PEEK):
                    self.sent.append(time.monotonic())
            except OSError:
                pass
        super()._serve(end, ends)

    def after(self, moment):
        """Seconds from then to each time something was sent later."""
        return [at - moment for at in self.sent if at > moment]


class Mps2(beds.Board):
    """A recovery board whose image may be damaged: then its bootloader has nothing to start."""

    def __init__(self, kind, damaged=None, **arguments):
        self.damaged = damaged
        fixture, self.application, self.bootloader = SERVERS[kind]
        super().__init__(fixture=fixture, **arguments)

    def _command(self):
        shipped = f"{fixtures.servers()}/{self.fixture}.signed.bin"
        return [word.replace(shipped, str(self.damaged or shipped)) for word in super()._command()]

    def start(self):
        super().start()
        self.resets = []
        self.qmp.hooks["RESET"] = lambda event: event["data"]["guest"] and self.resets.append(time.monotonic())
        return self

    def reset_by_command(self, framing, *more):
        """`dfucast reset`, until it has happened: the answer comes a quarter of a second before."""
        before, end = len(self.resets), time.monotonic() + 10
        done = conftest.run_dfucast("reset", self.target + framing, *more)
        assert done.code == 0, done
        while len(self.resets) == before:
            assert time.monotonic() < end, "it did not reset"
            time.sleep(0.01)
        assert len(self.resets) == before + 1

    def enter_recovery(self):
        self.reset_by_command(self.application, "--boot-mode", 1)
        end = time.monotonic() + 10
        while "splitStatus" in self.listed(self.bootloader):
            assert time.monotonic() < end, "it did not go into serial recovery"

    def listed(self, framing):
        """The image list as it is on the wire."""
        with smp.Client.open(self.target + framing) as client:
            # Raw framing forgets half a frame after 3 s of silence only, so the pauses must be longer than that.
            for timeout in (0.5, 4, 4, 4):
                try:
                    return client.request(smp.READ, smp.IMG, smp.STATE, timeout=timeout)
                except smp.Silence:
                    pass
        raise smp.Silence(f"no list from {self.target}{framing}")


@pytest.fixture
def mps2():
    made = []

    def make(kind, **arguments):
        made.append(Mps2(kind, **arguments))
        return made[-1].start()

    yield make
    for board in made:
        board.stop()


@pytest.fixture
def recorder():
    made = []

    def make(device):
        made.append(Recorder(device.port))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def assert_explained(event):
    assert f"### `{event['error']}`" in ERRORS_MD and f"**What to do**: {event['hint']}" in ERRORS_MD


# ---- what the servers answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SERVERS)
def test_what_it_answers(kind, mps2, dfucast):
    board = mps2(kind)

    def ask(*command, framing, code=0):
        result = dfucast(*command, board.target + framing, "--json", "--timeout", 2)
        assert result.code == code, result
        return result.events[-1]

    there = {"framing": board.application}
    params = ask("params", **there)
    assert (params["buf_size"], params["buf_count"], params["window"]) == (384, 4, 3)
    assert (ask("bootloader", **there, code=EXIT_TARGET)["error"]) == "not_supported"
    (image,) = ask("image", "list", **there)["images"]
    assert (image["slot"], image["active"], image["confirmed"], image["version"]) == (0, True, True, "0.0.0")
    row = ask("inventory", "--to", **there)
    assert (row["board"], row["version"], row["confirmed"], row["buf_size"]) == ("mps2/an385", "0.0.0", True, 384)

    board.enter_recovery()
    there = {"framing": board.bootloader}
    # As smp.md 3.9 has it, but for `rc`: this list has none.
    listed = board.listed(board.bootloader)
    assert set(listed) == {"images"} and set(listed["images"][0]) == {"slot", "hash", "version"}
    params = ask("params", **there)
    assert (params["buf_size"], params["buf_count"], params["window"]) == (1024, 1, 1)
    for command in (["bootloader"], ["info"], ["image", "slots"]):
        assert ask(*command, **there, code=EXIT_TARGET)["error"] == "not_supported", command
    (image,) = ask("image", "list", **there)["images"]
    assert (image["slot"], image["active"], image["confirmed"], image["version"]) == (0, False, False, "0.0.0")
    assert image["hash"] == images.tlv_hash(fixtures.path(board.fixture + ".signed.bin").read_bytes()).hex()
    row = ask("inventory", "--to", **there)
    assert (row["version"], row["confirmed"], row["buf_size"], row["window"]) == ("0.0.0", False, 1024, 1)
    assert "board" not in row

    board.reset_by_command(board.bootloader)
    assert "splitStatus" in board.listed(board.application)


@pytest.mark.parametrize("kind", SERVERS)
def test_wrong_framing_is_told(kind, mps2, dfucast):
    """A board whose bootloader speaks another framing looks dead, and the hint says framing."""
    board = mps2(kind)
    wrong = "?framing=cobs" if kind != "cobs" else ""
    result = dfucast("params", board.target + wrong, "--json", "--timeout", 1)
    assert result.code == EXIT_TARGET and result.events[0]["error"] == "silent", result
    assert "framing" in result.events[0]["hint"]
    assert "splitStatus" in board.listed(board.application)  # and no harm was done


# ---- our own probes never make it enter --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["console", "raw"])
def test_asking_at_once_after_a_reset(kind, mps2, dfucast):
    """`dfucast reset`, then commands as fast as they go: whoever answers is the application."""
    board = mps2(kind)
    for _ in range(2):
        board.reset_by_command(board.application)
        end, answers = time.monotonic() + 1.5, 0
        while time.monotonic() < end:
            result = dfucast("image", "list", board.target + board.application, "--json", "--timeout", 0.3)
            if result.code == 0:
                answers += 1
                assert result.events[0]["images"][0]["active"], result
        assert answers
    assert len(board.resets) == 2 and "splitStatus" in board.listed(board.application)


def test_update_is_silent_while_a_real_board_boots(make_board, recorder, dfucast, tmp_path, shipped_image):
    """Not one byte to a microbit from its reset until it may be taken for booted."""
    board = make_board()
    front = recorder(board)
    resets = []
    board.qmp.hooks["RESET"] = lambda _: resets.append(time.monotonic())
    path = tmp_path / "new.signed.bin"
    path.write_bytes(images.with_version(shipped_image, 1, 1))
    result = dfucast("update", path, "--to", front.target, "--json")
    assert result.code == 0, result
    (reset,) = resets
    after = front.after(reset)
    assert QUIET_S - 0.5 < after[0] < QUIET_S + 3, after  # the answer to the reset comes 0.25 s before it
    assert len([at for at in front.sent if at < reset]) > 20


def test_boot_windows(bad_server, recorder, dfucast, tmp_path, shipped_image):
    """Bootloaders that listen for a while after each reset, beside some that are found in recovery."""
    path = tmp_path / "new.signed.bin"
    path.write_bytes(images.with_version(shipped_image, 1, 1))
    image = path.read_bytes()
    short, longer, endless = (bad_server(f"window={seconds}") for seconds in (QUIET_S - 0.5, QUIET_S + 3, 3600))
    found, stays = bad_server("recovery=1"), bad_server("recovery")
    slow = bad_server(swap_s=QUIET_S + 5)
    front = recorder(slow)
    boot, resets = slow.device.boot, []
    slow.device.boot = lambda: (resets.append(time.monotonic()), boot())
    servers = [short, longer, endless, found, stays]
    targets = [word for target in [*(s.target for s in servers), front.target] for word in ("--to", target)]
    result = dfucast("update", path, *targets, "--json", "--canary", 0, "--max-failed", 9, "--gather", 1)
    assert result.code == EXIT_TARGET, result

    ends = {s: result.final(s.target) for s in servers} | {slow: result.final(front.target)}
    assert [ends[s]["state"] for s in (short, longer, found, slow)] == ["done"] * 4, result
    for server in (short, longer, found, slow):
        assert server.device.slots[0] == image and server.device.confirmed
    for server in (endless, stays):
        assert (ends[server]["state"], ends[server]["error"]) == ("failed", "serial_recovery"), result
        assert_explained(ends[server])
        assert ends[server]["t_ms"] < 60_000
    assert (ends[endless]["holds"], ends[stays]["holds"]) == ("unknown", "as_before")

    # Held by our first probe only where the window outlasts our silence; then the silence is twice as long.
    assert [s.device.held for s in servers] == [0, 1, 3, 0, 0]
    # One reset to activate, and at most two to get out.
    assert [s.device.resets for s in servers] == [1, 2, 3, 2, 2]
    assert not stays.uploads() and all(s.device.recovery_writes == 0 for s in servers)
    # Sparse probes while it is away.
    after = front.after(resets[0])
    assert QUIET_S - 0.5 < after[0] < QUIET_S + 1 and after[1] - after[0] > 2, after


# ---- the way out -------------------------------------------------------------------------------------------------


def test_update_gets_real_boards_out(mps2, recorder, dfucast, tmp_path):
    """Four boards in recovery at once. Console and raw: found, reset, left alone for 10 s, updated. COBS: its
    application speaks another framing, so the way ends there. One has no good image and lists none: it is not
    reset, since there is nothing that a reset would start."""
    shipped = fixtures.path(fixtures.RECOVERY + ".signed.bin").read_bytes()
    new, damaged = tmp_path / "new.bin", tmp_path / "damaged.bin"
    new.write_bytes(images.with_version(shipped, 1, 1))
    damaged.write_bytes(images.flipped(shipped))
    kinds = [mps2(kind) for kind in SERVERS]
    for board in kinds:
        board.enter_recovery()
    ruined = mps2("console", damaged=damaged, ready=False)
    assert ruined.listed("") == {"images": []}
    fleet = [*kinds, ruined]
    fronts = [recorder(board) for board in fleet]
    before = [len(board.resets) for board in fleet]
    names = [front.target + board.bootloader for front, board in zip(fronts, fleet)]
    targets = [word for name in names for word in ("--to", name)]
    result = dfucast("update", new, *targets, "--mode", "upload", "--allow-no-revert", "--json", "--gather", 1,
                     "--timeout", 1, "--retries", 2)  # fmt: skip
    assert result.code == EXIT_TARGET, result
    console, raw, cobs, lost = (result.final(name) for name in names)
    assert (console["state"], raw["state"]) == ("done", "done"), result
    assert (cobs["state"], cobs["error"]) == ("failed", "silent"), result
    assert (lost["state"], lost["error"]) == ("failed", "serial_recovery"), result
    assert lost["holds"] == "as_before" and lost["attempts"] == 0
    assert_explained(lost)
    assert [len(board.resets) - n for board, n in zip(fleet, before)] == [1, 1, 1, 0]
    for front, board in zip(fronts, kinds):
        after = front.after(board.resets[-1])
        assert after[0] > 2 * QUIET_S - 0.5, after
    for board in kinds[:2]:
        listed = board.listed(board.application)
        slots = {i["slot"]: i for i in listed["images"]}
        assert "splitStatus" in listed and slots[0]["active"] and not slots[1]["active"]
        assert slots[1]["hash"] == images.tlv_hash(new.read_bytes())
    assert "splitStatus" in kinds[2].listed(kinds[2].application)
    assert ruined.listed("") == {"images": []}


def test_own_recovery_device_is_like_the_real_one(mps2, bad_server):
    """Our device in recovery and MCUboot give the same answers to the same requests."""
    board = mps2("console")
    board.enter_recovery()
    ours = bad_server("recovery")
    requests = [(smp.READ, smp.OS, smp.PARAMS, None), (smp.READ, smp.OS, smp.BOOTLOADER, {"query": "mode"}),
                (smp.READ, smp.OS, smp.INFO, {"format": "i"}), (smp.WRITE, smp.OS, smp.ECHO, {"d": "hi"}),
                (smp.READ, smp.IMG, smp.STATE, None), (smp.READ, smp.IMG, smp.SLOTS, None),
                (smp.WRITE, smp.IMG, smp.STATE, {"confirm": True}), (smp.WRITE, smp.IMG, smp.ERASE, None),
                (smp.WRITE, smp.OS, smp.RESET, None)]  # fmt: skip
    with board.client() as real, smp.Client.open(ours.target) as model:
        for request in requests:
            answers = [client.request(*request) for client in (real, model)]
            assert shape(answers[0]) == shape(answers[1]), request


def shape(value):
    """Keys and small numbers; what text and bytes say may differ."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return value if isinstance(value, int) else type(value)


def test_recorder_hears(board, recorder):
    """The silence that the tests above find is the command's, not the recorder's."""
    front = recorder(board)
    start = time.monotonic()
    with smp.Client.open(front.target) as client:
        assert client.echo("one") == "one"
        time.sleep(0.3)
        assert client.echo("two") == "two"
    assert len(front.after(start)) >= 2 and front.after(start)[-1] - front.after(start)[0] > 0.25
    assert front.after(time.monotonic()) == []

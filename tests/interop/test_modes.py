# SPDX-License-Identifier: Apache-2.0
"""Bootloader modes on real MCUboot: the mps2-an385 servers load the higher version into RAM (and do not tell their
mode), and their serial recovery writes slot 0, as it does where there is no other."""

import os
import pathlib
import subprocess
import time

import pytest

import boards as beds
import conftest
import fixtures
import images
import smp
from test_recovery import EXIT_TARGET, Mps2, assert_explained

DAMAGING = pathlib.Path(conftest.DFUCAST).parent / "tests/dfucast_damaging"


SLOT_0 = 0x20050000


class Kept(Mps2):
    """QEMU's loader would put the shipped image back into slot 0 at every reset; written from outside, it stays."""

    def __init__(self, image, **arguments):
        self.image = image
        super().__init__("console", **arguments)
        self.has_flash = True

    def _command(self):
        self.has_flash = False
        command = super()._command()
        self.has_flash = True
        at = next(i for i, word in enumerate(command) if ".signed.bin," in word)
        return command[: at - 1] + command[at + 1 :] + ["-S", "-gdb", f"unix:{self.folder}/gdb,server=on,wait=off"]

    def _write_flash(self):
        if self.image:
            debug = beds.Debug(f"{self.folder}/gdb")
            debug.write(SLOT_0, self.image)
            debug.close()
        self.qmp.command("cont")


@pytest.fixture
def make_kept():
    made = []

    def make(image, **arguments):
        made.append(Kept(image, **arguments))
        return made[-1].start()

    yield make
    for board in made:
        board.stop()


@pytest.fixture
def shipped():
    return fixtures.path(fixtures.RECOVERY + ".signed.bin").read_bytes()


@pytest.fixture
def board(make_kept, shipped):
    return make_kept(shipped)


@pytest.fixture
def version(tmp_path, shipped):
    """The shipped image under another version, as a file."""

    def make(major, minor):
        path = tmp_path / f"v{major}.{minor}.bin"
        path.write_bytes(images.with_version(shipped, major, minor))
        return path

    return make


def running(board):
    (image,) = [i for i in board.listed(board.application)["images"] if i["active"]]
    return image["slot"], image["version"], image["confirmed"]


def update(dfucast, image, board, *options, framing=""):
    result = dfucast("update", image, "--to", board.target + framing, "--json", *options)
    return result, result.final(board.target + framing)


def test_ram_load(board, version, dfucast):
    """No way back, so nothing without leave; then slot 1, then slot 0; and what is not newer would never be started."""
    resets = len(board.resets)
    result, end = update(dfucast, version(1, 1), board)
    assert (result.code, end["state"], end["error"]) == (EXIT_TARGET, "skipped", "no_way_back"), result
    assert_explained(end)
    time.sleep(1)
    assert len(board.resets) == resets and len(board.listed("")["images"]) == 1

    result, end = update(dfucast, version(1, 1), board, "--allow-no-revert")
    assert (result.code, end["state"], end["holds"], end["revert_unproven"]) == (0, "done", "image", True), result
    assert (end["version_before"], end["version_after"]) == ("0.0.0", "1.1.0")
    assert running(board) == (1, "1.1.0", True) and len(board.resets) == resets + 1

    result, end = update(dfucast, version(1, 2), board, "--allow-no-revert", "--mode", "upload")
    assert (end["state"], end["holds"]) == ("done", "pending"), result  # the next reset starts it, whoever resets
    result, end = update(dfucast, version(1, 2), board, "--allow-no-revert")
    assert end["state"] == "done" and end["skipped_upload"], result
    assert running(board) == (0, "1.2.0", True)

    result, end = update(dfucast, version(1, 0), board, "--allow-no-revert", "--allow-downgrade")
    assert (end["state"], end["error"]) == ("skipped", "not_newer") and result.summary["sent_bytes"] == 0, result
    assert_explained(end)
    result, end = update(dfucast, version(1, 2), board)
    assert (result.code, end["state"]) == (0, "done"), result  # it runs it: nothing is at stake


def test_ram_load_rejects(board, version, tmp_path):
    """One bit wrong in flash: MCUboot erases it and starts the old one."""
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(images.flipped(version(1, 1).read_bytes()))
    command = [str(DAMAGING), "update", str(damaged), "--to", board.target, "--json", "--allow-no-revert"]
    environment = os.environ | {"DFUCAST_TEST_SEND_DAMAGED": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=250, check=False)
    result = conftest.Result(done.returncode, done.stdout, done.stderr)
    end = result.final(board.target)
    assert (result.code, end["state"], end["error"]) == (EXIT_TARGET, "rejected", "rejected_by_bootloader"), result
    assert running(board) == (0, "0.0.0", True) and len(board.listed("")["images"]) == 1


def test_image_for_the_wrong_bootloader(board, dfucast, tmp_path):
    """Built to run from flash: the user says that this bootloader loads into RAM, and it is left alone."""
    path = tmp_path / "flash.bin"
    path.write_bytes(images.with_version(fixtures.board_image(), 9, 9))
    result, end = update(dfucast, path, board, "--bootloader", "ram-load", "--allow-no-revert")
    assert (end["state"], end["error"]) == ("skipped", "image_kind") and result.summary["sent_bytes"] == 0, result
    assert_explained(end)


def test_recovery_as_for_one_slot(board, version, dfucast):
    """Serial recovery writes slot 0: only when told so, with leave, and not while the application runs."""
    result, end = update(dfucast, version(1, 1), board, "--bootloader", "single-slot", "--allow-no-revert")
    assert (end["state"], end["error"]) == ("skipped", "single_slot") and result.summary["sent_bytes"] == 0, result
    assert_explained(end)
    board.enter_recovery()
    result, end = update(dfucast, version(1, 1), board, "--bootloader", "single-slot")
    assert (end["state"], end["error"]) == ("skipped", "no_way_back") and result.summary["sent_bytes"] == 0, result
    resets = len(board.resets)
    result, end = update(dfucast, version(1, 1), board, "--bootloader", "single-slot", "--allow-no-revert")
    assert (result.code, end["state"], end["holds"]) == (0, "done", "image"), result
    assert (end["version_before"], end["version_after"]) == ("0.0.0", "1.1.0")
    assert running(board) == (0, "1.1.0", True) and len(board.resets) == resets + 1


def test_nothing_to_start(make_kept, version, dfucast):
    """An empty device waits in serial recovery: there is nothing to lose, and still it must be said."""
    board = make_kept(None, ready=False)
    assert board.listed("") == {"images": []}
    result, end = update(dfucast, version(1, 1), board, "--bootloader", "single-slot", "--allow-no-revert")
    assert (result.code, end["state"], end["version_after"]) == (0, "done", "1.1.0"), result
    assert running(board) == (0, "1.1.0", True)


def test_erase_settings(board, version, dfucast, make_board, tmp_path, shipped_image):
    """Zephyr's basic group is on this board, and missing on the other: that one runs what it ran, nothing armed."""
    result, end = update(dfucast, version(1, 1), board, "--allow-no-revert", "--erase-settings")
    assert (result.code, end["state"]) == (0, "done"), result
    assert running(board) == (1, "1.1.0", True)

    other = make_board()
    path = tmp_path / "new.signed.bin"
    path.write_bytes(images.with_version(shipped_image, 1, 1))
    result, end = update(dfucast, path, other, "--erase-settings")
    assert (result.code, end["error"], end["rc"], end["holds"]) == (EXIT_TARGET, "settings_not_erased", 8, "staged")
    assert_explained(end)
    with other.client() as client:
        listed = client.request(smp.READ, smp.IMG, smp.STATE)["images"]
    assert listed[0]["active"] and not any(image["pending"] for image in listed)

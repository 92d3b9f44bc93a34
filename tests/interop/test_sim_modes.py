# SPDX-License-Identifier: Apache-2.0
"""Bootloader modes through the whole command, on virtual devices: sim:N?mode=M, with images as imgtool makes them."""

import pytest

import conftest
import images

LEAVE = "--allow-no-revert"
SWAPS = (1, 3, 9)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """made(...): an image of version 1.4.0 with imgtool's options."""

    def make(*extra):
        folder = tmp_path_factory.mktemp("image")
        return images.signed_by_imgtool(folder, version="1.4.0", payload=b"\x5a" * 60000, extra=extra)[0]

    return make


@pytest.fixture(scope="module")
def plain(made):
    return made()


@pytest.fixture(scope="module")
def placed(made):
    return made("--rom-fixed", "0x24000")


@pytest.fixture(scope="module")
def for_ram(made):
    return made("--load-addr", "0x20000000")


def update(image, target, *options):
    """The targets' last events in order, and the summary."""
    result = conftest.run_dfucast("update", image, "--to", target, "--json", *options)
    last = {e["target"]: e for e in result.of("target")}
    assert result.code == (0 if all(e["state"] == "done" for e in last.values()) else 3), result
    return list(last.values()), result.summary


def assert_all(image, target, *options, state, error=None, sent=None):
    last, summary = update(image, target, *options)
    for event in last:
        assert (event["state"], event.get("error")) == (state, error), event
    if sent is not None:
        assert summary["sent_bytes"] == sent, summary
    return last


@pytest.mark.parametrize("mode", SWAPS)
def test_swap(plain, mode):
    assert_all(plain, f"sim:3?mode={mode}", state="done")


def test_overwrite(plain):
    assert_all(plain, "sim:3?mode=2", state="skipped", error="no_way_back", sent=0)
    assert_all(plain, "sim:3?mode=2", LEAVE, state="done")


@pytest.mark.parametrize("slot", [0, 1])
def test_direct_xip(plain, placed, slot):
    target = f"sim:3?mode=4&slot={slot}"
    assert_all(placed, target, state="skipped", error="no_way_back", sent=0)
    for event in assert_all(placed, target, LEAVE, state="done"):
        assert (event["holds"], event["version_after"]) == ("image", "1.4.0")
    assert_all(plain, target, LEAVE, state="skipped", error="slot_needed", sent=0)
    assert_all(plain, target, LEAVE, "--slot", slot, state="skipped", error="wrong_slot", sent=0)
    assert_all(plain, target, LEAVE, "--slot", 1 - slot, state="done")


def test_direct_xip_starts_only_what_is_newer(tmp_path):
    old = images.signed_by_imgtool(tmp_path, version="0.9.0", extra=("--rom-fixed", "0x24000"))[0]
    assert_all(old, "sim:2?mode=4", LEAVE, "--allow-downgrade", state="skipped", error="not_newer", sent=0)


def test_direct_xip_canary(placed):
    """A mute image costs the canary; the others hold it, and that their next reset starts it is said."""
    last, summary = update(placed, "sim:4?mode=4&never_returns=0", LEAVE)
    assert (summary["failed"], summary["held"]) == (1, 3)
    assert {e["holds"] for e in last if e["state"] == "held"} == {"pending"}


@pytest.mark.parametrize("slot", [0, 1])
def test_direct_xip_with_revert(placed, plain, slot):
    target = f"sim:3?mode=5&slot={slot}"
    assert_all(placed, target, state="done")
    assert_all(placed, target, "--mode", "upload", state="done")
    assert_all(plain, target, state="skipped", error="slot_needed", sent=0)


def test_direct_xip_with_revert_goes_back(placed):
    last, summary = update(placed, "sim:3?mode=5&reverts=0")
    assert (summary["rejected"], summary["held"]) == (1, 2)
    (lost,) = [e for e in last if e["state"] == "rejected"]
    assert (lost["error"], lost["holds"], lost["version_after"]) == ("erased_by_bootloader", "as_before", "1.0.0")


def test_ram_load(for_ram, plain):
    assert_all(for_ram, "sim:3?mode=6", state="skipped", error="no_way_back", sent=0)
    assert_all(for_ram, "sim:3?mode=6", LEAVE, state="done")
    assert_all(plain, "sim:3?mode=6", LEAVE, state="skipped", error="image_kind", sent=0)
    assert_all(for_ram, "sim:3?mode=3", LEAVE, state="skipped", error="image_kind", sent=0)


def test_firmware_loader(placed):
    """The devices are in their loader."""
    assert_all(placed, "sim:3?mode=7", state="skipped", error="no_way_back", sent=0)
    for event in assert_all(placed, "sim:3?mode=7", LEAVE, state="done"):
        assert (event["version_before"], event["version_after"]) == ("1.0.0", "1.4.0")


@pytest.mark.parametrize("mode", [0, 8])
def test_one_slot(plain, mode):
    assert_all(plain, f"sim:2?mode={mode}", LEAVE, state="skipped", error="single_slot", sent=0)


@pytest.mark.parametrize("mode", [2, 4, 5, 6, 7])
def test_power_cut(mode, placed, plain, for_ram):
    """One of three loses power in the middle of its upload: all come to the end."""
    image = for_ram if mode == 6 else placed if mode in (4, 5) else plain
    for event in assert_all(image, f"sim:3?mode={mode}&power=1&power_loss=40", LEAVE, state="done"):
        assert event["version_after"] == "1.4.0"


@pytest.mark.parametrize("mode", [2, 4, 5, 6, 7])
def test_dry_run(mode, placed, plain, for_ram):
    """The same words as the run itself would end with, and nothing is written, erased or reset."""
    image = for_ram if mode == 6 else placed if mode in (4, 5) else plain
    target = f"sim:2?mode={mode}"
    if mode != 5:
        assert_all(image, target, "--dry-run", state="skipped", error="no_way_back", sent=0)
    for event in assert_all(image, target, LEAVE, "--erase-settings", "--dry-run", state="done", sent=0):
        assert event["holds"] == "as_before", event
    wrong = plain if mode == 6 else for_ram
    assert_all(wrong, target, LEAVE, "--dry-run", state="skipped", error="image_kind", sent=0)


def test_no_such_mode(plain):
    result = conftest.run_dfucast("update", plain, "--to", "sim:1?mode=10")
    assert result.code == 1 and "bad value" in result.err, result


def test_erase_settings(plain):
    assert_all(plain, "sim:3", "--erase-settings", state="done")
    last, summary = update(plain, "sim:3?no_storage=1", "--erase-settings")
    assert (summary["failed"], summary["held"]) == (1, 2)  # the canary tells it for all
    (canary,) = [e for e in last if e["state"] == "failed"]
    assert (canary["error"], canary["rc"], canary["holds"]) == ("settings_not_erased", 8, "staged")

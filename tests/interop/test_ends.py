# SPDX-License-Identifier: Apache-2.0
"""The bad ends of an update told apart on real MCUboot, and what the rest of the fleet does then."""

import pathlib
import re

import pytest

import conftest
import fleet as fleets
import images
import smp
from fleet import Trace, assert_all_done, assert_runs, slots, wait_all, wait_quiet

DAMAGING = pathlib.Path(conftest.DFUCAST).parent / "tests/dfucast_damaging"
HOOK = "DFUCAST_TEST_SEND_DAMAGED"
# Longer than a board takes to swap back: nothing is sent to it while its bootloader runs.
SOAK = 8
FIRST_CHUNK = 32  # bytes


@pytest.fixture(scope="module")
def four():
    boards = fleets.Fleet()
    yield boards
    boards.stop()


@pytest.fixture
def fleet(four):
    four.settle()
    return four


def all_but(fleet, *out):
    return [board for board in fleet if board not in out]


def assert_bad_end(result, board, state, error):
    final = result.final(board.target)
    assert (final["state"], final["error"]) == (state, error), result
    assert final["hint"]
    return final


def assert_held(result, boards, error="held_max_failed"):
    for board in boards:
        assert assert_bad_end(result, board, "held", error)["holds"] == "staged"


def assert_untouched(boards, before):
    """Running what they ran, confirmed, and nothing starts at the next reset."""
    for board in boards:
        listed = slots(board)
        assert listed[0] == before[board.target][0]
        assert listed[0]["active"] and listed[0]["confirmed"]
        assert not any(i.get("pending") for i in listed)


def look(boards):
    return {board.target: slots(board) for board in boards}


# ---- reverted --------------------------------------------------------------------------------------------------


def test_canary_reset_while_it_soaks(fleet, dfucast_start, tmp_path):
    path, image, _version = fleet.image(tmp_path)
    before = look(fleet)
    run = dfucast_start("update", path, "--json", "--soak", SOAK, *fleet.to())
    canary = fleets.board_of(fleet, run.wait_event("target", state="soaking")["target"])
    canary.reset()
    result = run.finish()
    assert result.code == 3
    final = assert_bad_end(result, canary, "reverted", "reverted")
    assert final["version_after"] == final["version_before"]
    assert_held(result, all_but(fleet, canary))
    assert (result.summary["reverted"], result.summary["held"]) == (1, 3)
    assert_untouched(fleet, before)
    for board in all_but(fleet, canary):
        assert slots(board)[1]["hash"] == images.tlv_hash(image)


def test_another_reset_while_it_soaks(fleet, dfucast_start, tmp_path):
    """The canary was good, so all others are on their way already: only the one is lost."""
    path, image, version = fleet.image(tmp_path)
    before = look(fleet)
    run = dfucast_start("update", path, "--json", "--soak", SOAK, *fleet.to())
    canary = fleets.board_of(fleet, run.wait_event("target", state="done")["target"])
    victim = fleets.board_of(fleet, run.wait_event("target", state="soaking")["target"])
    assert victim is not canary
    victim.reset()
    result = run.finish()
    assert result.code == 3
    assert_bad_end(result, victim, "reverted", "reverted")
    assert_untouched([victim], before)
    assert (result.summary["reverted"], result.summary["done"]) == (1, 3)
    for board in all_but(fleet, victim):
        assert_runs(board, image, version)


# ---- rejected --------------------------------------------------------------------------------------------------


def test_damaged_image_is_refused_before_anything_is_sent(fleet, dfucast, tmp_path, monkeypatch):
    """The command itself lets no such image through, whatever the environment says."""
    monkeypatch.setenv(HOOK, "1")
    path, _image, _version = fleet.image(tmp_path, flip=True)
    trace = tmp_path / "none.pcap"
    result = dfucast("update", path, "--json", "--trace", trace, *fleet.to())
    assert result.code == 2
    assert result.of("error")[0]["error"] == "image_hash"
    assert not Trace(trace).frames
    assert HOOK.encode() not in pathlib.Path(conftest.DFUCAST).read_bytes()


def test_rejected(fleet, tmp_path, monkeypatch):
    """Past the sender by a hook that only the tests' build has: Zephyr lists it as good, MCUboot refuses it."""
    if not DAMAGING.exists():
        conftest.skip_or_fail(f"{DAMAGING} is not built")
    assert HOOK.encode() in DAMAGING.read_bytes()
    monkeypatch.setenv(HOOK, "1")
    monkeypatch.setattr(conftest, "DFUCAST", str(DAMAGING))
    path, _image, _version = fleet.image(tmp_path, flip=True)
    before = look(fleet)
    result = conftest.run_dfucast("update", path, "--json", *fleet.to())
    assert result.code == 3
    canary = fleets.board_of(fleet, result.of("target", state="testing")[0]["target"])
    assert assert_bad_end(result, canary, "rejected", "rejected_by_bootloader")["attempts"] == 1
    assert_held(result, all_but(fleet, canary))
    assert (result.summary["rejected"], result.summary["held"]) == (1, 3)
    assert_untouched(fleet, before)
    assert len(slots(canary)) == 1  # MCUboot erased the slot

    # What a device held already is not blamed before it was sent once more, wholly, into an erased slot.
    holder = all_but(fleet, canary)[0]
    trace = tmp_path / "again.pcap"
    result = conftest.run_dfucast("update", path, "--json", "--trace", trace, "--to", holder.target)
    assert result.code == 3
    assert_bad_end(result, holder, "rejected", "rejected_by_bootloader")
    names = Trace(trace).named(0)
    assert names.index("reset!") < names.index("erase!") < names.index("upload!")
    assert names.count("reset!") == 2
    assert_untouched([holder], before)


# ---- never returned --------------------------------------------------------------------------------------------


def test_mute_after_its_reset(fleet, dfucast, tmp_path):
    """An image that boots and never answers. Whoever resets first is cut off; the others must not follow."""
    path, _image, _version = fleet.image(tmp_path)
    before = look(fleet)
    for board in fleet:
        board.pause_at_reset()
    result = dfucast("update", path, "--json", "--return", 8, *fleet.to())
    assert result.code == 3
    (mute,) = [b for b in fleet if fleets.resets(b)]
    final = assert_bad_end(result, mute, "failed", "never_returned")
    assert final["holds"] == "unknown" and "version_after" not in final
    assert_held(result, all_but(fleet, mute))
    assert (result.summary["failed"], result.summary["held"]) == (1, 3)
    assert_untouched(all_but(fleet, mute), before)


# ---- killed ----------------------------------------------------------------------------------------------------


def test_killed_in_the_middle_of_its_upload(fleet, dfucast, dfucast_start, tmp_path):
    path, image, version = fleet.image(tmp_path)
    victim = fleet[2]
    run = dfucast_start("update", path, "--json", "--canary", 0, "--max-failed", 4, "--wait", 2, *fleet.to())
    run.wait_event("target", target=victim.target, state="uploading", offset_min=len(image) // 4)
    victim.kill(keep_flash=True)
    result = run.finish()
    assert result.code == 3
    assert_bad_end(result, victim, "failed", "unreachable")
    assert result.final(victim.target)["holds"] == "part"
    assert (result.summary["failed"], result.summary["done"]) == (1, 3)
    for board in all_but(fleet, victim):
        assert_runs(board, image, version)
    victim.start()
    assert slots(victim)[0]["confirmed"] and slots(victim)[0]["version"] != version
    result = dfucast("update", path, "--json", *fleet.to())
    assert_all_done(result, fleet)
    assert_runs(victim, image, version)
    for board in all_but(fleet, victim):
        assert result.final(board.target)["attempts"] == 0


# ---- somebody else's state -------------------------------------------------------------------------------------


def test_another_image_on_trial_or_pending(fleet, dfucast, tmp_path):
    trial, pending, *good = fleet
    other_path, other, other_version = fleet.image(tmp_path)
    assert dfucast("update", other_path, "--no-reset", "--to", pending.target).code == 0
    assert dfucast("update", other_path, "--mode", "test", "--to", trial.target).code == 0
    before = look(fleet)

    path, image, version = fleet.image(tmp_path)
    trace = tmp_path / "foreign.pcap"
    result = dfucast("update", path, "--json", "--trace", trace, *fleet.to())
    assert result.code == 3
    assert_bad_end(result, trial, "failed", "other_image_on_trial")
    assert "--replace-pending" in assert_bad_end(result, pending, "failed", "other_image_pending")["hint"]
    assert (result.summary["failed"], result.summary["done"]) == (2, 2)
    for board in good:
        assert_runs(board, image, version)
    for index, board in enumerate((trial, pending)):
        requests = Trace(trace).requests(index)
        assert requests and all(frame.op == smp.READ for frame in requests)
        assert slots(board) == before[board.target]
    assert_runs(trial, other, other_version, confirmed=False)

    result = dfucast("update", path, "--json", "--replace-pending", "--to", pending.target)
    assert_all_done(result, [pending])
    assert_runs(pending, image, version)


# ---- interrupted -----------------------------------------------------------------------------------------------


def interrupt_while_preparing(run, _fleet, _image):
    run.wait_event("target", state="preparing")


def interrupt_at_a_third(run, fleet, image):
    run.wait_event("target", target=fleet[1].target, state="uploading", offset_min=len(image) * 3 // 10)


def interrupt_while_waiting(run, _fleet, _image):
    """With a barrier: when the canary goes, all others hold the image and wait."""
    run.wait_event("target", state="testing")


def interrupt_while_rebooting(run, fleet, _image):
    wait_all(run, fleet, "rebooting")


def interrupt_while_soaking(run, fleet, _image):
    wait_all(run, fleet, "soaking")


# Options, and what devices may hold after the interruption. The barrier keeps the boards close together.
TOGETHER = ["--canary", 0, "--barrier", "all"]
MOMENTS = [
    (interrupt_while_preparing, ["--canary", 0], {"as_before", "part"}),
    (interrupt_at_a_third, ["--canary", 0], {"part"}),
    (interrupt_while_waiting, ["--barrier", "all"], {"staged", "pending", "unknown"}),
    (interrupt_while_rebooting, TOGETHER, {"pending", "unknown"}),
    (interrupt_while_soaking, [*TOGETHER, "--soak", 6], {"trial"}),
]
WORDS = {
    "as_before": "as it was before",
    "part": "holds a part of the image",
    "staged": "holds the image, not marked to start",
    "pending": "starts the image at its next reset",
    "trial": "on trial",
    "unknown": "was reset and has not been heard of since",
}


@pytest.mark.parametrize("moment,more,holds", MOMENTS, ids=[m[0].__name__ for m in MOMENTS])
def test_interrupted(fleet, dfucast, dfucast_start, tmp_path, moment, more, holds):
    path, image, version = fleet.image(tmp_path)
    command = ["update", path, "--json", *more, *fleet.to()]
    run = dfucast_start(*command)
    moment(run, fleet, image)
    run.interrupt()
    result = run.finish()
    assert result.code == 130, result
    held = {board.target: result.final(board.target)["holds"] for board in fleet}
    for board in fleet:
        final, what = result.final(board.target), held[board.target]
        assert what in holds, result
        assert final["error"] == "aborted" and final["state"] in ("failed", "held")
        assert re.search(rf"^{board.target}: .*{WORDS[what]}", result.err, re.M), result
        assert (f"dfucast image confirm {board.target}\n" in result.err) == (what == "trial"), result
        assert (f"dfucast image list {board.target}\n" in result.err) == (what == "unknown"), result
    assert "same command again" in result.err
    assert bool(re.search(r"^Wait \d+ seconds", result.err, re.M)) == ("unknown" in held.values()), result
    if moment is interrupt_while_waiting:
        assert list(held.values()).count("staged") >= 3
        assert result.summary["held"] == 3

    wait_quiet([board for board in fleet if held[board.target] == "unknown"])
    on_trial = [board for board in fleet if held[board.target] == "trial"]
    if on_trial:  # the command it names does what it says
        words = re.search(rf"dfucast (image confirm {on_trial[0].target})$", result.err, re.M).group(1).split()
        assert dfucast(*words).code == 0
        assert_runs(on_trial[0], image, version)

    trace = tmp_path / "again.pcap"
    again = dfucast(*command, "--trace", trace)
    assert_all_done(again, fleet)
    chunks = Trace(trace).uploads()
    for index, board in enumerate(fleet):
        assert_runs(board, image, version)
        sent = [offset for offset, _length in chunks[index] if offset]
        if held[board.target] == "as_before":
            assert min(sent) == FIRST_CHUNK
        elif held[board.target] == "part":
            # What the server was told last may lie beyond what it had answered: it goes on where it is.
            assert moment is not interrupt_at_a_third or index != 1 or min(sent) >= len(image) * 3 // 10
            assert (min(sent) > FIRST_CHUNK) == again.final(board.target)["skipped_upload"]
        else:
            assert not chunks[index]
    if moment is interrupt_at_a_third:  # it did resume: none of the boards was sent the whole image
        for index in range(fleets.COUNT):
            assert sum(length for _offset, length in set(chunks[index])) < len(image)

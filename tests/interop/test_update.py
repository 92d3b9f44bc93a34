# SPDX-License-Identifier: Apache-2.0
"""`dfucast update` brings four real boards (MCUboot, Zephyr) through the whole update."""

import pytest

import fleet as fleets
import images
import smp
from fleet import Trace, assert_all_done, assert_runs, options, resets, slots, wait_quiet

PADDED = images.PADDED_BYTES
SMALL = 49_692


@pytest.fixture(scope="module")
def four():
    boards = fleets.Fleet()
    yield boards
    boards.stop()


@pytest.fixture
def fleet(four):
    four.settle()
    return four


def assert_canary_went_first(result):
    """Exactly one target was activated before any other, and was `done` before."""
    testing, done = fleets.first(result, "testing"), fleets.first(result, "done")
    canary = min(testing, key=testing.get)
    others = set(testing) - {canary}
    assert len(others) == fleets.COUNT - 1, result
    # The end of the canary opens the gate: both are told after the same look, in the order of the targets.
    ended = next(e["t_ms"] for e in result.of("target", target=canary, state="done"))
    for other in others:
        began = next(e["t_ms"] for e in result.of("target", target=other, state="testing"))
        assert began >= ended, (canary, other, result)
        assert fleets.first(result, "rebooting")[other] > done[canary], (canary, other, result)
    return canary


def assert_nobody_waited_for_a_canary(result):
    """Whoever was verified while the others were under way was activated before any of them was done."""
    told = {}
    for event in result.of("target"):
        told.setdefault((event["target"], event["state"]), event["t_ms"])
    first_done = min(at for (_, state), at in told.items() if state == "done")
    # Five seconds of silence lie between a reset and its end. A straggler that a busy machine made may be verified
    # only then, in a second pass: it had nobody to wait for.
    early = [target for (target, state), at in told.items() if state == "verifying" and at + 1000 < first_done]
    assert len(early) >= 2, result
    assert all(told[target, "testing"] < first_done for target in early), result


@pytest.mark.parametrize("size,ring,canary", [(None, 65536, None), (None, 8192, 0), (PADDED, 8192, None),
                                              (PADDED, 65536, 0)])  # fmt: skip
def test_four_at_once(fleet, dfucast, tmp_path, size, ring, canary):
    path, image, version = fleet.image(tmp_path, size)
    assert len(image) == (size or SMALL)
    before = [slots(board)[0]["version"] for board in fleet]
    more = ["--ring", ring] if ring != 65536 else []
    more += [] if canary is None else ["--canary", canary]
    trace = tmp_path / "first.pcap"
    result = dfucast("update", path, "--json", "--trace", trace, *fleet.to(), *more)

    assert_all_done(result, fleet)
    told = result.of("image")[0]
    assert (told["version"], told["size"], told["hash"]) == (version, len(image), images.tlv_hash(image).hex())
    for board, old in zip(fleet, before):
        final = result.final(board.target)
        assert (final["version_before"].split("+")[0], final["version_after"], final["attempts"], final["holds"]) == (
            old.split("+")[0], version, 1, "image")  # fmt: skip
        assert "error" not in final and not final["skipped_upload"]
        assert resets(board) == 1  # a real one, by the device itself
        assert_runs(board, image, version)
    if canary is None:
        assert_canary_went_first(result)
    else:
        assert_nobody_waited_for_a_canary(result)
    summary = result.summary
    assert summary["window_max"] == fleets.WINDOW
    # Where the ring does not hold the whole image, a busy machine can make one of the boards a straggler.
    assert 1 <= summary["passes"] <= (1 if len(image) <= ring else fleets.COUNT)
    assert summary["image_bytes"] == len(image)
    assert summary["sent_bytes"] >= fleets.COUNT * (len(image) - 32)
    assert (summary["ring_wraps"] >= 1) == (len(image) > ring)
    assert_sent_in_order(Trace(trace), len(image))

    trace = tmp_path / "second.pcap"
    again = dfucast("update", path, "--json", "--trace", trace, *fleet.to(), *more)
    assert_all_done(again, fleet)
    assert again.summary["sent_bytes"] == 0
    for index, board in enumerate(fleet):
        final = again.final(board.target)
        assert final["skipped_upload"] and final["attempts"] == 0
        assert (final["version_before"], final["version_after"]) == (version, version)
        assert Trace(trace).named(index) == ["state?"]
        assert resets(board) == 0


def assert_sent_in_order(trace, length):
    """Each device saw, in this order: uploads that cover the image, the test by hash, a list, one reset, a list, a
    confirm that names no hash, a list."""
    for index in range(fleets.COUNT):
        # Repeats of a request whose answer got lost are no other order.
        steps = trace.named(index)
        steps = [name for at, name in enumerate(steps) if at == 0 or steps[at - 1] != name]
        while steps[0] == "state?":
            steps.pop(0)
        assert steps == ["upload!", "state?", "state!", "state?", "reset!", "state?", "state!", "state?"], steps
        reached = 0
        for offset, part in sorted(trace.uploads()[index]):
            assert offset <= reached
            reached = max(reached, offset + part)
        assert reached == length
        sets = [f.body for f in trace.requests(index) if (f.op, f.group, f.command) == (smp.WRITE, smp.IMG, smp.STATE)]
        assert "hash" in sets[0] and not sets[0].get("confirm")
        assert sets[-1]["confirm"] is True and not sets[-1].get("hash")


def test_links_limited(fleet, dfucast, tmp_path):
    """Two links for four boards: in waves, and all get there. Each wave finds the image's start gone from the ring."""
    path, image, version = fleet.image(tmp_path)
    result = dfucast("update", path, "--json", "--links", 2, *fleet.to())
    assert_all_done(result, fleet)
    now, at_work = {}, set()
    for event in result.of("target"):
        now[event["target"]] = event["state"]
        at_work.add(sum(state in ("preparing", "uploading", "verifying") for state in now.values()))
    assert max(at_work) == 2, result  # never more than there are links
    assert 2 <= result.summary["passes"] <= fleets.COUNT
    for board in fleet:
        assert_runs(board, image, version)


# ---- modes -----------------------------------------------------------------------------------------------------


def test_mode_test_then_the_default_confirms(fleet, dfucast, tmp_path):
    two = fleet[:2]
    path, image, version = fleet.image(tmp_path)
    result = dfucast("update", path, "--json", "--mode", "test", "--canary", 0, "--window", 2, *options(two))
    assert_all_done(result, two)
    assert result.summary["window_max"] == 2
    for board in two:
        assert result.final(board.target)["holds"] == "trial"
        assert f"dfucast image confirm {board.target}\n" in result.err
        assert_runs(board, image, version, confirmed=False)
    trace = tmp_path / "confirm.pcap"
    result = dfucast("update", path, "--json", "--trace", trace, *options(two))
    assert_all_done(result, two)
    assert result.summary["sent_bytes"] == 0
    for index, board in enumerate(two):
        assert result.final(board.target)["holds"] == "image"
        assert Trace(trace).named(index) == ["state?", "state!", "state?"]
        assert_runs(board, image, version)
        assert resets(board) == 1
    assert "image confirm" not in result.err


def test_mode_confirm(fleet, dfucast, tmp_path):
    two = fleet[:2]
    path, image, version = fleet.image(tmp_path)
    trace = tmp_path / "confirm.pcap"
    result = dfucast("update", path, "--json", "--mode", "confirm", "--canary", 0, "--trace", trace, *options(two))
    assert_all_done(result, two)
    for index, board in enumerate(two):
        assert_runs(board, image, version)
        sets = [f.body for f in Trace(trace).requests(index)
                if (f.op, f.group, f.command) == (smp.WRITE, smp.IMG, smp.STATE)]  # fmt: skip
        assert sets and all(s == {"hash": images.tlv_hash(image), "confirm": True} for s in sets)
        names = Trace(trace).named(index)
        assert "state!" not in names[names.index("reset!") :]  # permanent before the reset, nothing after it
        assert resets(board) == 1


def test_mode_upload_then_fresh_then_the_default(fleet, dfucast, tmp_path):
    two = fleet[:2]
    path, image, version = fleet.image(tmp_path)
    before = [slots(board)[0] for board in two]
    result = dfucast("update", path, "--json", "--mode", "upload", *options(two))
    assert_all_done(result, two)
    for board, old in zip(two, before):
        active, staged = slots(board)
        assert active == old and staged["hash"] == images.tlv_hash(image)
        assert not staged.get("pending")
        assert result.final(board.target)["holds"] == "staged"

    trace = tmp_path / "fresh.pcap"
    result = dfucast("update", path, "--json", "--mode", "upload", "--fresh", "--trace", trace, *options(two))
    assert_all_done(result, two)
    assert result.summary["sent_bytes"] >= 2 * (len(image) - 32)
    for index in range(2):
        names = Trace(trace).named(index)
        assert names.index("erase!") < names.index("upload!")
        assert not result.final(two[index].target)["skipped_upload"]

    result = dfucast("update", path, "--json", "--canary", 0, *options(two))
    assert_all_done(result, two)
    assert result.summary["sent_bytes"] == 0
    for board in two:
        assert result.final(board.target)["skipped_upload"]
        assert_runs(board, image, version)


def test_no_reset(fleet, dfucast, tmp_path):
    two = fleet[:2]
    path, image, version = fleet.image(tmp_path)
    result = dfucast("update", path, "--json", "--no-reset", "--canary", 0, *options(two))
    assert_all_done(result, two)
    for board in two:
        assert result.final(board.target)["holds"] == "pending"
        assert [i["hash"] for i in slots(board) if i.get("pending")] == [images.tlv_hash(image)]
        assert resets(board) == 0
    for board in two:
        board.reset()
    wait_quiet(two)
    for board in two:
        assert_runs(board, image, version, confirmed=False)
    result = dfucast("update", path, "--json", *options(two))
    assert_all_done(result, two)
    assert result.summary["sent_bytes"] == 0
    for board in two:
        assert_runs(board, image, version)


def test_soak(fleet, dfucast, tmp_path):
    board = fleet[0]
    path, image, version = fleet.image(tmp_path)
    trace = tmp_path / "soak.pcap"
    result = dfucast("update", path, "--json", "--soak", 1.5, "--trace", trace, "--to", board.target)
    assert_all_done(result, [board])
    at = {e["state"]: e["t_ms"] for e in result.of("target")}
    assert at["confirming"] - at["soaking"] >= 1500
    # Before it is confirmed, it is looked at once more.
    assert Trace(trace).named(0)[-5:] == ["reset!", "state?", "state?", "state!", "state?"]
    assert_runs(board, image, version)


def test_one_board_by_people(fleet, dfucast, tmp_path):
    """Without --json: a table, states on standard error."""
    path, _image, version = fleet.image(tmp_path)
    result = dfucast("update", path, "--mode", "upload", "--to", fleet[0].target)
    assert result.code == 0 and version in result.out and "done" in result.out, result
    told = [line.split(": ")[1] for line in result.err.splitlines() if f"  {fleet[0].target}: " in line]
    assert told == ["connecting", "preparing", "uploading", "verifying", "done"], result

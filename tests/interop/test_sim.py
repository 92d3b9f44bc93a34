# SPDX-License-Identifier: Apache-2.0
"""`dfucast update --to sim:N` and `dfucast demo`: the whole command on virtual devices, in virtual time."""

import signal
import subprocess
import time

import pytest

import conftest
import fixtures
import images

FINAL = ("done", "held", "skipped", "rejected", "reverted", "behind", "failed")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A real image, 96,000 B: header of 512 B or so, a TLV area as imgtool writes it."""
    path = tmp_path_factory.mktemp("sim") / "sensor-1.4.0.signed.bin"
    path.write_bytes(images.padded(images.with_version(fixtures.board_image(), 1, 4)))
    return path


def update(image, target, *options, code=0):
    result = conftest.run_dfucast("update", "--json", image, "--to", target, *options)
    assert result.code == code, result
    return result


def ends(result):
    """The last state of every target, in order."""
    last = {}
    for event in result.of("target"):
        last[event["target"]] = event
    return list(last.values())


def test_eight(image):
    result = update(image, "sim:8")
    last = ends(result)
    assert len(last) == 8 and all(e["state"] == "done" and e["version_after"] == "1.4.0" for e in last)
    summary = result.summary
    assert summary["done"] == 8 and summary["passes"] == 1 and summary["window_max"] == 3
    assert 1.0 <= summary["ratio_to_limit"] <= 1.25  # an image of 96,000 B: the set-up of eight links weighs more
    assert summary["ring_wraps"] >= 1 and summary["image_bytes"] == image.stat().st_size
    times = [e["t_ms"] for e in result.events]
    assert times == sorted(times)


def test_same_seed_same_run(image):
    assert update(image, "sim:4?loss=0.05&seed=9").out == update(image, "sim:4?loss=0.05&seed=9").out
    assert update(image, "sim:4?loss=0.05&seed=9").out != update(image, "sim:4?loss=0.05&seed=10").out


def test_mute_image_costs_one(image):
    """It boots and is never heard of: the canary is lost, the other seven run what they ran."""
    result = update(image, "sim:8?never_returns=0", code=3)
    assert result.summary["failed"] == 1 and result.summary["held"] == 7
    lost = next(e for e in ends(result) if e["state"] == "failed")
    assert lost["error"] == "never_returned"


def test_canary_zero_costs_more(image):
    result = update(image, "sim:8?never_returns=0", "--canary", "0", code=3)
    assert result.summary["failed"] == 1 and result.summary["done"] == 7


def test_revert_is_told(image):
    result = update(image, "sim:3?reverts=0", code=3)
    assert result.summary["reverted"] == 1 and result.summary["held"] == 2


def test_mode_upload(image):
    result = update(image, "sim:3", "--mode", "upload")
    assert all(e["state"] == "done" and e["holds"] == "staged" for e in ends(result))


def test_max_failed(image):
    """Two may be lost: the second canary takes the mute one's place, and the others follow it."""
    result = update(image, "sim:8?never_returns=0", "--max-failed", "2", code=3)
    assert result.summary["failed"] == 1 and result.summary["done"] == 7


def test_barrier(image):
    """Links are lost on the way: nobody is activated before all eight hold the image."""
    result = update(image, "sim:8?drops=4", "--barrier", "all")
    events = result.of("target")
    first_test = next(i for i, e in enumerate(events) if e["state"] == "testing")
    verified = {e["target"] for e in events[:first_test] if e["state"] == "verifying"}
    assert len(verified) == 8, "activated before all were verified"


def test_a_hundred_behind_twenty_links(image):
    result = update(image, "sim:100")
    assert result.summary["done"] == 100 and result.summary["passes"] > 1
    active, most = set(), 0
    for event in result.of("target"):
        if event["state"] in ("preparing", "uploading", "verifying", "testing", "rebooting", "checking", "confirming"):
            active.add(event["target"])
        elif event["state"] in (*FINAL, "waiting", "connecting"):
            active.discard(event["target"])
        most = max(most, len(active))
    assert most <= 20, "more devices at work than there are links"
    # every pass fetches the image once: the host is never asked for more than it is told
    assert result.summary["host_bytes"] <= result.summary["passes"] * image.stat().st_size


def test_waves(image):
    result = update(image, "sim:24", "--links", "5")
    assert result.summary["done"] == 24 and "ratio_to_limit" not in result.summary


def test_downgrade_is_skipped(tmp_path):
    path = tmp_path / "old.bin"
    path.write_bytes(images.with_version(fixtures.board_image(), 0, 9))
    result = update(path, "sim:3", code=3)
    assert [e["error"] for e in ends(result)] == ["downgrade"] * 3
    assert update(path, "sim:3", "--allow-downgrade").summary["done"] == 3


def test_deadline(image):
    result = update(image, "sim:4", "--deadline", "3", code=3)
    assert {e["error"] for e in ends(result)} == {"deadline"}


@pytest.mark.parametrize("target, word", [
    ("sim:", "number"), ("sim:0", "number"), ("sim:x", "number"), ("sim:99999", "number"), ("sim:4097", "number"),
    ("sim:4?speed=9", "unknown key"), ("sim:4?loss=2", "bad value"), ("sim:4?n=5", "before the"),
    ("sim:4?image_kb=64", "size is that of IMAGE"), ("sim:20?ci_us=7500", "do not fit"),
])  # fmt: skip
def test_wrong_targets(image, target, word):
    result = conftest.run_dfucast("update", image, "--to", target)
    assert result.code == 1 and word in result.err, result
    error = update(image, target, code=1).of("error")[0]
    assert error["error"] == "usage" and error["hint"]


def test_not_mixed(image):
    result = conftest.run_dfucast("update", image, "--to", "sim:2", "--to", "udp:127.0.0.1")
    assert result.code == 1 and "only target" in result.err


def test_report(image, tmp_path):
    page = tmp_path / "report.html"
    update(image, "sim:3", "--report", page)
    assert "sim:3#2" in page.read_text()


def test_demo():
    result = conftest.run_dfucast("demo")
    assert result.code == 0 and "8 done" in result.out and "times what its radio" in result.out
    result = conftest.run_dfucast("demo", "--json", "--count", "2", "--sim", "loss=0.1")
    assert result.code == 0 and result.summary["done"] == 2
    assert conftest.run_dfucast("demo", "--count", "none").code == 1


def test_interrupt_names_what_devices_hold(image):
    """2,000 devices take a while even in virtual time."""
    child = subprocess.Popen([conftest.DFUCAST, "update", image, "--to", "sim:2000?loss=0.1"], text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in child.stderr:
        if ": uploading" in line:
            break
    child.send_signal(signal.SIGINT)
    end = time.monotonic() + 60
    out, err = child.communicate(timeout=end - time.monotonic())
    assert child.returncode == 130 and "as it was before" in err and "part of the image" in err, (out, err)

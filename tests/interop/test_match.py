# SPDX-License-Identifier: Apache-2.0
"""The right image for the right device: --match, match= of target files, the package's board, boards that differ."""

import io
import json
import zipfile

import pytest

import conftest
import fixtures
import images
import smp
from fleet import Trace
from test_sim import ends, update

NRF, OTHER = "nrf52840dk/nrf52840", "nrf5340dk/nrf5340/cpuapp"
QEMU = "qemu_cortex_m0/nrf51822"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("match") / "v1.4.0.signed.bin"
    path.write_bytes(images.with_version(fixtures.board_image(), 1, 4))
    return path


def package(path, image, board):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("app.bin", image.read_bytes())
        made.writestr("manifest.json", json.dumps({"format-version": 1, "files": [
            {"file": "app.bin", "type": "application", "board": board, "image_index": "0"}]}))  # fmt: skip
    path.write_bytes(archive.getvalue())
    return path


def words(result):
    return [(e["state"], e.get("error")) for e in ends(result)]


DONE, WRONG, NO_MATCH = ("done", None), ("skipped", "wrong_board"), ("skipped", "no_match")
UNTOLD, DIFFER = ("skipped", "board_not_told"), ("skipped", "boards_differ")


# ---- virtual fleets -----------------------------------------------------------------------------------------------


def test_two_boards_in_one_fleet(image):
    """Nobody says for which board the image is: nobody is touched."""
    result = update(image, f"sim:6?board={NRF},{OTHER}", code=3)
    assert words(result) == [DIFFER] * 6
    assert result.summary["sent_bytes"] == 0 and {e["board"] for e in ends(result)} == {NRF, OTHER}
    assert not result.of("target", state="uploading") and result.summary["elapsed_ms"] < 10_000


def test_two_boards_one_named(image):
    result = update(image, f"sim:6?board={NRF},{OTHER}", "--match", f"board={OTHER}", code=3)
    assert words(result) == [WRONG, DONE] * 3
    assert all(e["version_after"] == "1.4.0" for e in ends(result) if e["state"] == "done")


@pytest.mark.parametrize("asked", ["nrf52840dk_nrf52840", "nrf52840dk/nrf52840", "nrf52*", "nrf52840dk@1.0.0/nrf52840"])
def test_boards_are_read_as_zephyr_writes_them(image, asked):
    result = update(image, "sim:2?board=nrf52840dk@1.0.0/nrf52840", "--match", f"board={asked}")
    assert words(result) == [DONE] * 2


@pytest.mark.parametrize("asked", ["nrf52840dk", "nrf52840dk@2.0.0/nrf52840", "nrf52840dk/nrf52840/x", "*k"])
def test_wrong_for_all_is_exit_2(image, asked):
    result = update(image, "sim:2?board=nrf52840dk@1.0.0/nrf52840", "--match", f"board={asked}", code=2)
    assert words(result) == [WRONG] * 2 and result.summary["sent_bytes"] == 0


def test_alternatives_and_other_keys(image):
    """Of one key one must fit, of different keys all."""
    target = f"sim:4?board={NRF},{OTHER},thingy53"
    result = update(image, target, "--match", f"board={NRF}", "--match", "board=thingy53", code=3)
    assert words(result) == [DONE, WRONG, DONE, DONE]
    result = update(image, target, "--match", "board=*", "--match", "name=sim-1", "--match", "name=sim-3", code=3)
    assert words(result) == [NO_MATCH, DONE, NO_MATCH, DONE]


def test_who_does_not_tell_its_board(image):
    """Asked for by name: left alone. Not asked for: nothing to compare."""
    assert words(update(image, f"sim:2?board={NRF},-", "--match", f"board={NRF}", code=3)) == [DONE, UNTOLD]
    assert words(update(image, "sim:2?board=-", "--match", f"board={NRF}", code=2)) == [UNTOLD] * 2
    assert words(update(image, f"sim:4?board={NRF},-")) == [DONE] * 4
    assert words(update(image, "sim:2?board=-", "--match", "name=x", code=2)) == [NO_MATCH] * 2


@pytest.mark.parametrize("asked, fits", [
    ("1.0.0", True), ("=1.0.0", True), ("<1.4.0", True), (">=1.0.0,<2.0.0", True), ("<=1.0.0", True),
    (">1.0.0", False), ("<1.0.0", False), ("=1.0.0.7", False), (">=1.0.1,<2.0.0", False), ("0.9.0", False),
])  # fmt: skip
def test_running(image, asked, fits):
    result = update(image, "sim:2", "--match", f"running={asked}", code=0 if fits else 2)
    assert words(result) == [DONE if fits else NO_MATCH] * 2


def test_package_names_the_board(image, tmp_path):
    """Compared where the device tells it; few do, so who does not is no stranger."""
    made = package(tmp_path / "dfu_application.zip", image, NRF.replace("/", "_"))
    assert words(update(made, f"sim:3?board={NRF},{OTHER},-", code=3)) == [DONE, WRONG, DONE]
    assert words(update(made, f"sim:2?board={OTHER}", code=2)) == [WRONG] * 2
    # what the user names stands in place of what the package names
    assert words(update(made, f"sim:2?board={OTHER}", "--match", f"board={OTHER}")) == [DONE] * 2


def test_waves_keep_the_first_board(image):
    """Who has another board than those before it and comes later is left alone; the others are not."""
    result = update(image, f"sim:6?board={NRF},{NRF},{NRF},{NRF},{NRF},{OTHER}", "--links", "2", code=3)
    assert words(result) == [DONE] * 5 + [WRONG]


@pytest.mark.parametrize("bad", [
    "board", "board=", "color=red", "running=", "running=new", "running=1.2", "running=>1.0.0,>2.0.0",
    "running=<1.0.0,<=2.0.0,>0.1.0", "running==>1.0.0", "hash=", "hash=abc", "hash=xy", f"board={'x' * 101}",
])  # fmt: skip
def test_bad_match(image, bad):
    result = conftest.run_dfucast("update", image, "--to", "sim:2", "--match", bad, "--json")
    assert result.code == 1 and "match" in result.err, result


# ---- real servers -------------------------------------------------------------------------------------------------


def asked(trace):
    """The requests in order, without what is only read."""
    return [(f.group, f.command) for f in trace.requests() if f.op != smp.READ]


def test_real_board(make_board, image, tmp_path):
    """It tells its board and is left alone by the wrong one: not one write on the wire. Then the right one."""
    board = make_board()
    trace = tmp_path / "trace.pcap"
    options = ("update", "--json", image, "--to", board.target, "--trace", trace)
    for match, word in (("board=nrf52840dk*", "wrong_board"), ("running=>=1.0.0", "no_match"), ("hash=0000", "no_match"),
                        ("name=other", "no_match")):  # fmt: skip
        result = conftest.run_dfucast(*options, "--match", match)
        assert result.code == 2, result
        assert result.final(board.target)["state"] == "skipped" and result.final(board.target)["error"] == word
        assert asked(Trace(trace)) == []
    right = ("--match", "board=qemu_cortex_m0_nrf51822", "--match", "running=<1.0.0",
             "--match", f"hash={images.tlv_hash(fixtures.board_image()).hex()[:12]}")  # fmt: skip
    result = conftest.run_dfucast(*options, *right)
    assert result.code == 0 and result.final(board.target)["board"] == QEMU, result
    # Again: it runs the image by now, so what it ran before is no longer asked.
    again = conftest.run_dfucast(*options, *right)
    assert again.code == 0 and asked(Trace(trace)) == [], again


def test_real_board_and_a_stranger(make_board, image, tmp_path):
    """A board in QEMU and a virtual device of another board, in one fleet; then each in its own line of a file."""
    import socket
    import subprocess

    board = make_board()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = subprocess.Popen([conftest.DFUCAST, "sim", "serve", "--udp", str(port), "--board", NRF],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    stranger = served.stdout.readline().strip()
    try:
        options = ("update", "--json", image)
        result = conftest.run_dfucast(*options, "--to", board.target, "--to", stranger)
        assert result.code == 3, result
        assert words(result) == [DIFFER] * 2 and result.summary["sent_bytes"] == 0
        fleet = tmp_path / "fleet.txt"
        fleet.write_text(f"{board.target} label=kitchen match=board={QEMU} match=running=<9.0.0\n"
                         f"{stranger} label=stranger match=board={QEMU}\n")  # fmt: skip
        result = conftest.run_dfucast(*options, "--to", f"@{fleet}")
        assert result.code == 3 and words(result) == [DONE, WRONG], result
        # A target's own key stands in place of the command line's.
        fleet.write_text(f"{board.target}\n{stranger} match=board={NRF}\n")
        result = conftest.run_dfucast(*options, "--to", f"@{fleet}", "--match", f"board={QEMU}")
        assert result.code == 0 and words(result) == [DONE] * 2, result
        fleet.write_text(f"{board.target} match=colour=red\n")
        result = conftest.run_dfucast(*options, "--to", f"@{fleet}")
        assert result.code == 1, result
    finally:
        served.kill()
        served.wait()

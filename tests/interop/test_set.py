# SPDX-License-Identifier: Apache-2.0
"""A package with two images in one run: virtual fleets, a served device that other clients look at, real servers."""

import io
import json
import socket
import subprocess
import sys
import zipfile

import pytest

import conftest
import fixtures
import images
import smp
from fleet import Trace
from test_sim import ends, update

BOARD, NET = "nrf52840dk/nrf52840", "nrf52840dk/nrf52840/cpunet"


@pytest.fixture(scope="module")
def pair():
    """Image 0, version 1.7.0, and image 1, version 2.1.0."""
    return (images.with_version(fixtures.board_image(), 1, 7),
            images.padded(images.with_version(fixtures.board_image(), 2, 1), 60_000))  # fmt: skip


def package(path, *entries):
    """(bytes, manifest keys) for each file; image 1 first, to show that the order does not matter."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        files = []
        for i, (content, keys) in enumerate(entries):
            made.writestr(f"f{i}.bin", content)
            files.append({"file": f"f{i}.bin", "type": "application", "size": len(content), "load_address": 0} | keys)
        made.writestr("manifest.json", json.dumps({"format-version": 0, "files": files}))
    path.write_bytes(data.getvalue())
    return path


@pytest.fixture
def zipped(pair, tmp_path):
    return package(tmp_path / "dfu_application.zip", (pair[1], {"image_index": "1", "board": NET}),
                   (pair[0], {"image_index": "0", "board": BOARD}))  # fmt: skip


@pytest.fixture
def served():
    """A virtual device with two images, in real time."""
    running = []

    def serve(*options):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        running.append(subprocess.Popen([conftest.DFUCAST, "sim", "serve", "--udp", str(port), *options],
                                        stdout=subprocess.PIPE, text=True))  # fmt: skip
        return running[-1].stdout.readline().strip()

    yield serve
    for one in running:
        one.kill()
        one.wait()


def listed(target):
    """(image, slot) -> what `dfucast image list` says."""
    done = conftest.run_dfucast("image", "list", target, "--json")
    return {(i["image"], i["slot"]): i for i in done.events[0]["images"]}


def test_a_fleet(zipped, pair):
    result = update(zipped, "sim:8?loss=0.02", "--mode", "confirm")
    told = {e["image"]: e for e in result.of("image")}
    assert [told[i]["version"] for i in (0, 1)] == ["1.7.0", "2.1.0"]
    assert [told[i]["hash"] for i in (0, 1)] == [images.tlv_hash(p).hex() for p in pair]
    assert all(e["state"] == "done" and e["holds"] == "image" and e["version_after"] == "1.7.0" for e in ends(result))
    assert result.summary["image_bytes"] == sum(map(len, pair)) and result.summary["passes"] == 1
    assert {e["size"] for e in result.of("target", state="uploading")} == {sum(map(len, pair))}


def test_waves_and_a_canary(zipped):
    result = update(zipped, "sim:9", "--mode", "confirm", "--links", "3", "--ring", "8192")
    assert result.summary["done"] == 9
    # It boots mute: one lost, the others hold the set and run what they ran.
    result = update(zipped, "sim:4?never_returns=0", "--mode", "confirm", code=3)
    assert result.summary["failed"] == 1 and result.summary["held"] == 3


def test_what_a_device_cannot_confirm_is_refused(zipped, bad_server):
    """Before any frame, with the ways there are."""
    server = bad_server()
    result = conftest.run_dfucast("update", zipped, "--to", server.target, "--json")
    assert result.code == 1 and server.device.answers == 0, result
    assert "confirm only image 0" in result.err and "--mode confirm" in result.err and "--mode upload" in result.err


def test_board_of_image_0(zipped):
    """A network core's board is not what the device tells."""
    assert update(zipped, "sim:2", "--mode", "confirm").summary["done"] == 2
    result = update(zipped, "sim:2?board=other", "--mode", "confirm", code=2)
    assert {e["error"] for e in ends(result)} == {"wrong_board"}


@pytest.mark.parametrize("name", ["the same number twice", "a bootloader among them", "linked for slots", "four files",
                                  "number 3", "--image", "no image", "the same bytes"])  # fmt: skip
def test_sets_that_cannot_be(name, pair, tmp_path, bad_server):
    app, net = (pair[0], {"image_index": "0"}), (pair[1], {"image_index": "1"})
    entries = {
        "the same number twice": [(pair[0], {"board": "a"}), (pair[1], {"board": "b"})],
        "a bootloader among them": [app, (pair[1], {"type": "mcuboot", "image_index": "1"})],
        "linked for slots": [app, (pair[1], {"image_index": "1", "slot": "1"})],
        "four files": [app, net, (pair[1], {"image_index": "2"}), (pair[1], {"image_index": "3"})],
        "number 3": [app, (pair[1], {"image_index": "3"})],
        "--image": [app, net],
        "the same bytes": [app, (pair[0], {"image_index": "1"})],
        "no image": [app, (b"not an image" * 100, {"image_index": "1", "type": "suit-envelope"})],
    }[name]
    server, path = bad_server(), package(tmp_path / "p.zip", *entries)
    more = ["--image", "1"] if name == "--image" else []
    result = conftest.run_dfucast("update", path, "--to", server.target, "--mode", "confirm", "--json", *more)
    assert result.code == 1 and server.device.answers == 0, result


def test_one_bad_image_spoils_it(pair, tmp_path, bad_server):
    """Image 1 is damaged: nothing of image 0 is sent."""
    server = bad_server()
    path = package(tmp_path / "p.zip", (pair[0], {"image_index": "0"}), (images.flipped(pair[1]), {"image_index": "1"}))
    result = conftest.run_dfucast("update", path, "--to", server.target, "--mode", "confirm", "--json")
    assert result.code == 2 and result.events[-1]["error"] == "image_hash" and server.device.answers == 0, result
    assert "f1.bin" in result.events[-1]["message"], result


def test_signatures_of_all(tmp_path, pair):
    """--key: each image must be signed with it."""
    signed, key = images.signed_by_imgtool(tmp_path, "5.0.0")
    first = signed.read_bytes()
    second = images.signed_by_imgtool(tmp_path, "5.0.1")[0].read_bytes()
    good = package(tmp_path / "good.zip", (first, {"image_index": 0}), (second, {"image_index": 1}))
    half = package(tmp_path / "half.zip", (first, {"image_index": 0}), (pair[1], {"image_index": 1}))
    assert update(good, "sim:2", "--mode", "confirm", "--key", key).summary["done"] == 2
    result = update(half, "sim:2", "--mode", "confirm", "--key", key, code=2)
    assert result.events[-1]["error"] == "image_signature"


def test_served_device(zipped, pair, served, tmp_path):
    """Every step seen by another command's list; on the wire each image once, one reset."""
    target, trace = served("--images", "2"), tmp_path / "trace.pcap"
    dry = conftest.run_dfucast("update", zipped, "--to", target, "--mode", "confirm", "--dry-run", "--json")
    assert dry.code == 0 and ends(dry)[0]["would"] == "upload", dry
    assert dry.summary["predicted_bytes"] == sum(map(len, pair))
    result = conftest.run_dfucast("update", zipped, "--to", target, "--mode", "upload", "--json")
    assert result.code == 0, result
    slots = listed(target)
    assert [slots[i, 1]["hash"] for i in (0, 1)] == [images.tlv_hash(p).hex() for p in pair]
    assert not any(s["pending"] for s in slots.values()) and slots[1, 0]["version"] == "0.5.0"
    result = conftest.run_dfucast("update", zipped, "--to", target, "--mode", "confirm", "--json", "--trace", trace)
    assert result.code == 0 and result.summary["sent_bytes"] == 0, result
    slots = listed(target)
    for i in (0, 1):
        assert slots[i, 0]["hash"] == images.tlv_hash(pair[i]).hex()
        assert slots[i, 0]["active"] and slots[i, 0]["confirmed"]
    writes = [(f.group, f.command, f.body.get("hash", b"")) for f in Trace(trace).requests() if f.op == smp.WRITE]
    assert [w for w in writes if w[1] != smp.ECHO or w[0] != smp.OS] == [
        (smp.IMG, smp.STATE, images.tlv_hash(pair[1])), (smp.IMG, smp.STATE, images.tlv_hash(pair[0])),
        (smp.OS, smp.RESET, b"")]  # fmt: skip
    again = conftest.run_dfucast("update", zipped, "--to", target, "--mode", "confirm", "--json")
    assert again.code == 0 and again.summary["sent_bytes"] == 0 and ends(again)[0]["attempts"] == 0, again


def test_served_device_for_one_image(zipped, served):
    result = conftest.run_dfucast("update", zipped, "--to", served(), "--mode", "confirm", "--json")
    assert result.code == 3 and ends(result)[0]["error"] == "no_such_image", result
    assert result.summary["sent_bytes"] == 0


def test_real_server_for_one_image(make_board, pair, tmp_path):
    """Zephyr ignores the number and would write image 1 over image 0's slot: it is not sent anything."""
    board, trace = make_board(), tmp_path / "trace.pcap"
    before = board.read_flash()
    path = package(tmp_path / "p.zip", (pair[0], {"image_index": "0"}), (pair[1], {"image_index": "1"}))
    result = conftest.run_dfucast("update", path, "--to", board.target, "--mode", "confirm", "--json", "--trace", trace)
    assert result.code == 3 and result.final(board.target)["error"] == "no_such_image", result
    assert all(f.op == smp.READ for f in Trace(trace).requests()) and board.read_flash() == before
    # A package whose two files are one image and nothing else is no set, and still goes there.
    single = package(tmp_path / "one.zip", (pair[0], {"image_index": "0"}))
    assert conftest.run_dfucast("update", single, "--to", board.target, "--json").code == 0


def test_report_of_a_set(zipped, tmp_path):
    page = tmp_path / "report.html"
    update(zipped, "sim:2", "--mode", "confirm", "--report", page)
    assert "f1.bin and f0.bin" in page.read_text()


def test_inspect_lists_both(zipped, pair):
    done = subprocess.run([conftest.DFUCAST, "image", "inspect", zipped, "--json"], capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["version"] for e in told if e["event"] == "image"] == ["2.1.0", "1.7.0"]
    assert sys.version_info >= (3, 11) and told[0]["files"][0]["image_index"] == 1

# SPDX-License-Identifier: Apache-2.0
"""The beds prove themselves, with a client of their own: before anything is held against dfucast."""

import os
import signal
import subprocess
import sys
import time

import pytest

import boards as beds
import fixtures
import images
import smp
from badserver import small_image

NATIVE = ["serial", "serial_bigrx", "serial_buf96", "serial_buf256", "serial_buf400", "serial_buf512",
          "serial_buf1024", "serial_buf2048", "serial_fs", "serial_line512", "serial_noparams", "serial_raw", "shell",
          "udp", "udp6"]  # fmt: skip


@pytest.mark.parametrize("config", NATIVE)
def test_native_server_answers(native, config):
    server = native(config)
    with server.client() as client:
        assert client.echo("bed") == "bed"
        params = client.params()
    if config == "serial_noparams":
        assert params == {"rc": 8}
    else:
        assert params == {"buf_size": server.entry["buf_size"], "buf_count": server.entry["buf_count"]}


def test_all_shipped_native_servers_are_tried():
    shipped = {e["config"] for e in fixtures.manifest().values() if e["target"] == "native_sim"}
    assert shipped == set(NATIVE)


def slots(client):
    return [(i["slot"], i["version"], i.get("active", False), i.get("confirmed", False)) for i in client.images()]


def stage(client, image):
    assert client.upload(image, images.file_sha(image)) in (len(image), 0)
    assert "images" in client.request(smp.WRITE, smp.IMG, smp.STATE, {"hash": images.tlv_hash(image), "confirm": False})


def activate(board, client, image):
    stage(client, image)
    client.request(smp.WRITE, smp.OS, smp.RESET)
    board.wait_reset()
    client.close()
    board.wait_ready(quiet=2)


def test_board_is_what_the_specification_says(board, shipped_image):
    assert len(shipped_image) == 49_692
    with board.client() as client:
        assert client.params() == {"buf_size": 384, "buf_count": 4}
        assert slots(client) == [(0, "0.0.0", True, True)]
        assert client.images()[0]["hash"] == images.tlv_hash(shipped_image)


def test_confirmed_image_outlasts_resets_and_a_power_cut(board, shipped_image):
    activate(board, board.client(), images.with_version(shipped_image, 1, 1))
    with board.client() as client:
        assert slots(client)[0] == (0, "1.1.0", True, False)
        client.request(smp.WRITE, smp.IMG, smp.STATE, {"confirm": True})
    board.reset()
    board.wait_ready()
    with board.client() as client:
        assert slots(client)[0] == (0, "1.1.0", True, True)
    port = board.port
    board.restart(keep_flash=True)
    assert board.port == port
    with board.client() as client:
        assert slots(client)[0] == (0, "1.1.0", True, True)
    board.restart()
    with board.client() as client:
        assert slots(client) == [(0, "0.0.0", True, True)]


def test_unconfirmed_image_reverts_and_is_told_from_a_rejected_one(board, shipped_image):
    activate(board, board.client(), images.with_version(shipped_image, 1, 2))
    board.reset()
    board.wait_ready(quiet=2)
    with board.client() as client:
        assert slots(client) == [(0, "0.0.0", True, True), (1, "1.2.0", False, False)]
    activate(board, board.client(), images.flipped(images.with_version(shipped_image, 1, 3)))
    with board.client() as client:
        assert slots(client) == [(0, "0.0.0", True, True)]


def test_board_can_be_cut_off_at_its_own_reset(board):
    board.pause_at_reset()
    with board.client() as client:
        client.request(smp.WRITE, smp.OS, smp.RESET)
        board.wait_reset()
        time.sleep(0.5)
        with pytest.raises(smp.Silence):
            client.echo("anybody?", 1)
        board.qmp.hooks.clear()
        board.resume()
        time.sleep(0.5)
    # What was sent meanwhile reached it in its boot window and wedged its UART: one more reset, as in life.
    board.reset()
    board.wait_ready()


def test_proxy_swallows_cuts_and_refuses(board, proxy):
    front = proxy(board)
    with smp.Client.open(front.target) as client:
        assert client.echo("through") == "through"
        front.set("swallow")
        with pytest.raises(smp.Silence):
            client.echo("lost", 0.5)
        front.set("pass")
        front.cut()
        with pytest.raises((ConnectionError, OSError)):
            for _ in range(3):
                client.echo("cut", 0.5)
    front.set("refuse")
    with pytest.raises(ConnectionRefusedError):
        smp.Client.open(front.target)
    front.set("pass")
    smp.wait_echo(front.target, 10, quiet=0.3)


def test_killed_board_refuses(board):
    board.kill()
    with pytest.raises(ConnectionRefusedError):
        board.client()


@pytest.mark.parametrize("fixture", [fixtures.RECOVERY, fixtures.RECOVERY_RAW])
def test_recovery_board_boots_its_application_when_left_alone(make_board, fixture):
    with make_board(fixture=fixture).client() as client:
        assert client.params() == {"buf_size": 384, "buf_count": 4}


def test_nothing_outlives_a_killed_test_run(tmp_path):
    """SIGKILL on the process that holds a board ends QEMU too."""
    code = "import boards, time; b = boards.Board().start(); print(b.process.child.pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                          cwd=fixtures.ROOT / "tests/interop") as holder:  # fmt: skip
        pid = int(holder.stdout.readline())
        os.kill(pid, 0)
        holder.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail("QEMU outlived its owner")


def test_images(shipped_image, tmp_path):
    newer = images.with_version(shipped_image, 3, 4, 5)
    assert len(newer) == len(shipped_image) and images.tlv_hash(newer) != images.tlv_hash(shipped_image)
    large = images.padded(newer)
    assert len(large) == images.PADDED_BYTES
    broken = images.flipped(large)
    assert images.tlv_hash(broken) == images.tlv_hash(large) and broken != large
    signed, key = images.signed_by_imgtool(tmp_path)
    verified = subprocess.run([sys.executable, "-m", "imgtool.main", "verify", "-k", str(key), str(signed)],
                              capture_output=True, text=True, check=False)
    assert verified.returncode == 0 and "1.2.3+4" in verified.stdout


# ---- our own device ----

NEW = small_image((2, 0, 0), 0x22, 2000)


@pytest.mark.parametrize("framing", ["console", "raw", "cobs", "udp"])
def test_own_device_goes_through_a_whole_update(bad_server, framing):
    way = {"transport": "udp"} if framing == "udp" else {"framing": framing}
    server = bad_server(swap_s=0.1, **way)
    with smp.Client.open(server.target) as client:
        assert client.echo("hi" * 100) == "hi" * 100
        stage(client, NEW)
        assert slots(client) == [(0, "1.0.0", True, True), (1, "2.0.0", False, False)]
        client.request(smp.WRITE, smp.OS, smp.RESET)
        with pytest.raises(smp.Silence):
            client.echo("swapping", 0.05)
        time.sleep(0.3)
        assert slots(client) == [(0, "2.0.0", True, False), (1, "1.0.0", False, True)]
        client.request(smp.WRITE, smp.IMG, smp.STATE, {"confirm": True})
        client.request(smp.WRITE, smp.OS, smp.RESET)
        time.sleep(0.3)
        assert slots(client)[0] == (0, "2.0.0", True, True)


def test_own_device_reverts_and_rejects(bad_server):
    server = bad_server(swap_s=0)
    with smp.Client.open(server.target) as client:
        for image, expected in ((NEW, [(0, "1.0.0", True, True), (1, "2.0.0", False, False)]),
                                (images.flipped(NEW), [(0, "1.0.0", True, True)])):  # fmt: skip
            stage(client, image)
            client.request(smp.WRITE, smp.OS, smp.RESET)
            time.sleep(0.1)
            if image is NEW:
                client.request(smp.WRITE, smp.OS, smp.RESET)
                time.sleep(0.1)
            assert slots(client) == expected


def test_own_device_resumes_by_sha(bad_server):
    with smp.Client.open(bad_server().target) as client:
        sha = images.file_sha(NEW)
        got = client.upload(NEW, sha, stop_at=1000)
        first = {"image": 0, "len": len(NEW), "sha": sha, "off": 0, "data": NEW[:100]}
        assert client.request(smp.WRITE, smp.IMG, smp.UPLOAD, first) == {"off": got}
        assert client.request(smp.WRITE, smp.IMG, smp.UPLOAD, {"off": 5, "data": b"x"}) == {"off": got}


def upload_answer(client, off, image=NEW):
    body = {"off": off, "data": image[off : off + 64]}
    if off == 0:
        body |= {"image": 0, "len": len(image), "sha": images.file_sha(image)}
    return client.request(smp.WRITE, smp.IMG, smp.UPLOAD, body)


def drive(client, until):
    """Uploads from 0 up to `until`, then gives the answer to one more chunk."""
    off = 0
    while off <= until:
        off = upload_answer(client, off)["off"]
    return off


def test_bad_offsets(bad_server):
    half = len(NEW) // 2
    with smp.Client.open(bad_server("off-backwards").target) as client:
        off = last = 0
        turned = 0
        for _ in range(100):
            off, last = upload_answer(client, off)["off"], off
            turned += off < last
        assert turned >= 3
    with smp.Client.open(bad_server("off-past-end").target) as client:
        assert drive(client, half + 64) > len(NEW)
    with smp.Client.open(bad_server("foreign").target) as client:
        off = drive(client, len(NEW) // 3 + 64)
        assert off % 64 or off > half
    with smp.Client.open(bad_server("no-progress").target) as client:
        assert [upload_answer(client, off)["off"] for off in (0, 64, 64)] == [64, 64, 64]


def test_mute_and_garbled(bad_server):
    for bad in ("silence", "garbage"):
        with smp.Client.open(bad_server(bad).target) as client, pytest.raises(smp.Silence):
            client.echo("hi", 0.3)
    with smp.Client.open(bad_server("close").target) as client, pytest.raises(ConnectionError):
        client.echo("hi", 1)
    with smp.Client.open(bad_server("malformed").target) as client, pytest.raises(Exception, match="(?i)cbor|end of"):
        client.echo("hi", 1)


def test_lost_answers(bad_server):
    with smp.Client.open(bad_server("lose-first").target) as client:
        with pytest.raises(smp.Silence):
            client.echo("one", 0.2)
        assert client.echo("two") == "two"
    server = bad_server("lose-upload=1,3")
    with smp.Client.open(server.target) as client:
        assert client.upload(NEW, images.file_sha(NEW), timeout=0.2) == len(NEW)
        assert server.device.slots[1] == NEW
        assert len(server.uploads()) > len(NEW) // 256 + 1


def test_what_it_says_of_itself(bad_server):
    with smp.Client.open(bad_server("no-params", "no-slots", "no-bootloader").target) as client:
        for group, command in ((smp.OS, smp.PARAMS), (smp.IMG, smp.SLOTS), (smp.OS, smp.BOOTLOADER)):
            assert client.request(smp.READ, group, command) == {"rc": 8}
    with smp.Client.open(bad_server("small-slot=1000").target) as client:
        sizes = client.request(smp.READ, smp.IMG, smp.SLOTS)["images"][0]["slots"]
        assert [slot["size"] for slot in sizes] == [1000, 1000]
        assert upload_answer(client, 0) == {"err": {"group": 1, "rc": 30}}
    with smp.Client.open(bad_server("v1-only").target) as client:
        client.send(smp.READ, smp.OS, smp.PARAMS)
        assert client.receive(1)[0].version == 0
        assert client.request(smp.WRITE, smp.IMG, smp.STATE, {"hash": bytes(32)}) == {"rc": 1}


def test_found_states(bad_server):
    with smp.Client.open(bad_server("other-trial").target) as client:
        assert slots(client) == [(0, "7.0.0", True, False), (1, "1.0.0", False, True)]
        assert upload_answer(client, 0) == {"err": {"group": 1, "rc": 9}}
    with smp.Client.open(bad_server("other-pending").target) as client:
        assert client.images()[1]["pending"] is True
        assert upload_answer(client, 0) == {"err": {"group": 1, "rc": 9}}
    with smp.Client.open(bad_server("never-listed").target) as client:
        client.upload(NEW, images.file_sha(NEW))
        assert len(client.images()) == 1
    with smp.Client.open(bad_server("recovery").target) as client:
        answer = client.request(smp.READ, smp.IMG, smp.STATE)
        assert set(answer) == {"images"} and set(answer["images"][0]) == {"slot", "hash", "version"}


def test_boards_command_prints_targets_and_ends():
    with subprocess.Popen([sys.executable, str(fixtures.ROOT / "tools/boards.py"), "2"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as command:  # fmt: skip
        targets = [command.stdout.readline().strip() for _ in range(2)]
        for target in targets:
            smp.wait_echo(target, 20, quiet=0.3)
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        smp.Client.open(targets[0])


def test_udp_servers_wait_for_each_other(native):
    first = native("udp")
    second = beds.NativeServer("udp")
    try:
        with pytest.raises(BlockingIOError):
            second.take_udp_port(wait=False)
    finally:
        second.stop()
    first.stop()
    assert native("udp").target == "udp:127.0.0.1"

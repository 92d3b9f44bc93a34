# SPDX-License-Identifier: Apache-2.0
"""The real chain: a host's tool → the gateway on a Cortex-M4, bare metal (apps/gateway_mps2 in QEMU) → four boards with
real MCUboot and Zephyr. The tools know nothing of fleets, and have their defaults."""

import pathlib
import random
import subprocess
import sys
import time

import pytest

import conftest
import fixtures
import fleet as fleets
import images
import mps2
import noise
import smp
from fleet import assert_runs, resets

PADDED = images.PADDED_BYTES
TOOLKIT = """
import sys, mcumgr_toolkit
client = mcumgr_toolkit.MCUmgrClient.serial(sys.argv[1])
client.firmware_update(open(sys.argv[2], "rb").read())
"""


@pytest.fixture(scope="module")
def four():
    boards = fleets.Fleet()
    yield boards
    boards.stop()


@pytest.fixture
def fleet(four):
    four.settle()
    return four


@pytest.fixture
def gateway(fleet):
    """gateway(program): a gateway that runs, in front of the four boards; stopped after the test."""
    made = []

    def make(program="gateway_mps2", **more):
        made.append(mps2.Mps2(program, fleet, **more))
        if not made[-1].elf.exists():
            conftest.skip_or_fail(f"{made[-1].elf} is not built: ./dev test builds it")
        made[-1].start().go()
        return made[-1]

    yield make
    for one in made:
        one.stop()


def host(gateway):
    return mps2.Host.open(gateway.target)


def smpmgr(*words):
    return lambda tty, image: [pathlib.Path(sys.executable).with_name("smpmgr"), "--port", tty, *words, image]


def toolkit(tty, image):
    return [sys.executable, "-c", TOOLKIT, tty, image]


def run_tool(gateway, tool, image):
    with mps2.tty(gateway.target) as tty:
        command = [str(word) for word in tool(tty, image)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def assert_updated(gateway, fleet, image, version):
    """The gateway says so, and so does each board. @return the gateway's status and its own counters"""
    with host(gateway) as client:
        status = client.wait_over()
        reports = client.reports()
        counters = client.counters()
    assert [(r["id"], r["state"]) for r in reports] == [(f"uart{n}", mps2.DONE) for n in range(1, 5)], reports
    assert counters["uart_bytes_lost"] == 0 and counters["host_frames_dropped"] == 0, counters
    used, size = gateway.record_stack()  # as the debugger sees it, a little later
    assert counters["stack_peak"] <= used <= size // 2 and counters["stack_bytes"] == size, "half is to stay free"
    gateway.stop()
    for board in fleet:
        assert resets(board) == 1
        assert_runs(board, image, version)
    return status, counters


def assert_host_bytes(told, image):
    """One pass: every byte crosses the host's wire once, and what a push-back repeats is next to nothing. A busy machine can
    make a straggler of a board; its further pass begins where that board stands."""
    if told["passes"] == 1:
        assert told["host_bytes"] == len(image), told
    assert len(image) <= told["host_bytes"] <= told["passes"] * len(image), told
    assert told["host_bytes"] + told["host_dropped_bytes"] <= 1.02 * told["passes"] * len(image), told


@pytest.mark.parametrize("tool,size,program,ring", [(smpmgr("upgrade"), None, "gateway_mps2", 65536),
                                                    (toolkit, PADDED, "gateway_mps2", 65536),
                                                    (toolkit, PADDED, "gateway_mps2_8k", 8192)],
                         ids=["smpmgr", "toolkit", "toolkit-8k"])  # fmt: skip
def test_real_chain(fleet, gateway, tmp_path, tool, size, program, ring):
    path, image, version = fleet.image(tmp_path, size)
    one = gateway(program)
    run_tool(one, tool, path)
    status, counters = assert_updated(one, fleet, image, version)
    assert counters["ring_bytes"] == ring
    assert (counters["ring_wraps"] >= 1) == (len(image) > ring)
    assert_host_bytes(status, image)


@pytest.mark.parametrize("program,ring", [("gateway_mps2", 65536), ("gateway_mps2_8k", 8192)])
def test_real_chain_via(fleet, gateway, dfucast, tmp_path, program, ring):
    """The same by `dfucast update --via`, which also tells how each device fared."""
    path, image, version = fleet.image(tmp_path, PADDED)
    one = gateway(program)
    result = dfucast("update", path, "--json", "--via", one.target, timeout=180)
    assert result.code == 0, result
    for number in range(1, 5):
        final = result.final(f"uart{number}")
        assert (final["state"], final["version_after"]) == ("done", version), result
    summary = result.summary
    assert (summary["done"], summary["image_bytes"]) == (4, len(image)), result
    assert_host_bytes(summary, image)
    _status, counters = assert_updated(one, fleet, image, version)
    assert counters["ring_bytes"] == ring and counters["ring_wraps"] >= 1


@pytest.mark.parametrize("program,framing", [("gateway_mps2", "console"), ("gateway_mps2_cobs", "cobs")])
def test_noise_on_the_hosts_wire(fleet, gateway, dfucast, tmp_path, program, framing):
    """Both framings, on a wire that spoils one byte in 10,000: it costs time, and nothing else."""
    path, image, version = fleet.image(tmp_path, PADDED)
    one = gateway(program)
    wire = noise.Noise(one.ports[0], 1e-4)
    result = dfucast("update", path, "--json", "--via", f"{wire.target}?framing={framing}", "--to", "uart4", timeout=240)
    wire.stop()
    assert result.code == 0 and result.summary["done"] == 1, (result, wire.done)
    assert sum(wire.done.values()) >= 6, wire.done
    one.stop()
    assert_runs(fleet[3], image, version)


def test_some_of_them(fleet, gateway, dfucast, tmp_path):
    """A plan that names two of the four, not in the order of the wires: the other two hear nothing of it."""
    path, image, version = fleet.image(tmp_path)
    one = gateway()
    others = [fleet[1].read_flash(), fleet[3].read_flash()]
    result = dfucast("update", path, "--json", "--via", one.target, "--to", "uart3", "--to", "uart1", timeout=180)
    assert result.code == 0 and result.summary["done"] == 2, result
    assert {e["target"] for e in result.of("target")} == {"uart1", "uart3"}
    assert dfucast("update", path, "--via", one.target, "--to", "uart5").code != 0
    one.stop()
    for board in (fleet[0], fleet[2]):
        assert_runs(board, image, version)
    assert [fleet[1].read_flash(), fleet[3].read_flash()] == others


def test_match_lists(fleet, gateway, dfucast, tmp_path):
    """Whom a target file's match= does not mean is asked and left alone: its flash is what it was."""
    path, image, version = fleet.image(tmp_path)
    one = gateway()
    others = [fleet[1].read_flash(), fleet[3].read_flash()]
    lines = tmp_path / "fleet.txt"
    lines.write_text("uart1 label=kitchen match=board=qemu_cortex_m0*\nuart2 label=hall match=board=nrf52840dk*\n"
                     f"uart3 match=running=<{version}\nuart4 label=cellar match=running=>={version},<100.0.0\n")  # fmt: skip
    result = dfucast("update", path, "--json", "--via", one.target, "--to", f"@{lines}", "--match",
                     "board=qemu_cortex_m0/nrf51822", timeout=180)  # fmt: skip
    assert result.code == 3 and result.summary["done"] == 2 and result.summary["skipped"] == 2, result
    ends = [result.final(f"uart{n}") for n in range(1, 5)]
    assert [e["label"] for e in ends] == ["kitchen", "hall", "", "cellar"], ends
    assert [e.get("error") for e in ends] == [None, "wrong_board", None, "no_match"], ends
    # More than it has room for: 512 bytes.
    many = [w for i in range(6) for w in ("--match", f"name={'x' * 90}{i}")]
    refused = dfucast("update", path, "--json", "--via", one.target, "--to", "uart1", *many)
    assert refused.code == 3 and refused.of("error")[0]["rc_name"] == "FLEET_MATCH", refused
    one.stop()
    for board in (fleet[0], fleet[2]):
        assert_runs(board, image, version)
    assert [fleet[1].read_flash(), fleet[3].read_flash()] == others


def test_a_board_that_falls_behind(fleet, gateway, dfucast_start, tmp_path):
    """One board stands still for some seconds, in mid-stream, with a window of 8 KiB: the others go on, the host is called
    back, and the one is caught up in a further pass."""
    path, image, version = fleet.image(tmp_path, PADDED)
    one = gateway("gateway_mps2_8k")
    running = dfucast_start("update", path, "--json", "--via", one.target)
    running.wait_event("target", target="uart2", state="uploading", offset_min=20_000)
    fleet[1].pause()
    time.sleep(5)  # ten times what it may hold the others back (straggle_ms)
    fleet[1].resume()
    result = running.finish(180)
    assert result.code == 0 and result.summary["done"] == 4, result
    assert result.summary["passes"] >= 2, result
    assert len(image) < result.summary["host_bytes"] <= result.summary["passes"] * len(image), result
    assert_updated(one, fleet, image, version)


def test_a_board_that_loses_power(fleet, gateway, dfucast_start, tmp_path):
    """In mid-stream; its flash keeps what it had, and it comes back. Everybody gets there."""
    path, image, version = fleet.image(tmp_path, PADDED)
    one = gateway("gateway_mps2_8k")
    running = dfucast_start("update", path, "--json", "--via", one.target)
    running.wait_event("target", target="uart2", state="uploading", offset_min=20_000)
    fleet[1].restart(keep_flash=True)
    result = running.finish(180)
    assert result.code == 0 and result.summary["done"] == 4, result
    assert_updated(one, fleet, image, version)


@pytest.mark.parametrize("when", ["uploading", "swapping"])
def test_power_cut(fleet, gateway, tmp_path, when):
    """The gateway forgets everything. Whoever sends the image again finds the devices where they were."""
    path, image, version = fleet.image(tmp_path, PADDED if when == "uploading" else None)
    one = gateway("gateway_mps2_8k")  # whose window bounds how far a board can be behind
    with host(one) as client:
        boot = client.capabilities()["boot"]
        client.upload_until(image, images.file_sha(image), len(image) // 2 if when == "uploading" else len(image))
        if when == "swapping":
            client.request(smp.WRITE, smp.OS, smp.RESET)
            while client.status()["ended"] == 0:  # the canary
                time.sleep(0.1)
    one.kill()
    fleets.wait_quiet(fleet)
    one.start().go()
    with host(one) as client:
        assert client.capabilities()["boot"] != boot
    run_tool(one, toolkit, path)
    with host(one) as client:
        client.wait_over()
        for report in client.reports():
            assert report.get("skipped"), report
            assert report.get("sent", 0) < len(image) * 3 // 4 if when == "uploading" else not report.get("sent"), report
    assert_updated(one, fleet, image, version)


def test_relay(fleet, gateway, dfucast):
    """Any request to any of the devices, through the gateway and back."""
    one = gateway()
    with host(one) as client:
        for number, board in enumerate(fleet, 1):
            answer = client.relay(f"uart{number}", smp.WRITE, smp.OS, smp.ECHO, {"d": f"board {number}"})
            assert (answer.op, answer.sequence, answer.body) == (smp.WRITE_RESPONSE, 77, {"r": f"board {number}"})
            listed = client.relay(f"uart{number}", smp.READ, smp.IMG, smp.STATE, {}).body["images"]
            assert listed[0]["active"] and board.read_flash().find(listed[0]["hash"]) > 0
        answer = client.relay("uart9", smp.READ, smp.OS, smp.PARAMS, {})
        assert answer["err"] == {"group": mps2.FLEET, "rc": 1}, answer
        # Longer than the device's own buffer, which its gateway knows.
        answer = client.relay("uart1", smp.WRITE, smp.OS, smp.ECHO, {"d": "x" * 500})
        assert answer == {"rc": 7}, answer
    via = ("--via", one.target, "--json")
    assert dfucast("echo", "uart2", "hello", *via).events[0]["text"] == "hello"
    assert dfucast("image", "list", "uart3", *via).events[0]["images"][0]["active"]
    scanned = dfucast("scan", *via)
    assert [e["target"] for e in scanned.events if e["event"] != "summary"] == [f"uart{n}" for n in range(1, 5)], scanned


def test_reset_of_its_own(gateway):
    """Without a cast a reset is the gateway's own: it answers, begins anew, and says that it did."""
    one = gateway(reboots=True)
    with host(one) as client:
        boot = client.capabilities()["boot"]
        assert client.request(smp.WRITE, smp.OS, smp.RESET) == {}
        one.qmp.wait_event("RESET", 10)
        assert client.echo("back", 5) == "back"
        assert client.capabilities()["boot"] != boot
        assert client.counters()["uptime_ms"] < 5000


def test_bad_host(fleet, gateway):
    """Noise, half frames, frames that are too long, requests that make no sense: clear errors or silence, no device hears
    of it, and the gateway goes on."""
    one = gateway()
    before = [board.read_flash() for board in fleet]
    with host(one) as client:
        client.link.send(bytes(random.Random(1).randbytes(5000)).replace(b"\x06\x09", b"  "))
        client.link.send(b"\x06\x09AAAA\n\x06\x09" + b"A" * 400 + b"\n")
        client.link.send(smp.Console().encode(smp.pack(smp.WRITE, smp.OS, smp.ECHO, 1, {"d": "x" * 3000})))
        assert client.echo("still here") == "still here"
        for body, expected in ((b"\xff", 3), ({"off": 0, "data": b"", "len": 0}, 3), ({"off": 100, "data": b"x"}, None)):
            answer = client.request(smp.WRITE, smp.IMG, smp.UPLOAD, body)
            if expected:
                assert answer.get("rc") == expected or answer.get("err"), answer
            else:
                assert answer == {"off": 0} or answer.get("err"), answer
        assert client.request(smp.READ, 4711, 0) == {"rc": 8}
        assert client.request(smp.READ, mps2.STATISTICS, 0, {"name": "nobody"}) == {"rc": 5}
        assert client.request(smp.READ, mps2.STATISTICS, 0, b"\xff") == {"rc": 3}
        assert client.request(smp.READ, mps2.STATISTICS, 1) == {"stat_list": ["gateway"]}
        bad = images.with_version(fixtures.board_image(), 9)
        bad = b"\0\0\0\0" + bad[4:]
        answer = client.request(smp.WRITE, smp.IMG, smp.UPLOAD, {"off": 0, "len": len(bad), "data": bad[:256]})
        assert answer.get("err") or answer.get("rc"), answer
        assert client.counters()["host_frames_dropped"] > 0
        assert client.status()["state"] == 0
    assert [board.read_flash() for board in fleet] == before

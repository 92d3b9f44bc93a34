# SPDX-License-Identifier: Apache-2.0
"""`dfucast update --to sim:N` and `dfucast demo`: the whole command on virtual devices, in virtual time."""

import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

import conftest
import fixtures
import images
import smp

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


def test_canary_goes_first(image):
    """Nobody else is told to test before the first one is done."""
    events = update(image, "sim:8").of("target")
    canary = next(e["target"] for e in events if e["state"] == "testing")
    done = next(i for i, e in enumerate(events) if e["target"] == canary and e["state"] == "done")
    others = [i for i, e in enumerate(events) if e["target"] != canary and e["state"] == "testing"]
    assert len(others) == 7 and min(others) > done


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


@pytest.mark.parametrize("canary, passes", [(0, 5), (1, 6)], ids=["no-canary", "canary"])
def test_a_hundred_behind_twenty_links(image, canary, passes):
    """A pass for each wave; while the canary is swapped, it keeps one link from the second."""
    result = update(image, "sim:100", "--canary", str(canary))
    assert result.summary["done"] == 100 and result.summary["passes"] == passes
    active, most = set(), 0
    for event in result.of("target"):
        if event["state"] in ("preparing", "uploading", "verifying", "testing", "rebooting", "checking", "confirming"):
            active.add(event["target"])
        elif event["state"] in (*FINAL, "waiting", "connecting"):
            active.discard(event["target"])
        most = max(most, len(active))
    assert most <= 20, "more devices at work than there are links"
    # every pass fetches the image once, its header apart, which the plan has
    assert result.summary["host_bytes"] == passes * (image.stat().st_size - 32)


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


@pytest.mark.parametrize("columns", [20, 30, 44, 80])
def test_live_lines_fit_the_terminal(image, columns):
    """A line that wraps would be two on the screen and one when it is erased."""
    pid, terminal = pty.fork()
    if pid == 0:
        time.sleep(0.2)  # until the size is set
        os.execv(conftest.DFUCAST, [conftest.DFUCAST, "update", image, "--to", "sim:5"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 6, columns, 0, 0))
    out = b""
    while True:
        try:
            got = os.read(terminal, 65536)
        except OSError:
            break
        if not got:
            break
        out += got
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, out
    drawn = re.findall(r"\x1b\[K([^\x1b\r\n]*)\r\n", out.decode())
    assert len(drawn) > 20 and max(map(len, drawn)) <= columns, max(drawn, key=len)
    assert any("uploading" in line or columns == 20 for line in drawn)


# ---- dfucast sim serve ------------------------------------------------------------------------------------------


@pytest.fixture
def served(dfucast_start):
    """serve(count): targets of virtual devices, on UDP ports that nothing else has or, with pty, on terminals."""

    def serve(count, pty=False, *words):
        if pty:
            child = dfucast_start("sim", "serve", "--json", "--pty", "--count", count, *words)
            return [json.loads(child.child.stdout.readline())["target"] for _ in range(count)]
        for port in range(42000 + os.getpid() % 5000, 65000, 97):
            child = dfucast_start("sim", "serve", "--json", "--udp", port, "--count", count)
            first = json.loads(child.child.stdout.readline())
            if first["event"] == "serving":
                rest = [json.loads(child.child.stdout.readline()) for _ in range(count - 1)]
                return [event["target"] for event in (first, *rest)]
            assert "cannot be served" in first["message"], first
        raise AssertionError("no free ports")

    return serve


def test_serve_updates(image, served):
    """Two devices on sockets and in real time: swapped and confirmed; a second run sends nothing."""
    one, two = served(2)
    result = conftest.run_dfucast("update", "--json", image, "--to", one, "--to", two)
    assert result.code == 0 and result.summary["done"] == 2, result
    assert {e["version_after"] for e in ends(result)} == {"1.4.0"}
    again = conftest.run_dfucast("update", "--json", image, "--to", one, "--to", two)
    assert again.code == 0 and again.summary["sent_bytes"] == 0, again


def test_more_targets_than_descriptors(image, served):
    """A small soft limit of open files, where the hard one allows more, costs no device."""
    targets = served(40)
    limit = (44, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    done = subprocess.run([conftest.DFUCAST, "update", "--json", "--mode", "upload", "--wait", "5", image,
                           *(w for t in targets for w in ("--to", t))], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_upload_of_a_file_that_begins_with_a_dash(image, tmp_path, monkeypatch):
    (tmp_path / "-v.bin").write_bytes(image.read_bytes())
    monkeypatch.chdir(tmp_path)
    result = conftest.run_dfucast("image", "upload", "--json", "sim:1", "--", "-v.bin")
    assert result.code == 0 and result.summary["done"] == 1, result


def test_serve_to_another_client(served):
    """The tests' own client, which shares nothing with either side, sees it as it sees a Zephyr server."""
    (target,) = served(1)
    with smp.Client.open(target) as client:
        assert client.echo("hello") == "hello"
        assert client.params() == {"buf_size": 2048, "buf_count": 4} | client.params()
        slots = client.images()
    assert len(slots) == 1 and slots[0]["active"] and slots[0]["confirmed"] and slots[0]["version"] == "1.0.0"


TOOLKIT = """
import sys, mcumgr_toolkit
client = mcumgr_toolkit.MCUmgrClient.udp("127.0.0.1", int(sys.argv[1]))
client.use_auto_frame_size()
client.firmware_update(open(sys.argv[2], "rb").read())
"""

SMPCLIENT = """
import asyncio, sys
from smpclient import SMPClient
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import ResetWrite
from smpclient.transport.udp import SMPUDPTransport

class Port(SMPUDPTransport):
    async def connect(self, address, timeout_s):
        await super().connect(address, timeout_s, port=int(sys.argv[1]))

async def main():
    async with SMPClient(Port(), "127.0.0.1") as client:
        async for _ in client.upload(open(sys.argv[2], "rb").read(), slot=1):
            pass
        states = await client.request(ImageStatesRead())
        await client.request(ImageStatesWrite(hash=states.images[1].hash))
        await client.request(ResetWrite())

asyncio.run(main())
"""


@pytest.mark.parametrize("script", [TOOLKIT, SMPCLIENT], ids=["mcumgr-toolkit", "smpclient"])
def test_serve_to_stock_clients(image, served, script):
    """Clients that others wrote, with their defaults, bring it to a swap; then it runs their image on trial."""
    (target,) = served(1)
    done = subprocess.run([sys.executable, "-c", script, target.rsplit(":", 1)[1], image], check=False, timeout=90,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    end = time.monotonic() + 60
    while True:
        with smp.Client.open(target) as client:
            try:
                running = client.images(timeout=1)[0]
                if running["version"] == "1.4.0" or time.monotonic() > end:
                    break
            except smp.Silence:
                assert time.monotonic() < end, "it never came back"
        time.sleep(0.5)
    assert running["version"] == "1.4.0" and running["active"] and not running["confirmed"], running
    result = conftest.run_dfucast("update", "--json", image, "--to", target)
    assert result.code == 0 and result.summary["sent_bytes"] == 0, result  # found on trial: checked and confirmed


def test_serve_on_terminals(image, served):
    """Console lines; clients come and go, and the line stays. Its boot text ends the silence after a reset early."""
    targets = served(3, pty=True)
    assert len(set(targets)) == 3 and all(t.startswith("serial:/dev/pts/") for t in targets)
    for target in targets:
        with smp.Client.open(target) as client:
            assert client.echo("hello " * 50) == "hello " * 50
    result = conftest.run_dfucast("update", "--json", "--canary", "0", image,
                                  *(w for t in targets for w in ("--to", t)))
    assert result.code == 0 and result.summary["done"] == 3, result
    assert {e["version_after"] for e in ends(result)} == {"1.4.0"}
    again = conftest.run_dfucast("update", "--json", image, *(w for t in targets for w in ("--to", t)))
    assert again.code == 0 and again.summary["sent_bytes"] == 0, again


@pytest.mark.parametrize("ignored", [False, True], ids=["hangup", "nohup"])
def test_the_terminal_goes_away(image, served, ignored):
    """As Ctrl-C: what the device holds is told, to a log if nobody else hears it. Under nohup the update goes on."""
    (target,) = served(1)
    child = subprocess.Popen(
        [conftest.DFUCAST, "update", "--json", image, "--to", target], stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL))
    for line in child.stdout:
        if json.loads(line).get("state") == "uploading":
            break
    child.send_signal(signal.SIGHUP)
    out, err = child.communicate(timeout=60)
    *_, final, summary = [json.loads(line) for line in out.splitlines()]
    assert child.returncode == (0 if ignored else 130), (out, err)
    assert summary["event"] == "summary" and final["holds"] == ("image" if ignored else "part"), (out, err)


def test_a_command_to_copy_is_quoted(image, served):
    """"?" and "&" mean something to a shell: half of the target would be lost to it."""
    (target,) = served(1, pty=True)
    target += "?framing=console&baud=115200"
    result = conftest.run_dfucast("update", "--mode", "test", image, "--to", target)
    (line,) = re.findall(r"to keep it: (.*)", result.err)
    assert result.code == 0 and shlex.split(line) == ["dfucast", "image", "confirm", target], result
    done = subprocess.run(["sh", "-c", f'dfucast() {{ "{conftest.DFUCAST}" "$@"; }}; {line}'], check=False, timeout=60,
                          capture_output=True, text=True)
    assert done.returncode == 0, done


def test_serve_to_smpmgr(image, served):
    """The tool people have, on a terminal: upload, list, test, reset; then it runs the image on trial."""
    (target,) = served(1, pty=True)
    port = target.removeprefix("serial:")

    def smpmgr(*words):
        tool = [str(pathlib.Path(sys.executable).with_name("smpmgr")), "--port", port, "--timeout", "10"]
        done = subprocess.run([*tool, *map(str, words)], check=False, timeout=90, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    smpmgr("image", "upload", image)
    assert "1.4.0" in smpmgr("image", "state-read")
    smpmgr("image", "state-write", images.tlv_hash(image.read_bytes()).hex())
    smpmgr("os", "reset")
    smp.wait_echo(target, 30, quiet=10)  # until the boot text, which comes after the swap
    with smp.Client.open(target) as client:
        running = client.images()[0]
    assert running["version"] == "1.4.0" and running["active"] and not running["confirmed"], running


@pytest.mark.parametrize("words, text", [
    (("echo", "sim:1", "hello"), "hello"), (("params", "sim:1"), "buf_size   2475"),
    (("info", "sim:1?board=a/b"), "a/b"), (("bootloader", "sim:1?swap=offset"), "swap using offset"),
    (("image", "list", "sim:1"), "1.0.0"), (("image", "slots", "sim:1?image_kb=100"), "106496"),
    (("raw", "sim:1", "0", "6"), "buf_count"), (("reset", "sim:1"), "resets now"),
    (("image", "erase", "sim:1"), ""), (("image", "confirm", "sim:1"), ""), (("taskstat", "sim:1"), None),
], ids=lambda v: " ".join(v) if isinstance(v, tuple) else "")  # fmt: skip
def test_single_commands(words, text):
    """A fresh virtual device each time, which lives as long as the command; what a model lacks it says itself."""
    result = conftest.run_dfucast(*words)
    if text is None:
        assert result.code == 3 and "rc 8" in result.err, result
    else:
        assert result.code == 0 and text in result.out, result


def test_inventory_of_virtual_devices():
    result = conftest.run_dfucast("inventory", "--json", "--to", "sim:3?board=a,b", "--to", "sim:1")
    assert result.code == 0, result
    found = [(e["target"], e.get("board")) for e in result.events if "board" in e]
    assert found == [("sim:3#0", "a"), ("sim:3#1", "b"), ("sim:3#2", "a"), ("sim:1#0", "nrf52840dk/nrf52840")], result


@pytest.mark.parametrize("words", [
    ("params", "sim:2"), ("params", "sim:0"), ("params", "sim:"), ("params", "sim:1?nonsense=1"), ("echo", "sim:x", "a"),
    ("inventory", "--to", "sim:257"), ("inventory", "--to", "sim:2?bufs=x"), ("inventory", "--to", "sim:1?" + "a" * 300),
])  # fmt: skip
def test_wrong_virtual_targets(words):
    assert conftest.run_dfucast(*words).code == 1


def test_serve_as_told(served, image):
    """--sim and --image make it another server."""
    (target,) = served(1, True, "--image", image, "--sim", "buf=384&bufs=2&mode=none&v1=1", "--board", "x/y")
    with smp.Client.open(target) as client:
        assert client.images()[0]["version"] == "1.4.0"
        assert client.params() == {"buf_size": 384, "buf_count": 2}
        assert client.request(smp.READ, smp.OS, smp.BOOTLOADER) == {"rc": 8}
        client.send(smp.READ, smp.OS, smp.PARAMS)
        assert client.receive(1)[0].version == 0
    for words in (("--sim", "nonsense=1"), ("--sim", "buf=1"), ("--sim", "buf"), ("--slot-kb", "64", "--image", image)):
        assert conftest.run_dfucast("sim", "serve", "--pty", *words).code == 1, words
    for bad in ("/nonexistent", "/dev/null", __file__):
        assert conftest.run_dfucast("sim", "serve", "--pty", "--image", bad).code == 2, bad


def test_serve_wrong_usage():
    for words in (("sim",), ("sim", "serve"), ("sim", "eat", "--udp", "1337"), ("sim", "serve", "--udp", "0"),
                  ("sim", "serve", "--udp", "65535", "--count", "2"), ("sim", "serve", "--pty", "--udp", "1337"),
                  ("sim", "serve", "--pty", "--count", "0")):  # fmt: skip
        assert conftest.run_dfucast(*words).code == 1, words

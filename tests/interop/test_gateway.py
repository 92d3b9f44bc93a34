# SPDX-License-Identifier: Apache-2.0
"""`dfucast gateway`: hosts that others wrote, with nothing of ours on their side and their own defaults, update a whole
fleet over a tty; so does `dfucast update --via`. Behind it virtual devices, and real boards (MCUboot, Zephyr) in QEMU."""

import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

import fleet as fleets
import images
from fleet import slots

TOOLKIT = """
import sys, mcumgr_toolkit
client = mcumgr_toolkit.MCUmgrClient.serial(sys.argv[1])
client.firmware_update(open(sys.argv[2], "rb").read())
"""


def smpmgr(port, *words):
    tool = [str(pathlib.Path(sys.executable).with_name("smpmgr")), "--port", port]
    return [*tool, *map(str, words)]


def run(words, timeout=120):
    done = subprocess.run(words, check=False, timeout=timeout, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def upgrade(port, image):
    """The one-liner; it names no slot, and marks nothing."""
    run(smpmgr(port, "upgrade", image))


def step_by_step(port, image):
    run(smpmgr(port, "image", "upload", image))
    listed = run(smpmgr(port, "image", "state-read"))
    assert "pending=False" in listed and "slot=1" in listed
    run(smpmgr(port, "image", "state-write", images.tlv_hash(pathlib.Path(image).read_bytes()).hex()))
    assert "pending=True" in run(smpmgr(port, "image", "state-read"))
    run(smpmgr(port, "os", "reset"))


def toolkit(port, image):
    run([sys.executable, "-c", TOOLKIT, port, str(image)])


HOSTS = [upgrade, step_by_step, toolkit]


@pytest.fixture(scope="module")
def image(shipped_image, tmp_path_factory):
    path = tmp_path_factory.mktemp("gateway") / "app.signed.bin"
    path.write_bytes(images.padded(images.with_version(shipped_image, 1, 7)))
    return path


@pytest.fixture
def gateway(dfucast_start):
    """gateway(*words): a running gateway on a pseudo terminal, and that terminal's path. Virtual devices swap in a
    tenth of their time; the host and its time-outs are real."""

    def start(*words, speed=10):
        pace = ("--speed", speed) if "--radio" in words else ()
        running = dfucast_start("gateway", "--json", "--once", "--host", "pty", *pace, *words)
        return running, running.wait_event("serving")["target"].removeprefix("serial:")

    return start


def over(result):
    (event,) = [e for e in result.of("gateway") if e["what"] == "over"]
    return event["value"]


def test_mixed_link(gateway, dfucast, image):
    """A sensor's image never ends in the gateway: refused without a slot, and with --slot 1 it is the fleet's."""
    running, port = gateway("--radio", "sim:2", "--mixed", "--canary", "0")
    for words in (smpmgr(port, "image", "upload", image), [sys.executable, "-c", TOOLKIT, port, str(image)]):
        done = subprocess.run(words, check=False, timeout=60, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode != 0, done.stdout + done.stderr
    assert dfucast("update", image, "--via", f"serial:{port}").code == 3  # image 0 here too
    run(smpmgr(port, "upgrade", "--slot", "1", image))
    result = running.finish(180)
    assert result.code == 0 and over(result) == 2, result
    running, port = gateway("--radio", "sim:2", "--mixed")
    done = dfucast("update", image, "--via", f"serial:{port}", "--image", "1", "--json", timeout=180)
    assert done.code == 0 and done.summary["done"] == 2, done
    assert over(running.finish(60)) == 2


@pytest.mark.parametrize("host", HOSTS)
def test_stock_host_and_virtual_devices(gateway, image, host):
    running, port = gateway("--radio", "sim:4", "--canary", "1", speed=1 if host is upgrade else 10)
    host(port, image)
    result = running.finish(180)
    assert result.code == 0 and over(result) == 4, result
    # One pass: the host was asked for each byte once.
    assert [e for e in result.of("gateway") if e["what"] == "rewind"] == [], result


def test_mute_image_stops_at_the_canary(gateway, image):
    """One device lost, three held on what they ran: the fleet's safety, unknown to the host's tool."""
    running, port = gateway("--radio", "sim:4?never_returns=0")
    upgrade(port, image)
    result = running.finish(240)
    assert result.code == 3 and over(result) == 0, result
    assert [e["state"] for i in range(4) for e in result.of("target", target=f"sim:4#{i}")][-1] == "held"
    assert result.final("sim:4#0")["error"] == "never_returned"
    assert {result.final(f"sim:4#{i}")["error"] for i in range(1, 4)} == {"held_max_failed"}


def test_image_that_is_none(gateway, tmp_path):
    """Refused at the first chunk; no device is asked anything."""
    running, port = gateway("--radio", "sim:2")
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"\x55" * 20000)
    done = subprocess.run(smpmgr(port, "image", "upload", bad), check=False, timeout=60, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    assert done.returncode != 0
    running.interrupt()
    result = running.finish(20)
    assert result.code == 130 and result.of("target") == [], result


@pytest.fixture(scope="module")
def four():
    boards = fleets.Fleet()
    yield boards
    boards.stop()


@pytest.mark.parametrize("host,ring", [(upgrade, 65536), (toolkit, 8192)])
def test_stock_host_and_four_boards(gateway, four, tmp_path, host, ring):
    """The chain with nothing made up but the wire: a stock tool, the gateway, four boards; all confirmed."""
    four.settle()
    path, made, version = four.image(tmp_path, images.PADDED_BYTES)
    running, port = gateway("--ring", ring, *(w for board in four for w in ("--to", board.target)))
    host(port, path)
    result = running.finish(240)
    assert result.code == 0 and over(result) == 4, result
    for board in four:
        first = slots(board)[0]
        assert (first["version"], first["hash"]) == (version, images.tlv_hash(made)), first
        assert first["active"] and first["confirmed"], first


# ---- dfucast update --via ----


def test_via(gateway, dfucast, image):
    """The gateway's own fleet, and the figures of both ends agree."""
    running, port = gateway("--radio", "sim:4")
    result = dfucast("update", image, "--json", "--via", f"serial:{port}", timeout=180)
    behind = running.finish(60)
    assert result.code == 0 and behind.code == 0 and over(behind) == 4, (result, behind)
    assert result.summary["done"] == 4 and result.summary["passes"] == 1
    assert result.summary["host_bytes"] == result.summary["image_bytes"] == image.stat().st_size
    assert result.summary["host_bytes"] + result.summary["host_dropped_bytes"] <= 1.02 * image.stat().st_size
    for i in range(4):
        end = result.final(f"sim:4#{i}")
        assert (end["version_before"], end["version_after"], end["holds"]) == ("1.0.0", "1.7.0", "image"), end
    again, port = gateway("--radio", "sim:1")
    assert dfucast("update", image, "--via", f"serial:{port}", "--to", "sim:1#0", "--mode", "upload").code == 0
    assert again.finish(60).code == 0


def test_via_some_of_them(gateway, dfucast, image):
    """Targets by name and by number; the others are left alone, and the mute image costs one."""
    running, port = gateway("--radio", "sim:5?never_returns=3")
    result = dfucast("update", image, "--json", "--via", f"serial:{port}", "--to", "sim:5#3", "--to", "1", "--wait", "10",
                     timeout=240)  # fmt: skip
    behind = running.finish(60)
    assert result.code == 3 and behind.code == 3, (result, behind)
    # Whoever is verified first is the canary.
    assert result.final("sim:5#3")["error"] == "never_returned" and result.final("1")["state"] in ("held", "done")
    assert {e["target"] for e in behind.of("target")} == {"sim:5#3", "sim:5#1"}


def test_via_all_of_them_after_some(dfucast, dfucast_start, image):
    """Without --to it is the gateway's own fleet, not what the plan before was for."""
    running = dfucast_start("gateway", "--json", "--speed", "10", "--radio", "sim:3", "--host", "pty")
    via = ("update", image, "--json", "--mode", "upload", "--via", running.wait_event("serving")["target"])
    some, looked, all_three = dfucast(*via, "--to", "sim:3#1"), dfucast(*via, "--dry-run"), dfucast(*via)
    assert some.summary["done"] == 1, some
    for result in (looked, all_three):
        assert result.code == 0 and {e["target"] for e in result.of("target")} == {f"sim:3#{i}" for i in range(3)}, result


def test_via_to_direct_xip(gateway, dfucast, image):
    """What the plan says of slot, leave and settings reaches the devices behind the gateway."""
    running, port = gateway("--radio", "sim:2?mode=4")
    via = ("update", image, "--json", "--via", f"serial:{port}", "--allow-no-revert")
    unplaced = dfucast(*via, timeout=180)
    assert {unplaced.final(f"sim:2#{i}")["error"] for i in range(2)} == {"slot_needed"}, unplaced
    running, port = gateway("--radio", "sim:2?mode=4")
    via = ("update", image, "--json", "--via", f"serial:{port}", "--slot", "1")
    assert {dfucast(*via, timeout=180).final(f"sim:2#{i}")["error"] for i in range(2)} == {"no_way_back"}
    running, port = gateway("--radio", "sim:2?mode=4", "--slot", "1")
    via = ("update", image, "--json", "--via", f"serial:{port}", "--allow-no-revert")
    assert dfucast(*via, timeout=180).code == 0  # what the plan does not say, the gateway's own does
    running, port = gateway("--radio", "sim:2?mode=4")
    via = ("update", image, "--json", "--via", f"serial:{port}", "--slot", "1", "--allow-no-revert", "--erase-settings")
    done = dfucast(*via, timeout=180)
    assert done.code == 0 and done.final("sim:2#1")["version_after"] == done.of("image")[0]["version"], done


def test_via_to_a_firmware_loader(gateway, dfucast, image):
    """A gateway learns the image while it sends it: too late for a device that has no other."""
    running, port = gateway("--radio", "sim:2?mode=7")
    result = dfucast("update", image, "--json", "--via", f"serial:{port}", "--allow-no-revert", timeout=180)
    for i in range(2):
        end = result.final(f"sim:2#{i}")
        assert (end["state"], end["error"], end["holds"]) == ("skipped", "image_not_proven", "as_before"), result


def test_via_interrupted_and_again(gateway, dfucast, dfucast_start, image):
    running, port = gateway("--radio", "sim:2", "--canary", "0", speed=2)
    first = dfucast_start("update", image, "--json", "--via", f"serial:{port}")
    first.wait_event("target", state="uploading")
    first.interrupt()
    result = first.finish(30)
    assert result.code == 130, result
    assert {result.final(f"sim:2#{i}")["error"] for i in range(2)} == {"aborted"}
    assert {result.final(f"sim:2#{i}")["holds"] for i in range(2)} == {"part"}
    result = dfucast("update", image, "--json", "--via", f"serial:{port}", timeout=180)
    assert result.code == 0 and result.summary["done"] == 2, result
    running.interrupt()


def test_via_killed_in_any_state(gateway, dfucast, dfucast_start, image):
    """The tool dies without a word; the gateway goes on, and the next run takes over where it is."""
    running, port = gateway("--radio", "sim:2", "--canary", "1", speed=2)
    for state in ("connecting", "uploading", "waiting", "rebooting"):
        tool = dfucast_start("update", image, "--json", "--via", f"serial:{port}")
        tool.wait_event("target", state=state)
        tool.kill()
        tool.child.wait(10)
    result = dfucast("update", image, "--json", "--via", f"serial:{port}", timeout=240)
    assert result.code == 0 and result.summary["done"] == 2, result
    running.interrupt()


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_via_gateway_killed_in_any_state(dfucast, dfucast_start, image):
    """The gateway loses its power again and again while the tool runs. Each time the tool finds that it has forgotten
    everything and brings its plan anew; the devices go on from what they hold, and the trial is confirmed."""
    devices = []
    for _ in range(2):
        words = ("--udp", free_port(socket.SOCK_DGRAM), "--sim", "write_us_per_kib=40000&swap_ms=3000")
        devices.append(dfucast_start("sim", "serve", "--json", *words).wait_event("serving")["target"])
    words = ("gateway", "--json", "--host", f"tcp:127.0.0.1:{free_port(socket.SOCK_STREAM)}")
    words += tuple(word for device in devices for word in ("--to", device))
    running = dfucast_start(*words)
    via = ("update", image, "--json", "--soak", "3", "--via", running.wait_event("serving")["target"])
    tool = dfucast_start(*via)
    for state in ("connecting", "uploading", "waiting", "rebooting", "soaking"):
        tool.wait_event("target", state=state)
        running.kill()
        running.child.wait(10)
        running = dfucast_start(*words)
        running.wait_event("serving")
    result = tool.finish(240)
    assert result.code == 0 and result.summary["done"] == 2, result
    assert {result.final(device)["version_after"] for device in devices} == {"1.7.0"}, result
    for device in devices:
        (runs,) = dfucast("inventory", "--json", "--to", device).of("inventory")
        assert runs["version"] == "1.7.0" and runs["confirmed"], runs


@pytest.fixture
def two_behind(dfucast_start):
    """Two devices on sockets, and a gateway to them."""
    devices = []
    for _ in range(2):
        words = ("--udp", free_port(socket.SOCK_DGRAM), "--sim", "swap_ms=1000&boot_ms=100")
        devices.append(dfucast_start("sim", "serve", "--json", *words).wait_event("serving")["target"])
    words = ("--host", f"tcp:127.0.0.1:{free_port(socket.SOCK_STREAM)}", *(w for d in devices for w in ("--to", d)))
    running = dfucast_start("gateway", "--json", *words)
    return devices, running, running.wait_event("serving")["target"]


def test_gateway_interrupted_names_what_devices_hold(dfucast, dfucast_start, two_behind, image):
    devices, running, target = two_behind
    tool = dfucast_start("update", image, "--json", "--canary", "0", "--soak", "60", "--via", target)
    for device in devices:
        tool.wait_event("target", state="soaking", target=device)
    running.interrupt()
    result = running.finish(20)
    assert result.code == 130, result
    for device in devices:
        assert f"{device}: runs the image on trial" in result.err, result
        assert f"to keep it: dfucast image confirm {device}\n" in result.err, result
        assert dfucast("image", "confirm", device).code == 0
    tool.interrupt()
    assert tool.finish(60).code == 130


def test_via_a_gateway_that_falls_silent_for_good(dfucast_start, two_behind, image):
    """Each device has a last word, and there is a summary: no script must wait for it."""
    devices, running, target = two_behind
    tool = dfucast_start("update", image, "--json", "--canary", "0", "--soak", "60", "--via", target)
    tool.wait_event("target", state="soaking", target=devices[0])
    running.kill()
    result = tool.finish(120)
    assert result.code == 4 and result.summary["failed"] == 2, result
    for device in devices:
        last = result.final(device)
        assert (last["error"], last["holds"], last["why"]) == ("link_lost", "unknown", "the gateway does not answer"), last
        assert f"dfucast image list {device} --via {target}\n" in result.err, result


def test_via_says_what_is_wrong(gateway, dfucast, native, image, tmp_path):
    running, port = gateway("--radio", "sim:2")
    via = ("--via", f"serial:{port}")
    unknown = dfucast("update", image, "--json", *via, "--to", "nosuch")
    assert unknown.code == 3 and unknown.of("error")[0]["rc"] == 1, unknown
    assert dfucast("update", image, *via, "--window", "2").code == 1
    assert dfucast("update", image, *via, "--image", "2").code == 1
    assert dfucast("update", image, *via, "--match", "colour=x").code == 1
    assert dfucast("update", image, *via, "--to", "0", "--to", "0").code == 1
    assert dfucast("update", image, *via, "--barrier", "3").code == 1
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"no image")
    assert dfucast("update", bad, *via).code == 2
    running.interrupt()
    assert running.finish(20).of("target") == []
    running, port = gateway("--radio", "sim:2")
    other = dfucast("update", image, "--json", "--via", f"serial:{port}", "--match", "board=other/board")
    assert other.code == 2 and {other.final(f"sim:2#{i}")["error"] for i in range(2)} == {"wrong_board"}, other
    assert dfucast("update", image, "--via", "serial:/dev/nosuchtty", "--to", "0").code == 4
    assert dfucast("update", image, "--via", "tcp:127.0.0.1:9", "--to", "0", timeout=60).code == 4
    assert dfucast("image", "list", "0", "--via", "tcp:127.0.0.1:9").code == 4
    assert dfucast("params", "0", "--via", "serial:/dev/nosuchtty").code == 4
    server = native("udp")
    nothing = dfucast("update", image, "--json", "--via", server.target, "--to", "0")
    assert nothing.code == 4 and "no gateway" in nothing.err + nothing.out, nothing


@pytest.mark.parametrize("words, code, said", [
    (["--host", "serial:/dev/nope", "--radio", "sim:2"], 4, "No such file"),
    (["--host", "udp:192.0.2.1:1337", "--radio", "sim:2"], 4, "cannot be served"),
    (["--host", "nope", "--radio", "sim:2"], 1, "no scheme"), (["--host", "pty", "--radio", "nope"], 1, "No such radio"),
    (["--host", "pty", "--radio", "bluez"], 4, "no Bluetooth LE radio"), (["--host", "pty"], 1, "which devices"),
    (["--host", "pty", "--radio", "sim:2", "--to", "udp:192.0.2.1"], 1, "leave out --to")],
    ids=lambda value: "_".join(value[1::2]) if isinstance(value, list) else None)
def test_gateway_says_what_is_wrong(dfucast, words, code, said):
    result = dfucast("gateway", *words, timeout=20)
    assert result.code == code and said in result.err, result


def test_host_port_that_goes_away_is_told_once(dfucast_start):
    """An adapter is unplugged: the gateway waits for it, with one line and not one a second."""
    master, slave = os.openpty()
    running = dfucast_start("gateway", "--host", f"serial:{os.ttyname(slave)}", "--radio", "sim:1", "--log", "/dev/null")
    assert running.child.stdout.readline().startswith("serial:")
    time.sleep(0.5)
    os.close(slave)
    os.close(master)
    time.sleep(4)
    running.interrupt()
    result = running.finish(20)
    assert result.code == 130 and 1 <= result.err.count("host link:") <= 2, result


def test_via_and_a_deadline(gateway, dfucast, image):
    running, port = gateway("--radio", "sim:2", speed=1)
    result = dfucast("update", image, "--json", "--via", f"serial:{port}", "--deadline", "3")
    assert result.code == 3 and {result.final(f"sim:2#{i}")["error"] for i in range(2)} == {"deadline"}, result
    running.interrupt()


def test_via_and_four_boards(gateway, dfucast, four, tmp_path):
    four.settle()
    path, made, version = four.image(tmp_path, images.PADDED_BYTES)
    running, port = gateway("--ring", 16384, *(w for board in four for w in ("--to", board.target)))
    result = dfucast("update", path, "--json", "--via", f"serial:{port}", timeout=240)
    behind = running.finish(60)
    assert result.code == 0 and behind.code == 0, (result, behind)
    assert result.summary["done"] == 4 and {result.final(b.target)["version_after"] for b in four} == {version}
    for board in four:
        first = slots(board)[0]
        assert first["version"] == version and first["active"] and first["confirmed"], first


def test_dry_run(dfucast_start, dfucast, image):
    """Through the gateway every device is asked, and none is touched: then the same command does what it said."""
    running = dfucast_start("gateway", "--json", "--host", "pty", "--radio", "sim:5", "--links", "2", "--speed", "10")
    via = ("--via", running.wait_event("serving")["target"])
    for _ in range(2):
        looked = dfucast("update", image, *via, "--dry-run", "--json")
        assert looked.code == 0 and looked.summary["dry_run"] and looked.summary["predicted_passes"] == 3, looked
        assert looked.summary["predicted_uploads"] == 5 and looked.summary["sent_bytes"] == 0
        assert {looked.final(f"sim:5#{i}")["would"] for i in range(5)} == {"upload"}
    said = dfucast("update", image, *via, "--dry-run")
    assert "5 uploads" in said.out and "3 passes" in said.out, said
    done = dfucast("update", image, *via, "--json")
    assert done.code == 0 and done.summary["done"] == 5, done
    again = dfucast("update", image, *via, "--dry-run", "--json")
    assert again.code == 0 and {again.final(f"sim:5#{i}")["would"] for i in range(5)} == {"nothing"}, again
    running.interrupt()


def test_host_that_says_no_goodbye(dfucast_start):
    """A host that lost its power leaves its TCP connection standing. The gateway asks whether it is still there: until
    it knows better, no other host is let in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = dfucast_start("gateway", "--json", "--host", f"tcp:127.0.0.1:{port}", "--radio", "sim:1")
    running.wait_event("serving")
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        timers = []
        end = time.monotonic() + 10
        while timers != ["02"] and time.monotonic() < end:
            lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
            timers = [x[5][:2] for x in lines if x[1] == f"0100007F:{port:04X}" and x[3] == "01"]
        assert timers == ["02"]  # keep-alive
    running.interrupt()


# ---- one device behind the gateway ----


def test_commands_through_the_gateway(gateway, dfucast):
    """Any group, as bytes that the gateway need not understand; each command as if the device were here."""
    running, port = gateway("--radio", "sim:30")
    via = ("--via", f"serial:{port}")
    devices = [e["target"] for e in dfucast("scan", *via, "--json").of("device", protocol="smp")]
    assert devices == [f"sim:30#{i}" for i in range(30)]  # more than one page
    assert dfucast("echo", devices[7], "hello", *via).out == "hello\n"
    assert "1.0.0" in dfucast("image", "list", devices[7], *via).out
    assert dfucast("params", devices[29], *via, "--json").code == 0
    raw = dfucast("raw", devices[0], "0", "0", '{"d":"as it is"}', *via)
    assert raw.code == 0 and "as it is" in raw.out, raw
    refused = dfucast("raw", devices[0], "99", "0", *via)
    assert refused.code == 3 and "NOT_SUPPORTED" in refused.err + refused.out, refused
    unknown = dfucast("echo", "nosuch", "x", *via)
    assert unknown.code == 3 and "knows no nosuch" in unknown.err, unknown
    running.interrupt()


def test_no_radio_to_scan_with(dfucast):
    result = dfucast("scan", "--json")
    assert result.code == 4 and "--via" in result.err, result

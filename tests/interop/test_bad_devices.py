# SPDX-License-Identifier: Apache-2.0
"""Devices that are away, mute, mad or lying: each fails alone, with its word, in bounded time.

All of them in one run beside a real board, then each in a run of its own beside it.
"""

import fcntl
import grp
import os
import pathlib
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty

import pytest

import badserver
import boards as beds
import conftest
import fixtures
import images
import smp

EXIT_TARGET = 3
ERRORS_MD = (fixtures.ROOT / "docs/errors.md").read_text()
HINTS_C = (fixtures.ROOT / "apps/cli/hints.c").read_text()
# Short, so that a mute device does not cost a test half a minute.
IMPATIENT = ["--gather", 1, "--wait", 2, "--timeout", 0.4, "--retries", 2]
BOUND_MS = 25_000  # with those; the longest is `no_progress`: 16 pauses, each longer than the one before
VERSION = "1.0.1"


# ---- things that a target can be ---------------------------------------------------------------------------------


class Thing:
    """Something with a target, and a way to end it. `device` is ours where there is one."""

    device = None

    def __init__(self, target, *ends):
        self.target, self.ends = target, ends

    def stop(self):
        for end in self.ends:
            end()


def server(*bad, **arguments):
    made = badserver.BadServer(*bad, **arguments).start()
    thing = Thing(made.target, made.stop)
    thing.device, thing.server = made.device, made
    return thing


def closed_port(kind, scheme):
    """A port that was free a moment ago; bound for as long as needed where a bound one refuses too."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    target = f"{scheme}:127.0.0.1:{sock.getsockname()[1]}"
    if kind == socket.SOCK_DGRAM:
        sock.close()  # a bound UDP port takes datagrams
    return Thing(target, sock.close)


def deaf_tcp():
    """The kernel accepts; nobody reads."""
    listener = socket.create_server(("127.0.0.1", 0))
    return Thing(f"tcp:127.0.0.1:{listener.getsockname()[1]}", listener.close)


def deaf_udp():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return Thing(f"udp:127.0.0.1:{sock.getsockname()[1]}", sock.close)


def open_pty():
    master, slave = pty.openpty()
    tty.setraw(slave)
    return master, slave, os.ttyname(slave)


def deaf_pty():
    master, slave, path = open_pty()
    return Thing(f"serial:{path}", lambda: os.close(slave), lambda: os.close(master))


def noisy_pty():
    """What a UART at another bit rate looks like: bytes without end that mean nothing, line feeds among them."""
    master, slave, path = open_pty()
    os.set_blocking(master, False)
    going = threading.Event()
    noise = os.urandom(4096) + b"\x06\x09\n\x04\x14AAAA\n"

    def write():
        while not going.wait(0.02):
            for work in (lambda: os.write(master, noise[:512]), lambda: os.read(master, 4096)):
                try:
                    work()
                except BlockingIOError:
                    pass

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return Thing(f"serial:{path}?baud=9600", going.set, thread.join, lambda: os.close(slave), lambda: os.close(master))


def held_pty(how):
    """Another process has the port, and keeps it by `how`."""
    master, slave, path = open_pty()
    code = f"import fcntl, os, sys, termios; f = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); {how}; print(flush=True); sys.stdin.read()"  # fmt: skip
    holder = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()

    def end():
        holder.communicate(timeout=10)
        os.close(slave)
        os.close(master)

    return Thing(f"serial:{path}", end)


def busy_pty():
    return held_pty("fcntl.flock(f, fcntl.LOCK_EX)")


def no_tty():
    handle, path = tempfile.mkstemp()
    os.close(handle)
    return Thing(f"serial:{path}", lambda: os.unlink(path))


# name -> (maker, error word). All of them end `failed`.
BAD = {
    "tcp port closed": (lambda: closed_port(socket.SOCK_STREAM, "tcp"), "unreachable"),
    "udp port closed": (lambda: closed_port(socket.SOCK_DGRAM, "udp"), "unreachable"),
    "no such host": (lambda: Thing("tcp:no-such-host.invalid:1"), "name_unknown"),
    "no such port": (lambda: Thing("serial:/dev/no-such-port"), "no_such_port"),
    "no serial port": (no_tty, "no_such_port"),
    "port busy": (busy_pty, "port_busy"),
    "wrong baud": (noisy_pty, "garbled"),
    "no server, tcp": (deaf_tcp, "silent"),
    "no server, udp": (deaf_udp, "silent"),
    "no server, serial": (deaf_pty, "silent"),
    "silence": (lambda: server("silence"), "silent"),
    "garbage": (lambda: server("garbage"), "garbled"),
    "garbage, cobs": (lambda: server("garbage", framing="cobs"), "garbled"),
    "closes": (lambda: server("close"), "link_lost"),
    "malformed": (lambda: server("malformed"), "malformed_answer"),
    "malformed, udp": (lambda: server("malformed", transport="udp"), "malformed_answer"),
    "off backwards": (lambda: server("off-backwards"), "no_progress"),
    "off past the end": (lambda: server("off-past-end"), "another_client"),
    "another client": (lambda: server("foreign"), "another_client"),
    "no progress": (lambda: server("no-progress"), "no_progress"),
    "slot too small": (lambda: server("small-slot=40000"), "image_too_large"),
    "slot too small, not told": (lambda: server("small-slot=40000", "no-slots"), "image_too_large"),
    "other image on trial": (lambda: server("other-trial"), "other_image_on_trial"),
    "other image pending": (lambda: server("other-pending"), "other_image_pending"),
    "never listed": (lambda: server("never-listed"), "not_in_slot"),
    "small buffers": (lambda: server(buf_size=96), "device_buffer_too_small"),
}
# Failed before the first upload request, most of them before any request.
UNTOUCHED = {"slot too small", "other image on trial", "other image pending", "small buffers", "malformed", "closes",
             "silence", "garbage", "garbage, cobs", "malformed, udp"}  # fmt: skip

# Odd, but no reason to fail.
DONE = {
    "good, tcp": lambda: server(),
    "good, udp": lambda: server(transport="udp"),
    "good, raw": lambda: server(framing="raw"),
    "good, cobs": lambda: server(framing="cobs"),
    "version 1 only": lambda: server("v1-only"),
    "version 1 only, knows little": lambda: server("v1-only", "no-params", "no-slots", "no-bootloader"),
    "no params": lambda: server("no-params"),
    "first answer lost": lambda: server("lose-first"),
    "answers lost": lambda: server("lose=2,3,7,8,9"),
    "upload answers lost": lambda: server("lose-upload=0,4,5,6,11,20"),
    "upload answers lost, udp": lambda: server("lose-upload=2,9,10", transport="udp"),
    "last upload answer lost": lambda: server("lose-upload=139,140,141,142,143,144,145,146,147,148,149,150"),
    "busy at first": lambda: server("busy=3"),
    "two buffers": lambda: server(buf_count=2),
    "one buffer": lambda: server(buf_count=1),
    "large buffers": lambda: server(buf_size=2048),
    "smallest buffers": lambda: server(buf_size=120),
}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "new.signed.bin"
    path.write_bytes(images.with_version(fixtures.board_image(), 1, 0, 1))
    return path


class Run:
    """One update of everything at once."""

    def __init__(self, image):
        self.board = beds.Board().start()
        self.things = {name: maker() for name, (maker, _) in BAD.items()}
        self.things |= {name: maker() for name, maker in DONE.items()}
        targets = [word for thing in [*self.things.values(), self.board] for word in ("--to", thing.target)]
        self.result = conftest.run_dfucast("update", image, *targets, "--json", *IMPATIENT, timeout=120)

    def final(self, name):
        return self.result.final(self.things[name].target)

    def stop(self):
        for thing in self.things.values():
            thing.stop()
        self.board.stop()


@pytest.fixture(scope="module")
def everything(image):
    run = Run(image)
    yield run
    run.stop()


def assert_explained(event):
    """The word is in the book, with the hint that was given."""
    assert f"### `{event['error']}`" in ERRORS_MD
    assert f"**What to do**: {event['hint']}" in ERRORS_MD
    assert event["hint"].replace('"', '\\"')[:30] in HINTS_C


def test_all_at_once(everything, image):
    """Default canary and --max-failed: a device that was never activated is none of the failures they count."""
    result = everything.result
    assert result.code == EXIT_TARGET, result
    good = result.final(everything.board.target)
    assert (good["state"], good["version_after"], good["attempts"]) == ("done", VERSION, 1), good
    summary = result.summary
    assert (summary["done"], summary["failed"]) == (len(DONE) + 1, len(BAD)), result
    with everything.board.client() as client:
        running = [i for i in client.images() if i["active"]]
    assert [(i["version"], i["confirmed"]) for i in running] == [(VERSION, True)]


@pytest.mark.parametrize("name", BAD)
def test_fails_among_others(everything, name):
    event = everything.final(name)
    assert (event["state"], event.get("error")) == ("failed", BAD[name][1]), event
    assert_explained(event)
    assert event["t_ms"] < BOUND_MS
    device = everything.things[name].device
    if device and name in UNTOUCHED:
        assert not everything.things[name].server.uploads()
    if device:
        assert device.resets == 0


@pytest.mark.parametrize("name", DONE)
def test_done_all_the_same(everything, name, image):
    event = everything.final(name)
    assert (event["state"], event.get("version_after")) == ("done", VERSION), event
    device = everything.things[name].device
    assert device.slots[0] == image.read_bytes() and device.confirmed
    assert device.resets == 1 and device.recovery_writes == 0


def test_its_own_code_is_kept(everything):
    """Where the device gave a reason, it stands beside our word."""
    told = everything.final("slot too small, not told")
    assert (told["group"], told["rc"]) == (smp.IMG, 30)
    assert "rc" not in everything.final("slot too small")


def test_link_failures_say_why(everything):
    for name, part in (("tcp port closed", "refused"), ("no such port", "No such file"), ("port busy", "in use"),
                       ("no serial port", "no serial port"), ("closes", "closed"), ("no such host", "no-such-host")):
        assert part in everything.final(name)["why"], name


@pytest.mark.parametrize("name", BAD)
def test_fails_alone(everything, image, name):
    """Beside the board, which runs the image by now and is `done` at once."""
    board = everything.board
    thing = BAD[name][0]()
    try:
        result = conftest.run_dfucast("update", image, "--to", thing.target, "--to", board.target, "--json",
                                      *IMPATIENT, timeout=60)  # fmt: skip
    finally:
        thing.stop()
    assert result.code == EXIT_TARGET, result
    assert result.final(board.target)["state"] == "done" and result.final(board.target)["skipped_upload"]
    event = result.final(thing.target)
    assert (event["state"], event.get("error")) == ("failed", BAD[name][1]), result
    assert (result.summary["done"], result.summary["failed"]) == (1, 1)
    assert result.summary["elapsed_ms"] < BOUND_MS
    states = [e["state"] for e in result.of("target", target=thing.target)]
    assert states.count("failed") == 1 and states[-1] == "failed" and "testing" not in states


# ---- slots ------------------------------------------------------------------------------------------------------


def test_slot_size_is_checked_before_the_first_byte(image, bad_server, dfucast):
    """--slot-size stands in for a device that does not tell; one that tells is believed."""
    mute, telling = bad_server("no-slots"), bad_server()
    upload = ["update", image, "--mode", "upload", "--json"]
    result = dfucast(*upload, "--to", mute.target, "--to", telling.target, "--slot-size", 40000)
    assert result.code == EXIT_TARGET, result
    assert result.final(mute.target)["error"] == "image_too_large" and not mute.uploads()
    assert result.final(telling.target)["state"] == "done" and telling.uploads()
    size = len(image.read_bytes())
    assert dfucast(*upload, "--to", mute.target, "--slot-size", size - 1).code == EXIT_TARGET
    assert not mute.uploads()
    assert dfucast(*upload, "--to", mute.target, "--slot-size", size).code == 0 and mute.uploads()


def test_unknown_slot_size_is_warned_of(image, bad_server, dfucast):
    def said(*bad, more=()):
        server = bad_server(*bad)
        result = dfucast("update", image, "--mode", "upload", "--to", server.target, *more)
        assert result.code == 0, result
        return server.target, result.err

    target, err = said("no-slots")
    assert f"warning: {target} does not tell its slot size" in err and "--slot-size" in err
    assert "warning" not in said()[1]
    assert "warning" not in said("no-slots", more=["--slot-size", 106496])[1]


# ---- versions ---------------------------------------------------------------------------------------------------


def test_downgrade_is_skipped(image, bad_server, dfucast):
    newer, older = (bad_server(running=badserver.small_image(version), transport="udp")
                    for version in ((1, 0, 2), (1, 0, 0)))  # fmt: skip
    result = dfucast("update", image, "--to", newer.target, "--to", older.target, "--json")
    assert result.code == EXIT_TARGET, result
    event = result.final(newer.target)
    assert (event["state"], event["error"], event["version_before"]) == ("skipped", "downgrade", "1.0.2")
    assert_explained(event)
    assert not newer.uploads() and newer.device.resets == 0
    assert result.final(older.target)["state"] == "done"
    assert dfucast("update", image, "--to", newer.target, "--allow-downgrade", "--json").code == 0
    assert newer.device.slots[0] == image.read_bytes()


# ---- after the upload -------------------------------------------------------------------------------------------


def test_confirm_that_does_nothing(image, bad_server, dfucast):
    """Told from success: the device says yes, its list says no."""
    liar = bad_server("no-confirm", transport="udp")
    result = dfucast("update", image, "--to", liar.target, "--json")
    assert result.code == EXIT_TARGET, result
    event = result.final(liar.target)
    assert (event["state"], event["error"], event["holds"]) == ("failed", "not_confirmed", "trial"), event
    assert_explained(event)


def test_goes_while_uploading(image, bad_server, dfucast, proxy):
    """Gone for longer than --wait, its port closed, in the middle of the upload."""
    victim, other = bad_server(), bad_server()
    front = proxy(victim)
    answer = victim.device.answer

    def answer_and_go(data):
        if len(victim.uploads()) == 50:
            front.set("refuse")
        return answer(data)

    victim.device.answer = answer_and_go
    result = dfucast("update", image, "--to", front.target, "--to", other.target, "--json", *IMPATIENT)
    assert result.code == EXIT_TARGET, result
    event = result.final(front.target)
    assert (event["state"], event["error"], event["holds"]) == ("failed", "unreachable", "part"), event
    assert event["t_ms"] < BOUND_MS and len(victim.uploads()) < 60
    assert result.final(other.target)["state"] == "done"


# ---- permission -------------------------------------------------------------------------------------------------


def as_nobody(*words):
    """The command as a user of no group, with copies of what it reads where that user may read."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        program = folder / "dfucast"
        shutil.copy(conftest.DFUCAST, program)
        given = [shutil.copy(w, folder) if isinstance(w, pathlib.Path) else str(w) for w in words]
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, *given],
                              capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
        return conftest.Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def port_of_group():
    """A serial port of root's and the group dialout's, as Debian makes them; and whose mode the test may set."""
    if os.geteuid() != 0:
        conftest.skip_or_fail("needs root, to become another user")
    master, slave, path = open_pty()
    os.chown(path, 0, grp.getgrnam("dialout").gr_gid)
    os.chmod(path, 0o660)
    yield path
    os.close(slave)
    os.close(master)


def test_no_permission_names_the_group(everything, image, port_of_group):
    board = everything.board
    result = as_nobody("update", image, "--to", f"serial:{port_of_group}", "--to", board.target, "--json", *IMPATIENT)
    assert result.code == EXIT_TARGET, result
    event = result.final(f"serial:{port_of_group}")
    assert (event["state"], event["error"]) == ("failed", "no_permission"), event
    assert "group dialout" in event["why"] and "usermod -aG dialout" in event["why"]
    assert_explained(event)
    assert event["t_ms"] < 1000  # waiting would not help
    assert result.final(board.target)["state"] == "done"


def test_no_permission_without_a_group(everything, image, port_of_group):
    """Where the group may not use the port either, joining it would not help: it is not named."""
    os.chmod(port_of_group, 0o600)
    result = as_nobody("update", image, "--to", f"serial:{port_of_group}", "--to", everything.board.target, *IMPATIENT)
    assert result.code == EXIT_TARGET, result
    assert "no_permission" in result.out and f"no permission for {port_of_group}" in result.out, result
    assert "belongs to the group" not in result.out


def test_port_held_exclusively(image, port_of_group):
    """TIOCEXCL keeps everybody but root out; flock keeps out those who ask, root too (the case `port busy`)."""
    os.chmod(port_of_group, 0o666)
    holder = os.open(port_of_group, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.ioctl(holder, termios.TIOCEXCL)
        result = as_nobody("update", image, "--to", f"serial:{port_of_group}", "--json", *IMPATIENT)
    finally:
        os.close(holder)
    assert result.final(f"serial:{port_of_group}")["error"] == "port_busy", result


# ---- a fleet of them --------------------------------------------------------------------------------------------


def test_fleet_of_ten(image, bad_server, dfucast):
    """Eight of ten are bad, each in its way; four links at a time, so that the good ones wait their turn."""
    bad = [("silence", "silent"), ("garbage", "garbled"), ("close", "link_lost"), ("malformed", "malformed_answer"),
           ("off-backwards", "no_progress"), ("foreign", "another_client"), ("small-slot=1000", "image_too_large"),
           ("other-pending", "other_image_pending")]  # fmt: skip
    servers = [bad_server(name) for name, _ in bad]
    good = [bad_server(), bad_server("lose-upload=3", "no-params")]
    order = [*servers[:4], good[0], *servers[4:], good[1]]
    targets = [word for one in order for word in ("--to", one.target)]
    start = time.monotonic()
    result = dfucast("update", image, *targets, "--json", *IMPATIENT, "--links", 4)
    assert result.code == EXIT_TARGET, result
    assert (result.summary["done"], result.summary["failed"]) == (2, 8), result
    for one, (_, word) in zip(servers, bad):
        assert result.final(one.target)["error"] == word
        assert one.device.slots[0] != image.read_bytes() and one.device.resets == 0
    for one in good:
        assert result.final(one.target)["state"] == "done" and one.device.slots[0] == image.read_bytes()
    assert time.monotonic() - start < 60


def test_summary_tells_people(image, bad_server, dfucast):
    """Without --json: the word, what it means, and what to do, for each that failed."""
    pending, good = bad_server("other-pending"), bad_server()
    result = dfucast("update", image, "--to", pending.target, "--to", good.target)
    assert result.code == EXIT_TARGET, result
    assert f"{pending.target}: another image is pending on the device (other_image_pending" in result.out
    assert "--replace-pending" in result.out and "1 done, 1 failed" in result.out

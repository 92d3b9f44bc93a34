# SPDX-License-Identifier: Apache-2.0
"""What the tests against other people's programs share. The command under test: $DFUCAST, or build/host/dfucast."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import badserver
import boards as beds
import fixtures

DFUCAST = os.environ.get("DFUCAST", str(fixtures.BUILD / "host/dfucast"))
CI = bool(os.environ.get("CI"))


def skip_or_fail(reason):
    """With CI set, a test that cannot run fails."""
    if CI:
        pytest.fail(reason)
    pytest.skip(reason)


class Result:
    """One run of the command: exit code, JSON lines, standard error."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, event, **fields):
        return [e for e in self.events if e["event"] == event and all(e.get(k) == v for k, v in fields.items())]

    @property
    def summary(self):
        return self.of("summary")[-1]

    def final(self, target):
        """The target's last word."""
        return self.of("target", target=target)[-1]

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out[-6000:]}\n--- err\n{self.err[-4000:]}"


class Running:
    """The command while it runs, for tests that interrupt it or act in between."""

    def __init__(self, args):
        if not pathlib.Path(DFUCAST).exists():
            skip_or_fail(f"{DFUCAST} is not built")
        self.child = subprocess.Popen([DFUCAST, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.lines = []

    def wait_event(self, event, **fields):
        """Reads JSON lines until one fits; with `offset_min`, the first whose offset is as large."""
        least = fields.pop("offset_min", None)
        for line in self.child.stdout:
            self.lines.append(line)
            found = json.loads(line)
            if found["event"] == event and all(found.get(k) == v for k, v in fields.items()):
                if least is None or found.get("offset", 0) >= least:
                    return found
        raise AssertionError(f"ended before {event} {fields}:\n{''.join(self.lines)}{self.child.stderr.read()}")

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)

    def finish(self, timeout=120):
        try:
            out, err = self.child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.child.communicate()
            pytest.fail(f"dfucast still ran after {timeout} s\n{''.join(self.lines)}{out}\n{err}")
        return Result(self.child.returncode, "".join(self.lines) + out, err)

    def kill(self):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)


def run_dfucast(*args, timeout=120):
    return Running(args).finish(timeout)


@pytest.fixture
def dfucast():
    return run_dfucast


@pytest.fixture
def dfucast_start():
    """Starts the command and gives it back running; whatever still runs at the end of the test is killed."""
    running = []

    def start(*args):
        running.append(Running(args))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.child.wait(10)


@pytest.fixture(scope="session", autouse=True)
def programs():
    if not shutil.which("qemu-system-arm"):
        skip_or_fail("qemu-system-arm is missing: ./dev test installs it")


@pytest.fixture
def make_board():
    """make_board(name=…, fixture=…): a started board, stopped after the test."""
    made = []

    def make(**arguments):
        made.append(beds.Board(**arguments))
        return made[-1].start()

    yield make
    for board in made:
        board.stop()


@pytest.fixture
def board(make_board):
    return make_board()


@pytest.fixture
def four_boards():
    fleet = beds.start_boards(4)
    yield fleet
    for one in fleet:
        one.stop()


@pytest.fixture
def native():
    """native("udp"): a started native_sim server by its config's name, stopped after the test."""
    made = []

    def make(config):
        made.append(beds.NativeServer(config))
        return made[-1].start()

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def bad_server():
    """bad_server("silence", …): a started device of our own that misbehaves so."""
    made = []

    def make(*bad, **arguments):
        made.append(badserver.BadServer(*bad, **arguments))
        return made[-1].start()

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def proxy():
    """proxy(board): a breakable TCP port in front of a board."""
    made = []

    def make(board):
        made.append(beds.Proxy(board.port))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="session")
def shipped_image():
    """What the boards run when new, 49,692 B."""
    return fixtures.board_image()

# SPDX-License-Identifier: Apache-2.0
"""The core on a real Cortex-M4, bare metal (ports/mps2 in QEMU), and behind it four real boards: MCUboot and Zephyr."""

import concurrent.futures
import random
import re
import time

import pytest

import conftest
import fleet as fleets
import images
import mps2
from fleet import assert_runs, resets

PADDED = images.PADDED_BYTES


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
def machine():
    """machine(program, boards, …): a started machine that stands still, stopped after the test."""
    made = []

    def make(*arguments, **more):
        made.append(mps2.Mps2(*arguments, **more))
        if not made[-1].elf.exists():
            conftest.skip_or_fail(f"{made[-1].elf} is not built: ./dev test builds it")
        return made[-1].start()

    yield make
    for one in made:
        one.stop()


# ---- the port ---------------------------------------------------------------------------------------------------


class Port:
    """tests/mps2/port_main.c, running: UART 0 takes letters and tells lines."""

    def __init__(self, machine):
        self.machine = machine("mps2_port")
        self.uart = self.machine.connect(timeout=20)
        self.lines = self.uart.makefile("r", newline="\n")
        self.others = [self.machine.connect(number, timeout=20) for number in range(1, mps2.UARTS)]
        self.machine.go()
        assert self.line() == "ready 5"

    def line(self):
        return self.lines.readline().strip()

    def ask(self, letter):
        self.uart.sendall(letter)
        return self.line()


def echoed(uart, data):
    """What comes back, read while it is sent."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sending = pool.submit(uart.sendall, data)
        back = b""
        while len(back) < len(data) and (part := uart.recv(4096)):
            back += part
        sending.result()
    return back


def test_uarts_lose_nothing(machine):
    """All four UARTs at the same time, both directions, more than any ring holds."""
    port = Port(machine)
    data = [random.Random(number).randbytes(20_000) for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert list(pool.map(echoed, port.others, data)) == data
    assert port.ask(b"l") == "lost 0"
    used, size = port.machine.stack_peak()
    assert 0 < used <= int(port.ask(b"p").removeprefix("peak ")) < size


def test_a_full_ring_loses_and_says_so(machine):
    port = Port(machine)
    data = random.Random(1).randbytes(512 + 1000)
    port.uart.sendall(b"i")
    port.others[0].sendall(data)
    assert port.line() == "lost 1000"
    back = b""
    while len(back) < 512:
        back += port.others[0].recv(512)
    assert back == data[:512]  # what came first is what was kept


def test_clock(machine):
    """Half a second by sleeping is half a second here, QEMU's clock being this machine's; and no millisecond is lost while
    interrupts come as fast as they can."""
    port = Port(machine)
    start = time.monotonic()
    waited = int(port.ask(b"w").removeprefix("waited "))
    assert time.monotonic() - start >= 0.49 and 500 <= waited
    first, start = int(port.ask(b"t").removeprefix("now ")), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(echoed, port.others, [bytes(10_000)] * 4))
    last, end = int(port.ask(b"t").removeprefix("now ")), time.monotonic()
    assert abs((last - first) - (end - start) * 1000) < 500  # less than what lost ticks would make


@pytest.mark.parametrize("letter,words", [(b"a", r"mps2: tests/mps2/port_main\.c \d+"), (b"f", r"mps2: fault \d+"),
                                          (b"s", r"mps2: fault \d+")])  # fmt: skip
def test_last_words(machine, letter, words):
    """An assert, an address with nothing behind it, a stack that runs over: said on UART 0, then reset."""
    port = Port(machine)
    port.uart.sendall(letter)
    assert port.line() == ""
    assert re.fullmatch(words, port.line())
    port.machine.process.child.wait(20)  # a reset ends this QEMU


# ---- the fan-out, no host ---------------------------------------------------------------------------------------


class Told:
    """What tests/mps2/cast_main.c says on UART 0, to its end."""

    def __init__(self, machine):
        with machine.connect() as uart, uart.makefile("r") as lines:
            machine.go()
            self.lines = []
            for line in lines:
                self.lines.append(line.strip())
                if line.startswith("end"):
                    break
        assert self.lines and self.lines[-1].startswith("end"), self.lines
        self.end = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", self.lines[-1])}

    def states(self, number):
        return [line.split()[2:] for line in self.lines if line.startswith(f"device n={number} ")]


@pytest.mark.parametrize("size,ring", [(None, 65536), (PADDED, 8192)])
def test_cast_by_itself(fleet, machine, tmp_path, size, ring):
    """The fan-out on the Cortex-M4, without a host: the image lies in memory. All four swap, run it and are confirmed."""
    _path, image, version = fleet.image(tmp_path, size)
    one = machine("mps2_cast", fleet, mps2.announce(image, ring_bytes=ring))
    told = Told(one)
    for number, board in enumerate(fleet):
        assert told.states(number)[-1] == ["done", "ok"], told.lines
        assert ["rebooting"] in told.states(number), told.lines
    assert told.end["overflows"] == 0
    assert told.end["accepted"] >= len(image) - 32
    assert (told.end["wraps"] >= 1) == (len(image) > ring)
    # The program's own watermark, and the same read from outside a little later.
    used, size = one.stack_peak()
    assert told.end["stack"] <= used <= size // 2 and told.end["stack_bytes"] == size, "half is to stay free"
    one.stop()
    for board in fleet:
        assert resets(board) == 1
        assert_runs(board, image, version)


def test_image_that_is_not_what_was_announced(fleet, machine, tmp_path):
    """One bit wrong in memory: the hash on the board sees it, and no device is activated."""
    _path, image, _version = fleet.image(tmp_path)
    before = [fleets.slots(board)[0] for board in fleet]
    memory = bytearray(mps2.announce(image))
    memory[-len(image) // 2] ^= 1
    one = machine("mps2_cast", fleet, bytes(memory))
    told = Told(one)
    one.stop()
    for number, board in enumerate(fleet):
        assert told.states(number)[-1] == ["failed", "image_hash"], told.lines
        assert resets(board) == 0
    assert [fleets.slots(board)[0] for board in fleet] == before

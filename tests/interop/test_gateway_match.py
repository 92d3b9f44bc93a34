# SPDX-License-Identifier: Apache-2.0
"""--match and match= through a gateway: what a direct update says of the same devices, word for word; labels; gateways that
have no room for so much, or are older than match lists."""

import socket
import subprocess
import threading

import pytest

import conftest
import fixtures
import images
import smp
from fleet import Trace, slots

NRF, OTHER = "nrf52840dk/nrf52840", "nrf5340dk/nrf5340/cpuapp"
QEMU = "qemu_cortex_m0/nrf51822"
FLEET = 3580
WORDS = ("label", "state", "error", "step", "board", "version_before", "version_after", "holds", "would", "hint")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("match") / "v1.4.0.signed.bin"
    path.write_bytes(images.with_version(fixtures.board_image(), 1, 4))
    return path


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def served():
    """served(board): a virtual device in real time, its target."""
    made = []

    def serve(board):
        made.append(subprocess.Popen([conftest.DFUCAST, "sim", "serve", "--udp", str(free_port()), "--board", board],
                                     stdout=subprocess.PIPE, text=True))  # fmt: skip
        return made[-1].stdout.readline().strip()

    yield serve
    for one in made:
        one.kill()
        one.wait()


@pytest.fixture
def gateway(dfucast_start):
    """gateway(*words): the `--via` of a running gateway, which stays for several updates; the one before it is stopped."""
    made = []

    def start(*words):
        if made:
            made[-1].interrupt()
            made.pop().finish(20)
        made.append(dfucast_start("gateway", "--json", "--host", f"udp:127.0.0.1:{free_port()}", *words))
        return ("--via", made[-1].wait_event("serving")["target"])

    yield start
    for one in made:
        one.interrupt()


def ends(result, names):
    """What was said of each target, in the order of its names; names themselves apart."""
    return [{key: result.final(name).get(key) for key in WORDS} for name in names]


DONE, WRONG, NO_MATCH, DIFFER = None, "wrong_board", "no_match", "boards_differ"
# The words behind each of three targets, the options, how each ends.
CASES = {
    "nothing said": ((), (), (), (), [DIFFER] * 3),
    "one board": ((), (), (), ("--match", f"board={NRF}"), [DONE, WRONG, WRONG]),
    "alternatives": ((), (), (), ("--match", "board=nrf52*", "--match", "board=thingy53", "--match", "running=<2.0.0"),
                     [DONE, WRONG, DONE]),
    "too old": ((), (), (), ("--match", "running=>=1.0.1,<3.0.0", "--match", "board=*"), [NO_MATCH] * 3),
    "hash": ((), (), (), ("--match", "hash=00112233", "--match", "board=*"), [NO_MATCH] * 3),
    "own in place of common": (("label=kitchen",), (f"match=board={OTHER}", "label=cellar"), ("match=name=nobody",),
                               ("--match", f"board={NRF}", "--match", "running=<=1.0.0"), [DONE, DONE, WRONG]),
    "own of all": ((f"match=board={NRF}",), (f"match=board={OTHER}",), ("match=board=thingy*", "match=running==1.0.0"),
                   (), [DONE] * 3),
    "own of some": ((f"match=board={NRF}",), (f"match=board={OTHER}",), (), (), [DIFFER] * 3),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_as_without_a_gateway(served, gateway, dfucast, image, tmp_path, case):
    """Dry runs change nothing, so the same devices can be asked both ways; then the gateway does what it said."""
    *lines, options, wanted = CASES[case]
    targets = [served(board) for board in (NRF, OTHER, "thingy53")]
    via = gateway(*(word for target in targets for word in ("--to", target)))
    fleet = tmp_path / "fleet.txt"
    fleet.write_text("".join(" ".join((target, *words)) + "\n" for target, words in zip(targets, lines, strict=True)))
    update = ("update", image, "--json", "--to", f"@{fleet}", *options)
    straight = dfucast(*update, "--dry-run")
    through = dfucast(*update, *via, "--dry-run")
    assert ends(straight, targets) == ends(through, targets), (straight, through)
    assert straight.code == through.code, (straight, through)
    assert [end["error"] for end in ends(through, targets)] == wanted, through
    said = {target: end["state"] for target, end in zip(targets, ends(straight, targets), strict=True)}
    done = dfucast(*update, *via)
    assert {target: done.final(target)["state"] for target in targets} == said and done.code == straight.code, done
    after = dfucast(*update)
    assert ends(after, targets) == ends(dfucast(*update, *via), targets), after
    runs = [dfucast("image", "list", target, "--json").of("image_list")[0]["images"][0]["version"] for target in targets]
    assert runs == ["1.0.0" if said[target] == "skipped" else "1.4.0" for target in targets]


def test_labels(gateway, dfucast, image, tmp_path):
    """The host's own, for events and people; the gateway never hears of them."""
    via = gateway("--radio", f"sim:3?board={NRF},{OTHER}", "--speed", "20")
    fleet = tmp_path / "fleet.txt"
    fleet.write_text("0 label=kitchen  # upstairs\n# nobody\n2 match=running=<2.0.0 label=cellar\n\n1\n")
    result = dfucast("update", image, "--json", *via, "--to", f"@{fleet}", "--match", f"board={NRF}")
    assert result.code == 3, result
    assert [(result.final(t)["label"], result.final(t)["state"]) for t in "021"] == [
        ("kitchen", "done"), ("cellar", "done"), ("", "skipped")]  # fmt: skip
    text = dfucast("update", image, *via, "--to", f"@{fleet}", "--match", f"board={NRF}")
    assert "kitchen" in text.out and "cellar" in text.out and f"It is {OTHER}." in text.err + text.out, text
    for bad in ("0 colour=red", "0 match=colour=red", "0 match=running=new", "0 passkey=red"):
        fleet.write_text(bad + "\n")
        result = dfucast("update", image, "--json", *via, "--to", f"@{fleet}")
        assert result.code == 1 and not result.of("target"), result


def test_no_room(gateway, dfucast, image):
    """Refused before anybody is asked anything, in words; less is taken."""
    via = gateway("--radio", "sim:1", "--speed", "20")
    long = [w for i in range(16) for w in ("--match", f"name=sim-0{'x' * 88}{i:02}")]
    result = dfucast("update", image, "--json", *via, *long)
    (error,) = result.of("error")
    assert result.code == 3 and (error["rc"], error["rc_name"]) == (9, "FLEET_MATCH"), result
    assert "room" in error["hint"] and not result.of("target", state="connecting")
    assert dfucast("update", image, *via, "--match", "name=sim-0", "--match", "board=*").code == 0


def test_frames_too_small(gateway, dfucast, image):
    via = gateway("--radio", "sim:1", "--speed", "20", "--buf-size", "512")
    result = dfucast("update", image, "--json", *via, *(w for i in range(5) for w in ("--match", f"name={'x' * 90}{i}")))
    (error,) = result.of("error")
    assert result.code == 3 and "frames are too small" in error["message"], result


class OldGateway(threading.Thread):
    """Knows the fleet's group, and no match lists: takes capabilities, params and a plan."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.target = f"udp:127.0.0.1:{self.socket.getsockname()[1]}"
        self.plans = []

    def run(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            frame = smp.Frame(data)
            answer = {"rc": 8}
            if (frame.group, frame.command) == (FLEET, 0):
                answer = {"protocol": 1, "version": "0.9", "boot": 1, "links": 2, "free": 2, "ring": 65536,
                          "targets": 2, "max": 8, "state": 0}  # fmt: skip
            elif (frame.group, frame.command) == (0, 6):
                answer = {"buf_size": 1024, "buf_count": 2}
            elif (frame.group, frame.command) == (FLEET, 2):
                self.plans.append(frame.body)
                answer = {"err": {"group": FLEET, "rc": 2}}
            self.socket.sendto(smp.pack(frame.op + 1, frame.group, frame.command, frame.sequence, answer), peer)


@pytest.fixture
def old():
    made = OldGateway()
    made.start()
    yield made
    made.socket.close()


@pytest.mark.parametrize("options, line", [
    (("--match", "name=x"), ""), (("--match", "board=nrf*"), ""), (("--match", f"board={NRF}", "--match", "board=b"), ""),
    ((), "match=running=<2.0.0"), (("--match", f"board={NRF}"), "match=board=b"),
])  # fmt: skip
def test_gateway_that_is_older(dfucast, old, image, tmp_path, options, line):
    """It is not sent what it does not know, and the user is told."""
    fleet = tmp_path / "fleet.txt"
    fleet.write_text(f"0 label=a\n1 {line}\n")
    result = dfucast("update", image, "--json", "--via", old.target, "--to", f"@{fleet}", *options)
    (error,) = result.of("error")
    assert result.code == 3 and error["error"] == "not_supported" and "older" in error["message"], result
    assert old.plans == []


def test_gateway_that_is_older_and_one_board(dfucast, old, image):
    """That is what it knows by another name."""
    result = dfucast("update", image, "--json", "--via", old.target, "--to", "0", "--match", f"board={NRF}")
    assert result.code == 3 and result.of("error")[0]["rc"] == 2, result
    assert old.plans[0]["image"]["board"] == NRF and old.plans[0]["image"]["told"] is True
    assert "match" not in old.plans[0] and "match" not in old.plans[0]["targets"][0]


def test_real_board_and_a_stranger(make_board, served, gateway, dfucast, image, tmp_path):
    """A board in QEMU behind the gateway: not one request that changes something while it does not match, then the update."""
    board, trace = make_board(), tmp_path / "devices.pcap"
    stranger = served(NRF)
    via = gateway("--to", board.target, "--to", stranger, "--trace", trace)
    fleet = tmp_path / "fleet.txt"
    before = slots(board)
    for mine, options, word in ((f"match=board={NRF}", (), "wrong_board"), ("match=running=>=1.0.0", (), "no_match"),
                                ("match=hash=0000", (), "no_match"), ("", ("--match", "board=nrf*"), "wrong_board")):  # fmt: skip
        fleet.write_text(f"{board.target} label=kitchen {mine}\n{stranger} match=name=nobody match=board=*\n")
        options = options or ("--match", "board=*")
        result = dfucast("update", image, "--json", *via, "--to", f"@{fleet}", *options)
        assert result.code == 2, result
        end = result.final(board.target)
        assert (end["state"], end["error"], end["label"], end["board"]) == ("skipped", word, "kitchen", QEMU), result
        assert result.final(stranger)["error"] == "no_match" and result.summary["sent_bytes"] == 0
    assert slots(board) == before
    via = gateway("--to", board.target, "--to", stranger)  # the other one's trace is whole now
    assert len(Trace(trace).requests(0)) > 4 * 3
    assert [f for f in Trace(trace).requests() if f.op != smp.READ] == []
    fleet.write_text(f"{board.target} label=kitchen match=board={QEMU} match=running=<1.0.0"
                     f" match=hash={images.tlv_hash(fixtures.board_image()).hex()[:12]}\n"
                     f"{stranger} match=board={QEMU}\n")  # fmt: skip
    result = dfucast("update", image, "--json", *via, "--to", f"@{fleet}", timeout=180)
    assert result.code == 3, result
    assert result.final(board.target)["state"] == "done" and result.final(board.target)["version_after"] == "1.4.0", result
    assert result.final(stranger)["error"] == "wrong_board", result
    assert slots(board)[0]["version"] == "1.4.0"
    again = dfucast("update", image, "--json", *via, "--to", f"@{fleet}", timeout=180)
    assert again.code == 3 and again.final(board.target)["skipped_upload"], again

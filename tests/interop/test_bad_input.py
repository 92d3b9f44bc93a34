# SPDX-License-Identifier: Apache-2.0
"""Bad images and bad command lines: a word, an exit code, and not one byte to anybody."""

import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

import pytest

import conftest
import fixtures
import images
from fleet import Trace

EXIT_USAGE, EXIT_IMAGE, EXIT_RADIO = 1, 2, 4
ERRORS_MD = (fixtures.ROOT / "docs/errors.md").read_text()


class Listeners:
    """A TCP and a UDP port that a sender would reach, and what reached them."""

    def __init__(self):
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        for one in (self.tcp, self.udp):
            one.setblocking(False)

    @property
    def tcp_target(self):
        return f"tcp:127.0.0.1:{self.tcp.getsockname()[1]}"

    @property
    def udp_target(self):
        return f"udp:127.0.0.1:{self.udp.getsockname()[1]}"

    def to(self):
        return ["--to", self.tcp_target, "--to", self.udp_target]

    def heard(self):
        """What came: "tcp" for a connection, "udp" for a datagram. The sender has ended: it would be here by now."""
        found = []
        for name, take in (("tcp", self.tcp.accept), ("udp", lambda: self.udp.recv(4096))):
            try:
                take()
                found.append(name)
            except BlockingIOError:
                pass
        return found

    def close(self):
        self.tcp.close()
        self.udp.close()


@pytest.fixture
def ports():
    made = Listeners()
    yield made
    made.close()


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A signed image of imgtool's: header 512 B, payload 4096 B, then TLVs."""
    path, _ = images.signed_by_imgtool(tmp_path_factory.mktemp("signed"))
    return path.read_bytes()


@pytest.fixture
def good(tmp_path, shipped_image):
    path = tmp_path / "good.signed.bin"
    path.write_bytes(shipped_image)
    return path


def assert_nothing_sent(ports, trace):
    assert ports.heard() == []
    assert not trace.exists() or not Trace(trace).frames


def refused_image(ports, tmp_path, path):
    """The error word of an image that must be refused before a byte leaves."""
    trace = tmp_path / "trace.pcap"
    result = conftest.run_dfucast("update", path, *ports.to(), "--json", "--trace", trace, timeout=20)
    assert result.code == EXIT_IMAGE, result
    assert_nothing_sent(ports, trace)
    (error,) = result.events  # and no `image`, `target` or `summary` beside it
    assert error["event"] == "error" and error["target"] == str(path), result
    assert error["message"] and error["hint"] in result.err and error["hint"] in ERRORS_MD
    assert f"### `{error['error']}`" in ERRORS_MD
    return error["error"]


def test_the_listeners_hear(ports, good, tmp_path):
    """A good image reaches both, so that their silence below means something; and the trace has frames."""
    trace = tmp_path / "trace.pcap"
    result = conftest.run_dfucast("update", good, *ports.to(), "--json", "--trace", trace, "--wait", 1,
                                  "--timeout", 0.2, "--retries", 1)  # fmt: skip
    assert result.code == 3 and result.of("image"), result
    assert ports.heard() == ["tcp", "udp"]
    assert Trace(trace).frames


# ---- the file ---------------------------------------------------------------------------------------------------


def damage(image, offset, data):
    return image[:offset] + data + image[offset + len(data) :]


def tlv_at(image):
    header, payload = struct.unpack_from("<H", image, 8)[0], struct.unpack_from("<I", image, 12)[0]
    return header + payload


# What MCUboot's trailer ends with, for writes of 8 bytes and of more (there behind two bytes that say of how many).
MAGIC = bytes.fromhex("77c295f360d2ef7f3552500f2cb67980")
ALIGNED_MAGIC = bytes.fromhex("2de15d29410b8d77679c110f1f8a")

BAD_BYTES = {
    "text": (lambda i: b"This is no firmware.\n" * 40, "not_an_image"),
    "elf": (lambda i: b"\x7fELF" + bytes(4000), "not_an_image"),
    "intel hex": (lambda i: b":020000040000FA\n" * 50, "not_an_image"),
    "zip": (lambda i: b"PK\x03\x04" + bytes(400), "not_an_image"),
    "unsigned, all erased": (lambda i: b"\xff" * 4096, "not_an_image"),
    "four wrong bytes": (lambda i: b"\x01\x02\x03\x04", "not_an_image"),
    "one bit of the magic": (lambda i: damage(i, 0, bytes([i[0] ^ 1])), "not_an_image"),
    "magic of the old format": (lambda i: damage(i, 0, struct.pack("<I", 0x96F3B83C)), "not_an_image"),
    "magic byte-swapped": (lambda i: damage(i, 0, i[:4][::-1]), "not_an_image"),
    "a payload bit": (lambda i: damage(i, 700, bytes([i[700] ^ 0x10])), "image_hash"),
    "a version digit": (lambda i: damage(i, 20, bytes([i[20] + 1])), "image_hash"),
    "a header flag": (lambda i: damage(i, 16, bytes([i[16] ^ 0x10])), "image_hash"),
    "the hash": (lambda i: damage(i, tlv_at(i) + 8, bytes(32)), "image_hash"),
    "the TLV magic": (lambda i: damage(i, tlv_at(i), b"\0\0"), "image_tlv"),
    "a TLV longer than its area": (lambda i: damage(i, tlv_at(i) + 6, b"\xff\xff"), "image_tlv"),
    "no hash TLV": (lambda i: damage(i, tlv_at(i) + 4, b"\x70\x00"), "image_tlv"),
    "a TLV area longer than the file": (lambda i: damage(i, tlv_at(i) + 2, b"\xff\xff"), "image_truncated"),
    "a payload longer than the file": (lambda i: damage(i, 12, struct.pack("<I", 0x7FFFFFFF)), "image_truncated"),
    "a trailer, as imgtool --pad makes it": (lambda i: i + b"\xff" * 1000 + MAGIC, "image_tlv"),
    "a trailer with image_ok set": (lambda i: i + b"\xff" * 1000 + b"\x01" + b"\xff" * 7 + MAGIC, "image_tlv"),
    "a trailer for 16-byte writes": (lambda i: i + b"\xff" * 64 + b"\x10\0" + ALIGNED_MAGIC, "image_tlv"),
    "a payload that wraps 32 bits": (lambda i: damage(i, 12, struct.pack("<I", 0xFFFFFFFF)), "image_truncated"),
}


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bad_bytes(name, ports, tmp_path, signed):
    change, word = BAD_BYTES[name]
    path = tmp_path / "bad.bin"
    path.write_bytes(change(signed))
    assert refused_image(ports, tmp_path, path) == word


def cuts(image):
    """Every place at which a file may end too early and something else would be read beyond its end."""
    tlvs = tlv_at(image)
    edges = [tlvs]
    at, end = tlvs + 4, tlvs + struct.unpack_from("<H", image, tlvs + 2)[0]
    while at < end:
        edges += [at, at + 4]
        at += 4 + struct.unpack_from("<H", image, at + 2)[0]
    assert at == end == len(image)
    near = {place + step for place in (32, 512, *edges) for step in (-1, 0, 1)}
    return sorted({0, 1, 3, 4, 5, 31, 2000, len(image) - 1} | {n for n in near if n < len(image)})


def test_padding_is_no_trailer(tmp_path, signed):
    path = tmp_path / "padded.bin"
    for end in (b"\xff" * 4096, b"\xff" * 16, b"\0" * 15, MAGIC + b"\xff", b""):
        path.write_bytes(signed + end)
        result = conftest.run_dfucast("image", "inspect", path)
        assert result.code == 0, result


def test_truncated_everywhere(ports, tmp_path, signed):
    path = tmp_path / "cut.bin"
    words = {}
    for length in cuts(signed):
        path.write_bytes(signed[:length])
        words[length] = refused_image(ports, tmp_path, path)
    assert len(words) > 25 and set(words.values()) == {"image_truncated"}, words


def test_empty(ports, tmp_path):
    path = tmp_path / "empty.bin"
    path.touch()
    assert refused_image(ports, tmp_path, path) == "image_truncated"


def test_directory(ports, tmp_path):
    assert refused_image(ports, tmp_path, tmp_path) == "image_read"


def test_missing(ports, tmp_path):
    assert refused_image(ports, tmp_path, tmp_path / "none.bin") == "image_read"
    assert refused_image(ports, tmp_path, tmp_path / "none" / "none.bin") == "image_read"


def test_no_ordinary_file(ports, tmp_path):
    """A FIFO nobody writes to must not stop the command, nor a device that never ends."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert refused_image(ports, tmp_path, fifo) == "image_read"
    assert refused_image(ports, tmp_path, "/dev/zero") == "image_read"


def test_file_that_ends_before_its_size(ports, tmp_path):
    """Files in sysfs say 4096 bytes and give fewer: the same as one that is cut while it is read."""
    path = pathlib.Path("/sys/class/net/lo/mtu")
    assert path.stat().st_size > len(path.read_bytes())
    assert refused_image(ports, tmp_path, path) == "image_read"


def test_longer_than_4_gib(ports, tmp_path, good):
    """Its length modulo 2^32 would be a whole image's."""
    path = tmp_path / "big.bin"
    size = len(good.read_bytes())
    shutil.copy(good, path)
    os.truncate(path, (1 << 32) + size)
    assert refused_image(ports, tmp_path, path) == "image_read"


def test_unreadable(ports, signed):
    """As another user, since root may read everything."""
    if os.geteuid() != 0:
        conftest.skip_or_fail("needs root, to become another user")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        path, program = folder / "secret.bin", folder / "dfucast"
        path.write_bytes(signed)
        path.chmod(0o000)
        shutil.copy(conftest.DFUCAST, program)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "update", path,
                               *ports.to(), "--json"], capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
        result = conftest.Result(done.returncode, done.stdout, done.stderr)
        assert result.code == EXIT_IMAGE and result.events[0]["error"] == "image_read", result
        assert "Permission denied" in result.events[0]["message"]
        assert ports.heard() == []
        # The same user may read it otherwise: what stopped it was the permission.
        path.chmod(0o444)
        again = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "image",
                                "inspect", path], capture_output=True, timeout=20, check=False)  # fmt: skip
        assert again.returncode == 0, again


def test_one_bad_image_touches_nobody(ports, tmp_path, signed, bad_server):
    """Also with a device there that would answer: it is not even asked who it is."""
    path = tmp_path / "bad.bin"
    path.write_bytes(damage(signed, 700, b"\0\0\0\0"))
    server = bad_server()
    result = conftest.run_dfucast("update", path, "--to", server.target, *ports.to(), "--json")
    assert result.code == EXIT_IMAGE and result.events[0]["error"] == "image_hash", result
    assert server.connections == 0 and server.device.requests == [] and ports.heard() == []


# ---- the command line -------------------------------------------------------------------------------------------


def refused_line(ports, tmp_path, *words, code=EXIT_USAGE):
    """A line that is not understood, behind two good targets that must hear nothing. Returns what people read."""
    trace = tmp_path / "trace.pcap"
    result = conftest.run_dfucast("update", *words, "--json", "--trace", trace, timeout=20)
    assert result.code == code, result
    assert_nothing_sent(ports, trace)
    assert not result.of("image") and not result.of("target") and not result.of("summary"), result
    (error,) = result.events
    assert error["event"] == "error" and error["error"] == "usage", result
    assert error["message"].rstrip(".") in result.err and error["hint"] in result.err, result
    return result.err


BAD_TARGETS = {
    "nosuch:device": "no scheme known here",
    "": "no scheme known here",
    "127.0.0.1": "no scheme known here",
    "/dev/ttyACM0": "Write serial:/dev/ttyACM0",
    "tcp:127.0.0.1": "has no port",
    "tcp:127.0.0.1:0": "no port number",
    "tcp:127.0.0.1:65536": "no port number",
    "udp::1337": "names no host",
    "udp:[::1": "bracket",
    "tcp:127.0.0.1:9?speed=9600": 'key "speed" is unknown',
    "tcp:127.0.0.1:9?baud=115200": 'key "baud" is unknown',
    "tcp:127.0.0.1:9?framing": "has no value",
    "tcp:127.0.0.1:9?framing=morse": 'framing "morse" is unknown',
    "serial:/dev/ttyACM0?baud=fast": "no rate",
    "serial:/dev/ttyACM0?line_bytes=1": "out of range",
    "serial:": "names no port",
    "udp:127.0.0.1?baud=1": "udp takes none",
    "sim:3": "only target",
    "@/no/such/file": "cannot be read",
    "tcp:" + "x" * 600 + ":1": "too long",
}


@pytest.mark.parametrize("target", BAD_TARGETS, ids=lambda t: t[:40] or "empty")
def test_bad_target(target, ports, tmp_path, good):
    said = refused_line(ports, tmp_path, good, *ports.to(), "--to", target)
    assert any(part in said for part in BAD_TARGETS[target].split("|")), said


BAD_OPTIONS = [
    (["--no-such-option"], "unrecognized option"),
    (["--mode", "yolo"], "--mode is test-confirm"),
    (["--canary", "-1"], "--canary takes"),
    (["--canary", "many"], "--canary takes"),
    (["--max-failed", "0"], "--max-failed takes"),
    (["--barrier", "some"], "--barrier takes"),
    (["--soak", "soon"], "--soak takes"),
    (["--ring", "1"], "--ring takes"),
    (["--ring", "64k"], "--ring takes"),
    (["--window", "0"], "--window takes"),
    (["--window", "5"], "--window takes"),
    (["--slot", "2"], "--slot takes"),
    (["--slot", "primary"], "--slot takes"),
    (["--bootloader", "grub"], "--bootloader is swap"),
    (["--slot-size", "0"], "--slot-size takes"),
    (["--slot-size", "99999999999999999999"], "--slot-size takes"),
    (["--wait"], "--wait takes"),  # it took the next word for its value
    (["--wait", "-3"], "--wait takes"),
    (["--retries", "1e3"], "--retries takes"),
    (["--match", "board"], "--match: "),
    (["--match", "colour=red"], "the keys are board, name, running and hash"),
]


@pytest.mark.parametrize("words,said", BAD_OPTIONS, ids=lambda w: " ".join(w) if isinstance(w, list) else "")
def test_bad_option(words, said, ports, tmp_path, good):
    assert said in refused_line(ports, tmp_path, good, *ports.to(), *words)


def test_options_that_exclude_each_other(ports, tmp_path, good):
    for more in (["--no-reset"], ["--mode", "upload"]):
        said = refused_line(ports, tmp_path, good, *ports.to(), "--erase-settings", *more)
        assert "this run does not reset" in said
    for more in (["--no-reset"], ["--mode", "test"], ["--mode", "confirm"], ["--mode", "upload"]):
        said = refused_line(ports, tmp_path, good, *ports.to(), "--soak", "5", *more)
        assert "between the reset and the confirm" in said
    said = refused_line(ports, tmp_path, good, *ports.to(), "--no-reset", "--mode", "upload")
    assert "--no-reset marks the image" in said


def test_barrier_beyond_the_targets(ports, tmp_path, good):
    for targets, count in ((ports.to(), 3), (["--to", "sim:2"], 3)):
        result = conftest.run_dfucast("update", good, *targets, "--json", "--barrier", count, timeout=20)
        assert result.code == EXIT_USAGE and "--barrier asks for more" in result.err, result
    assert ports.heard() == []


def test_nothing_named(ports, tmp_path, good):
    assert "no target given" in refused_line(ports, tmp_path, good)
    assert "no IMAGE" in refused_line(ports, tmp_path, *ports.to())
    assert "one IMAGE at a time" in refused_line(ports, tmp_path, good, good, *ports.to())
    assert "no IMAGE" in refused_line(ports, tmp_path)


def test_command_still_to_come(ports, good):
    for command in ("stat", "shell", "doctor"):
        done = conftest.run_dfucast(command, good, *ports.to())
        assert done.code == EXIT_USAGE and done.out == "" and done.err, (command, done)
        told = conftest.run_dfucast(command, "--json")
        assert told.code == EXIT_USAGE and [e["error"] for e in told.events] == ["usage"], (command, told)
    assert ports.heard() == []


def test_help_is_no_error(tmp_path):
    """--json beside it or not: help on standard output, nothing on the other, exit 0."""
    for words in (["update"], ["echo"], ["image", "inspect"]):
        plain, json = (conftest.run_dfucast(*words, "--help", *more) for more in ([], ["--json"]))
        assert plain.code == json.code == 0 and "Usage: dfucast" in plain.out
        assert plain.err == json.err == "" and conftest.run_dfucast(*words, "--json", "--help").out == plain.out


@pytest.mark.parametrize("words", [["nosuch", "--json"], ["image", "nosuch", "--json"], ["--json", "update"],
                                   ["echo", "--json"], ["raw", "--js", "a", "b"], ["inventory", "--json", "--to"],
                                   ["image", "list", "--json", "a", "b", "c"], ["update", "--json", "--no-such"]],
                         ids=" ".join)  # fmt: skip
def test_json_tells_wrong_usage(words):
    result = conftest.run_dfucast(*words)
    assert result.code == EXIT_USAGE, result
    (error,) = result.events
    assert (error["event"], error["error"]) == ("error", "usage") and isinstance(error["t_ms"], int)
    assert f"{error['message']}\n" in result.err and error["hint"] in result.err
    assert result.err.count(error["message"]) == 1


def test_the_same_device_twice(ports, tmp_path, good):
    """However it is spelled: two clients of one device would be each other's foreign session."""
    port = ports.tcp_target.rsplit(":", 1)[1]
    for first, second in ((ports.udp_target, ports.udp_target),
                          (ports.udp_target, ports.udp_target.replace("udp:", "udp://")),
                          ("udp:127.0.0.1", "udp:127.0.0.1:1337"),
                          (ports.tcp_target, f"tcp://127.0.0.1:{port}?framing=raw"),
                          ("serial:/dev/ttyX9", "serial:/dev/ttyX9?baud=9600")):  # fmt: skip
        said = refused_line(ports, tmp_path, good, "--to", first, "--to", second)
        assert "is given twice" in said or "the same device" in said, said
        assert second in said
    listed = tmp_path / "fleet.txt"
    listed.write_text(f"# two lines, one device\n{ports.tcp_target} label=a\n{ports.tcp_target} label=b\n")
    assert ports.tcp_target in refused_line(ports, tmp_path, good, "--to", f"@{listed}")


def test_different_ports_are_different_devices(bad_server, tmp_path, good):
    """The other way round: what looks alike may be two."""
    one, two = bad_server(), bad_server()
    result = conftest.run_dfucast("update", good, "--to", one.target, "--to", two.target, "--json", "--mode", "upload",
                                  "--allow-downgrade")  # fmt: skip
    assert result.code == 0 and result.summary["done"] == 2, result


@pytest.mark.parametrize("target", ["ble:AA:BB:CC:DD:EE:FF", "ble:AA:BB:CC:DD:EE:FF,random", "ble:name=thermo*"])
def test_ble_needs_a_radio(target, ports, tmp_path, good):
    said = refused_line(ports, tmp_path, good, *ports.to(), "--to", target, code=EXIT_RADIO)
    assert "radio" in said and "gateway" in said


def test_bad_line_before_bad_image(ports, tmp_path):
    """With both wrong it is the line that is told, and the file is left alone."""
    said = refused_line(ports, tmp_path, tmp_path / "none.bin", *ports.to(), "--to", "nosuch:x")
    assert "no scheme" in said


@pytest.mark.parametrize("option", ["--report", "--trace", "--log"])
def test_what_is_read_is_not_overwritten(option, ports, tmp_path, good):
    listed = tmp_path / "fleet.txt"
    listed.write_text(f"{ports.tcp_target}\n")
    link = tmp_path / "link.bin"
    link.symlink_to(good)
    before = good.read_bytes()
    for path in (good, link, listed):
        result = conftest.run_dfucast("update", "--json", good, "--to", f"@{listed}", option, path, timeout=20)
        assert result.code == EXIT_USAGE and "cannot be written too" in result.events[0]["message"], result
    assert good.read_bytes() == before and listed.read_text() == f"{ports.tcp_target}\n" and not ports.heard()


def test_target_file_names_its_line(ports, tmp_path, good):
    listed = tmp_path / "fleet.txt"
    listed.write_text(f"{ports.tcp_target}\n\nserial:/dev/x?framing=smoke\n")
    assert f"{listed}, line 3" in refused_line(ports, tmp_path, good, "--to", f"@{listed}")
    listed.write_text("# nobody\n")
    assert "names no target" in refused_line(ports, tmp_path, good, "--to", f"@{listed}")
    listed.write_text(f"{ports.tcp_target} colour=red\n")
    assert "colour=red" in refused_line(ports, tmp_path, good, "--to", f"@{listed}")
    listed.write_text(f"{ports.tcp_target} label=\x1b[2Jkitchen\n")
    assert "label= has a control character" in refused_line(ports, tmp_path, good, "--to", f"@{listed}")
    listed.write_text("sim:2\n")
    assert "stands alone" in refused_line(ports, tmp_path, good, "--to", f"@{listed}")
    assert "Is a directory" in refused_line(ports, tmp_path, good, "--to", "@.")


def test_target_file_of_an_editor(tmp_path, good, bad_server):
    """A byte order mark, CRLF, blank lines, comments, and no line end at the end."""
    targets = [bad_server().target for _ in range(2)]
    listed = tmp_path / "fleet.txt"
    listed.write_bytes(f"\ufeff{targets[0]} label=küche # one\r\n\r\n\t# nobody\r\n  {targets[1]}".encode())
    result = conftest.run_dfucast("update", "--json", "--dry-run", good, "--to", f"@{listed}")
    assert {(e["target"], e["label"]) for e in result.of("target")} == {(targets[0], "küche"), (targets[1], "")}, result


@pytest.mark.parametrize("word", ["passkey=123456"])
def test_target_file_promises_nothing_that_is_not_kept(word, ports, tmp_path, good):
    """A check that a line asks for and nobody makes would be worse than none."""
    listed = tmp_path / "fleet.txt"
    listed.write_text(f"{ports.tcp_target} {word}\n{ports.udp_target}\n")
    assert f"{word.split('=')[0]}=, which this version does not use yet" in refused_line(
        ports, tmp_path, good, "--to", f"@{listed}"
    )


def test_barrier_beyond_the_targets(ports, tmp_path, good):
    assert "--barrier asks for more" in refused_line(ports, tmp_path, good, *ports.to(), "--barrier", 3)

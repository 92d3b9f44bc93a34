# SPDX-License-Identifier: Apache-2.0
"""The single-device commands of the command line, against servers made by others and against bad ones made here."""

import contextlib
import csv
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import boards
import fixtures
import images
from conftest import DFUCAST, run_dfucast

LIMIT = 30  # seconds after which a command has hung


def run(*words, code=0):
    result = run_dfucast(*words, timeout=LIMIT)
    assert result.code == code, f"{words}\n{result}"
    return result


def run_json(*words, code=0):
    """All objects on standard output; each line must be one."""
    events = run(*words, "--json", code=code).events
    assert all("event" in e and e["t_ms"] >= 0 for e in events)
    return events


def error_of(*words, code=3):
    """The one error object, whose message and hint also stand on standard error."""
    result = run(*words, "--json", code=code)
    (error,) = result.of("error")
    assert error["message"].rstrip(".") in result.err and error["hint"] in result.err
    return error


def serve(config):
    server = boards.NativeServer(config).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def udp():
    yield from serve("udp")


@pytest.fixture(scope="module")
def shared_board():
    device = boards.Board().start()
    yield device
    device.stop()


# ---- servers made by others ------------------------------------------------------------------------------------


CONFIGS = [("udp", 2048, 2), ("udp6", 2048, 2), ("serial", 384, 4), ("serial_raw", 384, 4), ("serial_line512", 2048, 4),
           ("serial_bigrx", 384, 4), ("serial_noparams", None, None), ("shell", 384, 4), ("serial_fs", 1024, 4)]
CONFIGS += [(f"serial_buf{size}", size, 4) for size in (96, 256, 400, 512, 1024, 2048)]


@pytest.mark.parametrize("config,size,count", CONFIGS)
def test_echo_params_info(config, size, count):
    for server in serve(config):
        target = server.target
        assert run("echo", target, "grüße").out == "grüße\n"
        if size is None:
            error = error_of("params", target)
            assert (error["error"], error["rc"], error["rc_name"]) == ("not_supported", 8, "NOT_SUPPORTED")
            assert "group" not in error
        else:
            params = run_json("params", target)[0]
            assert (params["buf_size"], params["buf_count"], params["window"]) == (size, count, count - 1)
        assert "native_sim" in run_json("info", target)[0]["hardware"]


@pytest.mark.parametrize("config,frame", (("serial_buf96", 92), ("serial_buf256", 252), ("serial_buf1024", 1020),
                                          ("serial_buf2048", 2044)))
def test_longest_frame(config, frame):
    """On a console the length and the CRC lie in the same buffer: a frame may have 4 bytes less than buf_size. One
    more is dropped without a word."""
    text = "x" * (frame - 11 - (2 if frame < 268 else 3))  # header, map, key, the text's head
    for server in serve(config):
        assert run_json("echo", server.target, text)[0]["text"] == text
        assert error_of("echo", server.target, text + "x", "--timeout", "1")["error"] == "silent"


def test_localhost_finds_the_family(udp):
    """The name has an IPv6 address too, where nobody listens."""
    assert run("echo", "udp:localhost", "hi").out == "hi\n"
    assert run("echo", f"udp://{udp.target[4:]}:1337", "hi").out == "hi\n"


def test_info_format(udp):
    assert run("info", udp.target, "--format", "s").out == "Zephyr\n"
    error = error_of("info", udp.target, "--format", "?")
    assert (error["error"], error["group"], error["rc"]) == ("refused", 0, 2)


def test_taskstat(udp):
    tasks = {t["name"]: t for t in run_json("taskstat", udp.target)[0]["tasks"]}
    assert tasks["idle"]["stack_size_bytes"] > 0
    assert "idle" in run("taskstat", udp.target).out


def test_too_long_echo(udp):
    """Zephyr's UDP server cuts a datagram at 1500 bytes and says so."""
    error = error_of("echo", udp.target, "x" * 1600)
    assert (error["error"], error["rc"], error["rc_name"]) == ("refused", 9, "CORRUPT")
    assert error_of("echo", udp.target, "x" * 9000, code=1)["error"] == "argument"


def test_raw(udp):
    assert json.loads(run("raw", udp.target, "0", "6").out) == {"buf_size": 2048, "buf_count": 2}
    assert json.loads(run("raw", udp.target, "0", "0", '{"d":"hi"}').out) == {"r": "hi"}
    assert json.loads(run("raw", udp.target, "0", "0", '{"d":"hi"}', "--read").out) == {"r": "hi"}
    done = run("raw", udp.target, "9", "0", '{"argv":["kernel","version"]}')
    assert json.loads(done.out)["ret"] == 0
    # a byte string there and back, over the settings group
    run("raw", udp.target, "3", "0", '{"name":"x/y","val":{"$hex":"00ff"}}', code=3)


def test_raw_errors(udp):
    """Unknown group, unknown command, a known key of a wrong type: the body is shown, and the error said."""
    for group, command, body, rc in (("99", "0", "{}", 8), ("0", "77", "{}", 8), ("8", "1", '{"name":7}', 3)):
        shown, error = run_json("raw", udp.target, group, command, body, "--read", code=3)
        assert shown["event"] == "raw" and shown["body"]["rc"] == rc
        assert error["event"] == "error" and error["rc"] == rc


def test_reset(udp):
    """The simulated device ends its process instead of coming back, which is proof enough."""
    for server in serve("serial_noparams"):
        assert run_json("reset", server.target)[0]["event"] == "reset"
        assert server.process.child.wait(5) is not None
    assert run("echo", udp.target, "hi")


def test_hang_up():
    """The device goes away while a request waits."""
    for server in serve("serial_noparams"):
        os.kill(server.process.child.pid, signal.SIGSTOP)
        threading.Timer(0.7, lambda s=server: s.process.child.kill()).start()
        assert error_of("echo", server.target, "hi")["error"] == "link_lost"


def test_port_busy():
    for server in serve("serial_noparams"):
        with open(server.target[len("serial:"):], "rb+", buffering=0) as port:
            fcntl.flock(port, fcntl.LOCK_EX)
            assert error_of("echo", server.target, "hi")["error"] == "port_busy"
        for rate in ("9600", "250000", "12345", "3000000"):
            assert run("echo", f"{server.target}?baud={rate}", "hi").out == "hi\n"


def test_wrong_framing():
    for server in serve("serial_raw"):
        path = server.target.split("?")[0]
        for framing in ("console", "cobs"):
            # some byte sequences look like a request to it, and it answers that
            error = error_of("echo", f"{path}?framing={framing}", "hi", "--timeout", "1")
            assert error["error"] in ("silent", "garbled")


# ---- a board with MCUboot -------------------------------------------------------------------------------------


def test_board_list(shared_board):
    hash_hex = images.tlv_hash(fixtures.board_image()).hex()
    listed = run_json("image", "list", shared_board.target)[0]["images"]
    assert len(listed) == 1
    assert listed[0] == {"image": 0, "slot": 0, "version": "0.0.0", "hash": hash_hex, "active": True,
                         "confirmed": True, "pending": False, "permanent": False, "bootable": True}
    assert hash_hex in run("image", "list", shared_board.target).out
    slots = run_json("image", "slots", shared_board.target)[0]["slots"]
    assert [s["size"] for s in slots] == [106496, 106496]
    assert slots[1]["upload_image_id"] == 0 and "upload_image_id" not in slots[0]


def test_board_refuses(shared_board):
    running = images.tlv_hash(fixtures.board_image()).hex()
    error = error_of("image", "test", shared_board.target, running)
    assert (error["error"], error["group"], error["rc"]) == ("refused", 1, 33)
    error = error_of("image", "test", shared_board.target, "00" * 32)
    assert (error["error"], error["group"], error["rc"]) == ("refused", 1, 8)
    assert error_of("image", "test", shared_board.target, "0011", code=1)["error"] == "usage"
    assert error_of("bootloader", shared_board.target)["error"] == "not_supported"
    assert run_json("image", "confirm", shared_board.target)[0]["images"][0]["confirmed"]
    assert run_json("image", "erase", shared_board.target)[0]["event"] == "image_erase"


def test_board_test_confirm_by_hand(shared_board):
    """The whole way with single commands: the image is put there by another client."""
    image = images.with_version(fixtures.board_image(), 1, 2, 3)
    wanted = images.tlv_hash(image).hex()
    with shared_board.client() as client:
        client.upload(image, images.file_sha(image))
    marked = run_json("image", "test", shared_board.target, wanted)[0]["images"]
    assert [(i["version"], i["pending"]) for i in marked] == [("0.0.0", False), ("1.2.3", True)]
    run("reset", shared_board.target)
    shared_board.wait_reset()
    shared_board.wait_ready(quiet=5)
    trial = run_json("image", "list", shared_board.target)[0]["images"]
    assert [(i["version"], i["active"], i["confirmed"]) for i in trial] == [("1.2.3", True, False),
                                                                           ("0.0.0", False, True)]
    assert run_json("image", "confirm", shared_board.target)[0]["images"][0]["confirmed"]
    rows = run_json("inventory", "--to", shared_board.target)
    assert (rows[0]["version"], rows[0]["confirmed"], rows[0]["window"]) == ("1.2.3", True, 3)


def test_trace_and_log(shared_board, tmp_path):
    trace, log = tmp_path / "t.pcap", tmp_path / "t.log"
    run("echo", shared_board.target, "hi", "--trace", str(trace), "--log", str(log))
    data = trace.read_bytes()
    assert struct.unpack("=IHHiIII", data[:24])[::6] == (0xA1B2C3D4, 101)
    frames, at = [], 24
    while at < len(data):
        seconds, _, kept, length = struct.unpack("=IIII", data[at:at + 16])
        packet = data[at + 16:at + 16 + kept]
        assert kept == length == int.from_bytes(packet[2:4], "big") and abs(seconds - time.time()) < 60
        total = sum(struct.unpack(">10H", packet[:20]))
        assert (total & 0xFFFF) + (total >> 16) == 0xFFFF  # the header's checksum
        frames.append((packet[12:16], packet[16:20], struct.unpack(">HH", packet[20:24]), packet[28:]))
        at += 16 + kept
    (asked, answered) = frames
    assert (asked[0], asked[1]) == (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) and asked[2][1] == 1337
    assert (answered[0], answered[1]) == (asked[1], asked[0]) and answered[2] == asked[2][::-1]
    assert asked[3][8:] == b"\xa1adbhi" and answered[3][8:] == b"\xbfarbhi\xff"
    lines = log.read_text().splitlines()
    assert any("request group 0 command 0" in line for line in lines)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    run("echo", shared_board.target, "hi", "--trace", str(tmp_path / "no" / "t"), code=1)


def test_inventory_mixed(shared_board, udp, tmp_path):
    """A silent one delays nobody: its own time-out is all the time it takes."""
    with quiet_udp() as silent:
        listed = tmp_path / "targets"
        listed.write_text(f"# all\n{shared_board.target} label=first\n\n{udp.target} label=second # two\n{silent}\n")
        start = time.monotonic()
        rows = run_json("inventory", "--to", f"@{listed}", "--to", "udp:127.0.0.1:9", "--timeout", "2", code=3)
        assert time.monotonic() - start < 4
        assert [r.get("label") for r in rows] == ["first", "second", "", ""]
        assert [r.get("error") for r in rows] == [None, None, "silent", "unreachable"]
        assert rows[0]["board"] == "qemu_cortex_m0/nrf51822" and rows[0]["buf_size"] == 384
        assert "version" not in rows[1] and rows[1]["window"] == 1
    table = list(csv.DictReader(run("inventory", "--to", shared_board.target, "--csv").out.splitlines()))
    assert table[0]["hash"] == rows[0]["hash"] and table[0]["confirmed"] == "yes"
    assert "qemu_cortex_m0" in run("inventory", "--to", shared_board.target).out


def test_boot_mode_and_cobs():
    """Into serial recovery, which speaks COBS, and back; a list without flags."""
    device = boards.Board(fixture=fixtures.RECOVERY_COBS).start()
    try:
        plain = device.target.split("?")[0]
        run("reset", f"{plain}?framing=raw", "--boot-mode", "1")
        device.wait_reset()
        time.sleep(1)
        params = run_json("params", f"{plain}?framing=cobs")[0]
        assert (params["buf_size"], params["buf_count"], params["window"]) == (1024, 1, 1)
        assert len(run_json("image", "list", f"{plain}?framing=cobs")[0]["images"]) == 1
        assert error_of("echo", f"{plain}?framing=cobs", "hi")["error"] == "not_supported"
        run("reset", f"{plain}?framing=cobs")
        device.wait_reset()
        device.wait_ready()
        assert run("echo", f"{plain}?framing=raw", "hi").out == "hi\n"
    finally:
        device.stop()


# ---- bad devices ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def udp_server(answer):
    """`answer` makes the datagrams to send back of one received, and may be None: silence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.1)
        going = threading.Event()
        got = []

        def serve_datagrams():
            while not going.is_set():
                with contextlib.suppress(TimeoutError):
                    data, sender = sock.recvfrom(65536)
                    got.append(data)
                    for reply in (answer(data) if answer else ()):
                        sock.sendto(reply, sender)

        thread = threading.Thread(target=serve_datagrams)
        thread.start()
        try:
            yield f"udp:127.0.0.1:{sock.getsockname()[1]}", got
        finally:
            going.set()
            thread.join()


@contextlib.contextmanager
def quiet_udp():
    with udp_server(None) as (target, _):
        yield target


def answer_to(request, body, version=None, **changes):
    """A frame that answers `request`, unless `changes` say otherwise."""
    first = request[0] + 1 if version is None else version << 3 | (request[0] & 7) + 1
    group, sequence, command = (changes.get(k, v) for k, v in
                                (("group", request[4] << 8 | request[5]), ("sequence", request[6]),
                                 ("command", request[7])))
    return struct.pack(">BBHHBB", first, 0, len(body), group, sequence, command) + body


ECHO_HI = b"\xbfarbhi\xff"


def test_silent_and_refused():
    with udp_server(None) as (target, got):
        error = error_of("echo", target, "hi", "--timeout", "0.6")
        assert error["error"] == "silent" and len(got) == 3
    assert error_of("echo", target, "hi")["error"] == "unreachable"
    assert error_of("echo", target.replace("udp", "tcp"), "hi")["error"] == "unreachable"
    assert error_of("echo", "udp:no-such-host.invalid", "hi")["error"] == "name_unknown"
    assert error_of("echo", "serial:/dev/no-such-port", "hi")["error"] == "no_such_port"
    assert error_of("echo", "serial:/dev/null", "hi")["error"] == "no_such_port"


def test_lost_answer_is_asked_for_again():
    seen = []

    def second_time(request):
        seen.append(request)
        return [answer_to(request, ECHO_HI)] if len(seen) == 2 else []

    with udp_server(second_time) as (target, _):
        assert run("echo", target, "hi", "--timeout", "1.5").out == "hi\n"
    assert seen[0] == seen[1]


def test_answers_that_are_none():
    """Another sequence number, group, command, op; torn and garbled frames."""
    wrong = [lambda r: answer_to(r, ECHO_HI, sequence=r[6] ^ 1), lambda r: answer_to(r, ECHO_HI, group=5),
             lambda r: answer_to(r, ECHO_HI, command=9), lambda r: r]
    for make in wrong:
        with udp_server(lambda r, make=make: [make(r)]) as (target, _):
            error = error_of("echo", target, "hi", "--timeout", "0.5")
            assert error["error"] == "silent" and "none answers" in error["message"]
        with udp_server(lambda r, make=make: [make(r), answer_to(r, ECHO_HI)]) as (target, _):
            assert run("echo", target, "hi").out == "hi\n"
    for junk in (b"no server here", b"\x03", b""):
        with udp_server(lambda r, junk=junk: [junk, answer_to(r, ECHO_HI)[:-1]]) as (target, _):
            assert error_of("echo", target, "hi", "--timeout", "0.5")["error"] == "garbled"


@pytest.mark.parametrize("body", (b"\xbfarchi", b"\xa1ar", b"\xff", b"\x5f", b"\xbf" * 200, b"\xa1ar\x7b" + b"\xff" * 8))
def test_malformed_answer(body):
    with udp_server(lambda r: [answer_to(r, body)]) as (target, _):
        assert error_of("echo", target, "hi")["error"] == "malformed_answer"
        assert error_of("image", "list", target)["error"] == "malformed_answer"
        assert error_of("raw", target, "0", "0")["error"] == "malformed_answer"


def test_a_changed_echo_is_an_error():
    with udp_server(lambda r: [answer_to(r, b"\xa1arbho")]) as (target, _):
        run("echo", target, "hi", code=3)


def test_text_from_a_device_is_tamed():
    """Control characters could write on the user's terminal."""
    with udp_server(lambda r: [answer_to(r, b"\xa1foutputi\x1b[2Jab\x00\xffc")]) as (target, _):
        assert run("info", target, "--format", "s").out == "?[2Jab??c\n"


def test_raw_shows_every_kind():
    body = (b"\xad" + b"aa\x1b\xff\xff\xff\xff\xff\xff\xff\xff" + b"ab\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"
            + b"ac\x42\x00\xff" + b"ad\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00" + b"ae\xf6" + b"af\xf7" + b"ag\xf5"
            + b"ah\xc1\x01" + b"ai\x9f\x01\x02\xff" + b"\x05\x06" + b"aj\x62\xff\xfe" + b"ak\xf9\x3e\x00" + b"al\x80")
    with udp_server(lambda r: [answer_to(r, body)]) as (target, _):
        shown = json.loads(run("raw", target, "64", "1").out)
    assert shown == {"a": 2 ** 64 - 1, "b": -2 ** 63, "c": {"$hex": "00ff"}, "d": 1.5, "e": None,
                     "f": {"$undefined": True}, "g": True, "h": {"$tag": 1, "$value": 1}, "i": [1, 2], "5": 6,
                     "j": {"$text_hex": "fffe"}, "k": 1.5, "l": []}


def test_raw_sends_every_kind():
    text = '{"a":1,"b":-500,"c":{"$hex":"00ff"},"d":1.5,"e":null,"f":[true,{"g":""}],"h":{}}'
    with udp_server(lambda r: [answer_to(r, r[8:])]) as (target, got):
        shown = run("raw", target, "64", "1", text).out
        run("raw", target, "64", "1")
        run("raw", target, "64", "1", "--write")
    assert json.loads(shown) == json.loads(text)
    assert [(g[0] & 7, g[4:6], g[7]) for g in got] == [(2, b"\x00\x40", 1), (0, b"\x00\x40", 1), (2, b"\x00\x40", 1)]
    assert got[1][8:] == b"\xa0"


def test_falls_back_to_version_1():
    """A server that calls version 2 too new, and one that drops what it does not know."""
    def picky(request):
        return [answer_to(request, ECHO_HI if request[0] >> 3 & 3 == 0 else b"\xa1brc\x0d", version=0)]

    def deaf(request):
        return [answer_to(request, ECHO_HI)] if request[0] >> 3 & 3 == 0 else []

    for server in (picky, deaf):
        with udp_server(server) as (target, _):
            assert run("echo", target, "hi", "--timeout", "1.5").out == "hi\n"


def test_error_forms():
    """Group errors, Zephyr 3.4.0's word for them, plain rc."""
    for body, group, rc in ((b"\xbfcerr\xbfegroup\x01brc\x18\x1e\xff\xff", 1, 30),
                            (b"\xa1cret\xa2egroup\x01brc\x09", 1, 9), (b"\xa1brc\x06", None, 6)):
        with udp_server(lambda r, body=body: [answer_to(r, body)]) as (target, _):
            error = error_of("image", "list", target)
            assert (error["error"], error.get("group"), error["rc"]) == ("refused", group, rc)


@pytest.mark.parametrize("framing", ("console", "raw", "cobs"))
def test_noise_on_a_stream(framing):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def chatter():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                for _ in range(200):
                    connection.sendall(b"\xff\x80 log line \x00\x06\n")
                    time.sleep(0.02)

        thread = threading.Thread(target=chatter)
        thread.start()
        target = f"tcp:127.0.0.1:{listener.getsockname()[1]}?framing={framing}"
        assert error_of("echo", target, "hi", "--timeout", "0.6")["error"] == "garbled"
        thread.join()


def test_peer_closes():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def close_soon():
            connection, _ = listener.accept()
            connection.recv(1)
            connection.recv(4096)
            connection.close()

        thread = threading.Thread(target=close_soon)
        thread.start()
        target = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        assert error_of("echo", target, "hi")["error"] == "link_lost"
        thread.join()


@pytest.mark.parametrize("words", (("echo", "hi"), ("inventory",)))
def test_interrupt(words, dfucast_start):
    with quiet_udp() as target:
        running = dfucast_start(words[0], "--to", target) if words[0] == "inventory" else dfucast_start(
            words[0], target, words[1])
        time.sleep(0.5)
        running.interrupt()
        assert running.finish(5).code == 130


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a device that others may not open")
def test_no_permission_names_the_group(tmp_path):
    node = tmp_path / "tty"
    os.mknod(node, 0o020660, os.makedev(4, 64))
    os.chown(node, 0, 20)  # dialout on Debian
    os.chmod(node, 0o660)
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        os.chmod(folder, 0o755)
    done = subprocess.run([DFUCAST, "echo", f"serial:{node}", "hi", "--json"], capture_output=True, text=True,
                          timeout=LIMIT, check=False, user=65534, group=65534, extra_groups=[])
    assert done.returncode == 3
    error = json.loads(done.stdout)
    assert error["error"] == "no_permission" and "usermod -aG dialout" in error["message"]


# ---- image files ----------------------------------------------------------------------------------------------


def test_inspect_good():
    image = fixtures.path(fixtures.BOARD + ".signed.bin")
    seen = run_json("image", "inspect", str(image))[0]
    data = image.read_bytes()
    assert (seen["version"], seen["size"], seen["signed"]) == ("0.0.0", len(data), False)
    assert seen["hash"] == images.tlv_hash(data).hex() and seen["file_sha256"] == images.file_sha(data).hex()
    assert seen["payload_hash"] == "ok" and [t["name"] for t in seen["tlvs"]] == ["SHA-256"]
    assert "payload hash  ok" in run("image", "inspect", str(image)).out


def test_inspect_signed(tmp_path):
    path, _ = images.signed_by_imgtool(tmp_path)
    seen = run_json("image", "inspect", str(path))[0]
    assert (seen["version"], seen["signed"], seen["payload_hash"]) == ("1.2.3.4", True, "ok")
    assert "signed by     nobody" not in run("image", "inspect", str(path)).out


def bad_files(folder):
    image = fixtures.board_image()
    encrypted = bytearray(image)
    encrypted[16] |= 4
    old = bytearray(image)
    old[0] ^= 1
    tlv = bytearray(image)
    tlv[-34] ^= 0xFF  # the hash entry's length
    content = {"empty": (b"", "image_truncated"), "short": (image[:20], None), "text": (b"hello " * 99, "not_an_image"),
               "magic": (bytes(old), "not_an_image"), "cut": (image[:-1], "image_truncated"),
               "half": (image[:20000], "image_truncated"), "flipped": (images.flipped(image), "image_hash"),
               "tlv": (bytes(tlv), "image_tlv"), "encrypted": (bytes(encrypted), "ok")}
    for name, (data, word) in content.items():
        path = folder / name
        path.write_bytes(data)
        yield str(path), word
    yield str(folder), "image_read"
    yield str(folder / "missing"), "image_read"
    yield "/dev/null", "image_read"


def test_inspect_bad(tmp_path):
    for path, word in bad_files(tmp_path):
        if word == "ok":
            assert run_json("image", "inspect", path)[0]["payload_hash"] == "not_checkable"
            assert "not checkable (encrypted)" in run("image", "inspect", path).out
        else:
            error = error_of("image", "inspect", path, code=2)
            assert word is None or error["error"] == word, path
    assert "MISMATCH" in run("image", "inspect", str(tmp_path / "flipped"), code=2).out


# ---- wrong usage ----------------------------------------------------------------------------------------------


WRONG_TARGETS = ("foo", "udp:", "udp:h:0", "udp:h:99999", "udp:h:x", "udp:h?baud=1", "udp:[::1", "tcp:h", "tcp:h:1?baud=9600",
                 "tcp:h:1?framing=x", "serial:/dev/x?baud=fast", "serial:/dev/x?baud", "serial:/dev/x?line_bytes=1",
                 "serial:/dev/x?line_buffers=0", "serial:/dev/x?bauds=1", "/dev/ttyACM0", "@/dev/null",
                 "@/no/such/file", "udp:" + "h" * 300, "ble:")


@pytest.mark.parametrize("target", WRONG_TARGETS)
def test_wrong_targets(target):
    if not target.startswith("@"):
        assert error_of("echo", target, "hi", code=1)["error"] == "usage"
    error = error_of("inventory", "--to", target, code=1)
    assert error["error"] == "usage" and error["hint"]


def test_no_radio():
    for target in ("ble:AA:BB:CC:DD:EE:FF", "ble:name=Thing*"):
        assert "radio" in error_of("echo", target, "hi", code=4)["message"]
    assert "radio" in error_of("scan", code=4)["message"]


def test_a_simulated_device_is_no_single_target():
    """A fleet can be asked for its inventory; the commands for one device want a device."""
    assert error_of("echo", "sim:4", "hi", code=1)["error"] == "usage"


def test_bad_target_file(tmp_path):
    listed = tmp_path / "targets"
    for line in ("foo", "udp:h colour=red", "udp:h label=" + "x" * 99):
        listed.write_text(f"udp:127.0.0.1\n{line}\n")
        assert "line 2" in error_of("inventory", "--to", f"@{listed}", code=1)["message"]


WRONG_USE = (("echo",), ("echo", "udp:h"), ("echo", "udp:h", "a", "b"), ("echo", "--bogus"), ("bogus",), ("image",),
             ("image", "bogus"), ("--json", "echo"), (), ("inventory",), ("inventory", "udp:h"),
             ("inventory", "--to", "udp:h", "--json", "--csv"), ("params", "udp:h", "--timeout", "0"),
             ("params", "udp:h", "--timeout", "x"), ("reset", "udp:h", "--boot-mode", "256"), ("image", "inspect"),
             ("image", "upload", "udp:h"), ("raw", "udp:h", "x", "0"), ("raw", "udp:h", "0", "256"),
             ("raw", "udp:h", "0", "0", "--read", "--write"), ("gateway",), ("scan", "udp:h"), ("stat", "udp:h"), ("sim",))


@pytest.mark.parametrize("words", WRONG_USE)
def test_wrong_use(words):
    done = run(*words, code=1)
    assert done.err and (done.out == "") == ("--json" not in words)


BAD_JSON = ("{", "[1]", "7", '{"a":1}x', '{"a":1e400}', '{"a":99999999999999999999}', '{"a":{"$hex":"0g"}}',
            '{"a":{"$hex":"012"}}', '{"a":' * 30 + "1" + "}" * 30, '{"a":"' + "x" * 9000 + '"}')


@pytest.mark.parametrize("body", BAD_JSON)
def test_bad_json_sends_nothing(body):
    with udp_server(None) as (target, got):
        assert error_of("raw", target, "0", "0", body, code=1)["error"] == "usage"
    assert not got


def test_suggestions_and_help():
    assert "dfucast params" in run("parms", code=1).err
    assert "dfucast image list" in run("image", "lst", code=1).err
    assert "dfucast image list" in run("list", code=1).err and "dfucast update" in run("upd", code=1).err
    assert "Did you mean" not in run("flash", code=1).err
    assert "comes later" in run("doctor", code=1).err
    assert re.fullmatch(r"dfucast \S+\n", run("--version").out)
    overview = run("--help").out
    for name in re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}.*$", overview, re.MULTILINE):
        if f"{name} " in overview and "(comes later)" not in re.search(rf"^  {name} .*$", overview, re.M)[0]:
            shown = run(*name.split(), "--help").out
            assert "--json" in shown and "--timeout" in shown and "--trace" in shown, name
            wide = subprocess.run([DFUCAST, *name.split(), "--help"], env={"ARGP_HELP_FMT": "rmargin=300"}, text=True,
                                  check=True, capture_output=True).stdout
            for example in re.findall(r"^  dfucast .*$", wide, re.M):
                assert f"\n{example}\n" in shown, example  # in one line, to be copied
    assert "Examples:" in run("echo", "--help").out
    assert run("serial:")


@pytest.mark.parametrize("words", [("image", "inspect"), ("update", "--to", "sim:2"), ("update", "--json", "--to", "sim:2")],
                         ids=" ".join)
@pytest.mark.parametrize("output", ["exec >&-", "exec >&- 2>&- <&-", "exec >/dev/full"])
def test_output_that_cannot_be_written(tmp_path, output, words):
    """Closed (libuv aborts on descriptors below 3) or full, at once or long before the end: an exit code tells."""
    path, _ = images.signed_by_imgtool(tmp_path)
    done = subprocess.run(["sh", "-c", f'{output}; exec "$@"', "sh", DFUCAST, *words, path], check=False,
                          timeout=60, capture_output=True, text=True)
    assert done.returncode == 1, done
    assert "could not be written" in done.stderr or "2>&-" in output, done


def test_bad_utf8_stays_out_of_json(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.bin"
    with open(path, "wb") as file:
        file.write(b"x")
    for words in (("image", "inspect", "--json", path), ("update", "--json", path, "--to", "sim:1"),
                  ("echo", "--json", b"udp:caf\xe9.invalid", "hi"), ("echo", "--json", b"caf\xe9", "hi")):
        done = subprocess.run([DFUCAST, *words], check=False, timeout=30, capture_output=True)
        assert "caf?" in json.loads(done.stdout.decode())["target" if done.returncode > 1 else "message"], done


# ---- texts ----------------------------------------------------------------------------------------------------


def test_every_error_word_is_explained():
    """docs/errors.md and the command's own advice say the same, for every code there is."""
    words = re.findall(r'X\((\w+), (-?\d+), "(\w+)"\)', (fixtures.ROOT / "include/dfucast/err.h").read_text())
    manual = (fixtures.ROOT / "docs/errors.md").read_text()
    code = re.sub(r'"\s*\n\s*"', "", (fixtures.ROOT / "apps/cli/hints.c").read_text())
    assert len(words) > 40
    for symbol, number, word in words:
        advice = re.search(rf'\{{DFUCAST_ERR_{symbol},\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"\}}', code)
        assert advice, symbol
        assert f"`{word}` ({number})" in manual
        if number != "0":
            assert f"**What happened**: {advice[1]}.".replace('\\"', '"') in manual
            assert f"**What to do**: {advice[2]}".replace('\\"', '"') in manual


def test_erase_storage(udp):
    """Zephyr's basic group, where it is built in."""
    assert "Reset the device" in run("zephyr", "erase-storage", udp.target).out
    assert run_json("zephyr", "erase-storage", udp.target)[0]["event"] == "storage_erase"
    for server in serve("serial_buf256"):
        error = error_of("zephyr", "erase-storage", server.target)
        assert (error["error"], error["rc"]) == ("not_supported", 8)
    assert run("zephyr", "erase-storage", "sim:1").code == 0
    assert error_of("zephyr", "erase-storage", "sim:1?no_storage=1")["error"] == "not_supported"
    assert run_json("bootloader", "sim:1?mode=5")[0]["mode"] == 5
    assert run("zephyr", code=1).code == 1

# SPDX-License-Identifier: Apache-2.0
"""docs/gateway-protocol.cddl is the fleet's group as the gateway and its host speak it: every message of a whole update,
in both directions, is checked against it by zcbor's own validator."""

import pathlib
import struct

import cbor2
import pytest

# zcbor asks for a name that newer versions of cbor2 have dropped.
for name in ("CBORDecodeValueError", "CBORDecodeEOF"):
    if not hasattr(cbor2, name):
        setattr(cbor2, name, cbor2.CBORDecodeError)

import zcbor  # noqa: E402

import images  # noqa: E402
import smp  # noqa: E402

FLEET = 3580
CDDL = pathlib.Path(__file__).resolve().parents[2] / "docs/gateway-protocol.cddl"
COMMANDS = ["capabilities", "scan", "plan", "start", "pause", "resume", "activate", "abort", "status", "report", "log",
            "relay"]  # fmt: skip
PAGES, COMMAND = ("scan", "report", "log"), ("start", "pause", "resume", "activate", "abort")


@pytest.fixture(scope="module")
def types():
    return zcbor.DataTranslator.from_cddl(CDDL.read_text(), 1 << 16).my_types


def type_name(command, is_answer):
    word = COMMANDS[command]
    if word in COMMAND:
        word = "command"
    elif word in PAGES and not is_answer:
        word = "page"
    return f"{word}-{'answer' if is_answer else 'request'}"


def is_error(body):
    return "err" in body or body.get("rc", 0) != 0


def messages(path):
    """The fleet's frames of a pcap: whole SMP frames behind whatever the link type puts in front."""
    data = path.read_bytes()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + length]
        at += 16 + length
        for start in range(len(packet) - 8):
            first, _, body_bytes, group, _, command = smp.HEADER.unpack_from(packet, start)
            if group == FLEET and 8 <= first <= 11 and start + 8 + body_bytes == len(packet) and command < len(COMMANDS):
                yield smp.Frame(packet[start:])
                break


def test_the_validator_can_say_no(types):
    with pytest.raises(Exception):
        types["plan-request"].validate_str(cbor2.dumps({"at": 0, "flags": "none", "targets": []}))
    with pytest.raises(Exception):
        types["status-answer"].validate_str(cbor2.dumps({"s": [1, 2], "c": []}))
    for bad in ([1, 0], [1, 0, "a", 2], [5, 0, "a"], ["board", 0, "a"], [1, 256, "a"], [1, 0, 7]):
        with pytest.raises(Exception):
            types["plan-request"].validate_str(cbor2.dumps({"at": 0, "targets": [{"id": "0", "match": bad}]}))
    types["plan-request"].validate_str(cbor2.dumps({"at": 0, "match": [1, 0, "a", 4, 0, b"b"], "targets": []}))


def test_messages_of_an_update(types, dfucast, dfucast_start, shipped_image, tmp_path):
    image, pcap = tmp_path / "app.signed.bin", tmp_path / "host.pcap"
    image.write_bytes(images.with_version(shipped_image, 1, 9))
    gateway = dfucast_start("gateway", "--json", "--host", "udp:127.0.0.1:18339", "--radio", "sim:9?never_returns=0",
                            "--speed", "10")  # fmt: skip
    target = gateway.wait_event("serving")["target"]
    assert dfucast("scan", "--via", target, "--trace", pcap).code == 0
    seen = {type_name(f.command, f.op & 1): f for f in messages(pcap)}
    for words in (["echo", "0", "hello", "--via", target, "--trace", pcap],
                  ["update", image, "--via", target, "--trace", pcap, "--match", "running=<2.0.0", "--match", "board=nrf*",
                   "--match", "name=*"]):  # fmt: skip
        assert dfucast(*words, timeout=180).code == (3 if words[0] == "update" else 0)
        for frame in messages(pcap):
            body, name = frame.body, type_name(frame.command, frame.op & 1)
            seen[name] = frame
            if frame.op & 1 and is_error(body):
                types["error"].validate_str(frame.payload)
            else:
                types[name].validate_str(frame.payload)
    with smp.Client.open(target) as client:
        for command in (7, 9, 10):  # what `update` does not ask for
            op = smp.WRITE if command == 7 else smp.READ
            answer = client.request(op, FLEET, command, {} if command == 7 else {"at": 0})
            types[type_name(command, True)].validate_obj(answer)
            seen[type_name(command, True)] = answer
    gateway.interrupt()
    assert len(seen["plan-request"].body["match"]) == 3 * 3 and seen["capabilities-answer"].body["match"] > 1000
    assert seen["report-answer"]["targets"][0]["board"].startswith("nrf")
    wanted = {type_name(command, is_answer) for command in range(12) for is_answer in (False, True)}
    assert wanted == set(seen), wanted ^ set(seen)

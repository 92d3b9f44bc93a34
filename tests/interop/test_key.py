# SPDX-License-Identifier: Apache-2.0
"""--key: images made by imgtool with keys made now; what is not signed with the key is refused before any frame."""

import hashlib
import json
import struct
import subprocess
import sys
import zipfile

import pytest

import conftest
import fixtures
import images

KINDS = {"ecdsa-p256": "ECDSA P-256", "rsa-2048": "RSA-2048", "rsa-3072": "RSA-3072"}
ERRORS_MD = (fixtures.ROOT / "docs/errors.md").read_text()
IMGTOOL = [sys.executable, "-m", "imgtool.main"]


def imgtool(*words):
    return subprocess.run([*IMGTOOL, *map(str, words)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Name -> private key; two of each kind."""
    folder = tmp_path_factory.mktemp("keys")
    made = {}
    for kind in (*KINDS, "ecdsa-p384", "ed25519"):
        for name in (kind, f"other {kind}"):
            made[name] = folder / f"{name.replace(' ', '-')}.pem"
            imgtool("keygen", "-k", made[name], "-t", kind)
    return made


@pytest.fixture(scope="module")
def signed(keys, tmp_path_factory):
    """signed(key name or None, *more): an image file."""
    folder = tmp_path_factory.mktemp("signed")
    count = iter(range(1000))

    def sign(key, *more, payload=b"\x55" * 20_000):
        raw, out = folder / "raw.bin", folder / f"{next(count)}.signed.bin"
        raw.write_bytes(payload)
        with_key = ["-k", keys[key]] if key else []
        imgtool("sign", *with_key, "--version", "2.3.4", "--header-size", "0x200", "--pad-header", "--slot-size", "0x1a000",
                "--align", "4", *more, raw, out)  # fmt: skip
        return out

    return sign


def update(image, key, code=0, to="sim:2"):
    result = conftest.run_dfucast("update", image, "--to", to, "--key", key, "--json")
    assert result.code == code, result
    return result


def refused(image, key, said, bad_server):
    """Exit 2, the word, and a server that hears nothing."""
    server = bad_server()
    result = update(image, key, code=2, to=server.target)
    (error,) = result.events
    assert error["error"] == "image_signature" and said in error["message"], error
    assert error["hint"] in ERRORS_MD and server.device.answers == 0
    looked = conftest.run_dfucast("image", "inspect", image, "--key", key, "--json")
    assert looked.code == 2 and looked.events[0]["signature"] == "mismatch", looked
    assert looked.events[1]["error"] == "image_signature"


@pytest.mark.parametrize("kind", KINDS)
def test_right_key(kind, keys, signed, tmp_path):
    """Private as imgtool makes it, or only its public half."""
    image, public = signed(kind), tmp_path / "public.pem"
    public.write_text(imgtool("getpub", "-e", "pem", "-k", keys[kind]))
    assert "PRIVATE" not in public.read_text()
    for key in (keys[kind], public):
        result = update(image, key)
        assert result.summary["done"] == 2 and result.of("image")[0]["signature_checked"]
        looked = conftest.run_dfucast("image", "inspect", image, "--key", key, "--json")
        assert looked.code == 0 and looked.events[0]["signature"] == "ok", looked
    said = conftest.run_dfucast("image", "inspect", image, "--key", public)
    assert "signature     ok" in said.out and conftest.run_dfucast("image", "inspect", image).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_key(kind, keys, signed, bad_server):
    image = signed(kind)
    refused(image, keys[f"other {kind}"], f"its {KINDS[kind]} signature is not of this key", bad_server)
    other = next(k for k in KINDS if k != kind)
    refused(image, keys[other], f"it is signed with {KINDS[kind]}, and the key is for {KINDS[other]}", bad_server)


def test_unsigned(keys, signed, bad_server):
    refused(signed(None), keys["rsa-2048"], "it carries no signature", bad_server)


@pytest.mark.parametrize("kind", KINDS)
def test_tampered(kind, keys, signed, bad_server, tmp_path):
    """A changed payload with a hash made to fit, a changed header, a changed signature: none passes."""
    image = bytearray(signed(kind).read_bytes())
    header, payload = struct.unpack_from("<H", image, 8)[0], struct.unpack_from("<I", image, 12)[0]
    end = header + payload
    at = end + 4
    places = {}
    while at < len(image) and struct.unpack_from("<H", image, at)[0] != 0xFFFF:
        tlv, length = struct.unpack_from("<HH", image, at)
        places[tlv] = (at + 4, length)
        at += 4 + length
    signature = next(places[t] for t in (0x20, 0x22, 0x23) if t in places)
    path = tmp_path / "tampered.bin"
    for change in ("payload", "version", "signature"):
        bad = bytearray(image)
        if change == "payload":
            bad[header + 1000] ^= 1
        elif change == "version":
            bad[20] += 1
        else:
            bad[signature[0] + signature[1] - 3] ^= 1
        bad[places[0x10][0] : places[0x10][0] + 32] = hashlib.sha256(bad[:end]).digest()
        path.write_bytes(bad)
        refused(path, keys[kind], "is not of this key, or not of this content", bad_server)
    # With the hash left as it was it is the hash that shows it.
    bad = bytearray(image)
    bad[header + 1000] ^= 1
    path.write_bytes(bad)
    assert update(path, keys[kind], code=2).events[0]["error"] == "image_hash"


def test_cut_signatures(keys, signed, tmp_path):
    """Every byte of an ECDSA signature changed in turn, its length included: never accepted, nothing worse."""
    image = bytearray(signed("ecdsa-p256").read_bytes())
    end = struct.unpack_from("<H", image, 8)[0] + struct.unpack_from("<I", image, 12)[0]
    at = image.index(b"\x22\x00", end)
    length = struct.unpack_from("<H", image, at + 2)[0]
    path = tmp_path / "cut.bin"
    for place in range(at + 4, at + 4 + length):
        bad = bytearray(image)
        bad[place] ^= 0x81
        path.write_bytes(bad)
        looked = conftest.run_dfucast("image", "inspect", path, "--key", keys["ecdsa-p256"], "--json")
        assert looked.code == 2 and looked.of("image")[0]["signature"] == "mismatch", (place - at, looked)


def test_signature_filled_up(keys, signed):
    """imgtool --pad-sig, as old bootloaders want it; and protected TLVs are signed too."""
    image = signed("ecdsa-p256", "--pad-sig", "--security-counter", "7")
    assert update(image, keys["ecdsa-p256"]).summary["done"] == 2


def test_kinds_that_cannot_be_checked(keys, signed, bad_server):
    """Ed25519: said by its name, on either side."""
    result = conftest.run_dfucast("update", signed("rsa-2048"), "--to", "sim:1", "--key", keys["ed25519"], "--json")
    assert result.code == 1 and "Ed25519" in result.err and "Mbed TLS" in result.err, result
    image = signed("ed25519")
    server = bad_server()
    result = conftest.run_dfucast("update", image, "--to", server.target, "--key", keys["rsa-2048"], "--json")
    assert result.code == 2 and result.events[0]["error"] == "image_signature" and server.device.answers == 0, result
    result = conftest.run_dfucast("image", "inspect", image, "--key", keys["ecdsa-p384"])
    assert result.code == 1 and "none of ECDSA P-256" in result.err, result


def test_bad_key_files(keys, signed, tmp_path, bad_server):
    image, server = signed("rsa-2048"), bad_server()
    bad = {"missing": None, "empty": b"", "no PEM": b"hello\n", "binary": bytes(range(256)), "large": b"x" * 20_000,
           "broken": keys["rsa-2048"].read_bytes()[:300], "a certificate of nothing":
           b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}  # fmt: skip
    for name, content in bad.items():
        path = tmp_path / "key.pem"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        result = conftest.run_dfucast("update", image, "--to", server.target, "--key", path, "--json")
        assert result.code == 1 and "--key" in result.err and server.device.answers == 0, (name, result)
    result = conftest.run_dfucast("update", image, "--to", server.target, "--key", tmp_path, "--json")
    assert result.code == 1 and server.device.answers == 0, result


def test_package(keys, signed, tmp_path):
    image, path = signed("rsa-3072"), tmp_path / "dfu_application.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.write(image, "app.bin")
        made.writestr("manifest.json", json.dumps({"files": [{"file": "app.bin", "type": "application"}]}))
    assert update(path, keys["rsa-3072"]).summary["done"] == 2
    assert update(path, keys["rsa-2048"], code=2).events[0]["error"] == "image_signature"
    looked = conftest.run_dfucast("image", "inspect", path, "--key", keys["rsa-3072"], "--json")
    assert looked.code == 0 and looked.of("image")[0]["signature"] == "ok"


def test_board_image_has_no_signature(keys, tmp_path):
    """The image of the QEMU boards carries a hash only."""
    path = tmp_path / "board.bin"
    path.write_bytes(images.with_version(fixtures.board_image(), 3, 0))
    assert update(path, keys["rsa-2048"], code=2).events[0]["error"] == "image_signature"

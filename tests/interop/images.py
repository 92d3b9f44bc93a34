# SPDX-License-Identifier: Apache-2.0
"""Images for the boards, made from the shipped signed one (a SHA-256 TLV and no signature), and imgtool's own."""

import hashlib
import pathlib
import struct
import subprocess
import sys

MAGIC = 0x96F3B83D
TLV_INFO, TLV_PROTECTED = 0x6907, 0x6908
TLV_SHA256 = 0x10
PADDED_BYTES = 96_000
CHUNK = b"dfucast padding "  # 16 B; not erased flash (FF), so that a lost block shows in the hash


def _parts(image):
    magic, _load, header_bytes, protected, payload_bytes = struct.unpack_from("<IIHHI", image)
    if magic != MAGIC or protected:
        raise ValueError("not the shipped image: another magic, or protected TLVs")
    end = header_bytes + payload_bytes
    return bytearray(image[:header_bytes]), bytearray(image[header_bytes:end]), bytes(image[end:])


def _hash_at(tlvs):
    """Where in the TLV area the SHA-256 value starts."""
    kind, total = struct.unpack_from("<HH", tlvs)
    if kind != TLV_INFO:
        raise ValueError(f"TLV area starts with {kind:#x}")
    at = 4
    while at < total:
        kind, length = struct.unpack_from("<HH", tlvs, at)
        if kind == TLV_SHA256:
            return at + 4
        at += 4 + length
    raise ValueError("no SHA-256 TLV")


def _join(header, payload, tlvs):
    at = _hash_at(tlvs)
    digest = hashlib.sha256(header + payload).digest()
    return bytes(header + payload) + tlvs[:at] + digest + tlvs[at + 32 :]


def tlv_hash(image):
    """The hash that the image list shows."""
    tlvs = _parts(image)[2]
    return tlvs[_hash_at(tlvs) :][:32]


def file_sha(image):
    """The hash that goes into the first upload request."""
    return hashlib.sha256(image).digest()


def with_version(image, major, minor=0, revision=0, build=0):
    header, payload, tlvs = _parts(image)
    struct.pack_into("<BBHI", header, 20, major, minor, revision, build)
    return _join(header, payload, tlvs)


def padded(image, size=PADDED_BYTES):
    """Exactly `size` bytes: payload filled, header and hash redone."""
    header, payload, tlvs = _parts(image)
    missing = size - len(image)
    if missing < 0:
        raise ValueError(f"the image already has {len(image)} B")
    payload += (CHUNK * (missing // len(CHUNK) + 1))[:missing]
    struct.pack_into("<I", header, 12, len(payload))
    return _join(header, payload, tlvs)


def flipped(image, offset=None):
    """One payload bit wrong, the TLV untouched: listed with the right hash, refused by MCUboot."""
    header, payload, _ = _parts(image)
    broken = bytearray(image)
    broken[len(header) + (len(payload) // 2 if offset is None else offset)] ^= 0x10
    return bytes(broken)


def signed_by_imgtool(folder, version="1.2.3+4", payload=b"\x55" * 4096, extra=()):
    """A real MCUboot image: imgtool, a key made now (ECDSA P-256). Returns (image path, key path)."""
    folder = pathlib.Path(folder)
    raw, signed, key = folder / "raw.bin", folder / "signed.bin", folder / "key.pem"
    raw.write_bytes(payload)
    imgtool = [sys.executable, "-m", "imgtool.main"]
    if not key.exists():
        subprocess.run([*imgtool, "keygen", "-k", str(key), "-t", "ecdsa-p256"], check=True, capture_output=True)
    subprocess.run([*imgtool, "sign", "-k", str(key), "--version", version, "--header-size", "0x200", "--pad-header",
                    "--slot-size", "0x1a000", "--align", "4", *extra, str(raw), str(signed)],
                   check=True, capture_output=True)
    return signed, key

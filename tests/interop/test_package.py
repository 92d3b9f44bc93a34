# SPDX-License-Identifier: Apache-2.0
"""dfu_application.zip: the forms that SDK versions wrote are taken, every bad one is refused with a word, exit code 2
and not one frame."""

import binascii
import io
import json
import os
import struct
import zipfile

import pytest

import conftest
import fixtures
import images
from fleet import Trace, assert_runs

EXIT_USAGE, EXIT_IMAGE, EXIT_TARGET = 1, 2, 3
ERRORS_MD = (fixtures.ROOT / "docs/errors.md").read_text()
BOARD = "qemu_cortex_m0/nrf51822"
NAME = "app_update.bin"
BARE_HEX = 268435456  # becomes 0x10000000 without quotes, as some builds wrote it


@pytest.fixture(scope="module")
def image():
    return images.with_version(fixtures.board_image(), 1, 5)


def entry(image, **more):
    """What the manifest says of a file; None takes a key out."""
    keys = {"type": "application", "board": BOARD, "soc": "nRF51822_QFAA", "load_address": 98304,
            "image_index": "0", "slot_index_primary": "1", "slot_index_secondary": "2", "version_MCUBOOT": "1.5.0+0",
            "size": len(image), "file": NAME, "modtime": 1656520000}  # fmt: skip
    return {key: value for key, value in (keys | more).items() if value is not None}


def manifest(*entries, **more):
    keys = {"format-version": 0, "time": 1656520000, "files": list(entries), "name": "sensor"}
    text = json.dumps({key: value for key, value in (keys | more).items() if value is not None}, indent=4)
    return text.replace(str(BARE_HEX), "0x10000000")


def make(path, text, files, method=zipfile.ZIP_DEFLATED):
    """A zip of manifest.json (None: without) and these (name, bytes); names may repeat."""
    with zipfile.ZipFile(path, "w", method) as package:
        for name, data in [*files, *([("manifest.json", text)] if text is not None else [])]:
            package.writestr(name, data)
    return path


def nothing_sent(server, trace):
    return server.connections == 0 and server.device.requests == [] and (not trace.exists() or not Trace(trace).frames)


def refused(path, bad_server, tmp_path, code=EXIT_IMAGE):
    """The error of a package that is refused before a byte leaves, by update and (exit 2 only) by inspect alike."""
    server, trace = bad_server(), tmp_path / "trace.pcap"
    result = conftest.run_dfucast("update", path, "--to", server.target, "--json", "--trace", trace, timeout=30)
    assert result.code == code, result
    assert nothing_sent(server, trace)
    (error,) = result.events  # and no `image`, `target` or `summary` beside it
    assert error["event"] == "error" and error["message"] and error["hint"] in result.err, result
    if code == EXIT_IMAGE:
        assert f"### `{error['error']}`" in ERRORS_MD and error["hint"] in ERRORS_MD
        looked = conftest.run_dfucast("image", "inspect", path, "--json")
        assert looked.code == EXIT_IMAGE, looked
        assert looked.of("error")[-1]["error"] == error["error"]
    return error


# ---- good ones ----------------------------------------------------------------------------------------------------

GOOD = {
    "as the SDK writes it": {},
    "numbers for texts": {"image_index": 0, "slot_index_primary": 1},
    "an old single-image package": {"image_index": None, "slot_index_primary": None, "slot_index_secondary": None},
    "the least there can be": {key: None for key in entry(b"") if key != "file"},
    "null for nothing": {"image_index": None, "board": None, "size": None},
    "a bare hex number": {"load_address": BARE_HEX},
    "a quoted hex number": {"load_address": "0x10000000"},
    "a size in quotes": {"size": "49692"},
    "a slot, as direct-XIP has it": {"slot": "0"},
    "a slot as number": {"slot": 0},
    "another type": {"type": "bin"},
    "a board that is no text": {"board": 5},
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name, image, tmp_path, bad_server):
    path = make(tmp_path / "p.zip", manifest(entry(image, **GOOD[name])), [(NAME, image)])
    server = bad_server(board=BOARD)
    result = conftest.run_dfucast("update", path, "--to", server.target, "--json", "--mode", "upload")
    assert result.code == 0 and result.summary["done"] == 1, result
    (told,) = result.of("image")
    assert (told["version"], told["size"], told["file"]) == ("1.5.0", len(image), NAME)
    assert told["hash"] == images.tlv_hash(image).hex() and server.device.slots[1] == image
    looked = conftest.run_dfucast("image", "inspect", path, "--json")
    package, inner = looked.events
    (listed,) = package["files"]
    assert looked.code == 0 and inner["payload_hash"] == "ok" and inner["package"] == str(path)
    assert inner["file_sha256"] == images.file_sha(image).hex()
    if "load_address" in GOOD[name] and GOOD[name]["load_address"]:
        assert listed["load_address"] == BARE_HEX
    if "slot" in GOOD[name]:
        assert listed["slot"] == 0


def test_linked_for_the_other_slot(image, tmp_path, bad_server):
    """A swapping bootloader starts slot 0: what the package says to be linked for slot 1 is not sent."""
    path = make(tmp_path / "p.zip", manifest(entry(image, slot="1")), [(NAME, image)])
    server = bad_server()
    result = conftest.run_dfucast("update", path, "--to", server.target, "--json")
    assert result.code == EXIT_TARGET and not server.uploads(), result
    event = result.final(server.target)
    assert (event["state"], event["error"], event["holds"]) == ("skipped", "wrong_slot", "as_before")
    contradicted = conftest.run_dfucast("update", path, "--to", server.target, "--json", "--slot", 0)
    assert contradicted.code == EXIT_USAGE and "linked for slot 1, not 0" in contradicted.events[0]["message"]


def test_one_for_each_slot(image, tmp_path):
    """Direct-XIP packages hold the image twice; --slot says which, and virtual devices run slot 0."""
    other = images.with_version(image, 1, 6)
    entries = [entry(image, slot="0"), entry(other, slot="1", file="other.bin", load_address=0x20000)]
    path = make(tmp_path / "p.zip", manifest(*entries), [(NAME, image), ("other.bin", other)])
    asked = conftest.run_dfucast("update", path, "--to", "sim:1?mode=4&board=qemu_cortex_m0/nrf51822", "--json")
    assert asked.code == EXIT_USAGE and "--slot N" in asked.events[0]["hint"], asked
    done = conftest.run_dfucast("update", path, "--to", "sim:1?mode=4&board=qemu_cortex_m0/nrf51822", "--json", "--slot", 1, "--allow-no-revert")
    assert done.code == 0 and done.of("image")[0]["version"] == "1.6.0", done
    wrong = conftest.run_dfucast("update", path, "--to", "sim:1?mode=4&board=qemu_cortex_m0/nrf51822", "--json", "--slot", 0, "--allow-no-revert")
    assert wrong.code == EXIT_TARGET and wrong.of("target")[-1]["error"] == "wrong_slot", wrong


def zip_forms(path, image):
    text = manifest(entry(image))
    yield make(path, text, [(NAME, image)], zipfile.ZIP_STORED)
    yield make(path, text, [("readme.txt", b"hello"), ("sub/", b""), ("sub/notes", b"x"), (NAME, image)])
    yield make(path, "\ufeff" + text, [(NAME, image)])
    yield make(path, text.replace("\n", "\r\n") + "\r\n\r\n", [(NAME, image)])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:  # as a stream: sizes stand behind the data
        package.comment = b"PK\x05\x06 made by hand"
        for name, data in (("manifest.json", text.encode()), (NAME, image)):
            with package.open(name, "w", force_zip64=True) as file:
                file.write(data)
    yield path


def test_forms_of_zip(image, tmp_path):
    """Stored or deflated, manifest first or last, other files beside; told by its bytes, not by its name."""
    count = 0
    for path in zip_forms(tmp_path / "no-zip-by-name.bin", image):
        looked = conftest.run_dfucast("image", "inspect", path, "--json")
        assert looked.code == 0 and looked.of("image")[0]["version"] == "1.5.0", looked
        count += 1
    assert count == 5
    (tmp_path / "image.zip").write_bytes(image)
    looked = conftest.run_dfucast("image", "inspect", tmp_path / "image.zip", "--json")
    assert looked.code == 0 and not looked.of("package")


def test_inspect_for_people(image, tmp_path):
    path = make(tmp_path / "p.zip", manifest(entry(image)), [(NAME, image)])
    looked = conftest.run_dfucast("image", "inspect", path)
    assert looked.code == 0
    for words in ("sensor, 1 file", NAME, "application", BOARD, "payload hash  ok", "version       1.5.0"):
        assert words in looked.out, looked


# ---- several images (test_set.py), and others that are not for now ---------------------------------------------------------------


def test_several(image, tmp_path, bad_server):
    other = images.with_version(image, 2, 0)
    path = make(tmp_path / "p.zip", manifest(entry(image), entry(other, file="net.bin", image_index="1", board="net")),
                [(NAME, image), ("net.bin", other)])  # fmt: skip
    error = refused(path, bad_server, tmp_path, EXIT_USAGE)
    assert "several images" in error["message"] and "--mode confirm" in error["hint"]  # test_set.py has the rest
    looked = conftest.run_dfucast("image", "inspect", path, "--json")
    assert looked.code == 0 and [e["version"] for e in looked.of("image")] == ["1.5.0", "2.0.0"], looked
    assert [f["image_index"] for f in looked.of("package")[0]["files"]] == [0, 1]


@pytest.mark.parametrize("more,said", [
    ({"type": "mcuboot", "slot": "0"}, "bootloader"),
    ({"image_index": "1"}, "image number 1, not 0"),
])  # fmt: skip
def test_not_for_now(more, said, image, tmp_path, bad_server):
    path = make(tmp_path / "p.zip", manifest(entry(image, **more)), [(NAME, image)])
    assert said in refused(path, bad_server, tmp_path, EXIT_USAGE)["message"]


def test_number_one_when_asked_for(image, tmp_path, bad_server):
    path = make(tmp_path / "p.zip", manifest(entry(image, image_index="1")), [(NAME, image)])
    server = bad_server()
    result = conftest.run_dfucast("update", path, "--to", server.target, "--json", "--mode", "upload", "--image", 1)
    assert result.of("image") and server.device.requests, result  # it has only one image, which is its own affair


def test_number_one_not_through_a_gateway(image, tmp_path, bad_server):
    """There --image 1 is what the gateway's link calls the fleet's image, and that is the devices' image 0."""
    path = make(tmp_path / "p.zip", manifest(entry(image, image_index="1")), [(NAME, image)])
    server = bad_server()
    result = conftest.run_dfucast("update", path, "--via", server.target, "--json", "--mode", "upload", "--image", 1)
    assert result.code == EXIT_USAGE and "image number 1, not 0" in result.err, result
    assert not server.device.requests, result


# ---- bad manifests -------------------------------------------------------------------------------------------------

BAD_MANIFESTS = {
    "none": (lambda i: None, "not_an_image", "no manifest.json"),
    "empty": (lambda i: "", "not_an_image", "broken"),
    "no JSON": (lambda i: manifest(entry(i))[:-5], "not_an_image", "no JSON"),
    "something behind it": (lambda i: manifest(entry(i)) + "{}", "not_an_image", "no JSON"),
    "a NUL behind it": (lambda i: manifest(entry(i)) + "\0\0{", "not_an_image", "no JSON"),
    "nested too deep": (lambda i: "[" * 60_000, "not_an_image", "no JSON"),
    "a list": (lambda i: "[]", "not_an_image", "no JSON object"),
    "no files key": (lambda i: manifest(files=None), "not_an_image", "no list of files"),
    "files no list": (lambda i: manifest(files={"file": NAME}), "not_an_image", "no list of files"),
    "no files": (lambda i: manifest(), "not_an_image", "no MCUboot image"),
    "an entry that is no object": (lambda i: manifest(files=[NAME]), "not_an_image", "names no file"),
    "a file without a name": (lambda i: manifest(entry(i, file=None)), "not_an_image", "names no file"),
    "a name that is a number": (lambda i: manifest(entry(i, file=7)), "not_an_image", "names no file"),
    "a file that is not there": (lambda i: manifest(entry(i, file="gone.bin")), "image_truncated", "not in the package"),
    "another case": (lambda i: manifest(entry(i, file=NAME.upper())), "image_truncated", "not in the package"),
    "a size too small": (lambda i: manifest(entry(i, size=len(i) - 1)), "image_truncated", "says 49691"),
    "a size too large": (lambda i: manifest(entry(i, size=len(i) + 1)), "image_truncated", "says 49693"),
    "a size modulo 2^32": (lambda i: manifest(entry(i, size=len(i) + (1 << 32))), "not_an_image", "no whole number"),
    "a negative size": (lambda i: manifest(entry(i, size=-1)), "not_an_image", "no whole number"),
    "an index of letters": (lambda i: manifest(entry(i, image_index="one")), "not_an_image", "no whole number"),
    "an empty index": (lambda i: manifest(entry(i, image_index="")), "not_an_image", "no whole number"),
    "half an index": (lambda i: manifest(entry(i, image_index=0.5)), "not_an_image", "no whole number"),
    "an index too large": (lambda i: manifest(entry(i, image_index="256")), "not_an_image", "too large"),
    "an index that is true": (lambda i: manifest(entry(i, image_index=True)), "not_an_image", "no whole number"),
    "hex with too many digits": (lambda i: manifest(entry(i)).replace("98304", "0x123456789"), "not_an_image", "no JSON"),
    "the same file twice": (lambda i: manifest(entry(i), entry(i, image_index="1")), "not_an_image", "ambiguous"),
    "too many files": (lambda i: manifest(*[entry(b"x", file=f"f{n}", image_index=n) for n in range(17)]),
                       "not_an_image", "more than 16"),
    "SUIT only": (lambda i: manifest(entry(b"x", file="f0", type="suit-envelope")), "not_an_image", "suit-envelope"),
    "text as an application": (lambda i: manifest(entry(b"x", file="f0")), "image_truncated", "image_truncated"),
    "an outside path": (lambda i: manifest(entry(i, file="../" + NAME)), "not_an_image", "outside"),
    "an absolute path": (lambda i: manifest(entry(i, file="/etc/passwd")), "not_an_image", "outside"),
    "too long": (lambda i: manifest(entry(i)) + os.urandom(150_000).hex(), "not_an_image", "too long"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_bad_manifest(name, image, tmp_path, bad_server):
    text, word, said = BAD_MANIFESTS[name]
    path = make(tmp_path / "p.zip", text(image), [(NAME, image), *[(f"f{n}", b"x") for n in range(17)]])
    error = refused(path, bad_server, tmp_path)
    assert error["error"] == word and (said in error["message"] or said == word), error


def test_same_place_twice(image, tmp_path, bad_server):
    """Two files for one slot of one board; with slots told apart, or boards, it is several images."""
    files = [(NAME, image), ("b.bin", image)]
    path = make(tmp_path / "p.zip", manifest(entry(image), entry(image, file="b.bin", image_index=None)), files)
    assert "ambiguous" in refused(path, bad_server, tmp_path)["message"]
    make(path, manifest(entry(image, slot="0"), entry(image, file="b.bin", slot="1")), files)
    assert conftest.run_dfucast("image", "inspect", path).code == 0


def test_image_that_is_not_whole(image, tmp_path, bad_server):
    broken = images.flipped(image)
    path = make(tmp_path / "p.zip", manifest(entry(broken)), [(NAME, broken)])
    assert refused(path, bad_server, tmp_path)["error"] == "image_hash"


# ---- bad zips ------------------------------------------------------------------------------------------------------


def with_names(image, *names):
    return lambda path: make(path, manifest(entry(image)), [(NAME, image), *[(name, b"x") for name in names]])


def patched(image, change):
    """A good package whose bytes are changed by hand."""
    def build(path):
        make(path, manifest(entry(image)), [(NAME, image)], zipfile.ZIP_STORED)
        path.write_bytes(change(path.read_bytes()))
    return build


def directory_field(data, offset, form, value):
    """The central directory's record of the first file, which is the image, with one field replaced."""
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02"))
    at += offset
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def lying_size(image):
    """Deflated data that unpacks to more than every size field says."""
    def build(path):
        make(path, manifest(entry(image, size=1000)), [(NAME, image)])
        data = directory_field(path.read_bytes(), 24, "<I", 1000)
        crc = struct.pack("<I", binascii.crc32(image))
        at = data.index(crc)
        path.write_bytes(data[: at + 8] + struct.pack("<I", 1000) + data[at + 12 :])
    return build


def bomb(size):
    def build(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            with package.open(NAME, "w", force_zip64=True) as file:
                for _ in range(size >> 20):
                    file.write(bytes(1 << 20))
            package.writestr("manifest.json", manifest(entry(b"", size=size)))
    return build


def method(kind):
    return lambda image: lambda path: make(path, manifest(entry(image)), [(NAME, image)], kind)


def many(image):
    return with_names(image, *[f"n{n}" for n in range(70)])


BAD_ZIPS = {
    "path outside": (lambda i: with_names(i, "../../evil"), "not_an_image", "leads outside"),
    "path outside in the middle": (lambda i: with_names(i, "a/../../evil"), "not_an_image", "leads outside"),
    "path outside with backslashes": (lambda i: with_names(i, "a\\..\\..\\evil"), "not_an_image", "leads outside"),
    "an absolute path": (lambda i: with_names(i, "/etc/cron.d/evil"), "not_an_image", "leads outside"),
    "a drive": (lambda i: with_names(i, "C:evil"), "not_an_image", "leads outside"),
    "two files of one name": (lambda i: with_names(i, NAME), "not_an_image", "two files of the name"),
    "two manifests": (lambda i: with_names(i, "manifest.json"), "not_an_image", "two files of the name"),
    "too many files": (many, "not_an_image", "72 files"),
    "a bomb of 1 GiB": (lambda i: bomb(1 << 30), "not_an_image", "the most is 16777216"),
    "a bomb of 8 MiB": (lambda i: bomb(8 << 20), "not_an_image", "more than 200 times"),
    "a bomb beside the image": (lambda i: with_names_and(i, bytes(4 << 20)), "not_an_image", "more than 200 times"),
    "70 MiB in all": (lambda i: with_names_and(i, *[noise(14) for _ in range(5)]), "not_an_image", "unpacks to"),
    "longer than it says": (lying_size, None, "in the package"),
    "a damaged byte": (lambda i: patched(i, lambda d: d.replace(i[2000:2016], i[2000:2015] + bytes([i[2015] ^ 1]), 1)),
                       "image_hash", "damaged"),
    "another checksum": (lambda i: patched(i, lambda d: directory_field(d, 16, "<I", 1)), "image_hash", "damaged"),
    "encrypted": (lambda i: patched(i, lambda d: directory_field(d, 8, "<H", 1)), "not_an_image", "encrypted"),
    "bzip2": (method(zipfile.ZIP_BZIP2), "not_an_image", "neither stored nor deflated"),
    "LZMA": (method(zipfile.ZIP_LZMA), "not_an_image", "neither stored nor deflated"),
    "cut in the middle": (lambda i: patched(i, lambda d: d[: len(d) // 2]), "not_an_image", "cannot be read"),
    "cut at its end": (lambda i: patched(i, lambda d: d[:-1]), None, ""),
    "only a beginning": (lambda i: patched(i, lambda d: d[:4]), "not_an_image", "cannot be read"),
    "without a file": (lambda i: lambda path: zipfile.ZipFile(path, "w").close(), "not_an_image", "no manifest.json"),
    "a directory elsewhere": (lambda i: patched(i, lambda d: d[:-6] + struct.pack("<I", 1 << 31) + d[-2:]),
                              "not_an_image", "cannot be read"),
}  # fmt: skip


def with_names_and(image, *data):
    return lambda path: make(path, manifest(entry(image)), [(NAME, image), *[(f"x{n}", d) for n, d in enumerate(data)]])


def noise(mib):
    """Compresses 100 times: large, and no bomb by its ratio."""
    block = fixtures.board_image()[:10_000] + bytes(1_000_000)
    return (block * (mib + 1))[: mib << 20]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", BAD_ZIPS)
def test_bad_zip(name, image, tmp_path, bad_server):
    build, word, said = BAD_ZIPS[name]
    path = tmp_path / "p.zip"
    build(image)(path)
    error = refused(path, bad_server, tmp_path)
    assert word in (None, error["error"]) and said in error["message"], error
    if word is None:
        assert error["error"] in ("not_an_image", "image_hash", "image_truncated")
    assert all(ord(c) >= 32 for c in error["message"])


def test_cut_and_flipped_everywhere(image, tmp_path):
    """Whatever is damaged, the end is exit 0 or 2, and never with another image than the package's own."""
    small = io.BytesIO()
    make(small, manifest(entry(image)), [(NAME, image)])
    data, path = small.getvalue(), tmp_path / "p.zip"
    tail = data.index(b"PK\x01\x02")
    places = [*range(0, 60, 3), *range(tail - 400, len(data), 5)]
    codes = set()
    for at in places:
        for bad in (data[:at], data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :]):
            path.write_bytes(bad)
            looked = conftest.run_dfucast("image", "inspect", path, "--json", timeout=20)
            assert looked.code in (0, EXIT_IMAGE), (at, looked)
            codes.add(looked.code)
            for told in looked.of("image"):
                assert told["hash"] == images.tlv_hash(image).hex(), (at, looked)
    assert codes == {0, EXIT_IMAGE}


# ---- a real board ---------------------------------------------------------------------------------------------------


def test_updates_a_board(board, image, tmp_path):
    path = make(tmp_path / "dfu_application.zip", manifest(entry(image, load_address=BARE_HEX)), [(NAME, image)])
    result = conftest.run_dfucast("update", path, "--to", board.target, "--json")
    assert result.code == 0 and result.final(board.target)["state"] == "done", result
    assert_runs(board, image, "1.5.0")

# SPDX-License-Identifier: Apache-2.0
"""The page of `update --report`: whole, true, readable without network or scripts, and looked at in a browser."""

import html.parser
import os
import re
import shutil
import stat
import struct
import subprocess
import time
import zlib

import pytest

import conftest
import images

EXIT_USAGE, EXIT_TARGET, EXIT_INTERRUPTED = 1, 3, 130
QUICK = ["--gather", 1, "--wait", 2, "--timeout", 0.4, "--retries", 2, "--return", 3, "--allow-downgrade"]
VOID = {"meta", "br", "link", "img", "input", "hr"}
HEADINGS = ["Device", "Result", "Before", "After", "Attempts", "Sent", "Resent", "kB/s", "Window peak"]


class Page(html.parser.HTMLParser):
    """The elements of a page; fails where one is not closed, or closed out of turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.cells = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        self.words = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        names = [name for name, _value in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> inside {self.open}"
        self.open.pop()

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    def all(self, tag, **wanted):
        return [attrs for name, attrs in self.tags if name == tag and all(attrs.get(k) == v for k, v in wanted.items())]

    def row(self, device):
        """The device's cells by heading, and as "why" the row below them, which not every device has."""
        (at,) = [i for i, row in enumerate(self.cells) if row[0] == device]
        below = self.cells[at + 1] if at + 1 < len(self.cells) else []
        return dict(zip(HEADINGS, self.cells[at])) | {"why": below[0] if len(below) == 1 else ""}

    def rows(self):
        return [row for row in self.cells[1:] if len(row) == len(HEADINGS)]


def read(path):
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    # Nothing is fetched: no address, no script, no file.
    assert not re.search(r"https?://|//\w|@import|url\(|<script|\bon\w+=", text)
    assert not [attrs for _tag, attrs in page.tags if {"src", "href", "xlink:href", "srcset"} & set(attrs)]
    assert page.all("html", lang="en") and page.all("meta", charset="utf-8") and page.cells[0] == HEADINGS
    assert "prefers-color-scheme:dark" in text and "default-src 'none'" in text
    for svg in page.all("svg"):
        assert svg.get("aria-hidden") == "true" or (svg["role"] == "img" and svg["aria-label"])
    return page


@pytest.fixture
def image(tmp_path, shipped_image):
    path = tmp_path / "app.signed.bin"
    path.write_bytes(images.with_version(shipped_image, 1, 2, 3))
    return path


@pytest.fixture
def mixed(tmp_path, image, bad_server):
    """A run with every kind of end: (result, page, path, targets by name)."""
    # Two canaries: one does well, one never comes back. The others are slower to begin, and are held.
    targets = {"good": bad_server().target, "mute": bad_server("dead-after-swap").target,
               "lossy": bad_server("busy=4", "lose-upload=20,21,22").target, "late": bad_server("busy=4").target,
               "small": bad_server("small-slot=4096").target, "away": "tcp:127.0.0.1:1"}  # fmt: skip
    fleet = tmp_path / "fleet.txt"
    fleet.write_text("".join(f"{target} label={name}\n" for name, target in targets.items()))
    path = tmp_path / "out" / "report.html"
    path.parent.mkdir()
    result = conftest.run_dfucast("update", image, "--to", f"@{fleet}", "--canary", 2, *QUICK, "--report", path, "--json")
    assert result.code == EXIT_TARGET, result
    return result, read(path), path, targets


def test_says_what_the_run_said(mixed, image):
    result, page, path, targets = mixed
    states = {name: result.final(target)["state"] for name, target in targets.items()}
    assert states == {"good": "done", "mute": "failed", "lossy": "held", "late": "held", "small": "failed",
                      "away": "failed"}, result  # fmt: skip
    for words in ("Update to version 1.2.3", "1 done", "3 failed", "2 held", "of 6 devices", "exit code 3", str(image),
                  f"{len(image.read_bytes())} bytes", images.tlv_hash(image.read_bytes()).hex(), "mode test-confirm",
                  "canary 2", f"--report {path}", f"{result.summary['sent_bytes']} bytes to all devices"):  # fmt: skip
        assert words in page.words, words
    assert time.strftime("%Y-%m-%d", time.gmtime()) in page.words
    duration = float(re.search(r"Duration ([\d.]+) s", page.words)[1])
    assert abs(duration - result.summary["elapsed_ms"] / 1000) < 0.2
    assert float(re.search(r"Total rate ([\d.]+) kB/s", page.words)[1]) > 1

    for name, target in targets.items():
        final, row = result.final(target), page.row(name + target)
        assert (row["Result"], row["Attempts"]) == (final["state"], str(final["attempts"]))
        assert row["Before"] == final.get("version_before", "?") and row["After"] == final.get("version_after", "?")
        assert (row["why"] == "") == (name == "good")
        assert final.get("error", "") in row["why"] and final.get("hint", "") in row["why"]
    whole = len(image.read_bytes()) - 32  # the first chunk is the header, and counts as no image data
    assert int(page.row("good" + targets["good"])["Sent"]) == whole
    assert page.row("good" + targets["good"])["Resent"] == "0"
    lossy = page.row("lossy" + targets["lossy"])
    assert int(lossy["Sent"]) - int(lossy["Resent"]) == whole and int(lossy["Resent"]) > 0
    assert page.row("small" + targets["small"])["Sent"] == "0"
    assert page.row("small" + targets["small"])["Resent"] == page.row("small" + targets["small"])["kB/s"] == "–"
    assert sum(int(row[5]) for row in page.rows()) == result.summary["sent_bytes"]
    assert max(int(row[8]) for row in page.rows()) == result.summary["window_max"]


def test_timeline(mixed):
    """Bars follow each other without a gap, with the times of the JSON events, and every phase is also in words."""
    result, page, _path, targets = mixed
    bars = [svg for svg in page.all("svg") if "role" in svg]
    assert len(bars) == len(targets)
    text = mixed[2].read_text(encoding="utf-8")
    drawn = re.findall(r'<svg viewBox="0 0 (\d+) 10"[^>]*aria-label="([^"]*)">(.*?)</svg>', text)
    for (width, label, inside), target in zip(drawn, targets.values()):
        rects = re.findall(r'fill="var\(--(\w+)\)" x="(\d+)" width="(\d+)"', inside)
        told = [e for e in result.of("target", target=target)]
        changes = [e for e, before in zip(told, [{"state": None}, *told]) if e["state"] != before["state"]]
        changes = [e for e in changes if e["state"] != "idle"]
        assert [r[0] for r in rects] == [e["state"] for e in changes[:-1]], inside
        for (_state, x, _w), event in zip(rects, changes):
            assert abs(int(x) - event["t_ms"]) <= 20
        for (_s, x, w), (_t, after, _v) in zip(rects, rects[1:]):
            assert int(x) + int(w) == int(after)
        assert changes[-1]["t_ms"] <= int(width) + 20 and f"{changes[-1]['state']} at" in inside
        for state, _x, _w in rects:
            assert f"{state} " in label and f"--{state}:" in text


def test_again(mixed, image, tmp_path):
    """The same devices once more: what each had already is told, and the old page is replaced."""
    _result, _page, path, targets = mixed
    again = conftest.run_dfucast("update", image, "--to", targets["good"], "--to", targets["late"], *QUICK, "--report", path)
    assert again.code == 0 and f"Report: {path}" in again.out, again
    page = read(path)
    assert page.row(targets["good"])["why"] == "It ran the image before this run."
    late = page.row(targets["late"])
    assert late["why"].startswith("It held the image") and (late["Sent"], late["kB/s"]) == ("0", "–")


def test_nothing_else_is_left(mixed):
    path = mixed[2]
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_everything_is_escaped(tmp_path, shipped_image, bad_server):
    """Names that would be markup, or no text at all."""
    path = tmp_path / "a<b>&\"'\udcff\x01.bin"
    path.write_bytes(images.with_version(shipped_image, 1, 1))
    fleet = tmp_path / "fleet.txt"
    fleet.write_text(f"{bad_server().target} label=<script>alert(1)</script>&amp;\n")
    page = tmp_path / "r.html"
    done = subprocess.run([conftest.DFUCAST, "update", os.fsencode(path), "--to", f"@{fleet}", *map(str, QUICK),
                           "--report", page], capture_output=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0 and f"Report: {page}".encode() in done.stdout, done
    seen = read(page)
    assert "a<b>&\"'??.bin" in seen.words and "<script>alert(1)</script>&amp;" in seen.words


def test_interrupted(image, tmp_path, dfucast_start, bad_server):
    path = tmp_path / "r.html"
    path.write_text("an older one")
    target = bad_server("no-progress").target
    run = dfucast_start("update", image, "--to", target, "--json", "--report", path, *QUICK)
    run.wait_event("target", state="uploading")
    assert path.read_text() == "an older one"  # it is replaced only at the end, as a whole
    run.interrupt()
    result = run.finish()
    assert result.code == EXIT_INTERRUPTED, result
    page = read(path)
    assert "the run was interrupted" in page.words and "exit code 130" in page.words
    assert "aborted" in page.row(target)["why"]


@pytest.mark.parametrize("where", ["none/r.html", "folder", "/dev/full"])
def test_cannot_be_written(where, image, tmp_path, bad_server):
    """Said before anything is sent, and nothing is replaced."""
    (tmp_path / "folder").mkdir()
    server = bad_server()
    result = conftest.run_dfucast("update", image, "--to", server.target, "--json", "--report", tmp_path / where)
    assert result.code == EXIT_USAGE and result.of("error")[0]["error"] == "usage", result
    assert server.connections == 0 and stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_no_page_of_a_bad_image(tmp_path, bad_server):
    bad, path = tmp_path / "bad.bin", tmp_path / "r.html"
    bad.write_bytes(b"none")
    assert conftest.run_dfucast("update", bad, "--to", bad_server().target, "--report", path).code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.bin"]


# ---- in a browser -----------------------------------------------------------------------------------------------


def pixels(png):
    """The colours of a PNG of 8-bit RGB or RGBA without interlace: (width, height, rows of bytes, bytes a pixel)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        chunk = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _compression, _filter, interlace = struct.unpack(">IIBBBBB", chunk)
            assert depth == 8 and colour in (2, 6) and not interlace
        data += chunk if kind == b"IDAT" else b""
        at += 12 + length
    size = 3 if colour == 2 else 4
    raw, rows, last = zlib.decompress(data), [], bytearray(width * size)
    for y in range(height):
        start = y * (width * size + 1)
        line = bytearray(raw[start + 1 : start + 1 + width * size])
        unfilter(raw[start], line, last, size)
        rows.append(line)
        last = line
    return width, height, rows, size


def unfilter(kind, line, above, size):
    for x in range(len(line)):
        left = line[x - size] if x >= size else 0
        corner = above[x - size] if x >= size else 0
        if kind == 1:
            add = left
        elif kind == 2:
            add = above[x]
        elif kind == 3:
            add = (left + above[x]) // 2
        elif kind == 4:
            guess = left + above[x] - corner
            add = min((left, above[x], corner), key=lambda v: abs(guess - v))
        else:
            return
        line[x] = (line[x] + add) & 255


def screenshot(path, folder, scheme, width=1100, height=2100):
    """What Chromium shows of the page, which must not need the network."""
    browser = shutil.which("chromium")
    if not browser:
        conftest.skip_or_fail("chromium is missing: ./dev test installs it")
    shot, profile = folder / f"{scheme}.png", folder / f"profile-{scheme}"
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
         "--disable-dev-shm-usage", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}", f"--user-data-dir={profile}",
         f"--window-size={width},{height}", f"--screenshot={shot}", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0 and shot.exists(), done
    return pixels(shot.read_bytes())


def colours(text, scheme):
    """The page's own colour names, as RGB."""
    blocks = re.findall(r":root\{([^}]*)\}", text)
    names = dict(re.findall(r"--(\w+):#([0-9a-f]{3,6})", blocks[scheme == "dark"]))
    wide = {name: value if len(value) == 6 else "".join(2 * c for c in value) for name, value in names.items()}
    return {name: bytes.fromhex(value) for name, value in wide.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(scheme, mixed, tmp_path):
    """The page's colours are there in the amounts that a page of text with bars has: it is neither blank nor broken."""
    _result, _page, path, _targets = mixed
    width, height, rows, size = screenshot(path, tmp_path, scheme)
    assert (width, height) == (1100, 2100)
    count = {}
    for row in rows:
        for x in range(0, len(row), size):
            colour = bytes(row[x : x + 3])
            count[colour] = count.get(colour, 0) + 1
    named = {name: count.get(value, 0) / (width * height) for name, value in colours(path.read_text(), scheme).items()}
    assert 0.4 < named["back"] < 0.95, named
    assert named["panel"] > 0.05 and named["text"] > 0.002, named
    for phase in ("uploading", "waiting", "rebooting", "connecting"):
        assert named[phase] > 0.0002, (phase, named)
    for judged in ("good", "fair", "bad"):
        assert named[judged] > 0.00002, (judged, named)
    # Not only the top: the table's last row is on it too.
    back = colours(path.read_text(), scheme)["back"]
    inked = [y for y, row in enumerate(rows) if any(bytes(row[x : x + 3]) != back for x in range(0, len(row), size))]
    assert 1500 < inked[-1] < height - 1

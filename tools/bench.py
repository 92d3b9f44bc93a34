#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev bench: the simulator's rows (sim/run/bench.c, tests/sim/gateway_bench.c), and times on real boards (QEMU microbit, MCUboot, Zephyr 4.4, 384 x 4 buffers), the 49,692 B image.

Every figure is the median of --runs runs, each on a factory-new board. `upload` times run from the first upload
request to the last byte acknowledged, as `dfucast update --json` reports them; beside the other tools it is the
whole command, from its start to its end, for each of them on the same board through the same kind of link (pty and
socat), in turn.

A board in QEMU answers within a millisecond or two, which no real link does. So what a window gains, and what four
boards cost beside one, is measured through a proxy that makes a round trip of ROUND_TRIP_MS (tools/latency.py): about a
BLE connection interval or two. The same without it stands beside them, without a goal: there the boards' emulated
processors share this machine's, and nothing else bounds.
"""

import argparse
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/interop"))

import boards as beds
import fixtures
import images
import latency
import smp

DFUCAST = ROOT / "build/host/dfucast"
SIM_BENCH = ROOT / "build/host/sim/dfucast_sim_bench"
GATEWAY_BENCH = ROOT / "build/host/tests/dfucast_gateway_bench"
TIMEOUT_S = 180
ROUND_TRIP_MS = 40
TOOLKIT = """
import sys, mcumgr_toolkit
client = mcumgr_toolkit.MCUmgrClient.serial(sys.argv[1])
client.use_auto_frame_size()
client.image_upload(open(sys.argv[2], "rb").read())
"""


class BenchError(Exception):
    pass


def dfucast(image, targets, *options):
    """JSON events of one update; an update that fails is no measurement."""
    command = [DFUCAST, "update", "--json", *options, image]
    for target in targets:
        command += ["--to", target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise BenchError(f"dfucast: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def upload_ms(events):
    """From the first target's first upload request to the last target's last byte."""
    first = min(e["t_ms"] for e in events if e.get("state") == "uploading")
    last = max(e["t_ms"] for e in events if e.get("state") == "verifying")
    return last - first


class Bench:
    def __init__(self, runs, folder):
        self.runs = runs
        self.folder = pathlib.Path(folder)
        self.image = self.folder / "image.bin"
        self.image.write_bytes(images.with_version(fixtures.board_image(), 1, 1))
        self.fleet = beds.start_boards(4)
        self.rows = []

    def row(self, name, what, figure, goal=None, fits=None):
        self.rows.append({"row": name, "what": what, "figure": round(figure, 3), "goal": goal,
                          "ok": True if fits is None else bool(fits)})

    def median(self, one, count=1, fronts=None):
        """Median over the runs of one(targets), on `count` fresh boards; `fronts`: what stands before each board."""
        figures = []
        for _ in range(self.runs):
            for board in self.fleet[:count]:
                board.restart()
            figures.append(one([end.target for end in (fronts or self.fleet)[:count]]))
        return statistics.median(figures)

    def upload(self, *options, count=1, fronts=None, twice=None):
        """Milliseconds; `twice` gets each run's share of image bytes that were sent again."""

        def one(to):
            events = dfucast(self.image, to, "--mode", "upload", *options)
            if twice is not None:
                sent = next(e for e in events if e["event"] == "summary")["sent_bytes"]
                twice.append(sent / (count * self.image.stat().st_size) - 1)
            return upload_ms(events)

        return self.median(one, count, fronts)

    def turnarounds_us(self, port, kinds, rounds=40):
        """Median time of one request and its answer for each kind, one at a time and in turn, so that what else the
        machine does meets all alike. `kinds`: functions that give op, group, command, body."""
        times = [[] for _ in kinds]
        with smp.Client.open(f"tcp:127.0.0.1:{port}") as client:
            wire, receive = client.link.socket, client.link.recv

            def acknowledge_and_receive(timeout):
                # The board's UART writes answers in pieces: unacknowledged ones hold the rest back (docs/notes/0009).
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                data = receive(timeout)
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                return data

            client.link.recv = acknowledge_and_receive
            for _ in range(rounds):
                for kind, found in zip(kinds, times):
                    request = kind()
                    start = time.perf_counter()
                    client.request(*request)
                    found.append((time.perf_counter() - start) * 1e6)
        return [statistics.median(found) for found in times]

    def parameters(self, front):
        """A board's own: the link's round trip, the server's time for a request and for a byte of image data."""
        board = self.fleet[0]
        board.restart()
        image, offset = self.image.read_bytes(), 64
        with board.client() as client:
            client.request(smp.WRITE, smp.IMG, smp.UPLOAD, {
                "off": 0, "len": len(image), "sha": images.file_sha(image), "data": image[:64]}, timeout=30)  # fmt: skip

        def echo():
            return smp.WRITE, smp.OS, smp.ECHO, {"d": "x"}

        def chunk(size):
            def request():
                nonlocal offset
                offset += size
                return smp.WRITE, smp.IMG, smp.UPLOAD, {"off": offset - size, "data": image[offset - size : offset]}

            return request

        near, small, large = self.turnarounds_us(board.port, [echo, chunk(64), chunk(320)])
        (far,) = self.turnarounds_us(front.port, [echo])
        byte_us = max((large - small) / 256, 0)
        return round(far - near), round(max(small - 64 * byte_us, 0)), round(byte_us * 1000)

    def whole_upload_ms(self, front, window, tries=8):
        """Median of uploads in which nothing was sent twice: a board on a busy machine loses a line now and then, and the
        model here has no losses. None like that among the tries: the fastest of all."""
        whole, other = [], []
        while len(whole) < self.runs and len(whole) + len(other) < max(tries, self.runs):
            self.fleet[0].restart()
            events = dfucast(self.image, [front.target], "--mode", "upload", "--window", str(window))
            summary = next(e for e in events if e["event"] == "summary")
            clean = summary["sent_bytes"] <= summary["image_bytes"]
            (whole if clean else other).append(upload_ms(events))
        return statistics.median(whole) if whole else min(other)

    def predictions(self, front):
        """The simulator's upload times from the board's own parameters, beside what the board took."""
        rtt_us, request_us, byte_ns = self.parameters(front)
        self.row("board_request_ms", "one board: the server's time for a request without data", request_us / 1000)
        self.row("board_kib_ms", "one board: and for a KiB of image data", byte_ns * 1.024 / 1000)
        for window in (1, 2, 3):
            took = self.whole_upload_ms(front, window)
            numbers = (rtt_us, 0, request_us, byte_ns, self.image.stat().st_size, 384, 4, window)
            done = subprocess.run([SIM_BENCH, "wire", *map(str, numbers)], stdout=subprocess.PIPE, text=True, check=True)
            simulated = int(done.stdout) / 1000
            what = f"simulated / measured upload, {simulated:.0f} / {took:.0f} ms, round trip {rtt_us / 1000:.1f} ms"
            self.row(f"predicted_window_{window}", what, simulated / took, "+-15 %", 0.85 <= simulated / took <= 1.15)

    def uploads(self):
        """What the window gains and what four boards cost, over a link with a round trip and without one."""
        fronts = [latency.Latency(board.port, ROUND_TRIP_MS) for board in self.fleet]
        try:
            narrow = self.upload("--window", "1", fronts=fronts)
            wide = self.upload(fronts=fronts)
            twice = []
            four = self.upload(count=4, fronts=fronts, twice=twice)
            self.fleet[0].restart()
            events = dfucast(self.image, [fronts[0].target], "--mode", "upload")
            self.predictions(fronts[0])
        finally:
            for front in fronts:
                front.stop()
        peak = next(e for e in events if e["event"] == "summary")["window_max"]
        link = f"round trip {ROUND_TRIP_MS} ms"
        self.row("upload_window_1_ms", f"one board, --window 1, {link}", narrow)
        self.row("upload_ms", f"one board, default window, {link}", wide)
        self.row("upload_four_ms", f"four boards at once, {link}", four)
        self.row("window_max", "requests in flight at most (buf_count - 1)", peak, "3", peak == 3)
        self.row("window_gain", f"--window 1 / default, {link}", narrow / wide, ">= 2.8", narrow / wide >= 2.8)
        self.row("four_boards", f"four boards / one, {link}", four / wide, "<= 1.1", four / wide <= 1.1)
        # A board whose emulated processor gets no time drops console lines ("uart_mcumgr: Insufficient buffers" in its
        # log): each costs a round trip, and the frames behind it are sent again. On real wires the baud rate paces them.
        self.row("four_boards_twice", "four boards: image bytes sent twice, dropped by boards short of CPU",
                 max(statistics.median(twice), 0))
        self.row("upload_direct_window_1_ms", "one board, --window 1, QEMU directly", self.upload("--window", "1"))
        self.row("upload_direct_ms", "one board, default window, QEMU directly", self.upload())
        self.row("upload_direct_four_ms", "four boards at once, QEMU directly", self.upload(count=4))

    def main_job(self):
        def whole(to):
            return next(e for e in dfucast(self.image, to) if e["event"] == "summary")["elapsed_ms"]

        self.row("main_job_one_ms", "one board, upload to confirmed", self.median(whole))
        self.row("main_job_four_ms", "four boards, canary 1, upload to confirmed", self.median(whole, 4))

    def beside(self):
        """Whole commands that do the same: upload, activate nothing."""
        python = sys.executable
        smpmgr = pathlib.Path(python).with_name("smpmgr")
        ways = {
            "dfucast": lambda pty: [DFUCAST, "update", "--mode", "upload", self.image, "--to", f"serial:{pty}"],
            "smpmgr": lambda pty: [smpmgr, "--port", pty, "image", "upload", self.image],
            "mcumgr-toolkit": lambda pty: [python, "-c", TOOLKIT, pty, self.image],
        }
        times = {name: self.median(lambda to, way=way: self.timed(way, to[0])) for name, way in ways.items()}
        for name, figure in times.items():
            self.row(f"beside_{name}_ms", f"{name}, whole upload command over a pty", figure)
        for name in ("smpmgr", "mcumgr-toolkit"):
            gain = times[name] / times["dfucast"]
            self.row(f"beside_{name}", f"{name} / dfucast", gain, "> 1", gain > 1)

    def timed(self, way, target):
        """Milliseconds of one command through a pty made by socat."""
        pty = self.folder / "pty"
        pty.unlink(missing_ok=True)
        bridge = beds.Process(["socat", f"PTY,link={pty},raw,echo=0", target.replace("tcp:", "TCP:") + ",nodelay"],
                              self.folder, self.folder / "socat.log")
        try:
            end = time.monotonic() + 10
            while not pty.exists():
                if time.monotonic() > end:
                    raise BenchError(f"socat: {bridge.log()}")
                time.sleep(0.01)
            start = time.monotonic()
            done = subprocess.run([str(word) for word in way(pty)], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False)
            taken = (time.monotonic() - start) * 1000
        finally:
            bridge.stop()
        if done.returncode:
            raise BenchError(f"{way(pty)[0]}: exit {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        return taken

    def run(self):
        self.uploads()
        self.main_job()
        self.beside()
        return self.rows


def board_rows(runs):
    if not shutil.which("socat"):
        sys.exit("bench: socat is missing: apt-get install socat")
    print("bench: real boards in QEMU, some minutes ...", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return Bench(runs, folder).run()
        except (BenchError, beds.BedError, subprocess.TimeoutExpired) as error:
            sys.exit(f"bench: {error}")


def sim_rows():
    """Virtual time: the same figures on every machine."""
    print("bench: the simulator, 100 seeds for each loss ...", file=sys.stderr)
    rows = []
    for program in (SIM_BENCH, GATEWAY_BENCH):
        done = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 3):  # 3: rows short of their goal, which they say themselves
            sys.exit(f"bench: {program.name}: exit {done.returncode}")
        rows += [json.loads(line) for line in done.stdout.splitlines()]
    return rows


def show(row):
    verdict = ""
    if row["goal"]:
        red, plain = ("\033[31m", "\033[0m") if sys.stdout.isatty() and not row["ok"] else ("", "")
        verdict = f"{row['goal']:>8} {red}{'ok' if row['ok'] else 'MISSED'}{plain}"
    print(f"{row['row']:<30}{row['figure']:>12.3f} {verdict:<16}  {row['what']}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("half", nargs="?", choices=("sim", "boards"), help="only the simulator's or the boards' rows")
    parser.add_argument("--runs", type=int, default=3, help="runs per figure, at least 1 (3)")
    args = parser.parse_args()
    if args.runs < 1:
        parser.error("--runs is at least 1")
    rows = []
    if args.half != "sim":
        rows += board_rows(args.runs)
    if args.half != "boards":
        rows += sim_rows()
    for row in rows:
        if args.json:
            print(json.dumps(row))
        else:
            show(row)
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

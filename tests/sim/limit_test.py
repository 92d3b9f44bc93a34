#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sim/air/limit.c against bench/limit.py: the scenarios' table and 200 random parameter sets, within 0.1 %.

    limit_test.py BENCH          BENCH: the dfucast_sim_bench executable
"""

import importlib.util
import pathlib
import random
import subprocess
import sys
from dataclasses import replace

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCENARIOS = {
    "A": {}, "B": {"erase": "upfront"}, "C": {"erase": "none"}, "D": {"baud": 115200},
    "E": {"baud": 115200, "framing": "console"}, "F": {"phy": "1M"}, "G": {"buf": 384, "reassembly": False},
    "H": {"erase": "none", "erase_page_us": 0, "word_us": 10, "flash_slot_us": 0}, "I": {"erase_slot_us": 89700},
}  # fmt: skip
FIGURES = ("uart", "radio", "peer", "limit", "radio_peer", "flash_erase", "flash_write", "swap")


def load_model():
    spec = importlib.util.spec_from_file_location("limit", ROOT / "bench/limit.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["limit"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def random_set(rng, model):
    """Any mixture, as far as a first chunk fits a frame (limit.py's plan() never ends otherwise)."""
    while True:
        p = mixture(rng, model)
        if model.max_data(model.frame_limit(p), 0, p.image) >= 32:
            return p


def mixture(rng, model):
    return replace(
        model.P(), n=rng.randint(1, 20), image=rng.randint(16 << 10, 48 << 10), phy=rng.choice(["1M", "2M", "S2", "S8"]),
        dle=rng.choice([27, 69, 123, 251]), mtu=rng.choice([128, 247, 498]), mic=rng.random() < 0.5,
        guard_us=rng.randint(150, 1000), buf=rng.choice([256, 384, 512, 1024, 2475, 4096]), bufs=rng.randint(1, 8),
        window=rng.choice([0, 1, 2, 3, 5]), reassembly=rng.random() < 0.6, erase_page_us=rng.randint(0, 100000),
        erase_over_pct=rng.choice([0, 10, 37]), word_us=rng.randint(1, 60), word_sw_us=rng.choice([0, 3]),
        page=rng.choice([2048, 4096, 8192]), erase=rng.choice(["progressive", "upfront", "none"]),
        couple=rng.random() < 0.7, req_cpu_us=rng.randint(0, 3000), baud=rng.choice([115200, 460800, 1000000]),
        framing=rng.choice(["cobs", "raw", "console"]), uart_chunk=rng.choice([256, 1000, 1024, 2048]),
        swap=rng.choice(["move", "offset", "overwrite", "none"]))  # fmt: skip


def expected(model, p):
    bounds = model.bounds(p)
    return {name: bounds[name] for name in FIGURES[:-1]} | {
        "swap": model.t_swap(p), "by": bounds["by"], "reqs": bounds["reqs"]}  # fmt: skip


def option_text(p):
    words = {True: "1", False: "0"}
    return "&".join(f"{k}={words.get(v, v) if isinstance(v, bool) else v}" for k, v in vars(p).items())


def main():
    model = load_model()
    rng = random.Random(1)
    sets = [replace(model.P(), n=n, **change) for change in SCENARIOS.values() for n in (1, 2, 4, 8, 16, 20)]
    sets += [random_set(rng, model) for _ in range(200)]
    text = "".join(option_text(p) + "\n" for p in sets)
    done = subprocess.run([sys.argv[1], "bounds"], input=text, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(sets), done.stderr
    exact = 0
    for p, line in zip(sets, lines, strict=True):
        uart, radio, peer, limit, by, reqs, radio_peer, erase, write, swap = line.split()
        got = dict(zip(FIGURES, map(int, (uart, radio, peer, limit, radio_peer, erase, write, swap)), strict=True))
        want = expected(model, p)
        for name in FIGURES:
            assert abs(got[name] - want[name]) <= want[name] / 1000, (name, got[name], want[name], p)
        assert int(reqs) == want["reqs"], p
        assert by == want["by"], (by, want["by"], p)
        exact += all(got[name] == want[name] for name in FIGURES)
    print(f"{len(sets)} parameter sets within 0.1 %, {exact} of them to the nanosecond")


if __name__ == "__main__":
    main()

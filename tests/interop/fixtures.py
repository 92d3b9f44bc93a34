# SPDX-License-Identifier: Apache-2.0
"""Servers made by others: fetched from PyPI, checked, unpacked under build/fixtures. Never committed."""

import fcntl
import functools
import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PACKAGE = "smpclient"
VERSION = "7.3.0"
SHA256 = "86aa4bc1c621805d97f449793a4077f049aa88a98a1e916bf59423d072bd2a3b"
SERVERS = f"{PACKAGE}-{VERSION}/tests/fixtures/smp-server"

BOARD = "zephyr_4.4.0_smp_server_0eae053d_qemu_cortex_m0_serial"
MPS2 = "zephyr_4.4.0_smp_server_0eae053d_mps2_an385_serial_recovery_buf1024"
RECOVERY = "zephyr_f33aa2bc4a43_smp_server_27c54835_mps2_an385_serial_recovery"
RECOVERY_RAW = "zephyr_f33aa2bc4a43_smp_server_27c54835_mps2_an385_serial_recovery_raw"
RECOVERY_COBS = "zephyr_f33aa2bc4a43_smp_server_fa39f8c2_mps2_an385_serial_recovery_raw_cobs"
NATIVE = "zephyr_4.4.0_smp_server_0eae053d_native_sim_"


class FixtureError(Exception):
    pass


def sha256_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(folder):
    archive = folder / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.exists():
        # Only this package from source: with ":all:" pip would build its build tools from source too, for minutes.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", PACKAGE, f"{PACKAGE}=={VERSION}", "--dest", str(folder)]
        for attempt in (1, 2, 3):
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                break
        else:
            raise FixtureError(f"{' '.join(command)}: {done.stderr}")
    if sha256_file(archive) != SHA256:
        archive.unlink()
        raise FixtureError(f"{archive.name}: SHA-256 is not {SHA256}; deleted, run again")
    return archive


def check(servers):
    """Every server that is there must be what SHA256SUMS says. The manifest's own line there is stale in 7.3.0
    (its authors merged two releases); the archive's hash vouches for that file."""
    sums = dict(reversed(line.split(None, 1)) for line in (servers / "SHA256SUMS").read_text().splitlines() if line)
    for path in servers.iterdir():
        if path.name in sums and path.name != "manifest.json" and sha256_file(path) != sums[path.name].strip():
            raise FixtureError(f"{path.name}: not what SHA256SUMS says")


@functools.cache
def servers():
    """The folder with the prebuilt servers."""
    folder = BUILD / "fixtures"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found, stamp = folder / SERVERS, folder / "unpacked"
        if not (stamp.exists() and stamp.read_text() == SHA256):
            with tarfile.open(fetch(folder)) as archive:
                members = [m for m in archive.getmembers() if m.name.startswith(SERVERS) and (m.isfile() or m.isdir())]
                archive.extractall(folder, members)
            check(found)
            stamp.write_text(SHA256)
        return found


@functools.cache
def manifest():
    """Artifact name without suffix -> its entry, for the servers that the package really holds."""
    entries = json.loads((servers() / "manifest.json").read_text())
    return {e["artifact"].split(".merged")[0].removesuffix(".hex").removesuffix(".exe").removesuffix(".elf"): e
            for e in entries if (servers() / e["artifact"]).exists()}


def path(name):
    found = servers() / name
    if not found.exists():
        raise FixtureError(f"{name} is not in {PACKAGE} {VERSION}")
    return found


def board_image():
    """The signed image that the microbit boards run (49,692 B)."""
    return path(BOARD + ".signed.bin").read_bytes()

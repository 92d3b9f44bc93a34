# SPDX-License-Identifier: Apache-2.0
"""The declarations of tests/fake/zephyr, and the assertions that tests/zephyr/api makes of them for a real Zephyr.

Zephyr itself is in no package registry: docs/zephyr.md has the command, and the versions that it was run with. Here the
declarations take its place, to see that every one of them becomes an assertion, and that a slip of the pen would fail. PSA's
are held against the header that Debian has."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from conftest import skip_or_fail

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAKE = ROOT / "tests/fake/zephyr"
sys.path.insert(0, str(ROOT / "tests/zephyr/api"))

import assertions  # noqa: E402  (not a package)

WARNINGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wmissing-prototypes",
            "-Werror", "-fsyntax-only"]
COMPILERS = {
    "gcc": (["gcc"], "gcc"),
    "clang": (["clang"], "clang"),
    "32 bit": (["gcc", "-m32"], "gcc-multilib"),
    "Cortex-M4": (["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb"], "gcc-arm-none-eabi"),
}


def roots(variant):
    return [FAKE / "api", FAKE / variant]


def compiler(name):
    command, package = COMPILERS[name]
    probe = subprocess.run([*command, "-fsyntax-only", "-xc", "-"], input="#include <errno.h>", text=True,
                           capture_output=True, check=False) if shutil.which(command[0]) else None
    if probe is None or probe.returncode:
        skip_or_fail(f"{name} is missing: package {package}, which ./dev test --all installs")
    return command


def compiled(folder, command, text, include):
    """@return what the compiler says against"""
    source = folder / "assertions.c"
    source.write_text(text)
    done = subprocess.run([*command, *WARNINGS, *[f"-I{path}" for path in include], source], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 or "error:" in done.stderr
    return [line for line in done.stderr.splitlines() if "error:" in line]


@pytest.mark.parametrize("variant", ["old", "new"])
@pytest.mark.parametrize("name", COMPILERS)
def test_the_declarations_fit_themselves(tmp_path, name, variant):
    text, _ = assertions.assertions(assertions.headers(roots(variant)))
    assert compiled(tmp_path, compiler(name), text, roots(variant)) == []


@pytest.mark.parametrize("variant", ["old", "new"])
def test_every_declaration_is_asserted(variant):
    texts = {name: text for name, text in assertions.headers(roots(variant)).items() if not name.startswith("fake_")}
    _, counts = assertions.assertions(texts)
    plain = "".join(re.sub(r"/\*.*?\*/", "", text, flags=re.S) for text in texts.values())
    # Counted in another way than they are made.
    assert counts["functions"] == len(re.findall(r"^[a-z_]\w[^\n#]*\([^;{]*\);$", plain, re.M | re.I)) - len(
        re.findall(r"^typedef [^;{]*\);$", plain, re.M))
    assert counts["typedefs"] == len(re.findall(r"^typedef (?!enum|struct|union)", plain, re.M)) + len(
        re.findall(r"^typedef struct \w+ ", plain, re.M))
    assert counts["constants"] == len(re.findall(r"^\t\w+ = \w+,$", plain, re.M))
    # Wrapped members are one each; a line of a wrapped function or of a macro ends with neither.
    assert counts["members"] == len(re.findall(r"^\t(?!\t)[^#\n]*?(?:;$|,\n\t\t[^;]*;$)", plain, re.M))
    numbers = re.findall(r"^#define (\w+) \(?-?\d\w*\)?$", plain, re.M)
    assert counts["macros"] == len(numbers) - ("KERNEL_VERSION_NUMBER" in numbers)
    assert sum(counts.values()) > 190


# What would be wrong, in which header, and that the other one's compiler sees it.
SLIPS = {
    "a constant": ("conn.h", "BT_SECURITY_L3 = 3", "BT_SECURITY_L3 = 4"),
    "a constant that is not there": ("gatt.h", "BT_GATT_ITER_CONTINUE = 1", "BT_GATT_ITER_GO_ON = 1"),
    "a number": ("gpio.h", "0x160000", "0x60000"),
    "a member too narrow": ("conn.h", "	uint16_t timeout;\n};\n\nstruct bt_conn_le_create",
                            "	uint8_t timeout;\n};\n\nstruct bt_conn_le_create"),
    "a member that is not there": ("conn.h", "tx_max_time", "tx_time_max"),
    "a member's signedness": ("addr.h", "	uint8_t type;", "	int8_t type;"),
    "a callback's argument": ("conn.h", "(*connected)(struct bt_conn *conn, uint8_t err)",
                              "(*connected)(struct bt_conn *conn, int err)"),
    "a callback's result": ("conn.h", "bool (*le_param_req)", "void (*le_param_req)"),
    "a callback that is not there": ("conn.h", "(*cancel)(struct", "(*cancelled)(struct"),
    "a function's argument": ("gatt.h", "bt_gatt_get_mtu(struct bt_conn *conn)",
                              "bt_gatt_get_mtu(const struct bt_conn *conn)"),
    "an argument forgotten": ("conn.h", "bt_conn_disconnect(struct bt_conn *conn, uint8_t reason)",
                              "bt_conn_disconnect(struct bt_conn *conn)"),
    "a function's result": ("conn.h", "void bt_conn_unref(", "int bt_conn_unref("),
    "a function that is not there": ("bluetooth.h", "bt_le_scan_stop(void)", "bt_le_scan_end(void)"),
    "a type": ("kernel.h", "typedef long atomic_t;", "typedef int atomic_t;"),
    "a function's type": ("gatt.h", "typedef void (*bt_gatt_complete_func_t)(struct bt_conn *conn, void *user_data)",
                          "typedef void (*bt_gatt_complete_func_t)(struct bt_conn *conn)"),
    "an array too short": ("uuid.h", "uint8_t val[16];", "uint8_t val[8];"),
    "what came with 4.0": ("conn.h", "(*recycled)(void)", "(*recycled)(struct bt_conn *conn)"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_seen(tmp_path, slip):
    header, right, wrong = SLIPS[slip]
    texts = assertions.headers(roots("new"))
    name = next(path for path in texts if path.endswith("/" + header))
    assert texts[name].count(right) == 1
    texts[name] = texts[name].replace(right, wrong)
    text, _ = assertions.assertions(texts)
    assert compiled(tmp_path, compiler("gcc"), text, roots("new")) != []


def test_psa_is_as_mbed_tls_has_it(tmp_path):
    psa = {name: text for name, text in assertions.headers([FAKE / "new"]).items() if name.startswith("psa/")}
    text, counts = assertions.assertions(psa)
    assert counts["functions"] == 5
    assert compiled(tmp_path, compiler("gcc"), text, []) == []

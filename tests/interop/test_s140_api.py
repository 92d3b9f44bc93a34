# SPDX-License-Identifier: Apache-2.0
"""The S140 port's declarations of the SoftDevice's API agree with the real ones, for the Cortex-M4."""

import re
import shutil

import pytest
import s140_bindings
from conftest import skip_or_fail

TOOLS = {"cargo": "cargo", "arm-none-eabi-gcc": "gcc-arm-none-eabi"}


@pytest.fixture(scope="module")
def header():
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            skip_or_fail(f"{tool} is missing: package {package}, which ./dev test --all installs")
    s140_bindings.bindings()
    return s140_bindings.HEADER.read_text(encoding="utf-8")


def test_every_declaration_agrees(header, tmp_path):
    findings, counts = s140_bindings.check(header, tmp_path)
    assert findings == []
    # All of it was looked at: a header written in another form would be compared in part, and nobody would know.
    assert counts["calls"] == header.count("\nS140_CALL(")
    assert counts["types"] == header.count("\ntypedef ")
    assert counts["bits"] == len(re.findall(r"\w : \d", header))
    assert counts["assertions"] > 150


# What a slip of the pen would look like, and that it is seen.
SLIPS = {
    "fields swapped": ("	uint16_t interval;\n	uint16_t window;", "	uint16_t window;\n	uint16_t interval;"),
    "a field too narrow": ("	uint16_t offset;\n	uint16_t len;", "	uint8_t offset;\n	uint16_t len;"),
    "a field that is not there": ("	uint8_t tx_phys;", "	uint8_t tx_phy_mask;"),
    "a type that is not there": ("} ble_gap_phys_t;", "} ble_gap_phy_set_t;"),
    "a constant": ("#define BLE_GATTC_EVT_HVX 0x39", "#define BLE_GATTC_EVT_HVX 0x38"),
    "a constant that is not there": ("#define NRF_ERROR_BUSY 17", "#define NRF_ERROR_TOO_BUSY 17"),
    "a call's number": ("S140_CALL(163, sd_ble_gattc_write", "S140_CALL(162, sd_ble_gattc_write"),
    "a call's argument": ("(uint16_t conn_handle, uint8_t hci", "(uint16_t conn_handle, uint16_t hci"),
    "an argument forgotten": ("uint16_t len, uint32_t flags)", "uint16_t len)"),
    "a call that is not there": ("sd_ble_gap_scan_stop(void)", "sd_ble_gap_scan_end(void)"),
    "bits in another order": ("	uint8_t extended : 1;\n	uint8_t report_incomplete_evts : 1;",
                              "	uint8_t report_incomplete_evts : 1;\n	uint8_t extended : 1;"),
    "a bit field too wide": ("	uint8_t filter_policy : 2;", "	uint8_t filter_policy : 3;"),
    "what the SoftDevice reads too short": ("	uint32_t reserved[3];", "	uint32_t reserved[2];"),
    "an event's head": ("	uint16_t error_handle;\n	union {", "	union {"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_seen(header, tmp_path, slip):
    right, wrong = SLIPS[slip]
    assert header.count(right) >= 1
    findings, _ = s140_bindings.check(header.replace(right, wrong), tmp_path)
    assert findings

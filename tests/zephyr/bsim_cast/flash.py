#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A flash of 512 KiB with an image of version 1.0.0 in slot 0, for a peripheral's -flash=FILE: flash.py FILE"""
import hashlib
import struct
import sys

BODY = bytes(range(250)) * 80
header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, 0, len(BODY), 0, 1, 0, 0, 0, 0)
digest = hashlib.sha256(header + BODY).digest()
image = header + BODY + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + digest
flash = bytearray(b"\xff" * 524288)
flash[0xC000 : 0xC000 + len(image)] = image
with open(sys.argv[1], "wb") as file:
    file.write(flash)

# SPDX-License-Identifier: Apache-2.0
"""A TCP port in front of another that spoils bytes in both directions: flipped, dropped, doubled, put in."""

import random
import select
import socket
import threading

KINDS = ("flipped", "dropped", "doubled", "inserted")


class Noise:
    """One connection. Each byte is hit with probability `rate`; what was done is counted in `done`."""

    def __init__(self, port, rate, seed=1):
        self.rate = rate
        self.random = random.Random(seed)
        self.done = dict.fromkeys(KINDS, 0)
        self.back = socket.create_connection(("127.0.0.1", port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.left = self._distance()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def target(self):
        return f"tcp:127.0.0.1:{self.port}"

    def _distance(self):
        """Bytes until the next hit."""
        return int(self.random.expovariate(self.rate))

    def _spoil(self, data):
        out = bytearray()
        for byte in data:
            self.left -= 1
            if self.left >= 0:
                out.append(byte)
                continue
            self.left = self._distance()
            kind = self.random.choice(KINDS)
            self.done[kind] += 1
            if kind == "flipped":
                out.append(byte ^ 1 << self.random.randrange(8))
            elif kind == "doubled":
                out += bytes((byte, byte))
            elif kind == "inserted":
                out += bytes((byte, self.random.randrange(256)))
        return bytes(out)

    def _run(self):
        front, _ = self.listener.accept()
        with front, self.back:
            while True:
                ready, _, _ = select.select([front, self.back], [], [])
                for end in ready:
                    data = end.recv(4096)
                    if not data:
                        return
                    (self.back if end is front else front).sendall(self._spoil(data))

    def stop(self):
        self.listener.close()
        self.thread.join(5)

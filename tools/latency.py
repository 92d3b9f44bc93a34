# SPDX-License-Identifier: Apache-2.0
"""A TCP port in front of another one that holds every byte back for half a round trip each way.

A board in QEMU answers at once; a real one is a connection interval, a USB frame or a cell away. What a window gains,
and whether devices wait for each other, shows only over a link that takes its time.
"""

import asyncio
import socket
import threading


class _End(asyncio.Protocol):
    """One side of a pair: what comes in here goes out there, later. Order is kept: all wait equally long."""

    def __init__(self, delay_s):
        self.delay_s = delay_s
        self.transport = None
        self.other = None

    def connection_made(self, transport):
        self.transport = transport
        self.socket = transport.get_extra_info("socket")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        # Acknowledge now: the sender may have Nagle's algorithm on, and the only delay here is to be ours.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        asyncio.get_running_loop().call_later(self.delay_s, self.forward, data)

    def forward(self, data):
        self.other.pass_on(data)

    def pass_on(self, data):
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, error):
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Latency:
    """Listens on a port of its own until stop(); `target` is how dfucast names it."""

    def __init__(self, backend, round_trip_ms):
        self.backend = backend
        self.delay_s = round_trip_ms / 2000
        self.loop = asyncio.new_event_loop()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def target(self):
        return f"tcp:127.0.0.1:{self.port}"

    def _run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(self.loop.create_server(lambda: _Front(self), sock=self.listener))
        self.loop.run_forever()
        server.close()
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


class _Front(_End):
    """The listening side; what comes before the board's side stands waits for it."""

    def __init__(self, latency):
        super().__init__(latency.delay_s)
        self.latency = latency
        self.early = []

    def connection_made(self, transport):
        super().connection_made(transport)
        self.task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self):
        try:
            _, other = await asyncio.get_running_loop().create_connection(
                lambda: _End(self.delay_s), "127.0.0.1", self.latency.backend)
        except OSError:
            self.transport.close()
            return
        other.other = self
        self.other = other
        for data in self.early:
            self.other.pass_on(data)

    def forward(self, data):
        if self.other is None:
            self.early.append(data)
        else:
            self.other.pass_on(data)

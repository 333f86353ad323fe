"""A client for Sojourn: the native dialect of docs/PROTOCOL.md and the numbers of docs/COMMANDS.md.

Shares nothing with the client of this project, so that a mistake in either shows.
Needs Debian's python3-websockets and python3-msgpack.
"""
import asyncio
import itertools

import msgpack
import websockets

SH_NEW, SH_OPEN, SH_END, SH_EXISTS, SH_INFO = 1, 2, 3, 5, 6
SH_ROTATE, SH_LIST, SH_WATCH, SH_UNWATCH = 10, 12, 16, 17
SH_SET, SH_ADD, SH_GET, SH_GET_ALL, SH_RMV, SH_CONTAINS = 32, 33, 34, 35, 36, 37
SH_KEYS, SH_COUNT, SH_CLEAR, SH_CLEAR_SET = 38, 39, 40, 41
SH_INC, SH_TAKE, SH_CAS, SH_UPDATE, SH_FIND, SH_BATCH = 42, 43, 44, 45, 46, 47
KV = 64  # added to the number of a data command: the same on the default map
SV_INFO, SV_PING = 128, 129
SUCCESSES = (1, 121, 141)


class Refused(Exception):
    """A reply with a failing status."""

    def __init__(self, status, body):
        super().__init__(f"status {status}: {body.get('m', '')}")
        self.status, self.body = status, body


class Client:
    """One connection. Calls may be made side by side; pushes wait in a queue of (event, body)."""

    def __init__(self, socket):
        self.socket = socket
        self.pushes = asyncio.Queue()
        self._ids = itertools.count(1)
        self._waiting = {}
        self._reader = asyncio.ensure_future(self._read())

    @classmethod
    async def connect(cls, url):
        return cls(await websockets.connect(url, compression=None, max_size=None))

    async def call(self, op, body=None, token=None):
        (result,) = await self.call_all([(op, body, token)])
        if isinstance(result, Refused):
            raise result
        return result

    async def call_all(self, commands):
        """Sends (op, body, token) commands in one message; their results, Refused among them."""
        message, replies = b"", []
        for op, body, token in commands:
            number = next(self._ids)
            reply = self._waiting[number] = asyncio.get_running_loop().create_future()
            replies.append(reply)
            # The inner result is bytes, so it is packed as bin.
            message += msgpack.packb(msgpack.packb([op, number, token, body]))
        await self.socket.send(message)
        return await asyncio.wait_for(asyncio.gather(*replies), timeout=20)

    async def push(self):
        return await asyncio.wait_for(self.pushes.get(), timeout=20)

    async def close(self):
        await self.socket.close()
        await self._reader

    async def _read(self):
        async for message in self.socket:
            stream = msgpack.Unpacker()
            stream.feed(message)
            for item in stream:
                number, status, body = msgpack.unpackb(item, strict_map_key=False)
                if number == 0:
                    self.pushes.put_nowait((status, body))
                    continue
                body = body or {}
                failed = status not in SUCCESSES
                self._waiting.pop(number).set_result(Refused(status, body) if failed else body)

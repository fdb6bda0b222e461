# SPDX-License-Identifier: Apache-2.0
"""mongo_server.py: as much of a MongoDB server as a driver's pool and its monitors need.

Answers hello (at once, or for as long as it is awaited: streaming monitors), ping, insert, find and
endSessions; stores nothing. Commands: `port` tells where it listens.
"""

import asyncio
import pathlib
import random
import socket
import struct
import sys
import threading

import bson
from bson.int64 import Int64

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live/clients"))
from protocol import serve  # noqa: E402

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
MORE_TO_COME, EXHAUST_ALLOWED = 1 << 1, 1 << 16
VERSION = {"processId": bson.ObjectId(), "counter": Int64(0)}
HELLO = {
    "helloOk": True,
    "isWritablePrimary": True,
    "ismaster": True,
    "topologyVersion": VERSION,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48000000,
    "maxWriteBatchSize": 100000,
    "logicalSessionTimeoutMinutes": 30,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
}


def command_in(code, payload):
    """The command of a request and its flags; documents beside it do not matter here."""
    if code == OP_MSG:  # flags, then sections; drivers put the one of kind 0 first
        assert payload[4] == 0
        body, flags = payload[5:], struct.unpack_from("<I", payload)[0]
    else:  # OP_QUERY, the first hello only: flags, name, skip, count, document
        body, flags = payload[payload.index(b"\0", 4) + 9 :], 0
    size = struct.unpack_from("<i", body)[0]
    return bson.decode(body[:size]), flags


async def answer(command):
    name = next(iter(command))
    if name.lower() in ("hello", "ismaster"):
        await asyncio.sleep(command.get("maxAwaitTimeMS", 0) / 1000)
        return HELLO
    if name in ("find", "insert"):
        await asyncio.sleep(random.uniform(0, 0.01))
    if name == "find":
        return {"cursor": {"id": Int64(0), "ns": "shop.orders", "firstBatch": [{"_id": 1}]}}
    return {"n": 1} if name == "insert" else {}


def packed(number, answers, code, document, flags):
    body = bson.encode({**document, "ok": 1.0})
    if code == OP_QUERY:
        body, code = struct.pack("<iqii", 8, 0, 0, 1) + body, OP_REPLY
    else:
        body = struct.pack("<IB", flags, 0) + body
    return struct.pack("<iiii", 16 + len(body), number, answers, code) + body


async def serve_client(reader, writer):
    number = 0
    try:
        while True:
            size, asked, _, code = struct.unpack("<iiii", await reader.readexactly(16))
            command, flags = command_in(code, await reader.readexactly(size - 16))
            # A streaming monitor asks once and is answered until it hangs up.
            streams = flags & EXHAUST_ALLOWED and "maxAwaitTimeMS" in command
            while True:
                number += 1
                more = MORE_TO_COME if streams else 0
                writer.write(packed(number, asked, code, await answer(command), more))
                await writer.drain()
                if not streams:
                    break
                asked = number
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    async def run():
        server = await asyncio.start_server(serve_client, sock=listener)
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(run(),), daemon=True).start()
    serve({"port": lambda: [listener.getsockname()[1]]})


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A pool of php-fpm: its configuration, and requests to it as a web server sends them (FastCGI)."""

import socket
import struct

BEGIN, END, PARAMETERS, INPUT, OUTPUT = 1, 3, 4, 5, 6
RESPONDER = 1
HEAD = ">BBHHBx"  # version, kind, request, length, padding


def write_configuration(directory):
    """Of a pool of one worker; php-fpm -F --fpm-config. Returns the file and its socket."""
    path, listen = directory / "fpm.conf", directory / "fpm.sock"
    path.write_text(
        f"[global]\nerror_log = {directory}/error.log\n"
        f"[www]\nuser = nobody\ngroup = nogroup\nlisten = {listen}\n"
        "pm = static\npm.max_children = 1\nclear_env = no\n"
    )
    return path, listen


def record(kind, body):
    return struct.pack(HEAD, 1, kind, 1, len(body), 0) + body


def read_records(stream):
    while head := stream.read(struct.calcsize(HEAD)):
        _, kind, _, length, padding = struct.unpack(HEAD, head)
        yield kind, stream.read(length)
        stream.read(padding)


def get(listen, script, query):
    """What the script answers with, without its headers."""
    names = {"SCRIPT_FILENAME": str(script), "QUERY_STRING": query, "REQUEST_METHOD": "GET"}
    parameters = b"".join(
        bytes([len(name), len(value)]) + (name + value).encode() for name, value in names.items()
    )
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(listen))
        begin = record(BEGIN, struct.pack(">HB5x", RESPONDER, 0))
        connection.sendall(begin + record(PARAMETERS, parameters))
        connection.sendall(record(PARAMETERS, b"") + record(INPUT, b""))
        with connection.makefile("rb") as stream:
            answer = b"".join(body for kind, body in read_records(stream) if kind == OUTPUT)
    return answer.partition(b"\r\n\r\n")[2].decode()

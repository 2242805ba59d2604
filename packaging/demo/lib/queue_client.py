"""The few commands of Redis that the shop uses, over its own protocol (RESP). Standard library only."""

import socket
from urllib.parse import unquote, urlsplit

LARGEST_REPLY = 1024 * 1024


class QueueError(Exception):
    """The queue refused a command, or broke off."""


class Queue:
    """One connection a command: simple, and enough for a shop of this size."""

    def __init__(self, url, timeout=5):
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port or 6379)
        self.password = unquote(parts.password or "")
        self.timeout = timeout

    def push(self, name, text):
        return self.call("LPUSH", name, text)

    def length(self, name):
        return self.call("LLEN", name)

    def ping(self):
        return self.call("PING")

    def call(self, *words):
        with socket.create_connection(self.address, timeout=self.timeout) as connection:
            stream = connection.makefile("rb")
            if self.password:
                connection.sendall(command("AUTH", self.password))
                reply(stream)
            connection.sendall(command(*words))
            return reply(stream)


def command(*words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def reply(stream):
    line = stream.readline(LARGEST_REPLY)
    if not line.endswith(b"\r\n"):
        raise QueueError("the queue broke off")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        length = int(rest)
        if length > LARGEST_REPLY:
            raise QueueError("a reply is too long")
        return None if length < 0 else stream.read(length + 2)[:-2].decode()
    raise QueueError("the queue refused a command")

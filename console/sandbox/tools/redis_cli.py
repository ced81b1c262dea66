"""A practice redis-cli for machines without one: it speaks the protocol, in the ways that runbooks use it.

    redis-cli [-h HOST] [-p PORT] [-n DATABASE] [--user NAME] [--raw] COMMAND [ARGUMENT...]
    redis-cli ... --scan [--pattern PATTERN]

The password is taken from REDISCLI_AUTH.
"""

from __future__ import annotations

import os
import socket
import sys
from io import BufferedRWPair

Reply = None | int | bytes | Exception | list["Reply"]


def main(arguments: list[str]) -> int:
    """Run one command. Exit code 1 where it was refused, or there was no answer."""
    told = {"-h": "127.0.0.1", "-p": "6379", "-n": "0", "--user": "default", "--pattern": "*"}
    flags: set[str] = set()
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in told and rest:
            told[option] = rest.pop(0)
        else:
            flags.add(option)
    if {"--help", "--version"} & flags or not (rest or "--scan" in flags):
        sys.stdout.write(f"redis-cli (a practice stand-in of the sandbox)\n\n{__doc__}")
        return 0
    try:
        with socket.create_connection((told["-h"], int(told["-p"])), timeout=10) as connection:
            stream = connection.makefile("rwb")
            if password := os.environ.get("REDISCLI_AUTH"):
                asked(stream, ["AUTH", told["--user"], password])
            if told["-n"] != "0":
                asked(stream, ["SELECT", told["-n"]])
            if "--scan" in flags:
                scan(stream, told["--pattern"])
                return 0
            reply = asked(stream, rest)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"Could not connect to Redis at {told['-h']}:{told['-p']}: {error}\n")
        return 1
    sys.stdout.write("\n".join(lines(reply, plain="--raw" in flags or not sys.stdout.isatty())) + "\n")
    return 0


def asked(stream: BufferedRWPair, words: list[str]) -> Reply:
    """Send one command and read its reply."""
    sent = [word.encode("utf-8", "surrogateescape") for word in words]
    stream.write(b"*%d\r\n" % len(sent) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in sent))
    stream.flush()
    return read(stream)


def read(stream: BufferedRWPair) -> Reply:
    """One reply. Raises OSError where the server went away."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server closed the connection")
    kind, text = line[:1], line[1:-2]
    if kind == b"+":
        return text
    if kind == b"-":
        return RuntimeError(text.decode("utf-8", "replace"))
    if kind == b":":
        return int(text)
    count = int(text)
    if count < 0:
        return None
    if kind == b"$":
        return stream.read(count + 2)[:-2]
    return [read(stream) for _ in range(count)]


def scan(stream: BufferedRWPair, pattern: str) -> None:
    """Print every key of a pattern, without blocking the server."""
    cursor = "0"
    while True:
        reply = asked(stream, ["SCAN", cursor, "MATCH", pattern, "COUNT", "500"])
        if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list):
            raise ValueError(f"SCAN answered {reply!r}")
        for key in reply[1]:
            sys.stdout.write(f"{text_of(key)}\n")
        cursor = text_of(reply[0])
        if cursor == "0":
            return


def text_of(reply: Reply) -> str:
    """A simple reply as text."""
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)


def lines(reply: Reply, *, plain: bool) -> list[str]:
    """A reply as redis-cli prints it, for people or for programs."""
    match reply:
        case None:
            return ["" if plain else "(nil)"]
        case int():
            return [str(reply) if plain else f"(integer) {reply}"]
        case Exception():
            return [str(reply) if plain else f"(error) {reply}"]
        case list():
            out = [line for item in reply for line in lines(item, plain=plain)]
            return out or (["" if plain else "(empty array)"])
    return text_of(reply).rstrip("\r\n").replace("\r\n", "\n").split("\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(130)

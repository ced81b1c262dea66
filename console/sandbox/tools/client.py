"""The program behind every stand-in: it asks the practice world, prints what it answers, and exits as it says.

Run by the scripts that the sandbox writes: `client.py CONTROL NAME ARGUMENT...`. It needs nothing but Python, for it is
started anew for every command.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

POD = "PRACTICE_POD"  # set inside of a pod: the pod's name
_WITHIN = 60.0


def ask(control: str, name: str, told: dict[str, Any]) -> dict[str, Any]:
    """One question to the world. Raises OSError or ValueError where it does not answer."""
    at = urlsplit(control)
    body = json.dumps(told).encode()
    head = f"POST /tools/{name} HTTP/1.0\r\nHost: {at.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((at.hostname, at.port or 80), timeout=_WITHIN) as connection:
        connection.sendall(head.encode() + body)
        read = b""
        while part := connection.recv(65536):
            read += part
    answer = json.loads(read.partition(b"\r\n\r\n")[2])
    if not isinstance(answer, dict):
        raise ValueError("no object")
    return answer


def passed(arguments: list[str]) -> dict[str, str]:
    """The variables that `-e NAME` asks to be handed on."""
    names = [after for before, after in itertools.pairwise(arguments) if before in ("-e", "--env")]
    return {name: os.environ[name] for name in names if name in os.environ}


def main() -> int:
    """Ask until there is an end: the world may want the standard input, or an answer from a person."""
    control, name, *arguments = sys.argv[1:]
    told: dict[str, Any] = {
        "arguments": arguments,
        "pod": os.environ.get(POD, ""),
        "passed": passed(arguments),
        "answers": [],
        "input": None,
    }
    try:
        while True:
            answer = ask(control, name, told)
            sys.stdout.write(answer.get("out", ""))
            sys.stdout.flush()
            if answer.get("wants_input"):
                told["input"] = sys.stdin.read()
            elif prompt := answer.get("prompt"):
                sys.stdout.write(prompt)
                sys.stdout.flush()
                line = sys.stdin.readline()
                if not line:
                    sys.stderr.write(f"\n{name}: no answer was given\n")
                    return 1
                told["answers"].append(line.strip())
            else:
                break
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{name}: the practice world at {control} does not answer ({error}); start it again\n")
        return 1
    sys.stderr.write(answer.get("err", ""))
    return int(answer.get("code", 0))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(130)

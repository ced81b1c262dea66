"""The script that stands for a system's own commands, such as its deploy script, in a practice world."""

from __future__ import annotations

from pathlib import Path

NAME = "practice.py"

_SCRIPT = '''\
"""What a plan's commands run here in place of the system's own: written by the sandbox, for this sandbox alone.

    practice.py share VERSION PERCENT    have this share of requests answered as VERSION
    practice.py shown                    print the share in percent
    practice.py redis                    ask this sandbox's Redis, and print what it answers to PING
    practice.py get URL                  ask a URL, and fail where it does not answer 2xx
"""

import json
import socket
import sys
import urllib.request

CONTROL = {control!r}
SECRETS = {secrets!r}


def ask(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
    with opener.open(urllib.request.Request(url, data=data, method=method), timeout=10) as answer:
        return answer.read().decode()


def ping():
    told = dict(line.strip().split("=", 1) for line in open(SECRETS))
    with socket.create_connection((told["REDIS_CLOUD_HOST"], int(told["REDIS_CLOUD_PORT"])), timeout=2) as connection:
        connection.sendall(f"AUTH {{told['REDIS_CLOUD_PASSWORD']}}\\r\\nPING\\r\\n".encode())
        lines = connection.makefile()
        lines.readline()
        return lines.readline().strip().lstrip("+")


match sys.argv[1:]:
    case ["share", version, percent]:
        told = json.loads(ask("PUT", CONTROL + "/share", {{"version": version, "percent": float(percent)}}))
        print(f"{{told['percent']:g}}% of requests are answered as {{told['version']}}")
    case ["shown"]:
        print(f"{{json.loads(ask('GET', CONTROL + '/share'))['percent']:g}}")
    case ["redis"]:
        print(ping())
    case ["get", url]:
        print(ask("GET", url))
    case _:
        sys.exit(__doc__)
'''


def write(folder: Path, control_url: str, secrets_file: Path) -> Path:
    """Write it into `folder`, for this control address and these secrets; gives its path."""
    script = folder / NAME
    script.write_text(_SCRIPT.format(control=control_url, secrets=str(secrets_file)), encoding="utf-8")
    return script

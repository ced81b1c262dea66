"""The practice redis-cli, for machines without one, against a real Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from console.sandbox.tools.bench import CLIENT
from tests.conftest import RedisServer, free_port, start_redis

PROGRAM = CLIENT.with_name("redis_cli.py")


def cli(port: int, *arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **({"REDISCLI_AUTH": password} if password else {})}
    command = [sys.executable, "-I", "-S", str(PROGRAM), "-p", str(port), "-n", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, env=environ, check=False)


def test_it_reads_writes_and_scans_as_the_real_one_does_for_a_program(redis_server: RedisServer) -> None:
    port = redis_server.port
    assert cli(port, "PING").stdout == "PONG\n"
    for number in range(3):
        assert cli(port, "SET", f"cache:{number}", "a value\nof two lines").stdout == "OK\n"
    assert cli(port, "GET", "cache:1").stdout == "a value\nof two lines\n"
    assert sorted(cli(port, "--scan", "--pattern", "cache:*").stdout.split()) == ["cache:0", "cache:1", "cache:2"]
    assert cli(port, "HSET", "flags", "one", "true", "two", "false").stdout == "2\n"
    assert cli(port, "HGETALL", "flags").stdout.split() == ["one", "true", "two", "false"]
    assert "used_memory_human:" in cli(port, "INFO", "memory").stdout
    assert cli(port, "UNLINK", "cache:0", "cache:1", "none").stdout == "2\n"
    assert cli(port, "LPUSH", "flags", "x").stdout.startswith("WRONGTYPE")


def test_it_says_that_nothing_answers_and_needs_the_password(tmp_path: Path) -> None:
    port = free_port()
    away = cli(port, "PING")
    assert away.returncode == 1 and away.stderr.startswith(f"Could not connect to Redis at 127.0.0.1:{port}: ")
    server = start_redis(tmp_path, None, "--requirepass", "s3cret-of-redis")
    try:
        assert cli(server.port, "PING").stdout.startswith("NOAUTH")
        assert cli(server.port, "PING", password="s3cret-of-redis").stdout == "PONG\n"
    finally:
        server.kill()

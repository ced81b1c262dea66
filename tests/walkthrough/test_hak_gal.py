"""The shipped runbooks: every block can be read by bash, blocks no Redis, and runs against a real one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.runbook import Block
from console.core.system import Environment, System
from console.systems.catalog import resolve_system
from console.systems.loader import load_system
from console.systems.secrets import RedisAccess
from console.walkthrough.read import read_runbook
from console.walkthrough.run import block_environment, run_block, syntax_fault
from console.walkthrough.variables import VARIABLES
from tests.conftest import RedisServer, free_port, program, start_redis

ACCESS = RedisAccess("10.0.0.1", 6379, "default", "hunter22", True, 0, timedelta(seconds=1))
CHANGES = re.compile(r"\b(set image|set env .*-\"|DEL|delete|apply|scale|patch)\b")


@pytest.fixture(scope="module")
def system() -> System:
    return load_system(resolve_system("hak-gal"), environ={})


@pytest.fixture(scope="module")
def staging(system: System) -> Environment:
    return system.environments[0]


def all_blocks(system: System, values: dict[str, str]) -> list[tuple[Path, Block]]:
    return [(path, block) for path in system.runbooks for block in read_runbook(path, values).blocks]


def test_every_situation_has_its_runbook(system: System) -> None:
    assert {path.stem for path in system.runbooks} >= {
        "rate-limit-storm",
        "session-bleeding",
        "guard-exceptions",
        "high-block-rate",
        "redis-down",
        "emergency-bypass",
        "rollback",
    }


def test_every_block_can_be_run_but_for_the_one_that_needs_a_version(system: System, staging: Environment) -> None:
    values = block_environment(system, staging, ACCESS, {"PATH": os.environ["PATH"]})
    found = all_blocks(system, values)
    assert len(found) > 25
    blocked = [(path.stem, block.blocked) for path, block in found if block.blocked]
    assert blocked == [("rollback", "<version> stands for a value; copy the command and run it by hand")]
    assert [str(path) for path, block in found if syntax_fault(block.text)] == []


def test_no_block_uses_keys_or_a_password_on_a_command_line(system: System) -> None:
    for path, block in all_blocks(system, {}):
        assert not re.search(r"\bKEYS\b", block.text), path
        assert not re.search(r"redis-cli.* -a\b", block.text), path


def test_blocks_that_only_read_come_before_those_that_change_something(system: System) -> None:
    for path in system.runbooks:
        kinds = [bool(CHANGES.search(block.text)) for block in read_runbook(path, {}).blocks]
        # Looking whether it is over comes after the change.
        last = max((place for place, changes in enumerate(kinds) if changes), default=0)
        assert not any(kinds[:2]), path
        assert last == 0 or last >= len(kinds) - 3, path


def test_the_variables_are_those_the_documentation_lists() -> None:
    text = (resolve_system("hak-gal").parent.parent / "README.md").read_text()
    table = text[text.index("| variable | value |") :]
    assert set(VARIABLES) == set(re.findall(r"`([A-Z_]+)`", table)) - {"SCAN", "KEYS", "KUBECONFIG"}


def test_a_variable_of_another_environment_does_not_leak_in(system: System, staging: Environment) -> None:
    given = {
        "PATH": "/bin",
        "NAMESPACE": "elsewhere",
        "REDISCLI_AUTH": "old",
        "LOG_FILE": "/x",
        "BASH_ENV": "/y",
        "KEPT": "1",
    }
    found = block_environment(system, staging, None, given)
    assert found["NAMESPACE"] == "hak-gal" and found["KEPT"] == "1"
    assert not {"REDISCLI_AUTH", "REDIS_HOST", "BASH_ENV"} & set(found)
    assert found["SESSION_PATTERN"] == "hakgal:tenant:*:session:*"


def test_the_redis_blocks_run_against_a_real_redis(system: System, staging: Environment, tmp_path: Path) -> None:
    program("redis-cli", "valkey-cli")
    server = start_redis(tmp_path, None, "--requirepass", "hunter22-of-redis")
    try:
        run_redis_blocks(system, staging, server, tmp_path)
    finally:
        server.kill()


def run_redis_blocks(system: System, staging: Environment, server: RedisServer, folder: Path) -> None:
    access = RedisAccess("127.0.0.1", server.port, "default", "hunter22-of-redis", False, 0, timedelta(seconds=1))
    environ = block_environment(system, staging, access, os.environ)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"AUTH hunter22-of-redis\r\n")
        for number in range(37):
            connection.sendall(f"SET hakgal:tenant:acme:session:{number} x EX 3600\r\n".encode())
        connection.sendall(b"SET hakgal:tenant:stray x\r\nQUIT\r\n")
        while connection.recv(4096):
            continue
    ran = 0
    said: list[str] = []
    for path, block in all_blocks(system, environ):
        if "redis-cli" not in block.text:
            continue
        result = run_block(block.text, environ=environ, cwd=folder, on_line=said.append, cancel=threading.Event())
        assert result.exit_code == 0, (path, block.line, said[-5:])
        ran += 1
    everything = "\n".join(said)
    assert ran >= 9 and "PONG" in everything and "used_memory_human" in everything
    assert "hunter22" not in everything
    assert "37 sessions" in said
    assert "hakgal:tenant:stray" in said and "1 of 38 keys do not follow the scheme" in said
    assert not any(line.startswith(("(error)", "ERR", "Unrecognized", "bash:", "/dev/fd")) for line in said)


def test_a_redis_that_does_not_answer_is_never_counted_as_empty(
    system: System, staging: Environment, tmp_path: Path
) -> None:
    program("redis-cli", "valkey-cli")
    access = RedisAccess("127.0.0.1", free_port(), None, None, False, 0, timedelta(seconds=1))
    environ = block_environment(system, staging, access, os.environ)
    counting = next(block for _path, block in all_blocks(system, environ) if 'echo "$found sessions"' in block.text)
    said: list[str] = []
    result = run_block(counting.text, environ=environ, cwd=tmp_path, on_line=said.append, cancel=threading.Event())
    assert result.exit_code == 1
    assert "Could not connect" in said[0] and not any("sessions" in line for line in said)


def test_a_cluster_that_refuses_is_never_said_to_have_nothing(
    system: System, staging: Environment, tmp_path: Path
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'Forbidden: you may not' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    environ = block_environment(system, staging, ACCESS, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    for path, block in all_blocks(system, environ):
        if "kubectl" not in block.text or block.blocked:
            continue
        said: list[str] = []
        run_block(block.text, environ=environ, cwd=tmp_path, on_line=said.append, cancel=threading.Event())
        assert set(said) == {"Forbidden: you may not"}, (path, block.line)


def test_a_missing_program_is_said_clearly(system: System, staging: Environment, tmp_path: Path) -> None:
    for name in ("bash", "grep", "wc", "tail"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    environ = block_environment(system, staging, ACCESS, {"PATH": str(tmp_path)})
    for path, block in all_blocks(system, environ):
        said: list[str] = []
        needed = re.findall(r"command -v (\S+)", block.text)
        if block.blocked or not needed:
            continue
        result = run_block(block.text, environ=environ, cwd=tmp_path, on_line=said.append, cancel=threading.Event())
        assert result.exit_code == 127, (path, block.line)
        assert said == [f"{needed[0]} is not installed on this host"]

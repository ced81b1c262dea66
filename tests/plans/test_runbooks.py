"""The runbooks of Lexikon, Genesis and KNHK: bash reads every block, and what changes something comes last."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.runbook import Block
from console.core.system import System
from console.systems.secrets import RedisAccess
from console.walkthrough.read import read_runbook
from console.walkthrough.run import block_environment, run_block, syntax_fault
from tests.conftest import RedisServer, free_port, program
from tests.plans.shipped import system

NAMES = ("genesis", "knhk", "lexikon")
CHANGES = re.compile(
    r"\b(set image|scale |patch |UNLINK|HSET|DEL|terminate_backend|failover|target-percentage|rollback\.sh|backup$)",
    re.MULTILINE,
)
# By hand only: they name what nobody can know beforehand.
PLACEHOLDERS = {
    "genesis": {("feature-flags", "<flag>")},
    "knhk": {
        ("database-connection-pool-exhausted", "<pid>"),
        ("database-connection-pool-exhausted", "<pod>"),
        ("pods-crash-looping", "<pod>"),
        ("rollback", "<slot>"),
    },
    "lexikon": {("rollback", "<version>")},
}


def access(port: int = 6379, password: str | None = None) -> RedisAccess:
    return RedisAccess("127.0.0.1", port, None, password, False, 0, timedelta(seconds=1))


def environ_of(found: System, redis: RedisAccess | None = None, **given: str) -> dict[str, str]:
    return block_environment(found, found.environments[0], redis or access(), {"PATH": os.environ["PATH"], **given})


def blocks(found: System, values: dict[str, str]) -> list[tuple[Path, Block]]:
    return [(path, block) for path in found.runbooks for block in read_runbook(path, values).blocks if block.runnable]


@pytest.mark.parametrize("name", NAMES)
def test_bash_reads_every_block_and_only_those_by_hand_cannot_be_run(name: str) -> None:
    found = system(name)
    every = blocks(found, environ_of(found))
    assert len(every) >= 8
    stopped = {
        (path.stem, word) for path, block in every if block.blocked for word in re.findall(r"<\w+>", block.blocked)
    }
    assert stopped == PLACEHOLDERS[name]
    assert [(path.stem, block.line) for path, block in every if syntax_fault(block.text)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_block_uses_keys_a_flush_or_a_password_on_a_command_line(name: str) -> None:
    for path, block in blocks(system(name), {}):
        assert not re.search(r"\bKEYS\b|FLUSH(DB|ALL)", block.text), path
        assert not re.search(r"redis-cli.* -a\b", block.text), path


@pytest.mark.parametrize("name", NAMES)
def test_each_runbook_looks_before_it_changes_anything(name: str) -> None:
    for path in system(name).runbooks:
        kinds = [bool(CHANGES.search(block.text)) for block in read_runbook(path, {}).blocks if block.runnable]
        first = kinds.index(True) if True in kinds else len(kinds)
        assert first >= min(1, len(kinds)), path
        # What is not a change after the first one only looks whether it is over.
        assert kinds[first:].count(False) <= 2, path


@pytest.mark.parametrize("name", NAMES)
def test_every_runbook_and_every_one_it_points_to_is_there(name: str) -> None:
    found = system(name)
    there = {path.name for path in found.runbooks}
    for path in found.runbooks:
        text = path.read_text()
        assert set(re.findall(r"\b([a-z][a-z-]+\.md)\b", text)) <= there, path
        assert text.startswith("# "), path


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_program_is_said_clearly(name: str, tmp_path: Path) -> None:
    for tool in ("bash", "grep", "tail", "sed", "awk", "sort", "head", "paste"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    found = system(name)
    environ = {**environ_of(found), "PATH": str(tmp_path)}
    for path, block in blocks(found, environ):
        needed = re.findall(r"command -v (\S+)", block.text)
        if block.blocked or not needed:
            continue
        ran = subprocess.run(
            [str(tmp_path / "bash"), "-c", block.text], env=environ, cwd=tmp_path, capture_output=True, text=True
        )
        wanted = f"{needed[0]} is not installed on this host\n"
        assert (ran.returncode, ran.stdout, ran.stderr) == (127, "", wanted), (path, block.line)


def the_block(name: str, runbook: str, words: str, environ: dict[str, str]) -> Block:
    (found,) = [block for path, block in blocks(system(name), environ) if path.stem == runbook and words in block.text]
    return found


def test_clearing_takes_the_cache_and_leaves_everything_else(redis_server: RedisServer, tmp_path: Path) -> None:
    program("redis-cli", "valkey-cli")
    fill(redis_server.port, [f"SET lexikon:cache:{number} x" for number in range(250)], "SET lexikon:keys:1 kept")
    environ = environ_of(system("lexikon"), access(redis_server.port))
    clearing = the_block("lexikon", "rollback", "UNLINK", environ)
    said: list[str] = []
    result = run_block(clearing.text, environ=environ, cwd=tmp_path, on_line=said.append, cancel=threading.Event())
    assert (result.exit_code, said) == (0, ["250 keys unlinked"])
    assert fill(redis_server.port, [], "DBSIZE") == ":1"
    largest = the_block("lexikon", "cache-memory", "MEMORY USAGE", environ)
    result = run_block(largest.text, environ=environ, cwd=tmp_path, on_line=said.append, cancel=threading.Event())
    assert result.exit_code == 1 and said[-1] == "no key was found"


def test_clearing_says_that_redis_did_not_answer(tmp_path: Path) -> None:
    program("redis-cli", "valkey-cli")
    environ = environ_of(system("lexikon"), access(free_port()))
    clearing = the_block("lexikon", "rollback", "UNLINK", environ)
    result = run_block(clearing.text, environ=environ, cwd=tmp_path, on_line=lambda _: None, cancel=threading.Event())
    assert result.exit_code != 0


def test_flags_that_differ_from_the_plan_are_named(redis_server: RedisServer, tmp_path: Path) -> None:
    program("redis-cli", "valkey-cli")
    from tests.plans.test_genesis import OFF, ON

    pairs = " ".join([*(f"{flag} true" for flag in ON), *(f"{flag} false" for flag in OFF)])
    fill(redis_server.port, [], f"HSET genesis:flags {pairs}")
    environ = environ_of(system("genesis"), access(redis_server.port))
    comparing = the_block("genesis", "feature-flags", "differ=0", environ)
    switching = the_block("genesis", "feature-flags", "aatc_system_enabled false", environ)

    def run(block: Block) -> list[str]:
        said: list[str] = []
        assert run_block(
            block.text, environ=environ, cwd=tmp_path, on_line=said.append, cancel=threading.Event()
        ).exit_code == 0, said  # fmt: skip
        return said

    assert run(comparing) == ["all 13 flags are as the plan wants them"]
    fill(redis_server.port, [], "HSET genesis:flags a2a_integration_enabled true otel_tracing_enabled false")
    fill(redis_server.port, [], "HDEL genesis:flags aop_enabled")
    wrong = [
        "aop_enabled is not there, and should be true",
        "otel_tracing_enabled is false, and should be true",
        "a2a_integration_enabled is true, and should be false",
    ]
    assert run(comparing) == wrong
    run(switching)
    assert run(comparing) == wrong[:2]


def fill(port: int, commands: list[str], last: str) -> str:
    """Send inline commands; the answer to the last one."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall("".join(f"{command}\r\n" for command in (*commands, last)).encode())
        reader = connection.makefile("rb")
        answers = [reader.readline() for _ in range(len(commands) + 1)]
    assert not any(answer.startswith(b"-") for answer in answers), answers
    return answers[-1].decode().strip()

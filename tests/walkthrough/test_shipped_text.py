"""The shipped runbooks as they stand: what is there, what each asks for, and what they say when things are away."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from console.core.runbooks.danger import Level
from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.system import System
from console.systems.catalog import resolve_system
from console.systems.loader import load_system
from console.systems.secrets import RedisAccess
from console.walkthrough.danger.judging import danger_of
from console.walkthrough.filling.placeholders import placeholders_of, with_stand_ins
from console.walkthrough.reading.document import read_runbook
from console.walkthrough.sound import why_unsound
from console.walkthrough.variables import VARIABLES, block_environment
from tests.conftest import RedisServer, free_port, program

SYSTEMS = ("hak-gal", "lexikon", "genesis", "knhk")
SITUATIONS = {
    "hak-gal": "rate-limit-storm session-bleeding guard-exceptions high-block-rate redis-memory-high redis-down"
    " pod-death emergency-bypass rollback",
    "lexikon": "pre-flight rollback api-key-migration scan-latency cache-hit-rate-low cache-memory escalation",
    "genesis": "monitoring-bridge-network flag-rollback incident-response emergency-rollback",
    "knhk": "system-outage database-connection-pool-exhausted manual-failover receipt-chain-integrity-failure"
    " crash-loop high-latency weaver-validation-failures rollback backups-and-retention escalation",
}
# What a person has to say; all else is known.
ASKED = {
    "rate-limit-storm": "configmap requests_per_minute",
    "session-bleeding": "owner",
    "guard-exceptions": "pod version",
    "high-block-rate": "version",
    "redis-memory-high": "client_id cache_prefix",
    "pod-death": "pod memory",
    "hak-gal/rollback": "version",
    "pre-flight": "checkout database_host",
    "lexikon/rollback": "version cache_prefix",
    "api-key-migration": "version",
    "scan-latency": "version",
    "cache-hit-rate-low": "version",
    "monitoring-bridge-network": "monitoring_folder GRAFANA_ADMIN_PASSWORD",
    "flag-rollback": "flag",
    "incident-response": "checkout",
    "emergency-rollback": "checkout",
    "system-outage": "deployment",
    "database-connection-pool-exhausted": "pid",
    "manual-failover": "candidate",
    "crash-loop": "pod deployment version",
    "high-latency": "pod checkout deployment version",
    "weaver-validation-failures": "checkout pod",
    "knhk/rollback": "slot",
}
COREUTILS = (
    "bash", "awk", "sed", "grep", "sort", "uniq", "paste", "tail", "cat", "cut", "ls", "wc", "xargs", "seq", "sleep",
    "timeout", "mktemp", "printf", "env",
)  # fmt: skip
PROGRAMS = re.compile(r"\b(kubectl|redis-cli|curl|docker|psql|pgbackrest|weaver|git|pytest|semgrep)\b")


@cache
def system(name: str) -> System:
    return load_system(resolve_system(name), environ={})


def books(name: str) -> list[Runbook]:
    return [read_runbook(path) for path in system(name).runbooks]


def commands(runbook: Runbook) -> list[Step]:
    return [step for step in runbook.steps if step.kind is StepKind.COMMAND]


def surroundings(name: str, port: int = 6379, **given: str) -> dict[str, str]:
    """The variables of a step, with everything configured."""
    found = system(name)
    access = RedisAccess("127.0.0.1", port, None, None, False, 0, timedelta(seconds=1))
    environ = block_environment(found, found.environments[0], access, {"PATH": os.environ["PATH"]})
    return {**environ, "PROMETHEUS_URL": f"http://127.0.0.1:{free_port()}", "TMPDIR": "/nowhere", **given}


def ran(text: str, environ: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    # `wait` asks for ten minutes; here nothing comes back.
    text = with_stand_ins(text).replace("seq 300", "seq 1").replace("sleep 2", "true")
    return subprocess.run(
        ["bash", "-c", text], env=environ, cwd=folder, capture_output=True, text=True, timeout=30, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_situation_has_its_runbook_and_every_alert_opens_one(name: str) -> None:
    assert {path.stem for path in system(name).runbooks} == set(SITUATIONS[name].split())
    assert [alert.name for alert in system(name).alerts if alert.runbook not in system(name).runbooks] == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_block_is_sound_and_asks_for_nothing_that_is_known(name: str) -> None:
    for runbook in books(name):
        steps = commands(runbook)
        assert steps and not runbook.faults, runbook.path
        wrong = [(step.line, why_unsound(with_stand_ins(step.text))) for step in steps]
        assert [found for found in wrong if found[1]] == [], runbook.path
        assert all(step.runnable for step in steps), runbook.path
        asked = " ".join(item.name for item in placeholders_of(runbook, {*VARIABLES, "TMPDIR"}))
        stem = runbook.path.stem
        assert asked == ASKED.get(f"{name}/{stem}", ASKED.get(stem, "")), runbook.path


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_page_says_when_it_is_for_and_what_to_do_when_it_does_not_help(name: str) -> None:
    there = {path.name for path in system(name).runbooks}
    for runbook in books(name):
        text = runbook.source
        assert text.startswith("# "), runbook.path
        assert set(re.findall(r"\b([a-z][a-z-]+\.md)\b", text)) <= there, runbook.path
        if runbook.path.stem not in ("escalation", "backups-and-retention"):
            assert "You are here because" in text, runbook.path
            assert re.search(r"^## When (it does not help|something here fails)$", text, re.MULTILINE), runbook.path
            assert any(step.kind is StepKind.CHECK for step in runbook.steps), runbook.path
            names = [step.options.name for step in commands(runbook)]
            assert all(names) and len(set(names)) == len(names), runbook.path


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_block_uses_keys_a_flush_or_a_password_on_a_command_line(name: str) -> None:
    for runbook in books(name):
        for step in commands(runbook):
            assert not re.search(r"\bKEYS\b|FLUSH(DB|ALL)", step.text), (runbook.path, step.line)
            assert not re.search(r"redis-cli.* -a\b|password=|--pass\b", step.text), (runbook.path, step.line)


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_page_looks_before_it_changes_anything_and_afterwards_whether_it_helped(name: str) -> None:
    known = surroundings(name)
    for runbook in books(name):
        levels = [danger_of(with_stand_ins(step.text), known).level for step in commands(runbook)]
        changes = [at for at, level in enumerate(levels) if level in (Level.CHANGES, Level.DESTROYS)]
        if runbook.path.stem == "receipt-chain-integrity-failure":
            assert (changes[0], levels[0]) == (0, Level.DESTROYS)  # writes stop before anything else is done
            continue
        assert not changes or changes[0] >= 1, runbook.path
        if changes and runbook.path.stem != "backups-and-retention":
            assert levels[-1] is Level.READS, runbook.path


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_reads_is_known_to_read(name: str) -> None:
    known = surroundings(name)
    # Programs whose doings nobody can tell from a command line.
    unknown = {"tests", "scan", "back"}
    for runbook in books(name):
        for step in commands(runbook):
            level = danger_of(with_stand_ins(step.text), known).level
            assert level is not Level.UNKNOWN or step.options.name in unknown, (runbook.path, step.line)


@pytest.mark.parametrize("name", ["hak-gal", "lexikon", "knhk"])
def test_a_cluster_that_refuses_is_never_said_to_have_nothing(name: str, tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'Forbidden: you may not' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    environ = surroundings(name, TMPDIR=str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "log").write_text("")
    environ["LOG_FILE"] = str(tmp_path / "log")
    for runbook in books(name):
        for step in commands(runbook):
            if "kubectl" not in step.text:
                continue
            done = ran(step.text, environ, tmp_path)
            said = set((done.stdout + done.stderr).splitlines())
            # This one is there to say what it means.
            said.discard("postgres-0 does not answer")
            assert said == {"Forbidden: you may not"}, (runbook.path, step.line, done)
            assert done.returncode or "does not answer" in done.stdout, (runbook.path, step.line)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_redis_that_does_not_answer_is_never_counted_as_empty(name: str, tmp_path: Path) -> None:
    program("redis-cli", "valkey-cli")
    environ = surroundings(name, port=free_port(), evidence=str(tmp_path))
    for runbook in books(name):
        for step in commands(runbook):
            if "redis-cli" not in step.text or "kubectl" in step.text or step.options.name in ("ping", "wait"):
                continue
            done = ran(step.text, environ, tmp_path)
            assert done.returncode != 0 and "Could not connect" in done.stdout + done.stderr, (runbook.path, step.line)
            counted = re.findall(r"^\d+ (?:sessions|keys$|of)|no key", done.stdout + done.stderr, re.MULTILINE)
            assert counted == [], (runbook.path, step.line, done.stdout)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_missing_program_is_said_clearly(name: str, tmp_path: Path) -> None:
    for tool in COREUTILS:
        if found := shutil.which(tool):
            (tmp_path / tool).symlink_to(found)
    (tmp_path / "log").write_text("")
    environ = surroundings(
        name, PATH=str(tmp_path), TMPDIR=str(tmp_path), LOG_FILE=str(tmp_path / "log"), evidence=str(tmp_path)
    )
    for runbook in books(name):
        for step in commands(runbook):
            needed = PROGRAMS.findall(step.text)
            if not needed or "cd " in step.text:
                continue
            done = ran(step.text, environ, tmp_path)
            said = done.stdout + done.stderr
            assert f"{needed[0]}: command not found" in said or f"‘{needed[0]}’: No such file" in said or (
                f"'{needed[0]}': No such file" in said or f"{needed[0]}: No such file" in said
            ), (runbook.path, step.line, said)  # fmt: skip
            assert done.returncode or "||" in step.text or step.options.expect, (runbook.path, step.line)


def test_a_redis_without_a_key_is_said_to_have_none(redis_server: RedisServer, tmp_path: Path) -> None:
    program("redis-cli", "valkey-cli")
    for name, stem, fence in (("lexikon", "cache-memory", "largest"), ("hak-gal", "redis-memory-high", "large")):
        (runbook,) = [found for found in books(name) if found.path.stem == stem]
        (step,) = [found for found in commands(runbook) if found.options.name == fence]
        done = ran(step.text, surroundings(name, port=redis_server.port), tmp_path)
        assert (done.returncode, done.stderr.strip()) == (1, "no key was found"), done


def test_the_variables_are_those_the_documentation_lists() -> None:
    text = (resolve_system("hak-gal").parent.parent / "README.md").read_text()
    table = text[text.index("| variable | value |") :]
    assert set(VARIABLES) == set(re.findall(r"`([A-Z_]+)`", table)) - {"SCAN", "KEYS", "KUBECONFIG"}


def test_a_variable_of_another_environment_does_not_leak_in() -> None:
    given = {
        "PATH": "/bin", "NAMESPACE": "elsewhere", "REDISCLI_AUTH": "old", "LOG_FILE": "/x", "BASH_ENV": "/y",
        "KEPT": "1",
    }  # fmt: skip
    found = block_environment(system("hak-gal"), system("hak-gal").environments[0], None, given)
    assert found["NAMESPACE"] == "hak-gal" and found["KEPT"] == "1"
    assert not {"REDISCLI_AUTH", "REDIS_HOST", "BASH_ENV"} & set(found)
    assert found["SESSION_PATTERN"] == "hakgal:tenant:*:session:*"

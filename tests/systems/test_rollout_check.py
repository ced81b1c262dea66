"""`check` looks at plans further than reading them does, and runs nothing of them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis

from console.actions.strategies.steps import clear_keys
from console.cli import main
from console.core.operations import ActionFailed
from console.core.rollouts.plan import ClearKeys
from console.systems.loader import check, load_system
from console.systems.rollout_plans import load_plan
from tests.conftest import RedisServer
from tests.systems.plans import PLAN, SYSTEM, line_of, system_in

COMMANDS = """\
      - name: shell
        run: |
          if true; then
            echo fine
          echo "no end"
"""


def test_check_reads_the_plans_and_asks_bash_about_their_commands(tmp_path: Path) -> None:
    system_in(tmp_path)
    text = PLAN.replace("    after:\n", COMMANDS + "    after:\n").replace("run: git status", "run: 'echo )'")
    plan = tmp_path / "release.rollout.yaml"
    plan.write_text(text)
    load_plan(plan, load_system(tmp_path, environ={}), environ={})
    (tmp_path / "other.rollout.yaml").write_text(PLAN.replace("name: release", "name: other").replace("[lead]", "[x]"))
    faults = check(tmp_path, environ={})
    assert [(fault.path.name, fault.line) for fault in faults] == [
        ("other.rollout.yaml", line_of(PLAN, "[lead]")),
        ("release.rollout.yaml", line_of(text, "echo )")),
        ("release.rollout.yaml", line_of(text, '"no end"') + 1),
    ]
    assert "unexpected token `)'" in faults[1].wrong and "end of file" in faults[2].wrong
    assert check(plan, environ={}) == faults[1:]


def test_a_pattern_is_refused_when_it_is_read_and_not_only_when_it_is_needed(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    plan = tmp_path / "release.rollout.yaml"
    system_in(tmp_path)
    asked = redis.Redis.from_url(redis_server.url)
    for pattern in ("*", "ab*", "ab?", "[abc]d*", "abc*", "abcd"):
        plan.write_text(PLAN.replace("demo:cache:*", pattern))
        told = [fault.wrong for fault in check(plan, environ={})]
        try:
            clear_keys(asked, ClearKeys("x", pattern), say=lambda _: None, stopped=threading.Event())
        except ActionFailed:
            assert ["could be any key" in wrong for wrong in told] == [True], pattern
        else:
            assert told == [], pattern
    asked.close()


def test_check_runs_nothing_of_a_plan(tmp_path: Path) -> None:
    system_in(tmp_path)
    text = PLAN.replace("run: git status", f"run: touch {tmp_path}/ran")
    (tmp_path / "release.rollout.yaml").write_text(text)
    assert check(tmp_path, environ={}) == () and not (tmp_path / "ran").exists()


def test_plans_of_a_broken_system_are_not_judged(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text(SYSTEM.replace("unit: ms", "unit: megs"))
    plan = tmp_path / "release.rollout.yaml"
    plan.write_text(PLAN)
    assert [fault.path.name for fault in check(tmp_path, environ={})] == ["system.yaml"]
    assert [fault.path.name for fault in check(plan, environ={})] == ["system.yaml"]


def test_the_command_takes_a_single_plan(tmp_path: Path) -> None:
    system_in(tmp_path)
    plan = tmp_path / "release.rollout.yaml"

    def said(text: str) -> tuple[int, str]:
        plan.write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "console.cli", "check", str(plan)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout.strip()

    assert said(PLAN) == (0, f"{plan}: no fault, 3 phases")
    code, shown = said(PLAN.replace("[lead]", "[leed]"))
    assert code == 1 and shown.startswith(f"{plan}:{line_of(PLAN, '[lead]')}: ")


def test_the_command_says_what_it_has_read_and_what_it_has_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system_in(tmp_path)
    (tmp_path / "release.rollout.yaml").write_text(PLAN)
    (tmp_path / "notes.md").write_text("# Notes\n")
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/system.yaml: no fault",
        f"{tmp_path}/release.rollout.yaml: no fault, 3 phases",
        f"{tmp_path}/notes.md: no fault",
    ]
    (tmp_path / "system.yaml").write_text(SYSTEM.replace("unit: ms", "unit: megs"))
    assert main(["check", str(tmp_path)]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path}/system.yaml:")
    assert last == f"{tmp_path}/release.rollout.yaml: not judged, for system.yaml has faults; mend those first"

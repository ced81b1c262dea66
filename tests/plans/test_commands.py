"""The shell commands of the shipped plans do what their documents do, and what a setting says instead."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.core.rollouts.plan import Command, CommandCheck, RolloutPlan, Step
from console.systems.rollout_plans import plan_faults
from tests.conftest import program
from tests.plans.shipped import FILES, phase, plan, plan_of, system

TELLS = '#!/bin/sh\necho "$(basename "$0")${GENESIS_ENV:+ in $GENESIS_ENV}:"; for each; do echo "[$each]"; done\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder of programs that only tell their name and arguments."""
    for name in ("python", "pytest", "redis-cli", "git"):
        (tmp_path / name).write_text(TELLS)
        (tmp_path / name).chmod(stat.S_IRWXU)
    return tmp_path


def run(command: str, path: Path, **environ: str) -> list[str]:
    ran = bash(command, path, **environ)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def bash(command: str, path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": f"{path}:{os.environ['PATH']}", **environ}
    return subprocess.run(["bash", "-c", command], env=given, capture_output=True, text=True, timeout=10, check=False)


@pytest.fixture(scope="module")
def moves() -> Command:
    strategy = phase(plan("genesis", "release"), "stage-1").strategy
    assert isinstance(strategy, Command)
    return strategy


def test_no_plan_has_a_fault() -> None:
    assert len(FILES) == 9
    assert [fault for file in FILES for fault in plan_faults(file, system(file.parent.name), environ={})] == []


def test_genesis_is_brought_to_a_percentage_by_its_own_script(moves: Command, path: Path) -> None:
    words = ["deploy", "--strategy", "safe", "--wait", "300", "--target-percentage"]
    for share in ("5", "100"):
        said = run(moves.apply, path, SHARE=share)
        assert said == ["python in production:", "[scripts/deploy.py]", *(f"[{word}]" for word in (*words, share))]
    back = run(moves.roll_back, path, SHARE="0")
    assert back[0] == "python in production:" and back[-1] == "[0]"


def test_the_share_of_genesis_is_read_from_its_flag_manager(moves: Command, path: Path) -> None:
    head, flag, code = run(moves.read, path)
    assert (head, flag) == ("python in production:", "[-c]")
    compile(code[1:-1], "read", "exec")
    assert "get_rollout_status('phase_4_deployment')['current_percentage']" in code


def test_a_setting_stands_for_the_command(moves: Command, path: Path) -> None:
    own = path / "own"
    own.write_text('#!/bin/sh\necho "$1 at $SHARE"\n')
    own.chmod(stat.S_IRWXU)
    assert run(moves.apply, path, SHARE="25", GENESIS_APPLY=f"{own} apply") == ["apply at 25"]
    assert run(moves.read, path, SHARE="25", GENESIS_READ=f"{own} read") == ["read at 25"]
    assert run(moves.roll_back, path, SHARE="0", GENESIS_ROLL_BACK=f"{own} back") == ["back at 0"]


def checks(found: RolloutPlan) -> Iterator[CommandCheck]:
    steps: list[Step] = [*found.then]
    for one in found.phases:
        steps += [*one.before, *one.after]
    return (step for step in steps if isinstance(step, CommandCheck))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name.split('.')[0]}")
def test_a_setting_stands_for_every_check_that_is_a_command(file: Path, tmp_path: Path) -> None:
    for check in checks(plan_of(file)):
        (setting,) = re.findall(r"\$\{([A-Z_]+):-", check.run)
        assert run(check.run, tmp_path, **{setting: "echo instead"}) == ["instead"], check.name


def flight(name: str) -> CommandCheck:
    before = phase(plan("lexikon", "canary"), "pre-flight").before
    (found,) = [check for check in before if check.name == name]
    assert isinstance(found, CommandCheck)
    return found


def test_the_release_needs_all_three_commits_and_nothing_uncommitted(tmp_path: Path) -> None:
    git = [program("git"), "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.net"]
    subprocess.run([*git, "init", "-q"], check=True)
    for subject in ("daf8663", "75ef432", "between", "0ff1345"):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", subject], check=True)
    commits, clean = flight("commits"), flight("nothing uncommitted")
    assert commits.expect is not None and clean.expect is not None

    def output(check: CommandCheck) -> str:
        return bash(f"cd {tmp_path} && {check.run}", tmp_path).stdout.strip("\n")

    assert re.search(commits.expect, output(commits))
    assert not re.search(commits.expect, output(commits).replace("75ef432", "another"))
    assert re.search(clean.expect, output(clean))
    (tmp_path / "left.txt").write_text("x")
    assert not re.search(clean.expect, output(clean))


def test_the_secret_of_the_keys_must_be_set_and_is_not_printed(path: Path) -> None:
    check = flight("API_KEY_SECRET set")
    assert bash(check.run, path).returncode != 0
    assert bash(check.run, path, API_KEY_SECRET="").returncode != 0
    assert run(check.run, path, API_KEY_SECRET="two words of it") == []


def test_redis_database_and_a_test_are_asked_as_the_checklist_does(path: Path) -> None:
    asked = run(flight("Redis").run, path, REDIS_HOST="10.0.0.1", REDIS_PORT="6380", REDIS_OPTIONS="-n 2 --tls")
    assert asked == [
        "redis-cli:",
        *(f"[{word}]" for word in ("-h", "10.0.0.1", "-p", "6380", "-n", "2", "--tls", "PING")),
    ]
    _, flag, code = run(flight("database").run, path)
    assert flag == "[-c]"
    compile(code[1:-1], "database", "exec")
    assert "from db.postgres import SessionLocal" in code and "print('DB OK')" in code
    _, which, how = run(flight("sanity test").run, path)
    assert which == "[tests/test_redis_caching.py::TestRedisClient::test_set_and_get_string]" and how == "[-v]"


def test_a_smoke_test_that_fails_fails_its_check(tmp_path: Path) -> None:
    smoke = phase(plan("knhk", "release"), "prepare").after[0]
    assert isinstance(smoke, CommandCheck)
    assert bash(f"cd {tmp_path} && {smoke.run}", tmp_path).returncode == 127
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for code in (0, 3):
        (scripts / "smoke-test.sh").write_text(f"#!/bin/sh\nexit {code}\n")
        (scripts / "smoke-test.sh").chmod(stat.S_IRWXU)
        assert bash(f"cd {tmp_path} && {smoke.run}", tmp_path).returncode == code

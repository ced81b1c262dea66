"""`hakgal-console rehearse`: what it prints, what it exits with, what it completes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.systems.catalog import resolve_system
from console.systems.places import remember_used
from tests.rehearsal.plans import small

STARTS = ("--starts", "2026-11-23T09:00Z")


def rehearse(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["rehearse", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = rehearse(capsys, *arguments, "--json")
    return code, json.loads(out)


def test_the_whole_release_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = rehearse(capsys, "release", "--system", "hak-gal", *STARTS)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "HAK_GAL release  (release.rollout.yaml, hak-gal)"
    header = next(line for line in lines if line.startswith("PHASE"))
    assert header.split()[:4] == ["PHASE", "SHARE", "BEGINS", "CONFIRMED"]
    canary = next(line for line in lines if line.startswith("staging-canary"))
    assert "5% or 1 pod" in canary and "48h of 48h" in canary and "promoted" in canary
    assert any("sets AUDIT_LEVEL=INFO" in line for line in lines)
    assert any(line.startswith("production-5 ") and "until Sun 06 Dec" in line for line in lines)
    (waited,) = (line for line in lines if line.startswith("staging-canary  ") and "tick" in line)
    assert "the next phase waits for it" in waited and "at once" not in out.partition("what persons must do")[2]
    assert "the rollout's end waits for it" in out
    assert lines[-1].startswith("completed after 29d, Tue 2026-12-22")


def test_an_error_spike_in_each_phase_is_a_table_of_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = rehearse(capsys, "release", "--system", "knhk", "--scenario", "error-spike", *STARTS)
    assert code == 1
    rows = [line for line in out.splitlines() if line.endswith("rolled back")]
    assert [row.split()[0] for row in rows] == ["pre-deployment", "prepare", "switch", "watch"]
    assert all("breaches `" in row for row in rows)


def test_one_phase_is_told_as_a_timeline_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("release", "--system", "hak-gal", "--scenario", "error-spike", "--phase", "staging-canary", *STARTS)
    code, out, _ = rehearse(capsys, *asked)
    assert code == 1
    assert "in staging-canary: error_rate breaches `error_rate > 0.1% for 5m`" in out
    assert "ROLLS BACK: error rate tripped" in out
    assert out.splitlines()[-1].startswith("rolled back after 12h")
    code, told = as_json(capsys, *asked)
    assert code == 1
    (run,) = told["runs"]
    assert (told["scenario"], run["here"], run["state"]) == ("error-spike", "staging-canary", "rolled back")
    (trip,) = run["trips"]
    assert trip["criterion"] == "error_rate > 0.1% for 5m"
    assert trip["at"].endswith("Z") and trip["began"] < trip["at"]
    assert {"phase", "begun", "confirmed", "observed"} <= set(run["phases"][0])


def test_a_plan_and_a_scenario_by_their_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, _ = small(tmp_path)
    scenario = tmp_path / "mine.yaml"
    scenario.write_text("name: mine\nmetrics: {latency: [{at: phase first + 4m, value: 500ms}]}\n")
    code, told = as_json(capsys, str(plan.path), "--scenario", str(scenario), *STARTS)
    assert code == 1
    assert [trip["criterion"] for trip in told["runs"][0]["trips"]] == ["latency > 400ms"]


def test_it_says_which_system_it_took_where_none_was_named(capsys: pytest.CaptureFixture[str]) -> None:
    remember_used("hak-gal", None)
    code, out, err = rehearse(capsys, "release", "--json", *STARTS)
    assert (code, json.loads(out)["system"]) == (0, "hak-gal")
    assert err == f"rehearsing release of hak-gal ({resolve_system('hak-gal')})\n"
    assert rehearse(capsys, "release", "--system", "hak-gal", *STARTS)[2] == ""


def test_what_does_not_end_is_not_a_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, _ = small(tmp_path)
    scenario = tmp_path / "nobody.yaml"
    scenario.write_text("name: nobody\nlasts: 3d\npeople: {absent: true}\n")
    code, out, _ = rehearse(capsys, str(plan.path), "--scenario", str(scenario), *STARTS)
    assert code == 1
    assert out.splitlines()[-1].startswith("not finished: waiting in first after 72h")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("releas", "--system", "hak-gal"), "did you mean `release`"),
        (("release", "--system", "hakgal"), "did you mean hak-gal"),
        (("nowhere.rollout.yaml",), "there is no file nowhere.rollout.yaml"),
        (("release", "--system", "hak-gal", "--scenario", "wekend"), "did you mean `weekend`"),
        (("release", "--system", "hak-gal", "--phase", "staging"), "has no phase staging; it has pre-deployment"),
        (("release", "--system", "hak-gal", "--starts", "monday"), "is no time with its zone"),
        (("release", "--system", "hak-gal", "--starts", "2026-11-23T09:00"), "is no time with its zone"),
    ],
)
def test_what_is_not_understood_says_what_would_be(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = rehearse(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_wrong_scenario_is_refused_by_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan, _ = small(tmp_path)
    scenario = tmp_path / "wrong.yaml"
    scenario.write_text("name: wrong\nmetrics:\n  eror_rate: []\n")
    code, _, err = rehearse(capsys, str(plan.path), "--scenario", str(scenario))
    assert code == 2
    assert f"{scenario}:3: " in err and "did you mean `error_rate`?" in err


def completed(line: str, folder: Path) -> set[str]:
    """What a shell is offered at the end of a line; argcomplete answers on file descriptor 8."""
    read, write = os.pipe()
    environ = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    code = f"import os; os.dup2({write}, 8); from console.cli import main; main([])"
    subprocess.run([sys.executable, "-c", code], env=environ, cwd=folder, pass_fds=(write,), timeout=30, check=False)
    os.close(write)
    with os.fdopen(read) as answers:
        return {one.strip() for one in answers.read().split("\n") if one.strip()}


def test_the_shell_completes_plans_scenarios_and_phases(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\n")
    start = "hakgal-console rehearse --system lexikon "
    assert {"canary", "blue-green", "rolling"} <= completed(start, tmp_path)
    assert completed(start + "blue", tmp_path) == {"blue-green"}
    assert {"weekend", "own.yaml"} <= completed(start + "canary --scenario ", tmp_path)
    assert completed(start + "canary --scenario we", tmp_path) == {"weekend"}
    assert "canary-25" in completed(start + "canary --phase canary-", tmp_path)

"""What commands say of a rollout: JSON that a script cannot misread, and sentences that name commands, not keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.commands.plain import as_json
from console.commands.rollout_json import as_body
from console.commands.rollout_text import as_text
from console.commands.rollout_words import by_command
from console.core.evaluation import Verdict
from tests.rollout_parts import VIEW

KEY = re.compile(r"(?<![\w'`])[pRAtSwh] [a-z]+s\b|Enter|\b(?:resume|back|first) \([hRA]\)")
CORE = Path(__file__).parents[2] / "console" / "core" / "rollouts"


@pytest.mark.parametrize(
    ("verdict", "gate", "criterion"),
    [
        (Verdict.PASS, "pass", "tripped"),
        (Verdict.FAIL, "fail", "quiet"),
        (Verdict.PENDING, "pending", "pending"),
        (Verdict.NODATA, "no data", "no data"),
        (Verdict.ERROR, "error", "error"),
    ],
)
def test_gates_and_criteria_have_words_of_their_own(verdict: Verdict, gate: str, criterion: str) -> None:
    view = replace(
        VIEW,
        gates=(replace(VIEW.gates[0], verdict=verdict),),
        criteria=(replace(VIEW.criteria[0], verdict=verdict),),
    )
    body = as_body(view)
    assert [body["gates"][0]["state"], body["criteria"][0]["state"]] == [gate, criterion]
    assert "verdict" not in as_json(body)
    lines = as_text(view)
    assert any(line.startswith(f"  gate      {gate} ") for line in lines)
    assert any(line.startswith(f"  back when {criterion} ") for line in lines)


def test_phases_are_numbered_and_one_that_has_begun_is_not_estimated() -> None:
    present = replace(VIEW.here, estimated=True)
    view = replace(VIEW, phases=(*VIEW.phases[: VIEW.phase], present, *VIEW.phases[VIEW.phase + 1 :]))
    body = as_body(view)
    assert body["phase"] == {"number": 4, "name": "production-canary", "of": len(VIEW.phases)}
    rows = body["phases"]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["begun"] for row in rows[:5]] == [True, True, True, True, False]
    assert [row["estimated"] for row in rows[:5]] == [False, False, False, False, True]
    assert rows[3]["ends_estimated"] and not rows[0]["ends_estimated"]


def test_the_text_names_each_phase_as_retry_takes_it() -> None:
    shown = "\n".join(as_text(VIEW))
    for number, phase in enumerate(VIEW.phases, 1):
        assert f"] {number}. {phase.name}" in shown
        assert phase.title in shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("waits for 4 checklist items; Enter opens them", "`rollout tick N` and `rollout sign ROLE go` do that"),
        ("2h to go, then sign-offs decide (Enter opens them)", "(`rollout tick N`, `rollout sign ROLE go`)"),
        ("it is held; h resumes it first", "it is held; `rollout resume` resumes it first"),
        ("nobody watches it, w starts a watcher", "nobody watches it, `watch --detach` starts a watcher"),
        ("x is held; finish or abort it first (A)", "finish or abort it first (`rollout abort`)"),
        ("not yet: soak; a typed reason overrides", "`rollout promote --override REASON` overrides"),
        ("mend that, then resume (h)", "resume (`rollout resume`)"),
        ("no rollout was started; S starts one", "`rollout start PLAN` starts one"),
        ("held: see plan (A), it holds 2 h", "held: see plan (A), it holds 2 h"),
    ],
)
def test_a_key_becomes_the_command_that_does_it(said: str, told: str) -> None:
    assert told in by_command(said)


def hints() -> Iterator[str]:
    """Every string of the sentences about a rollout in which a key seems to be named."""
    for name in ("wording.py", "asking.py", "showing.py", "machine.py"):
        for text in re.findall(r'"([^"\n]*)"', (CORE / name).read_text(encoding="utf-8")):
            if KEY.search(text):
                yield text


def test_no_sentence_about_a_rollout_keeps_a_key() -> None:
    found = list(hints())
    assert len(found) > 20
    for text in found:
        assert not re.search(
            r"(?<![\w'`{])[pRAtSwh] [a-z]+s\b|Enter|\b(?:resume|back|first) \([hRA]\)", by_command(text)
        ), text

"""Placeholders as public runbooks write them, and secrets in what is told of a step."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.walkthrough.filling.assess import assess
from console.walkthrough.filling.placeholders import in_text, placeholders_of


def written(text: str) -> list[str]:
    return [one.written for one in in_text(text, ())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kubectl edit pod -n web POD_NAME_HERE", ["POD_NAME_HERE"]),
        ("# replace x with the newest patch\nkubeadm upgrade apply v1.30.x", ["v1.30.x"]),
        ("# replace x in 1.30.x-00\napt-get install kubeadm=1.30.x-00 kubelet-1.30.x-0", ["1.30.x-00", "1.30.x-0"]),
        ("mongodump --out=stage-YYYY-MM-DD", ["YYYY-MM-DD"]),
        ("git checkout release-1.30.x", []),
        ('if [[ -n "${FILTER:-}" ]]; then run | "$FILTER"; fi', []),
        ('[ -z "${MODE-}" ] || echo "$MODE $OTHER"', ["$OTHER"]),
    ],
)
def test_a_placeholder_is_what_a_person_would_take_for_one(text, found):
    assert written(text) == found


def one(text: str) -> Runbook:
    step = Step(1, 1, 1, StepKind.COMMAND, (), text[:20], "bash", text, text, runnable=True, options=Options())
    return Runbook(Path("r.md"), "r", "", "", (step,))


@pytest.mark.parametrize(
    "text",
    [
        "redis-cli -h cache -a hunter2hunter2 FLUSHALL",
        "curl -u admin:hunter2hunter2 -X DELETE https://shop/api/orders",
        "PGPASSWORD=hunter2hunter2 psql -h db -c 'DROP TABLE orders'",
        "mysql -phunter2hunter2 -e 'DROP DATABASE shop'",
    ],
)
def test_what_is_told_of_a_danger_holds_no_secret(text):
    found = assess(one(text), 1, (), {}, {}, {}, "shop").danger
    assert found.level.asks and found.commands
    assert "hunter2" not in repr(found)


def test_what_is_told_of_a_danger_holds_no_answer_that_is_secret():
    book = one("redis-cli -a <password> DEL <key-of-order>")
    asked = placeholders_of(book, ())
    secrets = {each.name: "correct-horse" for each in asked if each.secret}
    values = {each.name: "order:1" for each in asked if not each.secret}
    found = assess(book, 1, asked, values, secrets, {"EXTRA": "x"}, "shop")
    assert secrets and "correct-horse" not in repr(found)

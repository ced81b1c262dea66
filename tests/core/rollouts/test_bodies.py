"""Verdicts as JSON: what the driver writes is what screens and commands read."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.evaluation import Evaluation, Mark, Verdict
from console.core.rollouts.showing import judged_body, judged_from
from console.core.rollouts.state import Judged
from tests.core.rollouts.worlds import (
    MINUTE,
    NOON,
    SECOND,
)

numbers = st.one_of(st.none(), st.floats(allow_nan=False), st.just(math.inf))
evaluations = st.builds(
    Evaluation,
    verdict=st.sampled_from(list(Verdict)),
    value=numbers,
    since=st.sampled_from([None, NOON, NOON + SECOND]),
    true_for=st.timedeltas(timedelta(0), timedelta(days=9)),
    needed=st.just(5 * MINUTE),
    known=st.floats(0, 1),
    strip=st.lists(st.sampled_from(list(Mark)), max_size=5).map(tuple),
    detail=st.text(max_size=9),
)


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), evaluations, max_size=3), st.lists(st.text(max_size=5), max_size=2), numbers
)
def test_verdicts_survive_the_file_between_the_driver_and_the_screen(
    by_text: dict[str, Evaluation], lines: list[str], measured: float | None
) -> None:
    before = Judged(by_text, tuple(lines), tuple(lines), measured)
    assert judged_from(json.loads(json.dumps(judged_body(before), allow_nan=False))) == before


def test_a_value_that_is_no_number_survives_too() -> None:
    body = json.loads(json.dumps(judged_body(Judged({"x": Evaluation(Verdict.FAIL, math.nan)})), allow_nan=False))
    value = judged_from(body).by_text["x"].value
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rules": 5, "unmet": [], "drift": [], "measured": None},
        {"rules": {"x": {}}, "unmet": [], "drift": [], "measured": None},
        {"rules": {}, "unmet": [], "drift": [], "measured": "much"},
    ],
)
def test_a_body_that_is_no_verdicts_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no verdicts"):
        judged_from(body)

"""Verdicts and views as JSON: the driver writes them to a file that screens and commands read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from console.core.evaluation import Evaluation, Mark, Verdict
from console.core.rollouts.state import Judged
from console.core.rollouts.view import RolloutView

_LETTERS = {Mark.TRUE: "+", Mark.FALSE: "-", Mark.MISSING: ".", Mark.ERROR: "!"}
_MARKS = {letter: mark for mark, letter in _LETTERS.items()}
_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def judged_body(judged: Judged) -> dict[str, Any]:
    """Verdicts as JSON: times are ISO, spans seconds, a strip is `+` true, `-` false, `.` missing, `!` error; numbers
    that JSON has no word for are `nan`, `inf`, `-inf`.
    """
    return {
        "rules": {text: _evaluation(one) for text, one in judged.by_text.items()},
        "unmet": list(judged.unmet),
        "drift": list(judged.drift),
        "measured": _number(judged.measured),
    }


def judged_from(body: Mapping[str, Any]) -> Judged:
    """Read it back. Raises ValueError where it is nothing that `judged_body` wrote."""
    try:
        return Judged(
            {str(text): _evaluated(one) for text, one in body["rules"].items()},
            tuple(str(line) for line in body["unmet"]),
            tuple(str(line) for line in body["drift"]),
            _read(body["measured"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"these are no verdicts: {error!r}") from error


def view_body(view: RolloutView) -> dict[str, Any]:
    """A view as JSON, for `--json`: the fields by name, `can` by action; times are ISO, spans seconds."""
    body = _plain(view)
    assert isinstance(body, dict)
    return {**body, "can": dict(view.can)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    match value:
        case Mark():
            return _LETTERS[value]
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case float():
            return _number(value)
        case tuple() | list():
            return [_plain(one) for one in value]
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case _:
            return value


def _evaluation(one: Evaluation) -> dict[str, Any]:
    return {
        "verdict": one.verdict.value,
        "value": _number(one.value),
        "since": None if one.since is None else one.since.isoformat(),
        "true_for": one.true_for.total_seconds(),
        "needed": one.needed.total_seconds(),
        "known": one.known,
        "strip": "".join(_LETTERS[mark] for mark in one.strip),
        "detail": one.detail,
    }


def _evaluated(body: Mapping[str, Any]) -> Evaluation:
    since = None if body["since"] is None else datetime.fromisoformat(body["since"])
    if since is not None and since.tzinfo is None:
        raise ValueError(f"{body['since']} names no time zone")
    return Evaluation(
        Verdict(body["verdict"]),
        _read(body["value"]),
        None if since is None else since.astimezone(UTC),
        timedelta(seconds=body["true_for"]),
        timedelta(seconds=body["needed"]),
        float(body["known"]),
        tuple(_MARKS[letter] for letter in body["strip"]),
        str(body["detail"]),
    )


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _read(value: float | str | None) -> float | None:
    if value is None:
        return None
    return _ODD[value] if isinstance(value, str) else float(value)

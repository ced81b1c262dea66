"""Log lines: the level and the time they name, and nothing that could harm a terminal."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.sources.log_lines import LONGEST, clean, cut, level_of, log_line, shown, time_of

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-11-20 21:04:09,412 ERROR guard failed", "ERROR"),
        ("2026-11-20T21:04:09Z WARN  pod-7f rate_limit_reject", "WARN"),
        ("[WARNING] disk", "WARN"),
        ("INFO:root:started", "INFO"),
        ("21:04 DEBUG x", "DEBUG"),
        ("TRACE x", "DEBUG"),
        ("CRITICAL: all of it", "ERROR"),
        ("FATAL x", "ERROR"),
        ("[error] 12#12: upstream", "ERROR"),
        ("[core:warn] x", "WARN"),
        ("2026/11/20 21:04:09 [notice] 1#1: nginx", "INFO"),
        ('time="2026-11-20" level=warning msg="x"', "WARN"),
        ("lvl=eror msg=x", ""),
        ("error: no such file", "ERROR"),
        ("E1120 21:04:09.412345       1 main.go:12] x", "ERROR"),
        ("I1120 21:04:09.412345       1 main.go:12] no ERROR here", "INFO"),
        ("W1120 21:04:09.412345       1 main.go:12] x", "WARN"),
        ("there was no error in the request", ""),
        ("ERRORS=0 INFORMATION", ""),
        ("", ""),
        ('{"level":"error","msg":"INFO"}', "ERROR"),
        ('{"severity": "WARNING", "message": "x"}', "WARN"),
        ('{"level": 30, "msg": "pino"}', "INFO"),
        ('{"level": 50}', "ERROR"),
        ('{"level": 60}', "ERROR"),
        ('{"level": 7}', ""),
        ('{"msg": "ERROR"}', ""),
        ('{"log.level": "DEBUG"}', "DEBUG"),
        ('{"level": "error"', "ERROR"),
        ("[" * 5_000 + "]" * 5_000, ""),
        ("x" * 300 + " ERROR", ""),
    ],
)
def test_levels(line: str, level: str) -> None:
    assert level_of(line) == level


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-11-20T21:04:09.412Z x", "2026-11-20T21:04:09.412000+00:00"),
        ("2026-11-20T21:04:09.412345678Z x", "2026-11-20T21:04:09.412345+00:00"),
        ("2026-11-20 21:04:09,412 ERROR x", "2026-11-20T21:04:09.412000+00:00"),
        ("2026-11-20T22:04:09+01:00 x", "2026-11-20T21:04:09+00:00"),
        ("[2026-11-20 15:34:09 -0530] x", "2026-11-20T21:04:09+00:00"),
        ("2026/11/20 21:04:09 [error] x", "2026-11-20T21:04:09+00:00"),
        ('1.2.3.4 - - [20/Nov/2026:22:04:09 +0100] "GET /"', "2026-11-20T21:04:09+00:00"),
        ("Nov 20 20:04:09 host app: x", "2026-11-20T20:04:09+00:00"),
        ("<13>Nov  2 20:04:09 host app: x", "2026-11-02T20:04:09+00:00"),
        ("Dec 31 23:59:59 host app: last year's", "2025-12-31T23:59:59+00:00"),
        ("Feb 29 12:00:00 host app: a leap year's", "2024-02-29T12:00:00+00:00"),
        ("E1120 20:04:09.412345       1 main.go:12] x", "2026-11-20T20:04:09.412345+00:00"),
        ("1795208649.412 x", "2026-11-20T21:04:09.412000+00:00"),
        ('{"time": "2026-11-20T21:04:09Z"}', "2026-11-20T21:04:09+00:00"),
        ('{"ts": 1795208649.5}', "2026-11-20T21:04:09.500000+00:00"),
        ('{"time": 1795208649500}', "2026-11-20T21:04:09.500000+00:00"),
        ('{"@timestamp": "2026-11-20T22:04:09.000+0100"}', "2026-11-20T21:04:09+00:00"),
        ("2026-13-20T21:04:09Z no such month", None),
        ("2026-11-20T25:04:09Z no such hour", None),
        ("Foo 20 21:04:09 no such month", None),
        ('{"ts": 1e300}', None),
        ('{"ts": true}', None),
        ("no time at all, 12345678901234567890", None),
    ],
)
def test_times(line: str, at: str | None) -> None:
    found = time_of(line, NOW)
    assert found == (None if at is None else datetime.fromisoformat(at))
    assert found is None or found.utcoffset() == timedelta(0)


def is_safe(text: str) -> bool:
    """Nothing that moves a cursor, hides, or turns the direction of writing."""
    return not {unicodedata.category(letter) for letter in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=300), st.dictionaries(st.text(max_size=9), st.text() | st.floats()).map(json.dumps)))
def test_any_text_makes_a_line_that_is_safe_to_show(text: str) -> None:
    block = clean(text.encode("utf-8", "surrogatepass"))
    for line in block.split(b"\n"):
        made = log_line(1, cut(line), "x", NOW)
        assert is_safe(made.text)
        assert made.level in ("", "ERROR", "WARN", "INFO", "DEBUG")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_make_a_line_that_is_safe_to_show(data: bytes) -> None:
    text = shown(clean(data).replace(b"\n", b""))
    assert is_safe(text)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=3), st.integers(LONGEST // 4, LONGEST))
def test_a_cut_line_is_valid_and_says_what_is_missing(letter: str, count: int) -> None:
    line = (letter * count).encode("utf-8", "replace")
    kept = cut(line)
    assert kept.decode("utf-8")
    if len(line) <= LONGEST:
        assert kept == line
    else:
        assert len(kept) < LONGEST + 40 and kept.endswith(b" bytes cut)")

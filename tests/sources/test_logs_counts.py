"""Counting: the shortcuts give exactly what trying every line gives."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.core.system import LogPattern
from console.sources.log_counts import Block, HourCount, LineMatcher, required_texts
from console.sources.log_lines import clean

PATTERNS = (
    "rate_limit_reject",
    "error|exception",
    "(?i)error|exception",
    "(?i:error) in guard",
    r"guard (?:execution )?error",
    r"session_access_violation tenant=\w+",
    r"^ERROR\b",
    r"error$",
    "(error|errand)s?",
    "err(or)+",
    "(?:error){2,3}",
    "(error)?",
    "er.or",
    "[Ee]rror",
    r"\bguard\b.*\berror\b",
    "error(?!s)",
    "(?<!no )error",
    "(?=.*error)(?=.*guard)",
    "erro",
    "ok",
    "straße|error",
    r"(?x) guard \s error",
    "gu(?:ard|ess|ild) error|noise",
    "k[eé]lvin|mask",
    "(?i)mask|ſilent",
    "(?i)mask",
    r"a\nb|error",
)
WORDS = st.one_of(
    st.sampled_from(["error", "ERROR", "Error", "errors", "erro", "errorerror", "erand", "exception", "r"]),
    st.sampled_from(["guard", "execution", "guild", "guess", "rate_limit_reject", "session_access_violation tenant=a"]),
    st.sampled_from(["straße", "maſk", "mas\N{KELVIN SIGN}", "kelvin", "é", "İ", "\ufffd", "ok", "no", "x" * 30]),
    st.sampled_from([" ", "  ", "\t", "\x1b[31m", "\x00"]),
)
LINES = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=60)


def by_trying_every_line(pattern: str, text: bytes) -> int:
    expression = re.compile(pattern)
    return sum(1 for line in text.split(b"\n") if expression.search(line.decode("utf-8", "replace")))


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=25, deadline=None)
@given(lines=LINES, repeat=st.integers(1, 3))
@example(lines=["maſk", "mas\N{KELVIN SIGN}", "MASK", "mass"], repeat=1)
@example(lines=["error", "no error", "an error error", "error"] * 9, repeat=1)
@example(lines=["quiet"] * 300 + ["one error in guard, and one guard error"], repeat=1)
def test_a_block_counts_as_many_lines_as_match_one_by_one(pattern: str, lines: list[str], repeat: int) -> None:
    text = clean("\n".join(lines * repeat).encode())
    assert LineMatcher(LogPattern("p", "P", pattern)).count(Block(text)) == by_trying_every_line(pattern, text)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_count_alike(data: bytes) -> None:
    text = clean(data)
    for pattern in ("(?i)error|exception", r"\w+"):
        assert LineMatcher(LogPattern("p", "P", pattern)).count(Block(text)) == by_trying_every_line(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "texts", "exact"),
    [
        ("rate_limit_reject", {b"rate_limit_reject"}, True),
        ("(?i)Error|Exception", {b"error", b"exception"}, True),
        (r"guard (?:execution )?error", {b"guard "}, False),
        ("(?:error){2,3}", {b"error"}, False),
        ("[Ee]rror", {b"rror"}, False),
        (r"\d+", set(), False),
        ("ok", set(), False),
        ("(error)?", set(), False),
        ("straße|error", set(), False),
    ],
)
def test_the_texts_that_a_match_must_hold_are_found(pattern: str, texts: set[bytes], exact: bool) -> None:
    needed = required_texts(pattern)
    assert set(needed.texts) == texts
    assert needed.exact == exact


def test_lines_of_which_only_the_head_is_looked_at() -> None:
    matcher = LineMatcher(LogPattern("p", "P", r"end\b.*"))
    assert matcher.count(Block(b"x" * 70_000 + b" end")) == 0
    assert matcher.count(Block(b"x" * 60_000 + b" end")) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 50)), max_size=40), st.integers(0, 5_000))
def test_the_last_hour_is_exact_to_a_second(steps: list[tuple[int, int]], later: int) -> None:
    begin = datetime(2026, 11, 20, tzinfo=UTC)
    count, seen, now = HourCount(), [], begin
    for seconds, lines in steps:
        now += timedelta(seconds=seconds)
        count.add(lines, now)
        seen.append((now, lines))
        assert count.in_last_hour(now) == sum(n for at, n in seen if at > now - timedelta(hours=1))
    now += timedelta(seconds=later)
    assert count.in_last_hour(now) == sum(n for at, n in seen if at > now - timedelta(hours=1))
    assert count.total == sum(n for _, n in seen)
    assert len(count._seconds) <= 3_601

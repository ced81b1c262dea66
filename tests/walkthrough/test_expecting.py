"""Output held against what was expected."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.walkthrough.expecting import difference

SAME = [
    ("PONG", ["PONG"]),
    ("PONG\n", ["", "PONG  ", ""]),
    ("ok  \nfine", ["\x1b[32mok\x1b[0m", "fine"]),
    ("NAME   READY\napi    1/1", ["NAME       READY", "api        1/1"]),
    ("a\n...\nz", ["a", "b", "c", "z"]),
    ("a\n...\nz", ["a", "z"]),
    ("...\nz\n…", ["1", "2", "z", "3"]),
    ("a\n[...]", ["a"]),
    ("...", []),
    ("version: ...", ["version: 1.2.3 (linux)"]),
    ("used … of 2G", ["used 1.2G of 2G"]),
    ("pod/<pod-name> deleted", ["pod/api-7f9 deleted"]),
    ("api   1/1   <age>", ["api  1/1  5m"]),
    ("{{x}} restarted", ["api restarted"]),
    ("", []),
    ("[a] (b) *c* \\d", ["[a] (b) *c* \\d"]),
]
OTHER = [
    ("PONG", ["NOAUTH"], ("-PONG", "+NOAUTH")),
    ("PONG", [], ("-PONG",)),
    ("", ["noise"], ("+noise",)),
    ("a\nb\nc", ["a", "c"], (" a", "-b", " c")),
    ("a\nc", ["a", "b", "c"], (" a", "+b", " c")),
    ("a\n...\nz", ["a", "b"], (" a", " ...", "-z")),
    ("api 1/1 5m", ["api 1/1 7m"], ("-api 1/1 5m", "+api 1/1 7m")),
    ("pod/<pod> deleted", ["pod/a b deleted"], ("-pod/<pod> deleted", "+pod/a b deleted")),
    ("<a> x", [" x"], ("-<a> x", "+ x")),
    ("ab", ["a b"], ("-ab", "+a b")),
]


@pytest.mark.parametrize(("expected", "output"), SAME)
def test_what_does_not_matter_is_no_difference(expected: str, output: list[str]) -> None:
    assert difference(expected, output) == ()


@pytest.mark.parametrize(("expected", "output", "lines"), OTHER)
def test_what_differs_is_shown_as_a_diff(expected: str, output: list[str], lines: tuple[str, ...]) -> None:
    said = difference(expected, output)
    assert said[:2] == ("--- expected", "+++ got")
    assert tuple(line for line in said[2:] if not line.startswith("@@")) == lines


def test_only_what_is_around_a_difference_is_shown_and_where_it_stands() -> None:
    lines = [str(number) for number in range(100)]
    other = [*lines[:10], "new", *lines[10:70], *lines[71:]]
    said = difference("\n".join(lines), other)
    assert said == (
        *("--- expected", "+++ got", "@@ -8,6 +8,7 @@", " 7", " 8", " 9", "+new", " 10", " 11", " 12"),
        *("@@ -68,7 +69,6 @@", " 67", " 68", " 69", "-70", " 71", " 72", " 73"),
    )


def patched(lines: list[str], said: tuple[str, ...]) -> list[str]:
    """Lines with a unified diff applied to them, as `patch` does it."""
    found: list[str] = []
    at = 0
    for line in said[2:]:
        if line.startswith("@@"):
            begin, count = map(int, line.split()[1].removeprefix("-").split(","))
            found += lines[at : begin - (count > 0)]
            at = begin - (count > 0)
            continue
        if line[0] in " -":
            assert lines[at] == line[1:]
            at += 1
        if line[0] in " +":
            found.append(line[1:])
    return found + lines[at:]


@given(st.lists(st.sampled_from(["a", "b", "c d", ""]), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
@example(["a"] * 5, ["a"] * 4)
@settings(max_examples=150, deadline=None)
def test_a_diff_leads_from_the_one_to_the_other(wanted: list[str], came: list[str]) -> None:
    def bare(lines: list[str]) -> list[str]:
        text = "\n".join(lines).strip("\n")
        return text.split("\n") if text else []

    said = difference("\n".join(wanted), came)
    assert bool(said) == (bare(wanted) != bare(came))
    if said:
        assert patched(bare(wanted), said) == bare(came)


def test_a_flood_is_compared_in_time() -> None:
    began = time.monotonic()
    wanted = "\n".join(f"line {number}" for number in range(0, 3000, 2))
    assert difference(wanted, [f"line {number}" for number in range(1, 3000)])
    assert difference("first\n...\nlast", ["first", *("x y z" for _ in range(100_000)), "last"]) == ()
    assert time.monotonic() - began < 5

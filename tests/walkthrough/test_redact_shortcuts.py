"""What spares the search for secrets work, against the same without it: both find the same in any lines."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from console.walkthrough.redaction.patterns import TRIGGERS, _closing, _lowered, spans, triggers_in
from console.walkthrough.redaction.redact import Lines

PARTS = (
    "password=hunter2x", "DB_PASSWORD: 's3cret one'", "redis-cli -a pw1234 INFO", "curl -u me:pw12345 http://h/",
    "docker login -u me -p pw12345 hub", "https://me:pw12345@host/p", "AUTH pw12345", "sudo -S", "echo pw12345 |",
    '{"token": "ey\\"J1", "key":"a"}', "Authorization: Bearer abcdef123456", "--api-key k123456", "x--token t1",
    "kubectl create secret generic a --from-literal=b=pw12345", "alter user u with password 'pw12345'", "login", "-p",
    "curl -b 'sid=pw12345' h", "AKIAABCDEFGHIJKLMNOP", "mysql -ppw12345", "keys of monkeys", "took=12ms", "0a1b2c",
    "…", "'", '"', "\\", "\t", "İ", "<password>pw12345</password>", "PGPASSWORD=pw12345 psql", "x" * 70, "=",
    "Cookie: a=b1c2", "status=200",
)  # fmt: skip
LINE = st.lists(st.sampled_from(PARTS) | st.text("aß0= '\"\\-:", max_size=6), max_size=5).map(" ".join)
LINES = st.lists(LINE, min_size=1, max_size=14)


def whole(text: str) -> str:
    """Without a backslash at the end of a line, which joins it to the next one."""
    return "\n".join(line.rstrip("\\") for line in text.split("\n"))


def sought(text: str) -> set[tuple[int, int]]:
    return set(spans(text, triggers_in(text.lower())))


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_words_that_go_with_secrets_are_found_in_lines_that_are_looked_through_once(lines: list[str]) -> None:
    low = "\n".join(lines).lower()
    assert triggers_in(low) == tuple(word for word in TRIGGERS if word in low)


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_many_lines_are_looked_through_as_each_by_itself(lines: list[str]) -> None:
    text = whole("\n".join(lines))
    alone: set[tuple[int, int]] = set()
    begins = 0
    for line in text.split("\n"):
        alone |= {(begins + start, begins + end) for start, end in sought(line)}
        begins += len(line) + 1
    assert sought(text) == alone


@settings(max_examples=200, deadline=None)
@given(st.text("ab'\"\\\n", max_size=20), st.integers(0, 20))
def test_a_quoted_text_ends_where_it_is_closed(text: str, place: int) -> None:
    text = text[:place] + '"' + text[place:]
    at = text.index('"', min(place, len(text) - 1))
    end = at + 1
    while end < len(text) and text[end] not in '"\n':
        end += 2 if text[end] == "\\" else 1
    end = min(end, len(text))
    assert _closing(text, at) == end + (text[end : end + 1] == '"')


@settings(max_examples=200, deadline=None)
@given(LINES, st.lists(st.integers(0, 400), max_size=4))
def test_lines_are_the_same_one_at_a_time_and_all_at_once(lines: list[str], cuts: list[int]) -> None:
    raw = ("\r\n".join(lines) + "\r\n").encode()
    secrets = ("pw12345", "hunter2x\nsecond line of it")

    def said(chunks: list[bytes]) -> list[str]:
        reader = Lines(secrets, colours=True)
        return [line for chunk in chunks for line in reader.feed(chunk)] + reader.end()

    places = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    parts = [raw[a:b] for a, b in pairwise(places)]
    single = [raw[at : at + 1] for at in range(len(raw))]
    assert said([raw]) == said(parts) == said(single)


def test_lower_case_keeps_places() -> None:
    assert len(_lowered("İ PASSWORD=x")) == len("İ PASSWORD=x")

"""The bypass record: what is in force, and everything that is not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.core.bypass import (
    CEILING,
    BypassError,
    Grant,
    MalformedGrant,
    decode,
    encode,
    in_force,
    reason_fault,
    shortened,
)

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
GRANT = Grant(
    id="g-1",
    system="hak-gal",
    environment="production",
    reason="false positives after the rule push",
    actor="nora",
    host="bastion",
    granted_at=NOON,
    expires_at=NOON + CEILING,
)

names = st.text(alphabet="az7 -_é誤'\"\\{", min_size=1, max_size=20).map(lambda text: f"n{text}")
grants = st.builds(
    Grant,
    id=names,
    system=names,
    environment=names,
    reason=names.map(lambda text: f"because {text}"),
    actor=names,
    host=names,
    granted_at=st.timedeltas(timedelta(0), timedelta(days=36_500)).map(lambda later: NOON + later),
    expires_at=st.just(NOON),
).flatmap(
    lambda grant: st.timedeltas(timedelta(microseconds=1), CEILING).map(
        lambda length: replace(grant, expires_at=grant.granted_at + length)
    )
)


@given(grants)
def test_a_grant_reads_back_as_it_was_written_and_is_written_in_one_way(grant: Grant) -> None:
    assert decode(encode(grant)) == grant
    assert encode(decode(encode(grant))) == encode(grant)


def test_the_record_is_canonical_json_in_utc() -> None:
    east = replace(GRANT, granted_at=NOON.astimezone(timezone(timedelta(hours=5, minutes=45))))
    assert encode(east) == encode(GRANT)
    assert encode(GRANT) == (
        '{"actor":"nora","environment":"production","expires_at":"2026-03-04T12:15:00.000000Z",'
        '"granted_at":"2026-03-04T12:00:00.000000Z","host":"bastion","id":"g-1",'
        '"reason":"false positives after the rule push","system":"hak-gal"}'
    )


def record(**changes: object) -> str:
    return json.dumps({**json.loads(encode(GRANT)), **changes})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is no JSON"),
        ("true", "is a bool, not an object"),
        ("[" * 100_000, "is no JSON"),
        (encode(GRANT)[:-1] + ',"id":"g-2"}', "a name comes twice"),
        (record(more=1), "has the unknown more"),
        (encode(GRANT).replace('"id":"g-1",', ""), "lacks id"),
        (record(actor=7), "actor of the bypass record is no text"),
        (record(actor=" "), "actor is empty"),
        (record(expires_at="soon"), "`soon`, is no time"),
        (record(expires_at="2026-03-04T12:10:00"), "has no time zone"),
        (record(expires_at="2026-03-04T12:00:00Z"), "expires before it is granted"),
        (record(expires_at="2026-03-04T12:15:00.000001Z"), "is the longest"),
        (record(reason="a\nb c d"), "one line"),
    ],
)
def test_a_record_that_differs_in_any_way_is_no_grant(text: str, wrong: str) -> None:
    with pytest.raises(MalformedGrant, match=wrong):
        decode(text)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="bypass"):
        decode(text)


def test_what_would_not_be_read_is_not_written() -> None:
    for broken in (
        replace(GRANT, expires_at=NOON + CEILING + timedelta(seconds=1)),
        replace(GRANT, granted_at=NOON.replace(tzinfo=None)),
        replace(GRANT, reason=""),
    ):
        with pytest.raises(MalformedGrant, match="cannot be written down"):
            encode(broken)


def test_a_grant_is_in_force_from_its_begin_to_just_before_its_end() -> None:
    assert in_force(GRANT, NOON)
    assert in_force(GRANT, NOON + CEILING - timedelta(microseconds=1))
    assert not in_force(GRANT, NOON + CEILING)
    assert not in_force(GRANT, NOON - timedelta(microseconds=1))


def test_anything_odd_means_no_bypass() -> None:
    assert not in_force(GRANT, NOON.replace(tzinfo=None))
    assert not in_force(replace(GRANT, expires_at=NOON + timedelta(days=1)), NOON)
    assert not in_force(replace(GRANT, granted_at=NOON.replace(tzinfo=None)), NOON)
    assert not in_force(replace(GRANT, reason="x"), NOON)
    assert not in_force(None, NOON)  # type: ignore[arg-type]


def test_a_length_is_cut_to_the_ceiling_whatever_is_configured() -> None:
    five, hour = timedelta(minutes=5), timedelta(hours=1)
    assert shortened(five) == five
    assert shortened(hour) == CEILING
    assert shortened(hour, hour) == CEILING
    assert shortened(hour, five) == five
    for nothing in (timedelta(0), -five, timedelta(microseconds=1)):
        with pytest.raises(BypassError, match="ask for 1 to 15 minutes"):
            shortened(nothing)


@pytest.mark.parametrize("reason", ["", "   ", "x", "--- ---", "two\nlines of it", "a \x1b[2J b c", "r" * 301])
def test_what_is_no_reason_is_refused(reason: str) -> None:
    assert reason_fault(reason)


def test_a_reason_in_any_language_will_do() -> None:
    assert reason_fault("false positives after the rule push") is None
    assert reason_fault("誤検知が多い") is None

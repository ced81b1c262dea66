"""The journal: appended to, chained, never edited, and plain about what is wrong with it."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.journal.events import canonical_body
from console.journal.folds import good_versions, rolled_back_from
from console.journal.journal import Head, Journal, JournalError, Role
from console.journal.verification import Damage

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def clock() -> Callable[[], datetime]:
    seconds = itertools.count()
    return lambda: NOON + timedelta(seconds=next(seconds))


@pytest.fixture
def journal(tmp_path: Path, clock: Callable[[], datetime]) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "demo" / "journal.db", clock=clock, actor="ada", host="bastion", tty="/dev/pts/1")
    yield opened
    opened.close()


def tamper(journal: Journal, *statements: str) -> None:
    """Change the file as somebody would who knows SQLite and takes the triggers off first."""
    connection = sqlite3.connect(journal.path)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def fill(journal: Journal, count: int) -> None:
    for number in range(count):
        journal.append("note", "demo/staging", {"number": number})


def test_an_event_comes_back_as_it_went_in(journal: Journal) -> None:
    body = {"b": [1, 2.5, None, True], "a": {"ü": "x\ny \U0001f600 \udcff"}}
    event = journal.append("note", "demo/staging", body)
    assert list(journal.events()) == [event]
    assert event.at == NOON + timedelta(seconds=1)
    assert (event.seq, event.actor, event.host, event.tty) == (1, "ada", "bastion", "/dev/pts/1")
    assert (event.kind, event.subject, event.role, event.intent, event.outcome) == (
        "note",
        "demo/staging",
        Role.NOTE,
        None,
        None,
    )
    assert event.body == body


def test_the_file_is_private_with_all_its_companions(journal: Journal) -> None:
    fill(journal, 1)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in journal.path.parent.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_a_wider_mode_is_narrowed_when_the_journal_is_opened(journal: Journal, clock: Callable[[], datetime]) -> None:
    fill(journal, 1)
    journal.close()
    journal.path.chmod(0o644)
    Journal.open(journal.path, clock=clock).close()
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_every_commit_is_synced_to_the_disk(journal: Journal) -> None:
    with journal._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_times_are_kept_in_utc_and_bodies_take_what_the_console_has(journal: Journal, tmp_path: Path) -> None:
    class Colour(Enum):
        RED = "red"

    east = timezone(timedelta(hours=2))
    at = datetime(2026, 3, 1, 14, 0, tzinfo=east)
    event = journal.append(
        "note", "x", {"at": at, "span": timedelta(seconds=90), "c": Colour.RED, "p": tmp_path, "t": (1,)}
    )
    assert event.body == {
        "at": "2026-03-01T12:00:00.000000Z",
        "span": 90.0,
        "c": "red",
        "p": str(tmp_path),
        "t": [1],
    }


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": object()}, {"x": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_what_cannot_be_written_is_refused_and_writes_nothing(journal: Journal, body: dict[str, Any]) -> None:
    with pytest.raises(JournalError, match=r"journal\.db: note was not written"):
        journal.append("note", "x", body)
    assert journal.head() is None
    journal.append("note", "x", {})


@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_canonical_bodies_depend_on_their_content_only(body: dict[str, Any]) -> None:
    backwards = dict(reversed(list(body.items())))
    text = canonical_body(body)
    assert canonical_body(backwards) == text
    assert text.isascii()


def test_an_intent_is_open_until_it_has_its_one_result(journal: Journal) -> None:
    first, second = journal.intend("rollback", "demo/a", {"to": "v1"}), journal.intend("bypass", "demo/a", {})
    assert journal.open_intents() == (first, second)
    result = journal.conclude(first, "done", {"summary": "ok"})
    assert (result.role, result.intent, result.kind, result.subject) == (Role.RESULT, first.seq, "rollback", "demo/a")
    assert (result.outcome, result.body) == ("done", {"summary": "ok", "outcome": "done"})
    assert journal.open_intents() == (second,)
    with pytest.raises(JournalError, match=r"event 1 \(rollback\) has a result already"):
        journal.conclude(first, "failed", {})
    assert journal.verify().sound


def test_events_are_read_from_a_place_on_and_by_kind(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    # Smaller pages, so that a few events fill several.
    monkeypatch.setattr("console.journal.journal.PAGE", 10)
    for number in range(45):
        journal.append("even" if number % 2 == 0 else "odd", "x", {"number": number})
    assert [event.seq for event in journal.events(after=43)] == [44, 45]
    assert [event.body["number"] for event in journal.events(kinds=("even",))] == list(range(0, 45, 2))
    assert sum(1 for _ in journal.events(kinds=("even", "odd"))) == 45
    assert list(journal.events(kinds=("none",))) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE seq = 2",
        "DELETE FROM events WHERE seq = 3",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq = 2",
        "INSERT INTO events SELECT 9, format, at, actor, host, tty, kind, subject, role, intent, body, previous, hash,"
        " signature FROM events WHERE seq = 2",
        "UPDATE journal SET id = 'x'",
        "DELETE FROM journal",
        "INSERT INTO journal VALUES ('x', 1, 'now')",
    ],
)
def test_sqlite_itself_refuses_to_change_what_is_written(journal: Journal, statement: str) -> None:
    fill(journal, 3)
    connection = sqlite3.connect(journal.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert journal.verify().sound


REHASH = "previous = (SELECT hash FROM events WHERE seq = 2)"

TAMPERED: dict[str, tuple[tuple[str, ...], Damage, int]] = {
    "an edited body": (("UPDATE events SET body = '{}' WHERE seq = 3",), Damage.EDITED, 3),
    "an edited time": (("UPDATE events SET at = '2026-03-01T12:00:09.000000Z' WHERE seq = 1",), Damage.EDITED, 1),
    "an edited actor": (("UPDATE events SET actor = 'eve' WHERE seq = 5",), Damage.EDITED, 5),
    "an edited hash": (("UPDATE events SET hash = 'x' WHERE seq = 2",), Damage.EDITED, 2),
    "a changed type": (("UPDATE events SET body = x'00' WHERE seq = 2",), Damage.EDITED, 2),
    "one gone from the middle": (("DELETE FROM events WHERE seq = 3",), Damage.MISSING, 3),
    "the beginning gone": (("DELETE FROM events WHERE seq < 3",), Damage.MISSING, 1),
    "the end gone": (("DELETE FROM events WHERE seq > 3",), Damage.TRUNCATED, 4),
    "all gone": (("DELETE FROM events",), Damage.TRUNCATED, 1),
    "two exchanged": (
        (
            "UPDATE events SET seq = 99 WHERE seq = 2",
            "UPDATE events SET seq = 2 WHERE seq = 3",
            "UPDATE events SET seq = 3 WHERE seq = 99",
        ),
        Damage.EDITED,
        2,
    ),
    "another journal's id": (("UPDATE journal SET id = 'another'",), Damage.FORKED, 1),
}


@pytest.mark.parametrize("case", TAMPERED, ids=str)
def test_verifying_tells_what_was_done_and_where(case: str, journal: Journal) -> None:
    statements, damage, seq = TAMPERED[case]
    fill(journal, 5)
    assert journal.verify().sound
    tamper(journal, *statements)
    found = journal.verify()
    assert not found.sound
    assert (found.findings[0].damage, found.findings[0].seq) == (damage, seq)
    assert str(seq) in found.sentence or "rewritten" in found.sentence


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A closed journal of six events, one of them a result, as a file."""
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    journal = Journal.open(path, clock=lambda: NOON)
    journal.conclude(journal.intend("rollback", "x", {"to": "v1"}), "done", {})
    fill(journal, 4)
    journal.close()
    return path.read_bytes()


@given(
    seq=st.integers(1, 6),
    column=st.sampled_from(
        ["at", "actor", "host", "tty", "kind", "subject", "body", "previous", "hash", "format", "intent"]
    ),
    value=st.text("abc{}1", max_size=5) | st.integers(0, 9) | st.binary(max_size=3),
)
@settings(max_examples=80, deadline=None)
def test_no_single_change_goes_unseen(
    sound: bytes, tmp_path_factory: pytest.TempPathFactory, seq: int, column: str, value: str | int | bytes
) -> None:
    path = tmp_path_factory.mktemp("changed") / "journal.db"
    path.write_bytes(sound)
    journal = Journal.open(path, clock=lambda: NOON)
    connection = sqlite3.connect(path)
    before = connection.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()[0]
    connection.execute("DROP TRIGGER events_are_not_edited")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(f"UPDATE OR IGNORE events SET {column} = ? WHERE seq = ?", (value, seq))
    after = connection.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()[0]
    connection.commit()
    connection.close()
    assert journal.verify().sound == (before == after)
    journal.close()


def test_a_rewritten_tail_is_seen_by_whoever_kept_the_head(journal: Journal, clock: Callable[[], datetime]) -> None:
    fill(journal, 3)
    fork = journal.head()
    assert fork is not None
    fill(journal, 2)
    known = journal.head()
    assert known is not None
    # Somebody cuts the end off, hides that from SQLite, and writes other events in its place with right hashes.
    tamper(journal, "DELETE FROM events WHERE seq > 3", "UPDATE sqlite_sequence SET seq = 3")
    assert journal.verify().sound
    assert journal.verify(known).findings[0].damage is Damage.TRUNCATED
    again = Journal.open(journal.path, clock=clock)
    again.append("note", "demo/staging", {"number": "other"})
    again.append("note", "demo/staging", {"number": "another"})
    again.close()
    assert journal.verify().sound
    assert journal.verify(fork).sound
    assert [each.damage for each in journal.verify(known).findings] == [Damage.FORKED]
    assert journal.verify(Head(2, "x")).findings[0].damage is Damage.FORKED


def test_a_damaged_page_is_told_from_an_edited_event(journal: Journal) -> None:
    for number in range(60):
        journal.append("note", "demo/staging", {"number": number, "filling": "x" * 3000})
    journal.close()
    raw = bytearray(journal.path.read_bytes())
    page = 4096
    for at in range(page * 20, page * 24):
        raw[at] ^= 0xFF
    journal.path.write_bytes(raw)
    again = Journal.open(journal.path, clock=lambda: NOON)
    found = again.verify()
    assert found.findings[0].damage is Damage.DAMAGED
    again.close()


def test_threads_append_without_a_gap(journal: Journal) -> None:
    def work(name: str) -> None:
        for number in range(50):
            journal.append("note", name, {"number": number})

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.seq for event in journal.events()] == list(range(1, 301))
    assert journal.verify().sound


def test_verifying_does_not_hold_up_an_append(journal: Journal) -> None:
    fill(journal, 10)
    with journal._database.apart() as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 10
        journal.append("note", "x", {})
    assert journal.verify().events == 11


def test_a_closed_journal_says_so(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match=r"journal\.db: is closed"):
        journal.append("note", "x", {})


EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["web", "api"]), st.integers(0, 3)), max_size=12)


@given(written=EVENTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_good_versions_are_told_newest_first(
    written: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    journal = Journal.open(tmp_path_factory.mktemp("good") / "journal.db", clock=lambda: NOON)
    for environment, workload, version in written:
        journal.append("good.recorded", "x", {"environment": environment, "workload": workload, "version": version})
    journal.append("note", "x", {"environment": "a", "workload": "web", "version": 99})
    expected = [version for environment, workload, version in written if (environment, workload) == ("a", "web")]
    found = good_versions(journal.events(), "a", "web")
    assert [event.body["version"] for event in found] == expected[::-1]
    journal.close()


def test_a_version_is_left_until_a_rollback_returns_to_it(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", clock=lambda: NOON)

    def roll(was: str, to: str, outcome: str | None, environment: str = "a") -> None:
        body = {"environment": environment, "workload": "web", "from": {"version": was}, "to": {"version": to}}
        intent = journal.intend("rollback", "x", body)
        if outcome is not None:
            journal.conclude(intent, outcome, {})

    roll("v3", "v2", "done")
    roll("v2", "v1", "refused")
    roll("v9", "v8", "done", environment="b")
    assert rolled_back_from(journal.events(), "a", "web") == {"v3": NOON}
    roll("v2", "v3", None)
    assert rolled_back_from(journal.events(), "a", "web") == {"v2": NOON}
    journal.close()

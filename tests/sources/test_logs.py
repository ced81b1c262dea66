"""Logs as a source: rotation, truncation and removal lose nothing unmarked, and every line is numbered and counted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.sources.followed import Followed, following, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder / "hak_gal.log"


def test_the_last_lines_of_a_file_are_shown_and_new_ones_follow(path: Path) -> None:
    write(path, *(f"old {number} rate_limit_reject" for number in range(1_500)))
    with following(path) as log:
        wait_until(lambda: log.lines)
        assert [line.text for line in log.lines][-1] == "old 1499 rate_limit_reject"
        assert len(log.lines) == 1_000
        write(path, "new rate_limit_reject")
        wait_until(lambda: log.texts[-1] == "new rate_limit_reject")
        assert [line.number for line in log.lines] == list(range(1, 1_002))
        assert {line.origin for line in log.lines} == {"hak_gal.log"}
        counts = log.source.reading.value
        assert counts is not None
        assert counts.patterns[0] == ("rejects", 1, 1)  # what was there before is shown and not counted
        assert counts.lines == 1


def test_a_line_is_shown_once_it_is_whole(path: Path) -> None:
    write(path, "one", end="")
    with following(path) as log:
        write(path, " and", end="")
        write(path, " a half")
        log.until("one and a half")
        with path.open("ab") as file:
            file.write("zwei ä".encode()[:-1])
        wait_until(lambda: log.source.reading.value)
        with path.open("ab") as file:
            file.write("zwei ä".encode()[-1:] + b"\r\n\n")
        log.until("one and a half", "zwei ä", "")


def test_a_file_that_comes_later_is_read_from_its_start(path: Path) -> None:
    with following(path) as log:
        reading = log.source.reading
        assert reading.value is None
        assert reading.error == f"log {path}: no such file; it is read as soon as it appears"
        assert log.source.in_last_hour("rejects", datetime.now(UTC)) is None
        write(path, "first rate_limit_reject", "second")
        log.until("first rate_limit_reject", "second")
        assert log.markers[0].startswith("── hak_gal.log appeared at ")
        wait_until(lambda: log.source.reading.error is None)
        assert log.source.in_last_hour("rejects", datetime.now(UTC)) == 1


def test_a_folder_that_comes_later_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "x.log"
    with following(path) as log:
        path.parent.mkdir(parents=True)
        write(path, "here")
        log.until("here")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_said(path: Path, kind: str) -> None:
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with following(path) as log:
        error = log.source.reading.error or ""
        assert error == f"log {path}: is not a regular file; correct the path in system.yaml"


def test_a_file_that_may_not_be_read_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, "secret")
    real = os.open

    def refuse(name: Any, *arguments: Any, **named: Any) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied", str(name))
        return real(name, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)  # root may read everything, so the refusal is the kernel's only by name
    with following(path) as log:
        assert log.source.reading.error == (
            f"log {path}: permission denied; give this user the right to read it and its folder"
        )
        monkeypatch.undo()
        log.until("secret")
        assert log.markers == []


# rotation


def test_a_log_line_cannot_write_to_the_terminal(path: Path) -> None:
    write(path, "")
    with following(path) as log:
        with path.open("ab") as file:
            file.write(
                b"\x1b[31mred\x1b[0m \x1b]0;title\x07t \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ "
                b"\x1bPdcs\x1b\\ bell\x07 nul\x00 back\x08 \x1b(B \x1bc \x1b[2J\x9b31m \xc2\x9b31m"
                b"\xe2\x80\xae\xe2\x80\xa8 tab\there 10%\r20%\r\n"
                b"\x1b]0;never ended\n"
                b"bad \xff\xfe utf\n"
            )
        wait_until(lambda: len(log.texts) == 4)
    assert log.texts[1:] == [
        "red t link  bell nul back   \ufffd31m 31m tab    here 10% 20%",
        "0;never ended",
        "bad \ufffd\ufffd utf",
    ]
    assert all(text.isprintable() for text in log.texts)


def test_a_very_long_line_is_cut_and_says_by_how_much(path: Path) -> None:
    write(path, "")
    with following(path) as log:
        write(path, "a" * 3_000_000 + " rate_limit_reject", "short", "ä" * 4_000)
        wait_until(lambda: len(log.texts) == 4, within=8)
        assert log.texts[1].startswith("a" * 4_096 + " … (") and log.texts[1].endswith(" bytes cut)")
        assert log.texts[2] == "short"
        assert log.texts[3] == "ä" * 2_048 + " … (3,904 bytes cut)"


def test_old_lines_are_dropped_and_their_number_is_told(path: Path) -> None:
    write(path, "")
    with following(path) as log:
        write(path, *(str(number) for number in range(25_000)))
        wait_until(lambda: log.source.newest == 25_001, within=8)
        lines, lost = log.source.lines(0, 50_000)
        assert (len(lines), lost) == (10_000, 15_001)
        assert (lines[0].number, lines[0].text, lines[-1].text) == (15_002, "15000", "24999")
        lines, lost = log.source.lines(24_998, 10)
        assert ([line.number for line in lines], lost) == ([24_999, 25_000, 25_001], 0)
        lines, lost = log.source.lines(20_000, 2)
        assert ([line.number for line in lines], lost) == ([25_000, 25_001], 0)
        assert log.source.lines(25_001, 10) == ((), 0)


def test_listeners_are_told_at_most_fifteen_times_a_second(path: Path) -> None:
    write(path, "")
    with following(path) as log:
        told: list[tuple[float, int]] = []
        end = log.source.subscribe(lambda newest: told.append((time.monotonic(), newest)))
        stop = time.monotonic() + 0.6
        while time.monotonic() < stop:
            write(path, "more")
            log.source.refresh()
        wait_until(lambda: told and told[-1][1] == log.source.newest)
        gaps = [later - earlier for (earlier, _), (later, _) in pairwise(told)]
        assert len(told) >= 3
        assert min(gaps) > 0.06
        assert [newest for _, newest in told] == sorted({newest for _, newest in told})
        end()
        count = len(told)
        newest = log.source.newest
        write(path, "unheard")
        wait_until(lambda: log.source.newest > newest)
        assert len(told) == count


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "app.log" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        write(path, path.parent.name)
    with following(*paths, tmp_path / "other.log") as log:
        wait_until(lambda: len(log.texts) == 2)
        counts = log.source.reading.value
        assert counts is not None
        assert {line.origin for line in log.lines} == {str(path) for path in paths}
        assert counts.origins == (
            (str(paths[0]), ""),
            (str(paths[1]), ""),
            ("other.log", f"log {tmp_path / 'other.log'}: no such file; it is read as soon as it appears"),
        )
        assert log.source.reading.error is None


def test_the_tail_of_a_big_file_is_there_at_once(path: Path) -> None:
    line = b"2026-11-20T21:04:09.412Z WARN  pod-7f rate_limit_reject tenant=acme limit=600/m padding padding\n"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)  # a hole costs no disk; only the end is ever looked at
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line * 3_000)
    began = time.monotonic()
    with following(path) as log:
        wait_until(lambda: log.lines, every=0.002)
        assert time.monotonic() - began < 0.3
        assert len(log.lines) == 1_000
        assert log.lines[-1].level == "WARN"


def test_a_look_that_breaks_is_a_failed_reading_and_not_the_end(path: Path) -> None:
    write(path, "one")
    with following(path) as log:
        log.until("one")
        file = log.source._files[0]
        poll = type(file).poll

        def fail() -> int:
            raise RuntimeError("the disk said no")

        file.poll = fail  # type: ignore[method-assign]
        wait_until(lambda: log.source.reading.error)
        assert log.source.reading.error == "logs: RuntimeError: the disk said no"
        file.poll = lambda: poll(file)  # type: ignore[method-assign]
        write(path, "two")
        log.until("one", "two")
        wait_until(lambda: log.source.reading.error is None)


def test_changes_are_told_and_stopping_ends_every_thread(path: Path) -> None:
    write(path, "one")
    followed = Followed(path)
    told = threading.Event()
    before = {thread.name for thread in threading.enumerate()}
    followed.source.start(told.set)
    assert told.wait(5)
    followed.source.stop()
    wait_until(lambda: {thread.name for thread in threading.enumerate()} <= before | {"MainThread"}, within=5)


# counting


def test_counts_of_the_last_hour_follow_the_clock(path: Path) -> None:
    now = [datetime(2026, 11, 20, 21, 0, tzinfo=UTC)]
    write(path, "")
    with following(path, clock=lambda: now[0]) as log:

        def count(hour: int, total: int) -> Callable[[], bool]:
            def is_so() -> bool:
                reading = log.source.reading
                return reading.value is not None and reading.value.patterns[0] == ("rejects", hour, total)

            return is_so

        write(path, "rate_limit_reject", "x", "rate_limit_reject")
        wait_until(count(2, 2))
        now[0] += timedelta(minutes=30)
        write(path, "rate_limit_reject")
        wait_until(count(3, 3))
        now[0] += timedelta(minutes=29, seconds=59)
        wait_until(lambda: log.source.reading.taken_at == now[0])
        assert count(3, 3)()
        now[0] += timedelta(seconds=1)
        wait_until(count(1, 3))
        now[0] += timedelta(minutes=31)
        wait_until(count(0, 3))
        reading = log.source.reading
        assert reading.value is not None and reading.value.observed == timedelta(hours=1)
        now[0] -= timedelta(hours=2)  # a clock set back counts as standing still
        write(path, "rate_limit_reject")
        wait_until(lambda: log.source.reading.value and log.source.reading.value.patterns[0][2] == 4)

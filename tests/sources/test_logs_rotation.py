"""Log files that are renamed, truncated, copied, removed and written anew under their follower."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.sources.followed import following, unwatched, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder / "hak_gal.log"


def test_a_renamed_and_created_file_is_followed_with_a_marker(path: Path) -> None:
    write(path, "one")
    with following(path) as log:
        log.until("one")
        write(path, "two")
        path.rename(path.with_suffix(".log.1"))
        write(path, "three")
        log.until("one", "two", "three")
        wait_until(lambda: log.markers)
        (marker,) = log.markers
        assert marker.startswith("── hak_gal.log was rotated at ") and marker.endswith(", nothing lost ──")
        assert [line.text for line in log.lines].index(marker) == 2


def test_what_the_writer_still_writes_to_the_old_file_is_read(path: Path) -> None:
    with path.open("a", buffering=1) as writer, following(path) as log:
        writer.write("one\n")
        log.until("one")
        path.rename(path.with_suffix(".log.1"))
        writer.write("two\n")
        log.until("one", "two")
        write(path, "three")
        log.until("one", "two", "three")
        writer.write("late\n")
        log.until("one", "two", "three", "late")
        write(path, "four")
        log.until("one", "two", "three", "late", "four")


def test_an_unfinished_line_of_the_old_file_is_not_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.sources.tail.FINISH_AFTER", 0.3)
    write(path, "one")
    with following(path) as log:
        log.until("one")
        write(path, "torn", end="")
        path.rename(path.with_suffix(".log.1"))
        write(path, "two")
        wait_until(lambda: sorted(log.texts) == ["one", "torn", "two"], within=8)


def test_several_rotations_between_two_looks_lose_nothing(path: Path) -> None:
    """A size-based rotation in a log storm turns several files over before anybody looks."""
    write(path, "0")
    with following(path) as log:
        log.until("0")
        with unwatched(log):
            for number in range(1, 6):
                for older in range(number, 0, -1):
                    name = path.with_name(f"hak_gal.log.{older}")
                    if name.exists():
                        name.rename(path.with_name(f"hak_gal.log.{older + 1}"))
                path.rename(path.with_name("hak_gal.log.1"))
                write(path, str(number))
        log.until("0", "1", "2", "3", "4", "5")
        (marker,) = log.markers
        assert "was rotated 5 times by " in marker and marker.endswith(", nothing lost ──")


def test_a_rotation_that_deletes_the_file_that_was_read_says_that_lines_may_be_lost(path: Path) -> None:
    write(path, "0")
    with following(path) as log:
        log.until("0")
        with unwatched(log):
            for number in range(1, 4):
                path.replace(path.with_name("hak_gal.log.1"))
                write(path, str(number))
        log.until("0", "2", "3")
        (marker,) = log.markers
        assert marker.endswith(", lines in between may be lost ──")


def test_a_rotating_handler_in_a_storm_loses_no_line(path: Path) -> None:
    """The logging module's own handler, writing far faster than the log is looked at."""
    from logging import Formatter, LogRecord
    from logging.handlers import RotatingFileHandler

    handler = RotatingFileHandler(path, maxBytes=40_000, backupCount=400)
    handler.setFormatter(Formatter("%(message)s"))
    with following(path) as log:
        for number in range(20_000):
            handler.emit(LogRecord("x", 20, "", 0, f"line {number:08} of a storm", None, None))
        handler.close()
        wait_until(lambda: log.source.reading.value and log.source.reading.value.lines >= 20_000, within=10)
        assert log.source.reading.value is not None
        assert log.source.reading.value.lines == 20_000
        assert log.texts[-1] == "line 00019999 of a storm"
        assert not [marker for marker in log.markers if "may be lost" in marker]


# truncation


def test_a_truncated_file_is_read_from_its_start_and_says_what_may_be_lost(path: Path) -> None:
    write(path, "one", "two")
    with following(path) as log:
        log.until("one", "two")
        os.truncate(path, 0)
        wait_until(lambda: log.markers)
        write(path, "three")
        log.until("one", "two", "three")
        (marker,) = log.markers
        assert marker.startswith("── hak_gal.log was truncated at ") and marker.endswith("s before may be lost ──")


def test_copytruncate_reads_the_rest_from_the_copy(path: Path) -> None:
    write(path, *(f"line {number}" for number in range(50)))
    with following(path) as log:
        wait_until(lambda: len(log.texts) == 50)
        with unwatched(log):
            write(path, "not yet seen", "nor this")
            shutil.copy(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
            write(path, "after")
        wait_until(lambda: log.texts[-1] == "after")
        assert log.texts[50:] == ["not yet seen", "nor this", "after"]
        (marker,) = log.markers
        assert marker.endswith(", nothing lost up to its copy ──")


@pytest.mark.parametrize("longer", [0, 1_000], ids=["as long", "longer"])
def test_a_file_written_anew_is_noticed_though_it_is_as_long_as_before(path: Path, longer: int) -> None:
    write(path, *(f"before {number:04}" for number in range(100)))
    with following(path) as log:
        wait_until(lambda: len(log.texts) == 100)
        with unwatched(log):
            with path.open("r+") as file:
                file.write("".join(f"after_ {number:04}\n" for number in range(100)) + "x" * longer)
            write(path, "last")
        wait_until(lambda: log.texts[-1].endswith("last"))
        assert log.texts[100] == "after_ 0000"
        assert len(log.texts) == 201
        assert len(log.markers) == 1


def test_a_writer_that_keeps_its_place_after_a_truncation_leaves_no_row_of_nothing(path: Path) -> None:
    with path.open("w", buffering=1) as writer, following(path) as log:
        writer.write("x" * 100_000 + "\n")
        wait_until(lambda: log.texts)
        os.truncate(path, 0)
        wait_until(lambda: log.markers)
        writer.write("on\n")  # at its old offset: the file begins with a hole
        wait_until(lambda: log.texts[-1] == "on")
        assert len(log.texts) == 2


@pytest.mark.parametrize("keep", [1, 99], ids=["keeping one", "keeping all"])
@pytest.mark.parametrize("how", ["rename", "copytruncate", "mixed"])
def test_a_random_history_loses_nothing_unmarked(path: Path, how: str, keep: int) -> None:
    """Written, rotated and swept at random and at full speed: every line is read once, or a marker says otherwise."""
    chance = random.Random(f"{how} {keep}")
    write(path, "")
    with following(path) as log:
        number, writer = 0, path.open("a", buffering=1)
        for turn in range(1, 31):
            for _ in range(chance.randint(0, 200)):
                writer.write(f"{number} {'x' * chance.randint(0, 60)}\n")
                number += 1
            if chance.random() < 0.3:
                log.until_looked_at()
            for older in range(turn, 0, -1):
                if (name := path.with_name(f"hak_gal.log.{older}")).exists():
                    name.rename(path.with_name(f"hak_gal.log.{older + 1}"))
            if (chance.choice(["rename", "copytruncate"]) if how == "mixed" else how) == "rename":
                path.rename(path.with_name("hak_gal.log.1"))
                writer.write(f"{number} late\n")
                number += 1
                writer.close()
                writer = path.open("a", buffering=1)
            else:
                shutil.copy(path, path.with_name("hak_gal.log.1"))
                os.truncate(path, 0)
            path.with_name(f"hak_gal.log.{keep + 1}").unlink(missing_ok=True)
        writer.write(f"{number} last\n")
        writer.close()
        wait_until(lambda: f"{number} last" in log.texts)
        read = [int(text.split()[0]) for text in log.texts if text]
        assert len(read) == len(set(read))
        if keep == 99 or not any("lost" in marker and "nothing" not in marker for marker in log.markers):
            assert sorted(read) == list(range(number + 1))


# removal


def test_a_removed_file_is_missed_and_read_again_when_it_is_back(path: Path) -> None:
    write(path, "one")
    with following(path) as log:
        log.until("one")
        path.unlink()
        wait_until(lambda: log.markers, within=5)
        assert log.markers[0].startswith("── hak_gal.log was removed at ")
        assert log.source.reading.error == (
            f"log {path}: no such file; it was removed or renamed, and is read again when it is back"
        )
        assert log.source.reading.value is not None or log.source.reading.error
        write(path, "two")
        log.until("one", "two")
        assert log.markers[1].startswith("── hak_gal.log is back at ")
        wait_until(lambda: log.source.reading.error is None)


# what is shown and kept

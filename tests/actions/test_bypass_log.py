"""The bypass log: nothing is lost, and what was changed afterwards shows."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.actions.bypass import append_log, verify_log

AT = datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hak-gal" / "logs" / "emergency_bypass.log"


def fill(path: Path, *lines: str) -> None:
    for line in lines:
        append_log(path, line, at=AT)


def test_a_step_is_one_readable_line_in_a_private_file(path: Path) -> None:
    fill(path, "hak-gal/production granted 5f by kim@bastion: false positives")
    (line,) = path.read_text().splitlines()
    assert line.startswith("2026-11-20T21:04:10Z  hak-gal/production granted 5f by kim@bastion: false positives  [")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert verify_log(path) == ()


def test_a_line_break_or_an_escape_sequence_cannot_forge_a_step(path: Path) -> None:
    fill(path, "reason: all\n2026-11-20T21:05:00Z  granted by nobody\x1b[2J")
    assert len(path.read_text().splitlines()) == 1
    assert "\x1b" not in path.read_text()
    assert verify_log(path) == ()


def test_looser_permissions_are_taken_back(path: Path) -> None:
    fill(path, "one")
    path.chmod(0o644)
    fill(path, "two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0], lines[1].replace("two", "TWO"), *lines[2:]], 2),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
        (lambda lines: lines[1:], 1),
        (lambda lines: [*lines[:3], lines[3].replace("four", "five")], 4),
    ],
    ids=["edited", "removed", "reordered", "repeated", "beheaded", "last edited"],
)
def test_tampering_shows_with_file_and_line(path: Path, change: object, line: int) -> None:
    fill(path, "one", "two", "three", "four")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")  # type: ignore[operator]
    faults = verify_log(path)
    assert faults and faults[0].startswith(f"{path}:{line}: ")


def test_a_torn_last_line_shows_and_the_log_goes_on_after_it(path: Path) -> None:
    fill(path, "one", "two")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert verify_log(path) == (
        f"{path}:2: the last line was not finished",
        f"{path}:2: not a whole line of this log",
    )
    fill(path, "three")
    assert verify_log(path) == (f"{path}:2: not a whole line of this log",)
    assert path.read_text().splitlines()[2].startswith("2026-11-20T21:04:10Z  three  [")


def _append_many(path: Path, who: int) -> None:
    for number in range(25):
        append_log(path, f"step {who}.{number}", at=AT)


def test_consoles_that_write_at_once_keep_one_chain(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, who)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert len(path.read_text().splitlines()) == 75
    assert verify_log(path) == ()


def test_a_file_that_cannot_grow_is_an_error_and_not_a_lost_line(path: Path) -> None:
    fill(path, "one")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        with pytest.raises(OSError, match=r"."):
            append_log(path, "two", at=AT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    fill(path, "three")
    assert "three" in path.read_text().splitlines()[-1]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder must be")
    with pytest.raises(OSError, match=r"exists|directory"):
        append_log(tmp_path / "logs" / "emergency_bypass.log", "one", at=AT)

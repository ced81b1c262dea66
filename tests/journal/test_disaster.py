"""The journal and the samples when processes are killed, disks fill up, and files are locked, damaged or not ours."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.core.verdicts import Sample
from console.journal.journal import Journal, JournalError
from console.journal.samples import SampleStore
from tests.conftest import wait_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

APPEND = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from console.journal.journal import Journal
    journal = Journal.open(Path(sys.argv[1]), clock=lambda: datetime.now(UTC))
    number = 0
    while number < int(sys.argv[2]):
        intent = journal.intend("work", sys.argv[3], {"number": number, "filling": "x" * 300})
        print("intended", intent.seq, flush=True)
        result = journal.conclude(intent, "done", {})
        print("done", result.seq, intent.seq, flush=True)
        number += 1
"""

SAMPLES = """
    import sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from console.core.verdicts import Sample
    from console.journal.samples import SampleStore
    store = SampleStore.open(Path(sys.argv[1]))
    number = 0
    while True:
        at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=number)
        store.add_all({"a": [Sample(at, number)], "b": [Sample(at, -number)]})
        print(number, flush=True)
        number += 1
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def killed_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """What a process had reported when it was killed without warning."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    said += process.stdout.readlines()
    assert process.wait() == -signal.SIGKILL
    # A line that was cut off by the kill was not reported.
    return [line.strip() for line in said if line.endswith("\n")]


@pytest.mark.parametrize("after", [1, 2, 37, 90])
def test_a_killed_process_loses_nothing_that_it_reported(after: int, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    said = killed_after(start(APPEND, path, 100_000, "a"), after)
    journal = Journal.open(path, clock=lambda: NOON)
    assert journal.verify().sound
    there = {event.seq: event for event in journal.events()}
    for line in said:
        word, *numbers = line.split()
        assert int(numbers[0]) in there
        if word == "done":
            assert there[int(numbers[0])].intent == int(numbers[1])
    # At most the one intent that was under way is open, and nothing was written twice.
    assert len(journal.open_intents()) <= 1
    written = [event.body["number"] for event in there.values() if event.intent is None]
    assert written == list(range(len(written)))
    event = journal.append("note", "after", {})
    assert event.seq == max(there) + 1 and journal.verify().sound
    journal.close()


def test_two_processes_append_at_once_into_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    workers = [start(APPEND, path, 60, name) for name in ("a", "b", "c")]
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    journal = Journal.open(path, clock=lambda: NOON)
    assert [event.seq for event in journal.events()] == list(range(1, 361))
    for name in ("a", "b", "c"):
        mine = [event.body["number"] for event in journal.events() if event.subject == name and event.intent is None]
        assert mine == list(range(60))
    assert journal.verify().sound and journal.open_intents() == ()
    journal.close()


FULL = """
    import resource, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from console.journal.journal import Journal, JournalError
    journal = Journal.open(Path(sys.argv[1]), clock=lambda: datetime.now(UTC))
    journal.append("note", "x", {})
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
    written = 1
    try:
        while True:
            journal.append("note", "x", {"filling": "x" * 500})
            written += 1
    except JournalError as error:
        print(error)
    try:
        journal.append("note", "x", {"filling": "x" * 500})
    except JournalError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.append("note", "x", {"after": True})
    print(written + 1, journal.verify().sentence)
"""


def test_a_disk_without_room_is_one_sentence_and_what_was_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    said, _ = start(FULL, path).communicate(timeout=60)
    first, second, last = said.splitlines()
    for line in (first, second):
        assert line.startswith(f"{path}: the disk ")
    count = last.split()[0]
    assert last == f"{count} {count} events, chain unbroken"
    journal = Journal.open(path, clock=lambda: NOON)
    events = list(journal.events())
    assert len(events) == int(count) and events[-1].body == {"after": True}
    assert journal.verify().sound
    journal.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user could reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


READ_ONLY = """
    import os, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from console.journal.journal import Journal, JournalError
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        journal = Journal.open(Path(sys.argv[1]), clock=lambda: datetime.now(UTC))
        journal.append("note", "x", {})
        print("written")
    except JournalError as error:
        print(error)
"""


def test_a_folder_that_cannot_be_written_is_one_sentence(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    path = open_folder / "journal.db"
    said, _ = start(READ_ONLY, path).communicate(timeout=60)
    assert said == f"{path}: cannot be opened: Permission denied; make its folder yours to write\n"


def test_a_file_that_cannot_be_written_is_one_sentence(open_folder: Path) -> None:
    path = open_folder / "journal.db"
    Journal.open(path, clock=lambda: NOON).close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    said, _ = start(READ_ONLY, path).communicate(timeout=60)
    assert said in (
        f"{path}: cannot be written; chmod u+w it and its folder\n",
        f"{path}: cannot be opened; look at its permissions and its folder's\n",
    )


def test_a_path_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"journal\.db: cannot be opened: "):
        Journal.open(tmp_path / "file" / "journal.db", clock=lambda: NOON)
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalError, match=r"journal\.db: cannot be opened; look at its permissions"):
        Journal.open(tmp_path / "journal.db", clock=lambda: NOON)


def test_a_file_that_is_no_database_is_one_sentence_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all, but long enough to look like one" * 100)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"journal\.db: is damaged"):
        Journal.open(path, clock=lambda: NOON)
    assert path.read_bytes() == before


def test_another_programs_database_and_a_newer_consoles_are_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE events (x)")
    other.commit()
    other.close()
    with pytest.raises(JournalError, match="another program's database"):
        Journal.open(tmp_path / "other.db", clock=lambda: NOON)
    SampleStore.open(tmp_path / "samples.db").close()
    with pytest.raises(JournalError, match="another program's database"):
        Journal.open(tmp_path / "samples.db", clock=lambda: NOON)
    Journal.open(tmp_path / "new.db", clock=lambda: NOON).close()
    newer = sqlite3.connect(tmp_path / "new.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(JournalError, match="written by a newer hakgal-console"):
        Journal.open(tmp_path / "new.db", clock=lambda: NOON)


def test_a_journal_that_was_removed_takes_no_more_events(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path, clock=lambda: NOON)
    journal.append("note", "x", {})
    path.rename(tmp_path / "moved.db")
    with pytest.raises(JournalError, match=r"journal\.db: was removed or replaced"):
        journal.append("note", "x", {})
    Journal.open(path, clock=lambda: NOON).close()
    with pytest.raises(JournalError, match=r"journal\.db: was removed or replaced"):
        journal.append("note", "x", {})
    journal.close()


def test_a_journal_that_another_process_holds_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path, clock=lambda: NOON, busy=timedelta(milliseconds=200))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match=r"journal\.db: another process has held it for 0\.2 s"):
        journal.append("note", "x", {})
    holder.execute("COMMIT")
    journal.append("note", "x", {})
    assert journal.verify().sound
    holder.close()
    journal.close()


def test_a_torn_last_write_is_undone_and_the_rest_stands(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    process = start(APPEND, path, 100_000, "a")
    killed_after(process, 40)
    log = path.with_name("journal.db-wal")
    whole = log.read_bytes()
    # The last frame reached the disk in part.
    log.write_bytes(whole[: len(whole) - 2000])
    path.with_name("journal.db-shm").unlink()
    journal = Journal.open(path, clock=lambda: NOON)
    found = journal.verify()
    assert found.sound and found.events >= 38
    journal.append("note", "x", {})
    assert journal.verify().sound
    journal.close()


def test_samples_of_a_killed_process_are_there(tmp_path: Path) -> None:
    path = tmp_path / "samples.db"
    said = killed_after(start(SAMPLES, path), 50)
    store = SampleStore.open(path)
    number = int(said[-1])
    for metric in ("a", "b"):
        found = store.window(metric, NOON, NOON + timedelta(days=1))
        assert len(found) >= number + 1
        assert [sample.at for sample in found] == [NOON + timedelta(seconds=second) for second in range(len(found))]
    store.add("a", [Sample(NOON, 1.0)])
    store.close()


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    script = """
        import os, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from console.journal.journal import Journal
        journal = Journal.open(Path(sys.argv[1]), clock=lambda: datetime.now(UTC))
        with journal._database.writing() as connection:
            print("holding", flush=True)
            sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "holding\n"
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: process.poll() is not None, what="the end of the holder")
    journal = Journal.open(path, clock=lambda: NOON, busy=timedelta(seconds=1))
    assert journal.append("note", "x", {}).seq == 1
    journal.close()
    process.communicate()

"""Leases: one driver a rollout, epochs that only grow, and an age that no changed date can alter."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from console.engine.processes import lives, process_mark
from console.journal import leases as module
from console.journal.journal import JournalError
from console.journal.leases import LeaseHeld, Leases

ROLLOUT = "release-v2-20261120-170000"


@pytest.fixture
def leases(tmp_path: Path) -> Leases:
    return Leases.open(tmp_path / "leases.db")


def test_the_first_one_gets_epoch_one_and_a_second_is_refused_by_name(leases: Leases) -> None:
    mine = leases.acquire(ROLLOUT, "watcher on a (pid 1)", process_mark(), lives=lives)
    with pytest.raises(LeaseHeld, match=r"watcher on a \(pid 1\) drives .* \(epoch 1\)"):
        leases.acquire(ROLLOUT, "watcher on a (pid 2)", "2:2", lives=lambda _mark: True)
    assert mine.epoch == 1
    assert leases.holds(mine)


def test_the_lease_of_a_process_that_is_gone_is_free_at_once(leases: Leases) -> None:
    leases.acquire(ROLLOUT, "watcher on a (pid 1)", "999999999:1", lives=lives)
    assert leases.acquire(ROLLOUT, "another", process_mark(), lives=lives).epoch == 2


def test_a_holder_that_gives_no_sign_of_life_loses_its_lease(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    stalled = leases.acquire(ROLLOUT, "stalled", process_mark(), lives=lives)
    boot, now = module._ticks()
    monkeypatch.setattr(module, "_ticks", lambda: (boot, now + module.FRESH.total_seconds() + 1))
    assert leases.acquire(ROLLOUT, "awake", "77:7", lives=lambda _mark: True).epoch == 2
    assert not leases.renew(stalled)
    assert not leases.holds(stalled)


def test_a_machine_that_was_started_anew_holds_nothing(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    leases.acquire(ROLLOUT, "before the reboot", process_mark(), lives=lives)
    monkeypatch.setattr(module, "_ticks", lambda: ("another boot", 0.0))
    found = leases.current(ROLLOUT)
    assert found is not None
    assert found.age is None
    assert not found.fresh
    assert leases.acquire(ROLLOUT, "after it", "5:5", lives=lambda _mark: True).epoch == 2


def test_taking_over_ends_the_other_epoch_and_giving_up_frees_the_lease(leases: Leases) -> None:
    first = leases.acquire(ROLLOUT, "first", process_mark(), lives=lives)
    second = leases.take_over(ROLLOUT, "second", "6:6")
    assert second.epoch == 2
    assert not leases.renew(first)
    leases.give_up(first)
    assert leases.holds(second), "one that was overtaken must not give up what is another's"
    leases.give_up(second)
    assert leases.acquire(ROLLOUT, "third", "7:7", lives=lambda _mark: True).epoch == 3


def test_renewing_makes_it_young_again(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = leases.acquire(ROLLOUT, "mine", process_mark(), lives=lives)
    boot, now = module._ticks()
    monkeypatch.setattr(module, "_ticks", lambda: (boot, now + 8))
    assert leases.renew(mine)
    found = leases.current(ROLLOUT)
    assert found is not None
    assert found.age == timedelta(0)


def test_an_epoch_can_only_grow(leases: Leases, tmp_path: Path) -> None:
    leases.take_over(ROLLOUT, "a", "1:1")
    leases.take_over(ROLLOUT, "b", "2:2")
    with pytest.raises(sqlite3.IntegrityError, match="only grows"):
        sqlite3.connect(tmp_path / "leases.db").execute("UPDATE leases SET epoch = 1")


def test_leases_of_different_rollouts_do_not_meet(leases: Leases) -> None:
    leases.acquire(ROLLOUT, "a", process_mark(), lives=lives)
    assert leases.acquire("another", "b", "3:3", lives=lambda _mark: True).epoch == 1


def _grab(path: Path, gate: object, answers: object) -> None:
    leases = Leases.open(path)
    gate.wait()  # type: ignore[attr-defined]
    try:
        lease = leases.acquire(ROLLOUT, f"pid {os.getpid()}", process_mark(), lives=lambda _mark: True)
        answers.put(lease.epoch)  # type: ignore[attr-defined]
    except LeaseHeld:
        answers.put(0)  # type: ignore[attr-defined]


def test_of_processes_that_grab_at_once_one_drives(tmp_path: Path) -> None:
    path = tmp_path / "leases.db"
    Leases.open(path).close()
    context = multiprocessing.get_context("spawn")
    gate, answers = context.Barrier(4), context.Queue()
    crowd = [context.Process(target=_grab, args=(path, gate, answers)) for _ in range(4)]
    for each in crowd:
        each.start()
    got = sorted(answers.get(timeout=60) for _ in crowd)
    for each in crowd:
        each.join(30)
    assert got == [0, 0, 0, 1]


def test_a_file_that_is_no_lease_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "leases.db").write_text("not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(JournalError, match=r"leases.db: is damaged"):
        Leases.open(tmp_path / "leases.db")

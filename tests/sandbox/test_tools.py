"""The stand-ins of a practice world: what they do has consequences there, and what they cannot do they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.sandbox.faults import Faults
from console.sandbox.metrics import Hand
from console.sandbox.tools.backrest import Pgbackrest
from console.sandbox.tools.calls import Answer, Call, Failed, Stand
from console.sandbox.tools.database import Database, DatabaseSpec
from console.sandbox.tools.patroni import Patronictl
from console.sandbox.tools.psql import Psql
from console.sandbox.tools.sayings import Sayer, Saying

SPEC = DatabaseSpec(
    name="postgres", pods=3, image="postgres:16", cluster="knhk", application="loop", stuck="db-pool", deaf="leader",
    slow="slow", unarchived="wal", ages=(("full", "full_backup"), ("incr", "daily_backup")),
)  # fmt: skip
FAULTS = {"db-pool": "", "leader": "", "slow": "", "wal": "", "weaver": ""}


@pytest.fixture
def faults() -> Faults:
    return Faults(FAULTS)


@pytest.fixture
def database(faults: Faults) -> Database:
    return Database(SPEC, faults)


def run(stand: Stand, *arguments: str, pod: str = "postgres-0", answers: tuple[str, ...] = ()) -> Answer:
    return stand(Call(arguments, pod=pod, answers=answers))


def rows(database: Database, query: str) -> list[list[str]]:
    told = run(Psql(database), "-U", "postgres", "-tA", "-c", query)
    assert told.code == 0, told.err
    return [line.split("|") for line in told.out.splitlines()]


def test_a_select_is_answered_as_psql_prints_it(database: Database) -> None:
    assert run(Psql(database), "-U", "postgres", "-c", "SELECT 1;").out == (
        " ?column?\n----------\n        1\n(1 row)\n\n"
    )


def test_a_query_on_the_input_is_asked_for_and_answered(database: Database) -> None:
    assert run(Psql(database), "-U", "postgres").wants_input
    told = Psql(database)(Call(("-tA",), pod="postgres-0", given="SELECT count(*) FROM pg_stat_replication;\n"))
    assert told.out == "2\n"


def test_the_exhausted_pool_shows_who_blocks_and_ends_when_that_one_is_ended(
    database: Database, faults: Faults
) -> None:
    faults.switch("db-pool", True)
    query = (
        "SELECT state, count(*), max(now() - state_change) FROM pg_stat_activity WHERE datname IS NOT NULL GROUP BY 1"
    )
    found = {state: (int(count), longest) for state, count, longest in rows(database, query)}
    assert found["idle in transaction"][0] == 1 and found["active"][0] == 38
    assert found["idle in transaction"][1] > "00:14:59"
    waiting = rows(
        database,
        "SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity WHERE now() - xact_start > interval '5 minutes'",
    )
    (blocker,) = {int(blocked.strip("{}")) for _pid, blocked in waiting if blocked != "{}"}
    other = next(int(pid) for pid, _blocked in waiting if int(pid) != blocker)
    assert rows(database, f"SELECT pg_terminate_backend({other})") == [["t"]]
    assert faults.on("db-pool")
    assert rows(database, f"SELECT pg_terminate_backend({other})") == [["f"]]
    assert rows(database, f"SELECT pg_terminate_backend({blocker})") == [["t"]]
    assert not faults.on("db-pool")
    assert rows(database, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname IS NOT NULL") == [
        ["0"]
    ]


def test_what_would_write_or_is_not_there_is_refused(database: Database) -> None:
    told = run(Psql(database), "-c", "DROP TABLE receipts")
    assert (told.code, told.out) == (1, "") and "only answers SELECT" in told.err
    told = run(Psql(database), "-c", "SELECT * FROM receipts")
    assert told.code == 1 and 'relation "receipts" does not exist' in told.err
    with pytest.raises(Failed, match="no such option"):
        run(Psql(database), "--tablespace", "x")


def test_the_slow_query_is_the_first_while_the_fault_is_on(database: Database, faults: Faults) -> None:
    query = "SELECT query, mean_exec_time FROM pg_stat_statements ORDER BY mean_exec_time DESC LIMIT 1"
    assert float(rows(database, query)[0][1]) < 10
    faults.switch("slow", True)
    assert float(rows(database, query)[0][1]) > 300


def test_a_failover_moves_the_leader_and_ends_what_was_wrong_with_the_old_one(
    database: Database, faults: Faults
) -> None:
    faults.switch("leader", True)
    with pytest.raises(Failed, match="not accepting connections") as refused:
        run(Psql(database), "-c", "SELECT 1")
    assert refused.value.code == 2
    assert run(Psql(database), "-tAc", "SELECT 1", pod="postgres-1").out == "1\n"
    patronictl = Patronictl(database)
    with pytest.raises(Failed, match="specific candidate"):
        run(patronictl, "failover", "--force")
    told = run(patronictl, "-c", "/etc/patroni/patroni.yaml", "failover", "--candidate", "postgres-1", "--force")
    assert 'failed over to "postgres-1"' in told.out
    leaders = [line.split("|")[1].strip() for line in run(patronictl, "list").out.splitlines() if "Leader" in line]
    assert leaders == ["postgres-1"] and not faults.on("leader")
    assert run(Psql(database), "-tAc", "SELECT 1").out == "1\n"


def test_without_force_it_asks_and_no_is_no(database: Database) -> None:
    patronictl = Patronictl(database)
    assert "Candidate" in run(patronictl, "failover").prompt
    assert "Are you sure" in run(patronictl, "failover", answers=("postgres-2",)).prompt
    with pytest.raises(Failed, match="Aborting"):
        run(patronictl, "failover", answers=("postgres-2", "n"))
    assert database.leader == "postgres-0"
    run(patronictl, "failover", answers=("postgres-2", "y"))
    assert database.leader == "postgres-2"
    with pytest.raises(Failed, match="does not exist"):
        run(patronictl, "failover", "--candidate", "postgres-2", "--force")


def test_a_backup_is_listed_afterwards_and_its_age_begins_anew(database: Database, faults: Faults) -> None:
    hand = Hand()
    pgbackrest = Pgbackrest(database, hand)
    before = run(pgbackrest, "--stanza=knhk", "info").out
    assert before.count("full backup:") == 1
    assert run(pgbackrest, "--stanza=knhk", "--type=full", "backup").code == 0
    assert run(pgbackrest, "--stanza=knhk", "info").out.count("full backup:") == 2
    assert hand.values == {"full_backup": 0.0, "daily_backup": 0.0}
    faults.switch("wal", True)
    for words in (("--stanza=knhk", "check"), ("--stanza=knhk", "backup")):
        with pytest.raises(Failed, match="archived"):
            run(pgbackrest, *words)
    with pytest.raises(Failed, match="stanza"):
        run(pgbackrest, "--stanza=other", "check")


def test_a_check_passes_fails_with_its_fault_and_knows_nothing_else(faults: Faults) -> None:
    saying = Saying(("registry", "check"), "passed", "weaver", "failed", 3)
    weaver = Sayer("weaver", (saying,), faults)
    assert run(weaver, "registry", "check", "-r", "registry/") == Answer("passed\n")
    faults.switch("weaver", True)
    assert run(weaver, "registry", "check", "-r", "registry/") == Answer("failed\n", code=3)
    with pytest.raises(Failed, match="knows only"):
        run(weaver, "registry", "generate")


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_every_stand_in_says_that_it_is_one(database: Database, faults: Faults, asked: str) -> None:
    stands = (Psql(database), Patronictl(database), Pgbackrest(database, Hand()), Sayer("weaver", (), faults))
    assert all("practice stand-in" in run(stand, asked).out for stand in stands)


def test_a_world_without_an_answer_is_said_to_be_away(tmp_path: Path) -> None:
    import subprocess
    import sys

    from console.sandbox.tools.bench import CLIENT
    from tests.conftest import free_port

    command = [sys.executable, "-I", "-S", str(CLIENT), f"http://127.0.0.1:{free_port()}", "docker", "ps"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1 and "the practice world at" in done.stderr and "start it again" in done.stderr

"""psql, against the practice database: real SELECTs over the tables that Postgres keeps about itself."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from console.sandbox.tools.calls import Answer, Call, Failed, chosen, introduced
from console.sandbox.tools.database import Database

ABOUT = """\
  psql [-U USER] [-h HOST] [-d DATABASE] [-x] [-t] [-A] [-c COMMAND]

It reads pg_stat_activity, pg_stat_statements, pg_stat_archiver and pg_stat_replication, and knows pg_terminate_backend,
pg_blocking_pids and SHOW. Without -c it reads its standard input."""
VERSION = "PostgreSQL 16.4 (practice stand-in)"
_SETTINGS = {"max_connections": "100", "server_version": "16.4", "synchronous_commit": "on", "archive_mode": "on"}
_UNITS = {"second": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400}
_INTERVAL = r"interval\s*'(\d+)\s*(second|minute|min|hour|day)s?'"
_TIME = re.compile(r"(_start|_time|_change|_at|^now|^start)$")
_MOMENTS = "backend_start|xact_start|query_start|state_change|last_archived_time|last_failed_time|stats_reset"


class Psql:
    """The program. database: what it connects to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, call: Call) -> Answer:
        """Run one call. Raises Failed."""
        if call.arguments and (told := introduced("psql", ABOUT, call)):
            return told
        options, _rest = chosen(
            call.arguments, "U:h:p:d:c:f:F:v:xtAqXwnl1",
            {"username": "U", "host": "h", "port": "p", "dbname": "d", "command": "c", "file": "f", "set": "v",
             "field-separator": "F"},
            {"expanded": "x", "tuples-only": "t", "no-align": "A", "quiet": "q", "no-psqlrc": "X", "no-password": "w",
             "list": "l"},
        )  # fmt: skip
        if "file" in options:
            raise Failed("psql: this stand-in reads no files; use -c or its standard input", 2)
        texts = options.get("command")
        if texts is None:
            if call.given is None:
                return Answer(wants_input=True)
            texts = [call.given]
        self._connect(call)
        out: list[str] = []
        with self._tables() as tables:
            for text in texts:
                for statement in _statements(text):
                    try:
                        out.append(self._answer(tables, statement, options))
                    except Failed as error:
                        return Answer("".join(out), f"{error}\n", 1)
        return Answer("".join(out))

    def _connect(self, call: Call) -> None:
        """Raises Failed where the member that was asked takes no connections."""
        database = self._database
        member = call.pod or database.leader
        if member == database.leader and not database.answers:
            raise Failed(
                'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: FATAL:  the '
                "database system is not accepting connections",
                2,
            )

    def _answer(self, tables: sqlite3.Connection, statement: str, options: dict[str, list[str]]) -> str:
        word = statement.split(None, 1)[0].lower()
        if word == "show":
            name = statement.split()[1].lower()
            if name not in _SETTINGS:
                raise Failed(f'ERROR:  unrecognized configuration parameter "{name}"')
            return _shown([name], [[_SETTINGS[name]]], options)
        if word not in ("select", "with", "table"):
            raise Failed(f"ERROR:  this practice database only answers SELECT and SHOW, not {word.upper()}")
        try:
            found = tables.execute(_as_sqlite(statement))
            rows = [list(row) for row in found]
        except sqlite3.Error as error:
            raise Failed(f"ERROR:  {_as_postgres(str(error))}") from None
        names = [_column(str(column[0])) for column in found.description]
        return _shown(names, [[_text(name, value) for name, value in zip(names, row, strict=True)] for row in rows],
                      options)  # fmt: skip

    def _tables(self) -> sqlite3.Connection:
        """What Postgres tells of itself, as tables of this moment."""
        database, made = self._database, sqlite3.connect(":memory:")
        made.executescript(_SCHEMA)
        now = time.time()
        for backend in database.backends():
            made.execute(
                "INSERT INTO pg_stat_activity VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (backend.pid, database.spec.cluster, database.spec.cluster, database.spec.application, "10.0.3.17",
                 database.began - 3600, backend.xact_start, backend.since, backend.since, backend.wait,
                 "transactionid" if backend.wait == "Lock" else "ClientRead", backend.state, backend.query,
                 "client backend"),
            )  # fmt: skip
        made.execute(
            "INSERT INTO pg_stat_activity (pid, usename, application_name, backend_start, query_start, state_change, "
            "state, query, backend_type) VALUES (611, 'postgres', 'psql', ?, ?, ?, 'active', '', 'client backend')",
            (now, now, now),
        )
        slowest = 318.4 if database.is_slow else 6.2
        for number, (query, mean, calls) in enumerate(
            (
                ("SELECT * FROM receipts WHERE payload ->> $1 = $2 ORDER BY sequence", slowest, 4_812),
                ("UPDATE loop_state SET cycle = cycle + $1 WHERE id = $2", 3.1, 90_233),
                ("INSERT INTO receipts (sequence, hash, previous) VALUES ($1, $2, $3)", 1.4, 88_010),
                ("SELECT snapshot FROM loop_state WHERE cycle = $1", 0.4, 412_774),
            )
        ):
            row = (-401 - number, query, calls, mean, mean, mean * calls, calls)
            made.execute("INSERT INTO pg_stat_statements VALUES (?,?,?,?,?,?,?)", row)
        archived, failed = (now - 100, None) if database.archives else (now - 3600, now - 20)
        made.execute(
            "INSERT INTO pg_stat_archiver VALUES (?,?,?,?,?,?,?)",
            (5120, "000000030000000A000000C4", archived, 0 if failed is None else 61,
             None if failed is None else "000000030000000A000000C5", failed, database.began - 86400),
        )  # fmt: skip
        for number, member in enumerate(name for name in database.members if name != database.leader):
            sync = "sync" if number == 0 else "async"
            made.execute(
                "INSERT INTO pg_stat_replication VALUES (?,?,?,?,?)", (700 + number, member, "streaming", sync, 0)
            )
        made.create_function("now", 0, lambda: now)
        made.create_function("this_moment", 0, lambda: now)
        made.create_function("version", 0, lambda: VERSION)
        made.create_function("current_database", 0, lambda: database.spec.cluster)
        made.create_function("pg_is_in_recovery", 0, lambda: "f")
        made.create_function("pg_backend_pid", 0, lambda: 611)
        made.create_function("leftmost", 2, lambda text, most: None if text is None else str(text)[: int(most)])
        made.create_function("age_of", 1, lambda since: None if since is None else _age(now - float(since)))
        made.create_function("pg_terminate_backend", 1, lambda pid: "t" if database.terminate(int(pid)) else "f")
        made.create_function("pg_cancel_backend", 1, lambda pid: "t" if self._is_there(int(pid)) else "f")
        blocked = {backend.pid: backend.blocked_by for backend in database.backends()}
        made.create_function("pg_blocking_pids", 1, lambda pid: f"{{{blocked.get(pid)}}}" if blocked.get(pid) else "{}")
        return made

    def _is_there(self, pid: int) -> bool:
        return any(backend.pid == pid for backend in self._database.backends())


_SCHEMA = """
CREATE TABLE pg_stat_activity (pid INT, datname TEXT, usename TEXT, application_name TEXT, client_addr TEXT,
  backend_start REAL, xact_start REAL, query_start REAL, state_change REAL, wait_event_type TEXT, wait_event TEXT,
  state TEXT, query TEXT, backend_type TEXT);
CREATE TABLE pg_stat_statements (queryid INT, query TEXT, calls INT, mean_exec_time REAL, mean_time REAL,
  total_exec_time REAL, rows INT);
CREATE TABLE pg_stat_archiver (archived_count INT, last_archived_wal TEXT, last_archived_time REAL, failed_count INT,
  last_failed_wal TEXT, last_failed_time REAL, stats_reset REAL);
CREATE TABLE pg_stat_replication (pid INT, application_name TEXT, state TEXT, sync_state TEXT, replay_lag INT);
"""


def _statements(text: str) -> list[str]:
    """The statements of a text, without what psql keeps for itself."""
    found: list[str] = []
    kept = ""
    for part in re.split(r"(;)", text):
        kept += part
        if part == ";" and sqlite3.complete_statement(kept):
            found.append(kept.strip().rstrip(";").strip())
            kept = ""
    return [statement for statement in (*found, kept.strip()) if statement and not statement.startswith("\\")]


def _as_sqlite(statement: str) -> str:
    """Postgres's words for times and types in those of the tables here."""

    def seconds(found: re.Match[str]) -> str:
        return str(int(found[1]) * _UNITS[found[2].lower()])

    told = re.sub(r"::\s*[a-z]+(\(\d+\))?(\[\])?", "", statement, flags=re.IGNORECASE)

    def compared(found: re.Match[str]) -> str:
        return f"(this_moment() - {found[1]}){found[2]}{int(found[3]) * _UNITS[found[4].lower()]}"

    told = re.sub(rf"now\(\)\s*-\s*({_MOMENTS})(\s*[<>]=?\s*){_INTERVAL}", compared, told, flags=re.IGNORECASE)
    told = re.sub(r"\bleft\s*\(", "leftmost(", told, flags=re.IGNORECASE)  # a word of joins here
    told = re.sub(_INTERVAL, seconds, told, flags=re.IGNORECASE)
    return re.sub(rf"now\(\)\s*-\s*({_MOMENTS})\b", r"age_of(\1)", told, flags=re.IGNORECASE)


def _as_postgres(message: str) -> str:
    if found := re.match(r"no such (table|column): (\S+)", message):
        what = "relation" if found[1] == "table" else "column"
        return f'{what} "{found[2]}" does not exist'
    return message


def _column(name: str) -> str:
    """A column's heading: a function's name alone, as psql has it."""
    if re.fullmatch(r"\d+|'[^']*'", name):
        return "?column?"
    return name.partition("(")[0].lower() if "(" in name else name


def _age(seconds: float) -> str:
    days, rest = divmod(max(0.0, seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{f'{int(days)} days ' if days else ''}{int(hours):02}:{int(minutes):02}:{rest:09.6f}"


def _text(name: str, value: Any) -> Any:
    if isinstance(value, float) and _TIME.search(name) and value > 1e9:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    return round(value, 3) if isinstance(value, float) else value


def _shown(names: Sequence[str], rows: Sequence[Sequence[Any]], options: dict[str, list[str]]) -> str:
    """A result as psql prints it."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    bare = "tuples-only" in options
    if "expanded" in options:
        wide = max((len(name) for name in names), default=0)
        out = []
        for number, row in enumerate(cells, 1):
            out.append(f"-[ RECORD {number} ]{'-' * max(1, wide)}" if not bare else "")
            out += [f"{name:<{wide}} | {cell}" for name, cell in zip(names, row, strict=True)]
        return "\n".join(out or ["(0 rows)"]) + "\n\n"
    if "no-align" in options:
        mark = options.get("field-separator", ["|"])[-1]
        lines = [mark.join(row) for row in cells]
        if not bare:
            lines = [mark.join(names), *lines, _counted(len(cells))]
        return "".join(f"{line}\n" for line in lines)
    widths = [max([len(name), *(len(row[at]) for row in cells)]) for at, name in enumerate(names)]
    numbers = [bool(rows) and all(isinstance(row[at], (int, float, type(None))) for row in rows)
               for at in range(len(names))]  # fmt: skip
    lines = [
        " " + " | ".join(
            cell.rjust(wide) if number else cell.ljust(wide)
            for cell, wide, number in zip(row, widths, numbers, strict=True)
        )
        for row in cells
    ]  # fmt: skip
    if bare:
        return "".join(f"{line.rstrip()}\n" for line in lines) + "\n"
    head = " " + " | ".join(name.center(wide) for name, wide in zip(names, widths, strict=True))
    rule = "-" + "-+-".join("-" * wide for wide in widths) + "-"
    return "\n".join([head.rstrip(), rule, *(line.rstrip() for line in lines), _counted(len(cells))]) + "\n\n"


def _counted(count: int) -> str:
    return f"({count} row{'' if count == 1 else 's'})"

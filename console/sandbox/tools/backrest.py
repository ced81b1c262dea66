"""pgbackrest, of the practice database: the backups there are, a new one, and whether WAL is archived."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from console.sandbox.metrics import Hand
from console.sandbox.tools.calls import Answer, Call, Failed, chosen, introduced
from console.sandbox.tools.database import Database

ABOUT = """\
  pgbackrest --stanza=NAME info
  pgbackrest --stanza=NAME check
  pgbackrest --stanza=NAME [--type=full|incr|diff] backup"""
_DAY = 86400.0


class Pgbackrest:
    """The program. hand: where the age of the last backup is set."""

    def __init__(self, database: Database, hand: Hand) -> None:
        self._database = database
        self._hand = hand
        now = time.time()
        self._backups: list[tuple[str, float]] = [("full", now - 3 * _DAY), ("incr", now - 0.4 * _DAY)]

    def __call__(self, call: Call) -> Answer:
        """Run one call. Raises Failed."""
        if told := introduced("pgbackrest", ABOUT, call):
            return told
        options, rest = chosen(
            call.arguments, "", {"stanza": "", "type": "", "log-level-console": "", "output": ""}, {}
        )
        stanza, real = (options.get("stanza") or [""])[-1], self._database.spec.cluster
        word = rest[0] if rest else ""
        if word != "info" and not stanza:
            raise Failed(f"ERROR: [037]: {word} command requires option: stanza", 37)
        if stanza and stanza != real:
            raise Failed(f"ERROR: [055]: unable to load info file for stanza '{stanza}'", 55)
        match word:
            case "info":
                return Answer(self._info())
            case "check":
                return self._check()
            case "backup":
                return self._backup((options.get("type") or ["incr"])[-1])
        raise Failed(f"ERROR: [028]: invalid command '{word}'", 28)

    def _check(self) -> Answer:
        if not self._database.archives:
            raise Failed(
                "ERROR: [082]: WAL segment 000000030000000A000000C5 was not archived before the 60000ms timeout", 82
            )
        return Answer("P00   INFO: check command end: completed successfully\n")

    def _backup(self, kind: str) -> Answer:
        if kind not in ("full", "incr", "diff"):
            raise Failed(f"ERROR: [032]: '{kind}' is not allowed for 'type' option", 32)
        if not self._database.archives:
            raise Failed("ERROR: [082]: WAL was not archived: a backup would not be consistent", 82)
        now = time.time()
        self._backups.append((kind, now))
        for name, value in self._database.spec.ages:
            if name == kind or kind == "full":
                self._hand.set(value, 0.0)
        label = self._label(len(self._backups) - 1)
        return Answer(
            f"P00   INFO: backup command begin: --stanza={self._database.spec.cluster} --type={kind}\n"
            f"P00   INFO: new backup label = {label}\n"
            "P00   INFO: backup command end: completed successfully\n"
        )

    def _label(self, at: int) -> str:
        kind, when = self._backups[at]
        own = f"{datetime.fromtimestamp(when, UTC):%Y%m%d-%H%M%S}{'F' if kind == 'full' else kind[0].upper()}"
        if kind == "full":
            return own
        base = max((number for number in range(at) if self._backups[number][0] == "full"), default=0)
        return f"{self._label(base)}_{own}"

    def _info(self) -> str:
        state = "ok" if self._database.archives else "error (WAL is not archived)"
        lines = [f"stanza: {self._database.spec.cluster}", f"    status: {state}", "    cipher: none", ""]
        for at, (kind, when) in enumerate(self._backups):
            stopped = f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S+00}"
            lines += [f"        {kind} backup: {self._label(at)}", f"            timestamp stop: {stopped}"]
        return "\n".join(lines) + "\n"

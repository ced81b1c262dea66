"""patronictl, of the practice database: who leads, and letting another member lead."""

from __future__ import annotations

from console.sandbox.tools.calls import Answer, Call, Failed, chosen, introduced
from console.sandbox.tools.database import Database

ABOUT = """\
  patronictl [-c FILE] list
  patronictl [-c FILE] failover [--candidate MEMBER] [--force]
  patronictl [-c FILE] switchover [--leader MEMBER] [--candidate MEMBER] [--force]

Without --force it asks, as the real one does."""


class Patronictl:
    """The program."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, call: Call) -> Answer:
        """Run one call. Raises Failed."""
        if told := introduced("patronictl", ABOUT, call):
            return told
        options, rest = chosen(
            call.arguments, "c:f:",
            {"config-file": "c", "candidate": "", "leader": "", "primary": "", "scheduled": "", "format": "f"},
            {"force": ""},
        )  # fmt: skip
        match rest[:1]:
            case ["list"] | ["topology"]:
                return Answer(self._listed())
            case ["failover" | "switchover"]:
                return self._moved(rest[0], options, list(call.answers))
        raise Failed(f"Error: No such command '{' '.join(rest)}'.", 2)

    def _moved(self, word: str, options: dict[str, list[str]], answers: list[str]) -> Answer:
        database = self._database
        others = [member for member in database.members if member != database.leader]
        told = (options.get("leader") or options.get("primary") or [database.leader])[-1]
        if told != database.leader:
            raise Failed(f"Error: Member {told} is not the leader of cluster {database.spec.cluster}")
        force = "force" in options
        candidate = (options.get("candidate") or [""])[-1]
        if not candidate and force and word == "failover":
            raise Failed("Error: Failover could be performed only to a specific candidate")
        if not candidate and force:
            candidate = others[0]
        if not candidate:
            if not answers:
                before = f"Current cluster topology\n{self._listed()}"
                return Answer(before, prompt=f"Candidate {others} []: ")
            candidate = answers.pop(0)
        if candidate not in others:
            raise Failed(
                f"Error: Member {candidate} does not exist in cluster {database.spec.cluster} or leads already"
            )
        if not force:
            asked = (
                f"Are you sure you want to {word} cluster {database.spec.cluster}, "
                f"demoting current leader {database.leader}? [y/N]: "
            )
            if not answers:
                return Answer(prompt=asked)
            if answers.pop(0).lower() not in ("y", "yes"):
                raise Failed("Aborting " + word)
        database.lead(candidate)
        return Answer(f'Successfully {"failed over" if word == "failover" else "switched over"} to "{candidate}"\n'
                      + self._listed())  # fmt: skip

    def _listed(self) -> str:
        database = self._database
        rows = []
        waits = True
        for number, member in enumerate(database.members):
            if member == database.leader:
                role, state, lag = "Leader", "running" if database.answers else "stopped", ""
            else:
                role, state, lag = "Sync Standby" if waits else "Replica", "streaming", "0"
                waits = False
            rows.append((member, f"10.0.3.{10 + number}", role, state, str(database.timeline), lag))
        names = ("Member", "Host", "Role", "State", "TL", "Lag in MB")
        widths = [max(len(row[at]) for row in (names, *rows)) for at in range(len(names))]
        rule = "+" + "+".join("-" * (wide + 2) for wide in widths) + "+"
        lines = ["| " + " | ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)) + " |"
                 for row in (names, *rows)]  # fmt: skip
        title = f"+ Cluster: {database.spec.cluster} (7412085316394201145) "
        return "\n".join([title + rule[len(title) :], lines[0], rule, *lines[1:], rule]) + "\n"

"""The questions of a run and the answers to them; secrets live in this process and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from console.core.operations import Refused
from console.core.runbooks.document import Runbook
from console.core.runbooks.filling import Placeholder, Question, Want
from console.core.runbooks.runs import Run
from console.engine.runbook_surroundings import Surroundings

# Of a variable that only looks secret, a shorter value is not blotted out: half of the output would go with it.
SHORTEST = 4
MOST_KEPT = 8


@dataclass(slots=True)
class _Held:
    """What this process alone knows of a run. given: secrets by name. carried: variables that steps have set."""

    given: dict[str, str] = field(default_factory=dict)
    carried: dict[str, str] = field(default_factory=dict)


class Answers:
    """Answers of every run of this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._found: dict[tuple[str, frozenset[str]], tuple[Placeholder, ...]] = {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value that this process knows: the environment's, those given, those that steps have set."""
        with self._lock:
            given = [value for each in self._held.values() for value in each.given.values()]
            carried = [
                value for each in self._held.values() for value in each.carried.values() if len(value) >= SHORTEST
            ]
        return tuple(dict.fromkeys((*self._surroundings.secrets, *given, *carried)))

    def given(self, run: str) -> dict[str, str]:
        """The secrets that were given in this process."""
        with self._lock:
            return dict(self._held.get(run, _Held()).given)

    def carried(self, run: str) -> dict[str, str]:
        """The variables that look secret and that steps of this process have set."""
        with self._lock:
            return dict(self._held.get(run, _Held()).carried)

    def carry(self, run: str, variables: Mapping[str, str]) -> None:
        """Keep what a step has set, for the next ones."""
        with self._lock:
            self._held.setdefault(run, _Held()).carried.update(variables)

    def forget(self, run: str) -> None:
        """Forget a run that is over."""
        with self._lock:
            self._held.pop(run, None)

    def placeholders(self, run: Run, runbook: Runbook) -> tuple[Placeholder, ...]:
        """The placeholders of a run; one whose answer turned out to hold a secret is asked for as one."""
        from console.walkthrough.filling.placeholders import placeholders_of

        known = frozenset(self._surroundings.environ)
        key = (runbook.digest, known)
        with self._lock:
            found = self._found.get(key)
        if found is None:
            found = placeholders_of(runbook, known)
            with self._lock:
                while len(self._found) >= MOST_KEPT:
                    del self._found[next(iter(self._found))]
                self._found[key] = found
        return tuple(replace(each, want=Want.SECRET) if each.name in run.asked else each for each in found)

    def questions(
        self,
        run: Run,
        placeholders: tuple[Placeholder, ...],
        remembered: Mapping[str, str],
        faults: Mapping[str, str],
    ) -> tuple[Question, ...]:
        """The form. remembered: the last answer to each name in any run, offered first and never taken by itself."""
        values, given = dict(run.values), self.given(run.id)
        asked: list[Question] = []
        for each in placeholders:
            fault = faults.get(each.name, "")
            if each.secret:
                asked.append(Question(each, answered=each.name in given, fault=fault))
                continue
            value = values.get(each.name, "")
            live = self._surroundings.choices(each.want)
            offered = (remembered.get(each.name, ""), *each.choices, *live)
            choices = dict.fromkeys(choice for choice in offered if choice)
            asked.append(Question(each, value, bool(value), tuple(choices), fault))
        return tuple(asked)

    def take(
        self, run: Run, placeholders: tuple[Placeholder, ...], answers: Mapping[str, str]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Take answers; returns what is to be written down, empty where nothing is, and the faults by name."""
        from console.walkthrough.filling.placeholders import fault_of
        from console.walkthrough.redaction.redact import redacted

        known = {each.name: each for each in placeholders}
        if strange := [name for name in answers if name not in known]:
            raise Refused(
                f"{strange[0]} is not asked for by {run.path.name}; asked for: {', '.join(known) or 'nothing'}"
            )
        faults: dict[str, str] = {}
        values: dict[str, str] = {}
        given: dict[str, str] = {}
        gone: list[str] = []
        before, had = dict(run.values), self.given(run.id)
        for name, value in answers.items():
            if not value:
                gone += [name] if name in before or name in had or name in run.asked else []
            elif fault := fault_of(known[name], value):
                faults[name] = redacted(fault, self.secrets)
            elif known[name].secret or redacted(value, self.secrets) != value:
                given[name] = value
            elif before.get(name) != value:
                values[name] = value
        with self._lock:
            held = self._held.setdefault(run.id, _Held())
            held.given = {name: value for name, value in (held.given | given).items() if name not in gone}
        told: dict[str, Any] = {}
        if values:
            told["values"] = values
        if newly := [name for name in given if name not in run.asked]:
            told["asked"] = newly
        if known_gone := [name for name in gone if name in before or name in run.asked]:
            told["gone"] = known_gone
        return told, faults

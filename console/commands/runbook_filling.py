"""The values of a run, asked for in a plain terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from console.commands.runbook_person import Person
from console.commands.runbook_words import told
from console.commands.wishes import Unclear
from console.core.operations import Refused
from console.core.runbooks.filling import Placeholder, Question, Want
from console.engine.runbook_desk import RunbookDesk

MOST_CHOICES = 8
NUMBERS = frozenset((Want.NUMBER, Want.PORT))
MARKS = tuple(f"#{number}" for number in range(1, MOST_CHOICES + 1))


def given_values(pairs: Sequence[str]) -> dict[str, str]:
    """`K=V` words of a command line. Raises Unclear."""
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Unclear(f"{pair!r} is no value; write NAME=VALUE")
        values[name.strip()] = value
    return values


def fill(
    desk: RunbookDesk,
    run: str,
    values: Mapping[str, str],
    person: Person | None = None,
    *,
    only: Collection[str] | None = None,
    again: bool = False,
) -> None:
    """Take the values that are given; with a person, ask for those that are missing.

    only: the names to ask for. again: ask for those that are answered too. Raises Refused, and NobodyThere.
    """
    if values:
        _take_given(desk, run, values)
    if person is None:
        return
    for question in desk.form(run):
        if (only is None or question.placeholder.name in only) and (again or not question.answered):
            _ask(desk, run, question, person)


def _take_given(desk: RunbookDesk, run: str, values: Mapping[str, str]) -> None:
    """A value of a command line is seen in the list of processes, so that no secret is taken from there."""
    asked = {question.placeholder.name: question.placeholder for question in desk.form(run)}
    named = {_name_of(name, asked): value for name, value in values.items()}
    if secret := [name for name in named if name in asked and asked[name].secret]:
        raise Refused(f"{secret[0]} is a secret and is asked for; do not write it on a command line")
    for question in desk.fill(run, named):
        if question.fault and question.placeholder.name in named:
            raise Refused(f"{question.placeholder.name}: {question.fault}")


def _name_of(said: str, asked: Mapping[str, Placeholder]) -> str:
    """The name that is meant: as it is remembered, as the file has it (`<host>`), or that without its marks."""
    if said in asked:
        return said
    bare = said.strip("<>{}$ ")
    fitting = [name for name, each in asked.items() if said == each.written or bare == each.written.strip("<>{}$ ")]
    return fitting[0] if len(fitting) == 1 else said


def _ask(desk: RunbookDesk, run: str, question: Question, person: Person) -> None:
    """One value, until it is taken."""
    placeholder = question.placeholder
    label = told(f"{placeholder.written} ({placeholder.want.value})")
    offered = tuple(dict.fromkeys(each for each in (question.value, *question.choices, placeholder.default) if each))
    choices = _choices(placeholder, offered)
    for mark, choice in zip(MARKS, offered, strict=False):
        print(told(f"  {mark} {choice}"))
    while True:
        if placeholder.secret:
            value = person.ask_masked(f"{label}{_ways(question, {})}, not shown: ")
        else:
            value = person.ask(f"{label}{_ways(question, choices)}: ")
            value = choices.get(value, value)
        if not value:
            if question.answered:
                return
            print("it is needed; interrupt leaves the run open")
            continue
        fault = next((each.fault for each in desk.fill(run, {placeholder.name: value}) if _is(each, question)), "")
        if not fault:
            return
        print(told(fault))


def _choices(placeholder: Placeholder, offered: Sequence[str]) -> dict[str, str]:
    """What may be typed for each value that is offered: `#1`, and `1` where a number cannot be the value itself."""
    marked = dict(zip(MARKS, offered, strict=False))
    if placeholder.want in NUMBERS or any(each.isdigit() for each in offered):
        return marked
    return marked | {mark.removeprefix("#"): value for mark, value in marked.items()}


def _ways(question: Question, choices: Mapping[str, str]) -> str:
    """What else than a value may be typed."""
    number = "" if not choices else "a number above takes it" if "1" in choices else "#1 takes the first above"
    kept = ""
    if question.answered:
        kept = "Enter keeps what was given" if question.placeholder.secret else f"Enter keeps {question.value}"
    return "".join(f", {each}" for each in (number, kept) if each)


def _is(one: Question, other: Question) -> bool:
    return one.placeholder.name == other.placeholder.name

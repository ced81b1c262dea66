"""The values that a runbook asks for: found, asked once for a whole run, and put into a step."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from console.core.operations import Refused
from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.core.runbooks.filling import Placeholder, Want
from console.walkthrough.filling.faults import fault_of
from console.walkthrough.filling.finding import (
    Place,
    lasting,
    places_of,
    plain_of,
    variable_name,
)
from console.walkthrough.filling.names import key_of
from console.walkthrough.filling.places import code_of
from console.walkthrough.filling.quoting import check_expansion, put, put_secret
from console.walkthrough.filling.spots import Use, Where

__all__ = [
    "Filled",
    "fault_of",
    "filled",
    "in_step",
    "in_text",
    "options_of",
    "placeholders_of",
    "set_before",
    "steps_of",
    "with_stand_ins",
]


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its values in. environ: variables that must be set for it, secrets included; they come before what an
    earlier step has left behind.
    """

    text: str
    environ: Mapping[str, str] = field(default_factory=dict)


def options_of(runbook: Runbook, step: Step) -> Options:
    """A step's options, with what the front matter says where the step says nothing."""
    options, above = step.options, runbook.options
    return replace(
        options,
        prompt_env=above.prompt_env if options.prompt_env == "auto" else options.prompt_env,
        skip_prompts=options.skip_prompts or above.skip_prompts,
        interpreter=options.interpreter or above.interpreter,
    )


def placeholders_of(runbook: Runbook, known: Collection[str]) -> tuple[Placeholder, ...]:
    """What the runbook's commands need from a person, in the order in which it is needed. Never raises.

    known: names of variables that are set for every step. What a step sets, later steps need not ask for.
    """
    return _asked_by(runbook, frozenset(known))


@lru_cache(maxsize=8)
def _asked_by(runbook: Runbook, known: frozenset[str]) -> tuple[Placeholder, ...]:
    return _merged((step.number, place) for step, places in steps_of(runbook, known) for place in places)


def in_step(runbook: Runbook, number: int, known: Collection[str]) -> tuple[Placeholder, ...]:
    """What one step of a runbook needs, as it is written there; variables that earlier steps set are not asked."""
    places = _found(runbook, frozenset(known)).places.get(number, ())
    return _merged((number, place) for place in places)


def set_before(runbook: Runbook, number: int, known: Collection[str] = ()) -> frozenset[str]:
    """The variables that the steps before one set for it, as far as they are run."""
    return frozenset(name for name, first in _found(runbook, frozenset(known)).first.items() if first < number)


def in_text(text: str, known: Collection[str], options: Options | None = None) -> tuple[Placeholder, ...]:
    """What one text needs, with no step named. Never raises."""
    found = _merged((0, place) for place in places_of(text, known, options or Options()))
    return tuple(replace(one, steps=()) for one in found)


def with_stand_ins(text: str, options: Options | None = None) -> str:
    """The text with harmless words of the same kind in place of placeholders, so that bash can read it and its danger
    be judged; variables stay. Where a program's name is to be filled in, a variable stands.
    """
    return plain_of(text, options or Options())


def filled(
    text: str,
    placeholders: Collection[Placeholder],
    values: Mapping[str, str],
    secrets: Mapping[str, str],
    options: Options | None = None,
    known: Collection[str] = (),
) -> Filled:
    """Put in every value that is there; a placeholder without one stays as it is. values, secrets: by a placeholder's
    name. known: variables that are set without us and not touched. Raises Refused where a value cannot go in unread.
    """
    answers = _answers(placeholders, values, secrets)
    parts: list[str] = []
    environ: dict[str, str] = {}
    at = 0
    for place in places_of(text, known, options or Options()):
        if place.key not in answers:
            continue
        value, secret = answers[place.key]
        if place.use is not None:
            _check_use(place.use, value, place.written, text)
            environ[place.use.name] = value
        elif place.spot is not None:
            part, needed = _part(place, value, secret, text)
            parts += [text[at : place.spot.start], part]
            at = place.spot.end
            if needed:
                environ[_variable(place, secret)] = value
    return Filled("".join((*parts, text[at:])), environ)


def steps_of(runbook: Runbook, known: Collection[str]) -> tuple[tuple[Step, tuple[Place, ...]], ...]:
    """The steps that run, each with the places at which it needs something."""
    return _found(runbook, frozenset(known)).steps


@dataclass(frozen=True, slots=True)
class _Found:
    """What is found in a runbook. steps: those that run, each with its places; places: the same by number. first: the
    first step that leaves a variable set.
    """

    steps: tuple[tuple[Step, tuple[Place, ...]], ...]
    places: Mapping[int, tuple[Place, ...]]
    first: Mapping[str, int]


_FINDING = threading.Lock()
# After so many characters another thread gets a turn, in seconds.
AT_ONCE, TURN = 1_000, 0.000_05


def _found(runbook: Runbook, known: frozenset[str]) -> _Found:
    """What is found in a runbook: by one thread, for whom the others wait."""
    with _FINDING:
        return _found_in(runbook, known)


@lru_cache(maxsize=8)
def _found_in(runbook: Runbook, known: frozenset[str]) -> _Found:
    have = set(known)
    first: dict[str, int] = {}
    found = []
    read = 0
    for step in runbook.steps:
        if step.runnable and step.kind is StepKind.COMMAND:
            options = options_of(runbook, step)
            left = lasting(step.text, options)
            found.append((step, places_of(step.text, have, options)))
            have |= left
            for name in left:
                first.setdefault(name, step.number)
            read += len(step.text)
            if read > AT_ONCE:
                # A screen that another thread of this process draws need not wait for its turn.
                read = 0
                time.sleep(TURN)
    return _Found(tuple(found), {step.number: places for step, places in found}, first)


@dataclass(slots=True)
class _Merged:
    """One placeholder while its places are put together. steps: a dictionary for its keys, in order."""

    place: Place
    want: Want
    steps: dict[int, None]
    default: str
    choices: tuple[str, ...]


def _merged(found: Iterable[tuple[int, Place]]) -> tuple[Placeholder, ...]:
    kept: dict[str, _Merged] = {}
    for number, place in found:
        old = kept.get(place.key)
        if old is None:
            kept[place.key] = _Merged(place, place.want, {number: None}, place.default, place.choices)
            continue
        old.want = place.want if Want.TEXT is old.want or place.want is Want.SECRET else old.want
        old.steps[number] = None
        old.default = old.default or place.default
        old.choices = old.choices or place.choices
    return tuple(
        Placeholder(
            one.place.name,
            one.place.written,
            one.place.form,
            one.want,
            tuple(one.steps),
            "" if one.want is Want.SECRET else one.default,
            one.choices,
        )
        for one in kept.values()
    )


def _answers(
    placeholders: Collection[Placeholder], values: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, tuple[str, bool]]:
    answers: dict[str, tuple[str, bool]] = {}
    for one in placeholders:
        secret = one.secret or one.name in secrets
        value = (secrets if secret else values).get(one.name)
        if value:
            answers[key_of(one.name) or one.name.lower()] = (value, secret)
    return answers


def _variable(place: Place, secret: bool) -> str:
    return variable_name(place.key, "HAKGAL_SECRET" if secret else "HAKGAL_VALUE")


def _part(place: Place, value: str, secret: bool, text: str) -> tuple[str, bool]:
    assert place.spot is not None
    if secret:
        return put_secret(value, place.spot, text, _variable(place, secret)), True
    return put(value, place.spot, text, _variable(place, secret))


def _check_use(use: Use, value: str, written: str, text: str) -> None:
    if "\0" in value:
        raise Refused(f"the value of {written} has a NUL in it, which no variable can hold: give another value")
    counted = any(
        re.search(rf"\b{use.name}\b", match[0]) for match in re.finditer(r"\(\([^\n]*?\)\)|\blet [^\n]*", text)
    )
    if counted or use.where is Where.ARITHMETIC or code_of(use.command, use.word, use.before):
        check_expansion(value, written)

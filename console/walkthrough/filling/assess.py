"""What one step would be if it were started now: its exact command, its danger, and why it cannot run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from console.core.operations import Refused
from console.core.runbooks.danger import Danger, Level
from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment, Placeholder
from console.walkthrough.filling.finding import marked_in, speaks_shell
from console.walkthrough.filling.names import key_of
from console.walkthrough.filling.placeholders import (
    Filled,
    fault_of,
    filled,
    in_step,
    options_of,
    set_before,
    with_stand_ins,
)
from console.walkthrough.redaction.redact import redacted

# What a tired person can type without a slip, and what a dialog shows in one row.
LONGEST_TARGET = 48
_GLOB = re.compile(r"[*?\[\]{}]")
# A path in such a command is one of another machine.
_ELSEWHERE = re.compile(r"(sudo )?(ssh|mosh)\b|(sudo )?(kubectl|oc|docker|podman|nerdctl|crictl|lxc)\b.* (exec|run)\b")


def assess(
    runbook: Runbook,
    number: int,
    placeholders: Collection[Placeholder],
    values: Mapping[str, str],
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
    system: str,
    folder: str = "",
) -> Assessment:
    """A step as it would run now. Raises KeyError for a number that is not there; nothing else.

    placeholders: the runbook's; values, secrets: the answers by name. environ: what blocks are given. system: the name
    that is to be typed where neither the file nor the command has one. folder: in which it would begin, where known.
    """
    return assess_filled(runbook, number, placeholders, values, secrets, environ, system, folder)[0]


def assess_filled(
    runbook: Runbook,
    number: int,
    placeholders: Collection[Placeholder],
    values: Mapping[str, str],
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
    system: str,
    folder: str = "",
) -> tuple[Assessment, Filled]:
    """The same with what the step is given: the environment that its values need, secrets included."""
    step = runbook.step(number)
    options = options_of(runbook, step)
    if not step.runnable or step.kind is not StepKind.COMMAND:
        return _at_rest(step), Filled(step.text)
    missing = _missing(runbook, step, placeholders, values, secrets, environ)
    why_not = _asking(missing) or _faulty(step, placeholders, values, secrets)
    done = Filled(step.text)
    try:
        known = {*environ, *set_before(runbook, number, environ)}
        done = filled(step.text, placeholders, values, secrets, options, known)
    except Refused as refused:
        why_not = why_not or str(refused)
    plain = with_stand_ins(done.text, options)
    variables = {**environ, **_shown(done.environ, placeholders, secrets)}
    danger = _in_folder(danger_in(plain, options, variables), plain, folder, variables)
    if plain != done.text:
        danger = _as_written(danger, done.text, options, folder, variables)
    why_not = why_not or unsound(plain, options)
    danger = _without_secrets(danger, secrets)
    return (
        Assessment(
            step=number,
            command=done.text,
            digest=hashlib.sha256(done.text.encode("utf-8", "surrogatepass")).hexdigest(),
            danger=danger,
            missing=missing,
            why_not=why_not,
            target=(_spoken(step.options.target) or _to_type(danger.target) or system) if danger.level.asks else "",
            variables=tuple(sorted(done.environ)),
            folder=folder,
        ),
        done,
    )


def _to_type(name: str) -> str:
    """What a person types of a name: of a path its last part; nothing of what nobody would type out."""
    last = name.rstrip("/").rpartition("/")[2] if name.startswith(("/", "./", "../", "~/")) else name
    return (
        last if len(last) <= LONGEST_TARGET and last.isprintable() and not _GLOB.search(last) and _spoken(last) else ""
    )


def _spoken(name: str) -> str:
    """The name where it names something: neither a flag nor nothing but signs, which a hand types without the head."""
    return "" if name.startswith("-") or not re.search(r"[^\W_]", name) else name


def _in_folder(danger: Danger, text: str, folder: str, known: Mapping[str, str]) -> Danger:
    """The danger with the folder first, where what a relative path names depends on it."""
    if not folder or not danger.level.asks or all(_ELSEWHERE.match(command) for command in danger.commands):
        return danger
    if not any(kind in ("file", "path") and _is_relative(name) for kind, name in danger.touches):
        return danger
    from console.walkthrough.danger.judging import folder_of

    acts = folder_of(text, folder, known)
    return replace(danger, touches=(("folder", acts), *danger.touches)) if acts else danger


def _as_written(danger: Danger, text: str, options: Options, folder: str, known: Mapping[str, str]) -> Danger:
    """The danger of a text with open placeholders, told by them as they are written; they have no name to type yet."""
    marked, marks = marked_in(text, options)
    told = _in_folder(danger_in(marked, options, known), marked, folder, known)
    if told.level is not danger.level:
        # What stands there decides: what is told of the plain words is the nearest there is.
        return replace(danger, target="")

    def written(said: str) -> str:
        for mark, placeholder in marks:
            said = said.replace(mark, placeholder)
        return said

    return Danger(
        told.level,
        written(told.why),
        tuple(map(written, told.commands)),
        tuple(dict.fromkeys((kind, written(name)) for kind, name in told.touches)),
        written(told.safer),
    )


def _is_relative(path: str) -> bool:
    # `host:path` is one of another machine.
    return not path.startswith(("/", "~", "$", "-")) and not re.match(r"[\w.@-]+:", path)


def _without_secrets(danger: Danger, secrets: Mapping[str, str]) -> Danger:
    """What is told of a danger is shown and kept: nothing that is or looks like a secret may stand in it."""
    known = tuple(value for value in secrets.values() if value)
    return Danger(
        danger.level,
        redacted(danger.why, known),
        tuple(redacted(command, known) for command in danger.commands),
        tuple((kind, redacted(name, known)) for kind, name in danger.touches),
        redacted(danger.safer, known),
        # What is blotted could not be typed.
        danger.target if redacted(danger.target, known) == danger.target else "",
    )


def danger_in(text: str, options: Options, known: Mapping[str, str]) -> Danger:
    """The danger of a text whose placeholders are stood in for; that of another language cannot be told."""
    if not speaks_shell(options):
        return Danger(Level.UNKNOWN, f"what {options.interpreter} would do with it cannot be told from its text")
    from console.walkthrough.danger.judging import danger_of

    return danger_of(text, known)


def unsound(text: str, options: Options) -> str:
    """Why the step's interpreter cannot read a text; empty where it can."""
    from console.walkthrough.sound import why_unsound

    return why_unsound(text, options.interpreter)


def _at_rest(step: Step) -> Assessment:
    """A step that is looked at or ticked, not run."""
    why = step.why_not or (
        "it is a check: tick it when it is done"
        if step.kind is StepKind.CHECK
        else "it is shown and not run: do it by hand"
    )
    digest = hashlib.sha256(step.text.encode("utf-8", "surrogatepass")).hexdigest()
    return Assessment(step.number, step.text, digest, Danger(Level.READS), why_not=why)


def _missing(
    runbook: Runbook,
    step: Step,
    placeholders: Collection[Placeholder],
    values: Mapping[str, str],
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
) -> tuple[Placeholder, ...]:
    """What the step needs and has no answer; one that is not in the form is missing all the same."""
    asked = {_key(one): one for one in placeholders}
    here = [asked.get(_key(one), one) for one in in_step(runbook, step.number, environ)]
    return tuple(one for one in here if _key(one) not in asked or not _answer(one, values, secrets))


def _answer(placeholder: Placeholder, values: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    return secrets.get(placeholder.name) or ("" if placeholder.secret else values.get(placeholder.name, ""))


def _key(placeholder: Placeholder) -> str:
    return key_of(placeholder.name) or placeholder.name.lower()


def _asking(missing: Collection[Placeholder]) -> str:
    names = list(dict.fromkeys(one.written for one in missing))
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"needs {listed}: v fills {'it' if len(names) == 1 else 'them'} in"


def _faulty(
    step: Step, placeholders: Collection[Placeholder], values: Mapping[str, str], secrets: Mapping[str, str]
) -> str:
    for one in placeholders:
        given = _answer(one, values, secrets)
        if given and step.number in one.steps and (fault := fault_of(one, given)):
            return fault
    return ""


def _shown(
    environ: Mapping[str, str], placeholders: Collection[Placeholder], secrets: Mapping[str, str]
) -> dict[str, str]:
    """What may be resolved for a reader: values, never secrets."""
    hidden = {value for value in secrets.values() if value}
    return {
        name: value for name, value in environ.items() if not name.startswith("HAKGAL_SECRET_") and value not in hidden
    }

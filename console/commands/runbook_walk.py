"""`hakgal-console runbook run`: a walk through a runbook in a plain terminal, step after step."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from console.commands.choosing import Choice, remember
from console.commands.runbook_filling import fill, given_values
from console.commands.runbook_finding import books_of, environment_of, runbook_of
from console.commands.runbook_person import NobodyThere, Person, follow_step
from console.commands.runbook_place import place_of
from console.commands.runbook_words import called, printed, shown, told
from console.commands.wishes import Unclear
from console.core.operations import Refused
from console.core.runbooks.danger import Level
from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment
from console.core.runbooks.order import is_passed, next_open, progress
from console.core.runbooks.runs import Mark, Run, StepRun
from console.core.states import Outcome
from console.engine.engine import Engine
from console.engine.runbook_desk import RunbookDesk

DONE, LEFT, NOBODY = 0, 1, 3
# Of a step that somebody else began: what is above that is in the transcript only.
MOST_LINES = 2000
WORDS = {
    Level.READS: "reads",
    Level.CHANGES: "CHANGES",
    Level.DESTROYS: "DESTROYS",
    Level.UNKNOWN: "UNKNOWN, treated as if it destroys",
}


def walk(arguments: argparse.Namespace) -> int:
    """Begin a run, or go on with one. Raises Refused, Unclear."""
    if (arguments.runbook is None) == (arguments.resume is None):
        raise Unclear("say which runbook, or which run with --resume; one of them")
    values = given_values(arguments.values)
    path: Path | None = None
    if arguments.resume is not None:
        choice = environment_of(arguments.resume, arguments)
    else:
        path = runbook_of(arguments.runbook, arguments)
        choice = place_of(path, arguments)
    if choice.system.path.is_file():
        remember(choice)
    with books_of(choice, read_only=arguments.read_only) as engine:
        person = Person()
        desk = engine.runbooks
        run = desk.begin(path) if path is not None else _taken_up(desk, desk.run(arguments.resume), person)
        made = _Walk(engine, choice, run.id, person, arguments.yes_reads)
        try:
            made.prepare(arguments.start, values)
        except Refused:
            if path is not None:
                desk.end(run.id, "never begun: what the command line said was refused")
            raise
        try:
            return made.go()
        except KeyboardInterrupt:
            print(f"\n{_resume(run.id, choice)}", file=sys.stderr)
            raise


def _taken_up(desk: RunbookDesk, run: Run, person: Person) -> Run:
    """A run gone on with, after the file's changes were shown. Raises Refused."""
    if not run.open:
        raise Refused(f"run {run.id} has ended: {run.outcome}; begin another")
    try:
        changes = desk.changes(run.id)
    except Refused as refused:
        print(told(f"{refused}; the run goes on with the text it has"), file=sys.stderr)
        return run
    if not changes:
        return run
    print("the file has changed since:")
    print(shown("\n".join(changes)))
    if not person.there:
        print("the run goes on with the text it has")
        return run
    if person.choose("go on with ", {"k": "kept text", "n": "new text"}, "k") == "n":
        return desk.take_up(run.id)
    return run


def _resume(run: str, choice: Choice) -> str:
    return (
        f"run {run} is open; `hakgal-console runbook run --resume {run} --system {choice.system.name}` goes on with it"
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands."""

    run: Run
    step: Step
    state: StepRun

    @property
    def name(self) -> str:
        return f"step {self.step.number} (line {self.step.line})"


class _Walk:
    """One walk. A question that cannot be asked ends it before the step that asks."""

    def __init__(self, engine: Engine, choice: Choice, run: str, person: Person, yes_reads: bool) -> None:
        self._engine = engine
        self._desk: RunbookDesk = engine.runbooks
        self._choice = choice
        self._id = run
        self._person = person
        self._yes_reads = yes_reads
        self._document: Runbook = self._desk.document(run)
        self._passed: set[int] = set()

    def prepare(self, start: int | None, values: dict[str, str]) -> None:
        """Take what the command line says. Raises Refused."""
        if values:
            fill(self._desk, self._id, values)
        if start is not None:
            self._desk.go(self._id, start)

    def go(self) -> int:
        """Walk to the end, or to where the person leaves; the exit code."""
        run = self._desk.run(self._id)
        print(told(f"{run.title}  system {run.system}, environment {run.environment}  run {run.id}"))
        here = run.step(run.here)
        number = next_open(run, here.number) if here.mark.settled or is_passed(run, here) else here.number
        while number is not None:
            place = self._at(number)
            try:
                gone_on = self._step(place)
            except NobodyThere:
                print(f"hakgal-console: {place.name} needs a person: {self._asks(place)}", file=sys.stderr)
                print(_resume(self._id, self._choice), file=sys.stderr)
                return NOBODY
            if gone_on is None:
                print(_resume(self._id, self._choice))
                return LEFT
            number = gone_on or next_open(self._desk.run(self._id), number)
        return self._end()

    def _at(self, number: int) -> _Place:
        run = self._desk.run(self._id)
        if run.here != number:
            run = self._desk.go(self._id, number)
        return _Place(run, self._document.step(number), run.step(number))

    def _asks(self, place: _Place) -> str:
        if place.step.kind is StepKind.CHECK:
            return "it is to be ticked"
        if place.state.mark is Mark.UNKNOWN:
            return "its outcome is not known and has to be verified"
        if place.state.mark is Mark.FAILED:
            return "it has failed"
        seen = self._desk.assess(self._id, place.step.number)
        if seen.missing:
            return f"it asks for {', '.join(each.written for each in seen.missing)}"
        if seen.why_not:
            return seen.why_not
        if place.step.options.interactive:
            return "it takes the terminal"
        return (
            f"it {seen.danger.level.value}, and {seen.target} is to be typed"
            if seen.target
            else "it only reads; --yes-reads runs it without a question"
        )

    def _step(self, place: _Place) -> int | None:
        """Do one step. Returns the step to go on with, 0 for the next one; None where the person leaves."""
        self._head(place)
        if place.state.mark is Mark.RUNNING:
            return self._wait(place)
        if place.state.mark is Mark.UNKNOWN:
            return self._verify(place)
        if place.step.kind is StepKind.CHECK:
            return self._choose(place, {"t": "tick"}, enter="t ticks it")
        seen = self._desk.assess(self._id, place.step.number)
        if seen.missing and self._person.there:
            fill(self._desk, self._id, {}, self._person, only=[each.name for each in seen.missing])
            seen = self._desk.assess(self._id, place.step.number)
        self._show(place, seen)
        if seen.why_not:
            return self._choose(place, {"t": "done by hand"})
        if self._yes_reads and not seen.target and place.state.mark is Mark.TODO and not place.step.options.interactive:
            return self._run(place, seen, "")
        return self._choose(place, {"r": "run", "t": "done by hand"}, "" if seen.target else "r", seen)

    def _choose(
        self,
        place: _Place,
        first: dict[str, str],
        default: str = "",
        seen: Assessment | None = None,
        *,
        enter: str = "",
    ) -> int | None:
        """What the person wants with a step, until it is settled or left."""
        number = place.step.number
        answers = {**first, "s": "skip", "n": "note", "e": "evidence", "v": "values", "g": "go to", "q": "quit"}
        while True:
            said = self._person.choose("", answers, default, enter)
            try:
                match said:
                    case "r" if seen is not None:
                        typed = self._person.ask(f"type {seen.target} to run it: ") if seen.target else ""
                        return self._run(place, seen, typed)
                    case "t":
                        self._desk.tick(self._id, number, "")
                        return 0
                    case "s":
                        self._desk.skip(self._id, number, self._person.ask("why is it left out? "))
                        return 0
                    case "n":
                        self._desk.note(self._id, number, self._person.ask("note: "))
                    case "e":
                        self._desk.evidence(self._id, number, self._person.ask("a file, or the text: "))
                    case "v":
                        fill(self._desk, self._id, {}, self._person, again=True)
                        return number
                    case "g":
                        return self._number(self._person.ask("which step? "))
                    case _:
                        return None
            except Refused as refused:
                print(told(str(refused)))

    def _number(self, said: str) -> int:
        if not said.isdigit() or not 1 <= int(said) <= len(self._document.steps):
            raise Refused(f"there is no step {said}; there are {len(self._document.steps)}")
        return int(said)

    def _run(self, place: _Place, seen: Assessment, typed: str) -> int:
        number = place.step.number
        if place.step.options.interactive:
            if not self._person.there:
                raise NobodyThere
            print(told(self._desk.interact(self._id, number, typed=typed, digest=seen.digest)))
        else:
            operation = self._desk.start(self._id, number, typed=typed, digest=seen.digest)
            over = follow_step(
                self._engine,
                operation,
                self._person,
                send=lambda line: self._desk.send(self._id, line),
                stop=lambda: self._desk.stop(self._id, number),
            )
            mark = {Outcome.DONE: "✓", Outcome.UNKNOWN: "?"}.get(over.outcome, "✗")
            print(told(f"{mark} {over.summary}"))
        state = self._desk.run(self._id).step(number)
        if state.attempts and state.attempts[-1].expected:
            print(shown("\n".join(["the output is not as expected:", *state.attempts[-1].expected])))
        if state.mark.settled:
            return 0
        if not self._person.there:
            raise NobodyThere
        return number

    def _wait(self, place: _Place) -> int | None:
        """Another console has started the step, or this one was killed in it."""
        print("it runs already; an interrupt leaves it running")
        number = place.step.number
        told_so_far = 0
        while True:
            running = self._desk.run(self._id).step(number).mark is Mark.RUNNING
            lines = self._desk.output(self._id, number, MOST_LINES)
            for line in lines[told_so_far:]:
                print(printed(line), flush=True)
            told_so_far = len(lines)
            if not running:
                break
            for line in self._person.typed(0.2):
                try:
                    self._desk.send(self._id, line)
                except Refused as refused:
                    print(told(str(refused)))
        state = self._desk.run(self._id).step(number)
        print(told(state.attempts[-1].how if state.attempts else state.mark.value))
        return 0 if state.mark.settled else number

    def _verify(self, place: _Place) -> int | None:
        how = place.state.attempts[-1].how if place.state.attempts else ""
        print(told(f"what it did is not known: {how}"))
        while True:
            said = self._person.choose("did it work? ", {"y": "yes", "n": "no", "q": "quit"})
            if said == "q":
                return None
            try:
                self._desk.verify(self._id, place.step.number, said == "y", self._person.ask("how was it found out? "))
            except Refused as refused:
                print(told(str(refused)))
                continue
            return 0 if said == "y" else place.step.number

    def _head(self, place: _Place) -> None:
        """The step, with what is only shown before it."""
        for step in self._document.steps:
            if step.number < place.step.number and step.kind is StepKind.NOTE and step.number not in self._passed:
                self._passed.add(step.number)
                if step.number == place.step.number - 1:
                    print(shown(f"\n{step.written}"))
        heads = " › ".join(place.step.path)
        mark = "" if place.state.mark is Mark.TODO else f"  {place.state.mark.value}"
        choice = f"  alternative: {place.step.choice}" if place.step.choice else ""
        many = len(self._document.steps)
        print(told(f"\n{place.step.number}/{many}  line {place.step.line}  {heads}".lstrip("\n")).rstrip())
        margin = "    " if called(place.step) == place.step.text.strip() else "  "
        print(told(f"{margin}{called(place.step)}{choice}{mark}"))

    def _show(self, place: _Place, seen: Assessment) -> None:
        # A command of one line is what the step is called, and stands there already.
        if seen.command.strip() != called(place.step):
            print(shown("\n".join(f"    {line}" for line in seen.command.rstrip("\n").splitlines())))
        if seen.why_not:
            print(told(f"  cannot be run: {seen.why_not}"))
            return
        why = f": {seen.danger.why}" if seen.danger.why else ""
        print(told(f"  {WORDS[seen.danger.level]}{why}"))
        if seen.danger.touches:
            print(told(f"  touches {', '.join(f'{what} {name}' for what, name in seen.danger.touches)}"))
        if seen.danger.safer:
            print(shown(f"  safer: {seen.danger.safer}"))

    def _end(self) -> int:
        run = self._desk.run(self._id)
        left = [step for step in run.steps if not step.mark.settled and not is_passed(run, step)]
        done, due = progress(run)
        print(told(f"{done} of {due} steps are settled"))
        if left:
            print(told(f"left: {', '.join(f'{step.number} ({step.mark.value})' for step in left)}"))
        if run.open and self._person.there:
            try:
                outcome = self._person.ask("how did it end? (Enter leaves the run open) ")
                if outcome:
                    self._desk.end(self._id, outcome)
            except (NobodyThere, Refused) as error:
                print(told(str(error)), file=sys.stderr)
        print(f"`hakgal-console runbook export {self._id} --system {self._choice.system.name}` writes the proof of it")
        return LEFT if left else DONE

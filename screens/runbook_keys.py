"""What the keys of the runbook screen do: run, tick, skip, fill in, stop, answer, verify, resume, export, end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual.app import SuspendNotSupported

from console.core.operations import Operation, Refused
from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment, Question
from console.core.runbooks.runs import Mark, Run
from console.core.states import Outcome
from screens.base import Place
from screens.runbook_dialogs import EndDialog, EvidenceDialog, InputDialog, SkipDialog, VerifyDialog
from screens.runbook_form import FormScreen
from screens.runbook_resume import ANEW, ChangesDialog, ResumeDialog
from screens.runbook_run import RunDialog
from screens.runbook_terminal import given_away
from screens.runbook_walk import Walk
from widgets.output import asks_for_secret
from widgets.vocabulary import Ink
from widgets.words import plural

if TYPE_CHECKING:
    from widgets.output import Output


def open_runs(runs: tuple[Run, ...], path: Path) -> tuple[Run, ...]:
    """Those of a runbook that can be gone on with."""
    wanted = path.resolve()
    return tuple(run for run in runs if run.open and run.path.resolve() == wanted)


class StepKeys(Place):
    """The actions of the runbook screen. What may block is asked in a thread, one thing that changes at a time."""

    walk: Walk
    path: Path
    resume: str
    shown: int
    zoomed: bool
    output: Output

    @property
    def seen(self) -> bool:
        """Whether nothing lies over this screen."""
        return self.console.screen is cast(object, self)

    def pass_on(self, sentence: str, step: int) -> None:
        """Say what holds only until a step stands otherwise."""
        raise NotImplementedError

    def walked(self) -> None:
        """What is known of the runbook or its run is new."""
        raise NotImplementedError

    def do_zoom_part(self) -> None:
        """Give the part that has the keys the whole screen, or give it back."""
        raise NotImplementedError

    # Opening and resuming.

    def open(self) -> None:
        """Read the file, and whether a run of it is open."""
        desk, path = self.walk.desk, self.path

        def read() -> tuple[Runbook | None, str, tuple[Run, ...]]:
            runs = open_runs(desk.runs(), path)
            try:
                return desk.read(path), "", runs
            except Refused as refused:
                return None, str(refused), runs

        def answered(answer: tuple[Runbook | None, str, tuple[Run, ...]] | None, why: str) -> None:
            document, fault, runs = answer if answer is not None else (None, why, ())
            self.walk.fault = fault
            if document is not None:
                self.walk.take_document(document)
            self.walked()
            if self.resume:
                self.go_on(self.resume)
            elif runs and self.seen:
                self.offer(runs)

        self.console.ask("", read, answered)

    def offer(self, runs: tuple[Run, ...]) -> None:
        """Ask which open run to go on with, or whether to begin anew."""

        def chosen(run: str | None) -> None:
            if run == ANEW:
                self.walk.leave_run()
                self.open_anew()
            elif run is not None:
                self.go_on(run)

        self.console.push_screen(ResumeDialog(runs), chosen)

    def open_anew(self) -> None:
        """Read the file as it is now, with no run."""
        desk, path = self.walk.desk, self.path

        def answered(document: Runbook | None, why: str) -> None:
            self.walk.fault = why
            if document is not None:
                self.walk.take_document(document)
                self.walk.at = 1
            self.walked()

        self.console.ask("", lambda: desk.read(path), answered)

    def go_on(self, id: str) -> None:
        """Go on with a run where it stands; first show what has changed in the file, and ask for its secrets."""
        desk = self.walk.desk

        def read() -> tuple[Run, Runbook, tuple[str, ...], tuple[Question, ...]]:
            run = desk.run(id)
            return run, desk.document(id), desk.changes(id) if run.open else (), desk.form(id) if run.open else ()

        def answered(answer: tuple[Run, Runbook, tuple[str, ...], tuple[Question, ...]] | None, why: str) -> None:
            if answer is None:
                self.walk.trouble = why
                self.console.say(why)
                self.walked()
                return
            run, document, changes, questions = answer
            self.walk.resumed(run, document)
            self.shown = 0
            self.walked()
            secrets = [each for each in questions if each.placeholder.secret and not each.answered]
            again = [each for each in secrets if each.placeholder.name in run.asked]
            if changes:
                self.show_changes(changes)
            elif again:
                self.open_form(again[0].placeholder.name)
                self.console.say(f"{plural(len(again), 'secret')} must be given again: none is ever stored")

        self.console.ask("", read, answered)

    def do_runs(self) -> None:
        """Go on with another open run of this runbook, or begin anew."""
        desk, path = self.walk.desk, self.path

        def answered(runs: tuple[Run, ...] | None, why: str) -> None:
            if runs:
                self.offer(runs)
            else:
                self.console.say(why or "no run of this runbook is open: the first step that is run begins one")

        self.console.ask("", lambda: open_runs(desk.runs(), path), answered)

    def do_changes(self) -> None:
        """Show what has changed in the file since the run began."""
        run = self.walk.run
        if run is None:
            self.console.say("no run has begun: this is the file as it is now")
            return

        def answered(changes: tuple[str, ...] | None, why: str) -> None:
            if changes:
                self.show_changes(changes)
            else:
                self.console.say(why or "the file is as it was when the run began", Ink.WARN if why else Ink.OK)

        desk = self.walk.desk
        self.console.ask("", lambda: desk.changes(run.id), answered)

    def show_changes(self, changes: tuple[str, ...]) -> None:
        """Show them, and ask whether the new file is taken up."""

        def chosen(take_up: bool | None) -> None:
            if take_up:
                self.walk.act(
                    "taking up the new file", lambda desk, run: (desk.take_up(run), desk.document(run)), self._taken_up
                )

        self.console.push_screen(ChangesDialog(changes), chosen)

    def _taken_up(self, answer: tuple[Run, Runbook]) -> None:
        self.walk.resumed(*answer)
        self.console.say("the new file is taken up; a step whose text has not changed keeps its mark", Ink.OK)

    # Running.

    def at_hand(self) -> Step | None:
        """The step at the cursor, where something can be done with it; else it is said why not."""
        walk = self.walk
        if walk.document is None:
            self.console.say("it could not be read" if walk.fault else "it is still being read")
        elif walk.step is None:
            self.console.say("this runbook has no steps: it is only read")
        elif walk.run is not None and not walk.run.open:
            self.console.say("this run has ended; r begins another, w writes what was done")
        else:
            return walk.step
        return None

    def do_run_step(self) -> None:
        """Judge the step at the cursor anew; what only reads is run at once, all else is asked about first."""
        step = self.at_hand()
        if step is None:
            return
        walk, running = self.walk, self.walk.running()
        if step.kind is StepKind.CHECK:
            self.console.say("t ticks it; s skips it")
        elif not step.runnable or step.kind is StepKind.NOTE:
            self.console.say(f"shown, never run: {step.why_not or 'it is not a shell block'}")
        elif running:
            self.pass_on(f"step {running} still runs; x stops it, i answers it", running)
        else:
            shown = walk.assessed.get(step.number)
            walk.act(
                f"judging step {step.number}",
                lambda desk, run: desk.assess(run, step.number),
                lambda assessment: self._judged(step, assessment, shown),
            )

    def _judged(self, step: Step, assessment: Assessment, shown: Assessment | None) -> None:
        walk = self.walk
        walk.assessed[step.number] = assessment
        if not self.seen or walk.at != step.number:
            return
        unknown = walk.mark(step.number) is Mark.UNKNOWN
        if assessment.missing:
            self.open_form(assessment.missing[0].name)
        elif not assessment.runnable:
            walk.trouble = assessment.why_not
            self.console.say(f"step {step.number} cannot run: {assessment.why_not}")
        elif assessment.danger.level.asks or assessment.target or step.options.interactive or unknown:
            self.console.push_screen(RunDialog(walk, step, assessment, self.began), self._to_terminal)
        elif shown is None or shown.digest != assessment.digest:
            self.console.say("this is what would run; Enter runs it", Ink.ACCENT)
        else:
            digest = assessment.digest
            walk.act(
                f"starting step {step.number}",
                lambda desk, run: desk.start(run, step.number, typed="", digest=digest),
                lambda operation: self.began(step.number, operation),
            )

    def began(self, step: int, operation: Operation) -> None:
        """A step runs; what it prints is followed."""
        self.walk.operations[step] = operation.id
        self.shown = step
        self.output.following = True

    def _to_terminal(self, answer: tuple[Step, str, str] | None) -> None:
        """Give an interactive step the terminal, until it is over."""
        if answer is None:
            return
        step, typed, digest = answer
        walk = self.walk
        try:
            with given_away(self.console):
                how = walk.call(lambda desk, run: desk.interact(run, step.number, typed=typed, digest=digest))
            self.console.say(how, Ink.OK)
        except SuspendNotSupported:
            walk.trouble = "this terminal cannot be given away; run the step in another one, and t ticks it"
        except Refused as refused:
            walk.trouble = str(refused)
        walk.renew()

    def do_run_all(self) -> None:
        """Run from the step at the cursor until one asks for something."""
        if self.at_hand() is None:
            return
        if running := self.walk.running():
            self.pass_on(f"step {running} still runs; x stops it", running)
            return

        def began(operation: Operation) -> None:
            self.output.following = True
            self.console.say("it runs until a step asks for something or fails; x stops it", Ink.OK)

        at = self.walk.at
        self.walk.act("running all", lambda desk, run: desk.run_all(desk.go(run, at).id), began)

    def do_stop_step(self) -> None:
        """Stop the step that runs; at a step in the background, that one."""
        walk = self.walk
        at = walk.at if walk.mark(walk.at) is Mark.BACKGROUND else None
        every = [
            entry
            for entry in self.console.picture.operations
            if entry.action == "run-all" and entry.outcome is Outcome.RUNNING
        ]
        for entry in every:
            self.console.desk.cancel(entry.id)
        if at is None and not walk.running():
            if not every:
                self.console.say("nothing runs here")
            return
        if walk.act("stopping", lambda desk, run: desk.stop(run, at)):
            self.pass_on("stopping: INT, then TERM, then KILL", at or walk.running())

    def do_answer_step(self) -> None:
        """Type a line to the step that runs."""
        running = self.walk.running()
        if not running:
            self.console.say("nothing runs that could be answered")
            return
        lines = self.walk.output(running, self.console.picture) or ()
        self.console.push_screen(InputDialog(self.walk, running, lines[-1] if lines else "", asks_for_secret(lines)))

    # Settling by hand.

    def do_tick_step(self) -> None:
        """Tick the step at the cursor, or take the tick back."""
        step = self.at_hand()
        if step is not None:
            self.walk.act(f"ticking step {step.number}", lambda desk, run: desk.tick(run, step.number))

    def do_skip_step(self) -> None:
        """Skip the step at the cursor, with a reason."""
        if (step := self.at_hand()) is not None:
            self.console.push_screen(SkipDialog(self.walk, step))

    def do_evidence(self) -> None:
        """Keep evidence, or a note, to the step at the cursor."""
        if (step := self.at_hand()) is not None:
            self.console.push_screen(EvidenceDialog(self.walk, step))

    def do_verify_step(self) -> None:
        """Say how a step ended of which nobody knows."""
        step = self.at_hand()
        if step is None:
            return
        if self.walk.mark(step.number) is not Mark.UNKNOWN:
            self.console.say("how this step ended is known; V is for a step marked unknown")
            return
        self.console.push_screen(VerifyDialog(self.walk, step))

    def do_values(self) -> None:
        """Fill in the values of the run."""
        if self.at_hand() is not None:
            self.open_form("")

    def open_form(self, first: str) -> None:
        """Show the form, at the question of that name or at the first without an answer."""
        self.console.push_screen(FormScreen(self.walk, first))

    # The run.

    def do_end_run(self) -> None:
        """End the run, in words."""
        if self.at_hand() is None:
            return
        if self.walk.run is None:
            self.console.say("no run has begun")
            return
        self.console.push_screen(EndDialog(self.walk))

    def do_export_run(self) -> None:
        """Write the run as Markdown into the state folder."""
        run = self.walk.run
        if run is None:
            self.console.say("no run has begun: there is nothing to write")
            return
        system = self.console.picture.system

        def write(text: str) -> Path:
            from console.systems.places import state_dir

            path = state_dir(system) / f"{run.id}.md"
            path.write_text(text, encoding="utf-8")
            path.chmod(0o600)
            return path

        def wrote(path: Path) -> None:
            self.walk.wrote = path
            self.console.say(f"wrote {path.name}; the text says where", Ink.OK)

        self.walk.act("writing the run", lambda desk, id: write(desk.export(id)), wrote)

    def do_back(self) -> None:
        """Out of the zoom, then out of the screen; a step that runs goes on."""
        if self.zoomed:
            self.do_zoom_part()
            return
        self.dismiss(None)  # type: ignore[attr-defined]
        if running := self.walk.running():
            self.console.say(f"step {running} goes on; open the runbook again to see it", Ink.OK)

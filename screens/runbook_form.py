"""The form of a run: every value it needs, one a row, with its kind, its choices, and what is wrong with an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual import events

from console.core.picture import Picture
from console.core.runbooks.filling import Question, line_with
from screens.dialog import ROOM, Dialog
from screens.runbook_walk import Walk
from widgets.prompt import Prompt
from widgets.rows import EMPTY, Row, cell, inked, row
from widgets.vocabulary import Ink
from widgets.words import clean, plural

AROUND = 12
"""Rows of the screen that are not for questions: the bypass, the frame, the words about one question, the keys."""
WRITTEN, KIND = 24, 12
HIDDEN = "*"
KEYS = "Enter keeps it   up down move   Tab takes a choice   Esc leaves"


class FormScreen(Dialog):
    """What is typed is handed over when one leaves its row, and kept in its row while it is not taken.

    first: the name of the question to begin at; empty for the first without an answer.
    """

    def __init__(self, walk: Walk, first: str = "") -> None:
        super().__init__()
        self.walk = walk
        self.questions: tuple[Question, ...] | None = None
        self.at = 0
        self.drafts: dict[str, str] = {}
        self.prompt = Prompt("")
        self._first = first
        self._early = ""
        self._top = 0
        self._sending: dict[str, str] = {}
        self._closing = False
        self._warned = False

    def heading(self) -> str:
        """Of which runbook."""
        document = self.walk.document
        return f" Values of {document.title if document is not None else self.walk.path.name} "

    def submit(self) -> None:
        """There is no entry of Textual's here."""

    def on_mount(self) -> None:
        """Ask for the questions."""
        super().on_mount()
        self.console.ask("", lambda: self.walk.call(lambda desk, run: desk.form(run)), self._read)

    def _read(self, questions: tuple[Question, ...] | None, why: str) -> None:
        if not self.is_attached:
            return
        if questions is None:
            self.complain(row((clean(why), Ink.WARN)))
            return
        self.questions = questions
        names = [each.placeholder.name for each in questions]
        empty = [number for number, each in enumerate(questions) if not each.answered]
        self.at = names.index(self._first) if self._first in names else (empty or [0])[0]
        self._edit()
        self.prompt.insert(self._early)
        self.take(self.console.picture)

    @property
    def question(self) -> Question | None:
        """The one at the cursor."""
        return self.questions[self.at] if self.questions else None

    def offered(self, question: Question) -> tuple[str, ...]:
        """Its choices; what the runbook itself proposes comes first."""
        default = question.placeholder.default
        return tuple(dict.fromkeys((*([default] if default else []), *question.choices)))

    def _edit(self) -> None:
        """Put the cursor into the row."""
        question = self.question
        if question is not None:
            self.prompt = Prompt("", self.drafts.get(question.placeholder.name, question.value))
        self._warned = False
        self.complain()
        self.take(self.console.picture)

    def rows(self, picture: Picture, now: datetime) -> Sequence[Row]:
        """The questions around the cursor, then what there is to say of the one at it."""
        if self.questions is None:
            return [row((" reading…", Ink.DIM))]
        if not self.questions:
            return [row(("this runbook needs no values; Esc leaves", Ink.OK))]
        most = max(self.app.size.height - AROUND, 3)
        self._top = max(min(self._top, self.at), self.at - most + 1)
        self._top = max(0, min(self._top, len(self.questions) - most))
        shown = self.questions[self._top : self._top + most]
        rows = [self._row(question, number == self.at) for number, question in enumerate(shown, self._top)]
        missing = sum(not each.answered for each in self.questions)
        left = len(self.questions) - self._top - len(shown)
        said = f"{plural(missing, 'value')} missing" if missing else "every value is given"
        below = f"   {left} more below" if left > 0 else ""
        head = row((f"  {said}{below}", Ink.WARN if missing else Ink.OK))
        return [head, *rows, EMPTY, *self._about(self.questions[self.at]), row((KEYS, Ink.DIM))]

    def _row(self, question: Question, chosen: bool) -> Row:
        placeholder = question.placeholder
        name = placeholder.name
        room = ROOM - 2 - WRITTEN - KIND
        head = (
            (f"{self.look.glyphs.running if chosen else ' '} ", Ink.ACCENT),
            cell(clean(placeholder.written), WRITTEN, Ink.STRONG if chosen else Ink.TEXT),
            cell(placeholder.want.value, KIND, Ink.DIM),
        )
        if chosen:
            return (*head, *self._typed(placeholder.secret, room))
        typed = self.drafts.get(name)
        if typed is not None:
            shown = HIDDEN * len(typed) if placeholder.secret else clean(typed)
            word = "" if name in self._sending else f" {self.look.glyphs.warn} {clean(question.fault)}"
            return (*head, (shown, Ink.WARN), (word, Ink.BAD))
        if placeholder.secret:
            return (*head, (HIDDEN * 8 if question.answered else "missing", Ink.OK if question.answered else Ink.WARN))
        offered = self.offered(question)
        hint = f"missing, perhaps {clean(offered[0])}" if offered else "missing"
        return (
            *head,
            (clean(question.value) if question.answered else hint, Ink.OK if question.answered else Ink.WARN),
        )

    def _typed(self, secret: bool, room: int) -> Row:
        """The row's entry with its cursor, and of a long answer the part around it."""
        text, at = self.prompt.text, self.prompt.at
        text = HIDDEN * len(text) if secret else clean(text)
        begin = max(0, at - room + 2)
        before, under, after = text[begin:at], text[at : at + 1] or " ", text[at + 1 : begin + room - 1]
        return row((before, Ink.STRONG), (under, Ink.SELECTED), (after, Ink.STRONG))

    def _about(self, question: Question) -> list[Row]:
        """Where it is needed, what may be chosen, what is wrong with what was typed: three rows."""
        placeholder, document = question.placeholder, self.walk.document
        steps = ", ".join(map(str, placeholder.steps))
        first = placeholder.steps[0] if placeholder.steps else 0
        needed = f"{'step' if len(placeholder.steps) == 1 else 'steps'} {steps}" if steps else "no step"
        if document and 0 < first <= len(document.steps):
            step = document.step(first)
            line = clean(line_with(placeholder, step.text) or step.title)
            # Of a long line the part that holds it.
            room = ROOM - len(f"needed   {needed}: ")
            over = line.find(placeholder.written) + len(placeholder.written) - room
            needed += f": {self.look.glyphs.cut}{line[over + 1 :]}" if over > 0 else f": {line}"
        rows = [row(("needed   ", Ink.DIM), needed)]
        if placeholder.secret:
            rows.append(row(("secret   ", Ink.DIM), ("not shown, never stored, asked again after a restart", Ink.DIM)))
        elif offered := self.offered(question):
            at = offered.index(self.prompt.text) if self.prompt.text in offered else 0
            spans = [
                inked(row(f" {clean(each)} "), Ink.SELECTED if each == self.prompt.text else Ink.TEXT)
                for each in offered[max(at - 1, 0) : at + 5]
            ]
            rows.append(row(("choices  ", Ink.DIM), *(part for span in spans for part in span)))
        else:
            rows.append(row(("choices  ", Ink.DIM), ("none are known", Ink.DIM)))
        fault = question.fault if placeholder.name in self.drafts else ""
        rows.append(row((f"{self.look.glyphs.warn} {clean(fault)}" if fault else " ", Ink.BAD)))
        return rows

    def on_key(self, event: events.Key) -> None:
        """Typing, and moving between the rows."""
        event.prevent_default()
        event.stop()
        if event.key == "escape":
            self.leave()
            return
        question = self.question
        if not self.listens or question is None:
            self._take_early(event.character or "")
            return
        self._warned = False
        if event.key == "enter":
            self._keep()
            self._onward()
        elif event.key in ("up", "down"):
            self._keep()
            self._move(self.at + (1 if event.key == "down" else -1))
        elif event.key in ("pageup", "pagedown"):
            self._keep()
            self._move(self.at + (8 if event.key == "pagedown" else -8))
        elif event.key in ("tab", "shift+tab"):
            self._take_choice(1 if event.key == "tab" else -1)
        elif self.prompt.key(event.key, event.character):
            self.complain()
        self.take(self.console.picture)

    def _take_early(self, text: str) -> None:
        """Keep letters that come before anything is heard; they are for the row that is gone to first."""
        if not text.isprintable():
            return
        if self.questions is None:
            self._early += text
        elif self.question is not None:
            self.prompt.insert(text)
            self.take(self.console.picture)

    def on_paste(self, event: events.Paste) -> None:
        """Into the row; of several lines the first."""
        event.stop()
        if self.listens and self.question is not None:
            self.prompt.insert(event.text)
            self.take(self.console.picture)

    def _take_choice(self, by: int) -> None:
        question = self.question
        assert question is not None
        offered = self.offered(question)
        if not offered:
            self.complain(row(("no choices are known for this one", Ink.WARN)))
            return
        at = offered.index(self.prompt.text) + by if self.prompt.text in offered else (0 if by > 0 else -1)
        self.prompt = Prompt("", offered[at % len(offered)])

    def _move(self, to: int) -> None:
        self.at = max(0, min(to, len(self.questions or ()) - 1))
        self._edit()

    def _onward(self) -> None:
        """To the next question without an answer, from the beginning again; out, when there is none."""
        questions = self.questions or ()
        order = [*range(self.at + 1, len(questions)), *range(self.at)]
        for number in order:
            each = questions[number]
            if not each.answered and each.placeholder.name not in self._sending:
                self._move(number)
                return
        self._closing = True
        if not self._sending:
            self._close()

    def _keep(self) -> None:
        """Hand over what the row holds, where it is another answer than before."""
        question = self.question
        assert question is not None
        name, text = question.placeholder.name, self.prompt.text
        before = self.drafts.get(name, question.value)
        if text == before and (question.answered or not text):
            return
        self.drafts[name] = text
        self._send()

    def _send(self) -> None:
        if self._sending:
            return
        self._sending = dict(self.drafts)
        answers = dict(self._sending)
        self.console.ask("", lambda: self.walk.call(lambda desk, run: desk.fill(run, answers)), self._taken)

    def _taken(self, questions: tuple[Question, ...] | None, why: str) -> None:
        sent, self._sending = self._sending, {}
        if questions is not None:
            self._fold(questions, sent)
        if not self.is_attached:
            return
        if questions is None:
            self._closing = False
            self.complain(row((clean(why), Ink.WARN)))
        elif any(self.drafts[name] != sent.get(name) for name in self.drafts):
            self._send()
        elif self._closing:
            self._close()
        self.take(self.console.picture)

    def _fold(self, questions: tuple[Question, ...], sent: dict[str, str]) -> None:
        """Take the form as it is now; what was not taken stays as it was typed."""
        here = self.question.placeholder.name if self.question is not None else ""
        self.questions = questions
        names = [each.placeholder.name for each in questions]
        self.at = names.index(here) if here in names else min(self.at, max(len(questions) - 1, 0))
        for each in questions:
            name = each.placeholder.name
            if name in sent and not each.fault and self.drafts.get(name) == sent[name]:
                del self.drafts[name]

    def _close(self) -> None:
        """Leave where nothing is wrong; else go to what is."""
        self._closing = False
        for number, each in enumerate(self.questions or ()):
            if each.placeholder.name in self.drafts:
                self._move(number)
                return
        self.walk.forget_judged()
        self.dismiss(None)
        self.console.say("every value is given", Ink.OK)

    def leave(self) -> None:
        """Escape: once more where something typed was not handed over."""
        question = self.question
        typed = question is not None and self.prompt.text != self.drafts.get(question.placeholder.name, question.value)
        if (typed or self.drafts) and not self._warned:
            self._warned = True
            self.complain(
                row(("what is typed here was not taken yet: Enter hands it over, Esc again leaves", Ink.WARN))
            )
            return
        self.walk.forget_judged()
        self.dismiss(None)

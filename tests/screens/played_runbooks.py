"""Runbooks played on command: what the runbook screens are tested against where no process need run."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from console.core.operations import Operation, Refused
from console.core.runbooks.danger import Danger, Level
from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment, Form, Placeholder, Question, Want
from console.core.runbooks.runs import Attempt, Mark, Note, Run, StepRun
from console.core.states import Outcome
from tests import pictures

PATH = Path("runbooks/hak-gal/redis-down.md")

TEXT = """# Redis down

Sessions are lost when Redis stays away for longer than its restart takes. Read the
state first; fail over only when the primary does not come back by itself.

## See what is wrong

```bash
redis-cli -h <redis-host> INFO replication
```

Expected:

```
role:master
```

```bash
kubectl get pods -n hak-gal -l app=redis
```

- [ ] Tell #oncall that sessions may be lost

## Bring it back

Option 1: restart the primary. Nothing is lost when the append-only file is whole, and clients come back by themselves
within ten seconds.

```bash
kubectl rollout restart statefulset/redis -n hak-gal
```

Option 2: fail over to the replica.

```bash
redis-cli -h <redis-host> FAILOVER TO replica-1 6379 FORCE TIMEOUT 500
redis-cli -h replica-1 -a "$REDIS_PASSWORD" CONFIG SET appendonly yes
```

## Look at it again

```json
{"status": "ok"}
```

```bash
curl -s https://hak-gal.example/health
```

That is all: write down what you saw.
"""

PLACEHOLDERS = (
    Placeholder("redis_host", "<redis-host>", Form.ANGLE, Want.HOST, (1, 5), "redis-0"),
    Placeholder("REDIS_PASSWORD", "$REDIS_PASSWORD", Form.VARIABLE, Want.SECRET, (5,)),
    Placeholder("attempts", "ATTEMPTS", Form.WORD, Want.NUMBER, (7,)),
)


def step(number: int, line: int, end: int, path: str, title: str, text: str, **more: Any) -> Step:
    kind = more.pop("kind", StepKind.COMMAND)
    runnable = more.pop("runnable", kind is StepKind.COMMAND)
    language = "bash" if kind is StepKind.COMMAND else more.pop("language", "")
    return Step(number, line, end, kind, ("Redis down", path), title, language, text, text, runnable, **more)


def runbook(path: Path = PATH) -> Runbook:
    """The sample as a reader finds it."""
    lines = TEXT.splitlines()

    def block(number: int, begin: int, end: int, path: str, **more: Any) -> Step:
        text = "\n".join(lines[begin : end - 1])
        return step(number, begin, end, path, lines[begin], text, **more)

    see, back, again = "See what is wrong", "Bring it back", "Look at it again"
    check = "Tell #oncall that sessions may be lost"
    fences = [number for number, line in enumerate(lines, 1) if line.startswith("```")]
    at = next(number for number, line in enumerate(lines, 1) if line.startswith("- [ ]"))
    steps = (
        block(1, fences[0], fences[1], see, expected="role:master"),
        block(2, fences[4], fences[5], see),
        step(3, at, at, see, check, check, kind=StepKind.CHECK),
        block(4, fences[6], fences[7], back, choice="Option 1", group=4),
        block(5, fences[8], fences[9], back, choice="Option 2", group=4),
        block(6, fences[10], fences[11], again, kind=StepKind.NOTE, language="json", why_not="json is not a shell"),
        block(7, fences[12], fences[13], again),
    )
    return Runbook(path, "Redis down", TEXT, sha256(TEXT.encode()).hexdigest(), steps)


DANGERS: dict[int, Danger] = {
    4: Danger(
        Level.CHANGES,
        "restarts every pod of a workload, one after the other",
        touches=(("namespace", "hak-gal"), ("statefulset", "redis")),
        safer="kubectl rollout status statefulset/redis -n hak-gal",
        target="redis",
    ),
    5: Danger(
        Level.DESTROYS,
        "FAILOVER FORCE drops writes that the replica has not seen",
        touches=(("host", "redis-0"), ("host", "replica-1")),
        safer="redis-cli -h redis-0 INFO replication",
        target="redis-0",
    ),
}


@dataclass
class PlayedRunbooks:
    """Implements the runbooks of a desk in memory. desk: the played desk whose picture its operations grow in.

    refusing: why every call that changes something is refused, where it is not empty. thinking: calls wait while it is
    not set. asked: what was asked for, with the run left out.
    """

    desk: Any
    documents: dict[Path, Runbook] = field(default_factory=lambda: {PATH: runbook()})
    dangers: dict[int, Danger] = field(default_factory=lambda: dict(DANGERS))
    placeholders: tuple[Placeholder, ...] = PLACEHOLDERS[:2]
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"redis_host": ("redis-0", "redis-1")})
    faults: dict[str, str] = field(default_factory=dict)
    all_runs: dict[str, Run] = field(default_factory=dict)
    transcripts: dict[int, tuple[str, ...]] = field(default_factory=dict)
    diff: tuple[str, ...] = ()
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    refusing: str = ""
    thinking: threading.Event = field(default_factory=threading.Event)
    suffix: dict[int, str] = field(default_factory=dict)
    reads: int = 0

    def __post_init__(self) -> None:
        self.thinking.set()

    def read(self, path: Path) -> Runbook:
        if path not in self.documents:
            raise Refused(f"{path}:1: no such file")
        return self.documents[path]

    def runs(self) -> tuple[Run, ...]:
        return tuple(sorted(self.all_runs.values(), key=lambda run: (not run.open, -run.began.timestamp())))

    def run(self, run: str) -> Run:
        self.reads += 1
        return self.all_runs[run]

    def document(self, run: str) -> Runbook:
        return self.documents[self.all_runs[run].path]

    def begin(self, path: Path) -> Run:
        self._note("begin", path.name)
        document = self.read(path)
        steps = tuple(
            StepRun(
                each.number,
                each.line,
                each.title,
                kind=each.kind,
                owner=each.owner,
                choice=each.choice,
                group=each.group,
            )
            for each in document.steps
        )
        run = Run(
            f"20260314-2104-{path.stem}-{'abcdefgh'[len(self.all_runs)] * 4}",
            "hak-gal", "production", path, document.title, document.digest, pictures.NOW, "ines@bastion", steps,
        )  # fmt: skip
        self.all_runs[run.id] = run
        return run

    def changes(self, run: str) -> tuple[str, ...]:
        return self.diff

    def take_up(self, run: str) -> Run:
        self._note("take_up")
        self.diff = ()
        return self.all_runs[run]

    def form(self, run: str) -> tuple[Question, ...]:
        return tuple(
            Question(
                each,
                "" if each.secret else self.values.get(each.name, ""),
                each.name in self.values,
                self.choices.get(each.name, ()),
                self.faults.get(each.name, ""),
            )
            for each in self.placeholders
        )

    def fill(self, run: str, answers: Mapping[str, str]) -> tuple[Question, ...]:
        self._note("fill", dict(answers))
        self.faults = {}
        for each in self.placeholders:
            value = answers.get(each.name)
            if value is None:
                continue
            if each.want is Want.NUMBER and not value.isdigit():
                self.faults[each.name] = f"{value!r} is not a number"
            elif value:
                self.values[each.name] = value
            else:
                self.values.pop(each.name, None)
        return self.form(run)

    def assess(self, run: str, step: int) -> Assessment:
        assert self.thinking.wait(10)
        text = self.document(run).step(step).text + self.suffix.get(step, "")
        missing = tuple(each for each in self.placeholders if step in each.steps and each.name not in self.values)
        for each in self.placeholders:
            if each.name in self.values and not each.secret:
                text = text.replace(each.written, self.values[each.name])
        danger = self.dangers.get(step, Danger(Level.READS, "asks and changes nothing"))
        why = f"{missing[0].written} has no value; v fills it in" if missing else ""
        digest = sha256(text.encode()).hexdigest()
        return Assessment(step, text, digest, danger, missing, why, danger.target if danger.level.asks else "")

    def start(self, run: str, step: int, *, typed: str, digest: str) -> Operation:
        self._note("start", step, typed)
        assert digest == self.assess(run, step).digest
        return self.play_step(run, step)

    def play_step(self, run: str, step: int, *lines: str) -> Operation:
        """The step runs now."""
        now = pictures.NOW
        title = f"{self.all_runs[run].path.name}:{self.document(run).step(step).line}"
        operation = Operation(f"run-step-{step}", "run-step", title, Outcome.RUNNING, now, None, lines)
        attempt = Attempt(len(self.asked), f"attempt-{step}", self.document(run).step(step).text, now, "ines@bastion")
        old = self.all_runs[run].step(step)
        self.put(run, replace(old, mark=Mark.RUNNING, attempts=(*old.attempts, attempt)), here=step)
        self.show(operation)
        return operation

    def say(self, step: int, *lines: str) -> None:
        """The running step prints more."""
        operation = next(each for each in self.desk.picture.operations if each.id == f"run-step-{step}")
        self.show(replace(operation, lines=(*operation.lines, *lines)))

    def end_step(self, run: str, step: int, code: int | None = 0, **more: Any) -> None:
        """The running step is over."""
        old = self.all_runs[run].step(step)
        mark = Mark.RAN if code == 0 else Mark.FAILED
        over = replace(
            old.attempts[-1], mark=mark, exit_code=code, ended=pictures.NOW,
            duration=timedelta(seconds=2), how=f"exit {code} in 2s", **more,
        )  # fmt: skip
        here = step + 1 if mark.settled else step
        self.put(run, replace(old, mark=mark, attempts=(*old.attempts[:-1], over)), here=here)
        for operation in self.desk.picture.operations:
            if operation.id == f"run-step-{step}":
                outcome = Outcome.DONE if code == 0 else Outcome.FAILED
                self.show(replace(operation, outcome=outcome, ended=pictures.NOW, summary=over.how))

    def show(self, operation: Operation) -> None:
        picture = self.desk.picture
        others = tuple(each for each in picture.operations if each.id != operation.id)
        self.desk.play(replace(picture, operations=(operation, *others)))

    def put(self, run: str, step: StepRun, here: int | None = None) -> Run:
        old = self.all_runs[run]
        steps = tuple(step if each.number == step.number else each for each in old.steps)
        self.all_runs[run] = replace(old, steps=steps, here=min(here or old.here, len(steps)))
        return self.all_runs[run]

    def run_all(self, run: str) -> Operation:
        self._note("run_all")
        operation = Operation("run-all-1", "run-all", PATH.name, Outcome.RUNNING, pictures.NOW, None, ())
        self.show(operation)
        return operation

    def interact(self, run: str, step: int, *, typed: str, digest: str) -> str:
        self._note("interact", step, typed)
        return "exit 0 in 3s"

    def send(self, run: str, text: str) -> None:
        self._note("send", text)

    def stop(self, run: str, step: int | None = None) -> None:
        self._note("stop", step)

    def go(self, run: str, step: int) -> Run:
        return self.all_runs[run]

    def _settle(self, run: str, step: int, mark: Mark, reason: str = "") -> Run:
        old = self.all_runs[run].step(step)
        new = replace(old, mark=mark, reason=reason, settled_by="ines@bastion", settled_at=pictures.NOW)
        return self.put(run, new, here=step + (mark is not Mark.TODO))

    def tick(self, run: str, step: int, note: str = "") -> Run:
        self._note("tick", step, note)
        ticked = self.all_runs[run].step(step).mark is Mark.TICKED
        return self._settle(run, step, Mark.TODO if ticked else Mark.TICKED)

    def skip(self, run: str, step: int, reason: str) -> Run:
        self._note("skip", step, reason)
        return self._settle(run, step, Mark.SKIPPED, reason)

    def verify(self, run: str, step: int, worked: bool, note: str) -> Run:
        self._note("verify", step, worked, note)
        return self._settle(run, step, Mark.RAN if worked else Mark.FAILED, note)

    def note(self, run: str, step: int, text: str) -> Run:
        self._note("note", step, text)
        return self._keep(run, step, text, evidence=False)

    def evidence(self, run: str, step: int, text: str) -> Run:
        self._note("evidence", step, text)
        return self._keep(run, step, text, evidence=True)

    def _keep(self, run: str, step: int, text: str, *, evidence: bool) -> Run:
        old = self.all_runs[run].step(step)
        return self.put(run, replace(old, notes=(*old.notes, Note(pictures.NOW, "ines@bastion", text, evidence))))

    def output(self, run: str, step: int, most: int = 2000) -> tuple[str, ...]:
        return self.transcripts.get(step, ())

    def end(self, run: str, outcome: str) -> Run:
        self._note("end", outcome)
        self.all_runs[run] = replace(self.all_runs[run], ended=pictures.NOW, outcome=outcome)
        return self.all_runs[run]

    def export(self, run: str) -> str:
        self._note("export")
        return f"# Run {run}\n"

    def _note(self, *asked: Any) -> None:
        assert self.thinking.wait(10)
        if self.refusing:
            raise Refused(self.refusing)
        self.asked.append(asked)

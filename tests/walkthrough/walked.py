"""A practice world, and walks through its runbooks as a person takes them: step by step, at the desk."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from console.core.operations import Operation
from console.core.runbooks.danger import Level
from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.runs import Mark, Run
from console.core.states import Outcome
from console.engine.engine import Engine
from console.engine.runbooks import Runbooks
from console.sandbox.client import Sandbox, start_sandbox
from console.systems.loader import load_system
from tests.conftest import program, wait_until
from tests.sandbox.conftest import fetch

STEP_WITHIN = timedelta(seconds=90)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Practised:
    """A running practice world, with a console's engine on its first environment."""

    sandbox: Sandbox
    engine: Engine
    state: Path

    @property
    def told(self) -> Mapping[str, Any]:
        return self.sandbox.told

    @property
    def tools(self) -> Path:
        """The folder of stand-ins."""
        return Path(self.told["folder"]) / "bin"

    @property
    def checkout(self) -> Path:
        return Path(self.told["folder"]) / "checkout"

    @property
    def log(self) -> Path:
        return Path(self.told["log_path"])

    @property
    def password(self) -> str:
        """Redis's."""
        return str(self.told["redis_url"]).partition("@")[0].rpartition(":")[2]

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.told["redis_url"], socket_timeout=5, retry=Retry(NoBackoff(), 0), decode_responses=True
        )

    def kubectl(self, *arguments: str) -> str:
        """What the real kubectl prints about the world."""
        namespace = str(self.told["namespace"])
        command = [program("kubectl"), "--kubeconfig", str(self.told["kubeconfig"]), "-n", namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def objects(self, kind: str) -> list[dict[str, Any]]:
        return list(json.loads(self.kubectl("get", kind, "-o", "json"))["items"])

    def images(self, **labels: str) -> set[str]:
        """The images of the pods with these labels that are not on their way out."""
        return {
            pod["spec"]["containers"][0]["image"]
            for pod in self.objects("pods")
            if "deletionTimestamp" not in pod["metadata"] and labels.items() <= pod["metadata"]["labels"].items()
        }

    def counted(self, workload: str, metric: str) -> list[float]:
        """A metric of every pod of a workload that serves, as its own page says it."""
        found: list[float] = []
        for pod in self.sandbox.state()["pods"]:
            if pod["workload"] == workload and pod["serving"]:
                with contextlib.suppress(OSError):  # it ended meanwhile
                    page = fetch(pod["metrics_url"])[1]
                    found += [float(line.split()[-1]) for line in page.splitlines() if line.startswith(metric)]
        return found

    def tool(self, name: str, *arguments: str) -> str:
        """What a stand-in prints."""
        done = subprocess.run(
            [str(self.tools / name), *arguments], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"{name} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def on(self, fault: str) -> bool:
        """Whether a fault is on."""
        return bool(self.sandbox.ask("GET", f"/faults/{fault}")["on"])

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """A fault that is on within the block, unless what is done there ends it."""
        self.sandbox.switch(name, True)
        try:
            yield
        finally:
            self.sandbox.switch(name, False)

    @contextmanager
    def console(self) -> Iterator[Engine]:
        """A second console on the same environment, which watches it."""
        found = self.engine
        engine = Engine(found.system, found.environment, folder=self.state)
        engine.start()
        try:
            wait_until(lambda: engine.picture.redis.value is not None, what="a console that sees Redis")
            yield engine
        finally:
            engine.stop("the test ended")

    def release(self, deployment: str, image: str) -> None:
        """Bring an image where it is not, before a walk."""
        (spec,) = [item["spec"] for item in self.objects("deployments") if item["metadata"]["name"] == deployment]
        if spec["template"]["spec"]["containers"][0]["image"] == image:
            return
        self.kubectl("set", "image", f"deployment/{deployment}", f"*={image}")
        self.rolled_out(deployment)

    def rolled_out(self, deployment: str) -> None:
        """Wait until a deployment is as it should be, and until the pods it took away are gone."""
        self.kubectl("rollout", "status", f"deployment/{deployment}", "--timeout", "50s")
        self.settled()

    def settled(self) -> None:
        """Wait until no pod is on its way out: it is listed, and serves what it has begun, until it has ended."""
        wait_until(
            lambda: not any("deletionTimestamp" in pod["metadata"] for pod in self.objects("pods")),
            within=30, every=0.1, what="the end of the pods that were told to end",
        )  # fmt: skip

    def measured(self, query: str) -> list[float]:
        """What Prometheus answers, as far as it is a number."""
        prometheus = self.engine.environment.prometheus
        assert prometheus is not None
        status, answer = fetch(f"{prometheus.url}/api/v1/query?{urlencode({'query': query})}", timeout=5)
        assert status == 200, answer
        values = [float(series["value"][1]) for series in json.loads(answer)["data"]["result"]]
        return [value for value in values if not math.isnan(value)]

    def walk(self, name: str, **answers: str) -> Walk:
        """Begin a run of a shipped runbook, and answer what it asks."""
        path = next(path for path in self.engine.system.runbooks if path.name == f"{name}.md")
        desk = self.engine.runbooks
        walk = Walk(self, desk, desk.begin(path).id)
        walk.answer(**answers)
        return walk


@dataclass
class Walk:
    """One run of a runbook. said: what each step printed, by the name of its fence. levels: how dangerous it was said
    to be. typed: what had to be typed before it.
    """

    world: Practised
    desk: Runbooks
    id: str
    said: dict[str, list[str]] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    @property
    def document(self) -> Runbook:
        return self.desk.document(self.id)

    @property
    def run(self) -> Run:
        return self.desk.run(self.id)

    def answer(self, **answers: str) -> None:
        """Fill the form in; no answer may be refused."""
        faults = {question.placeholder.name: question.fault for question in self.desk.fill(self.id, answers)}
        assert {name: fault for name, fault in faults.items() if fault} == {}
        assert set(answers) <= set(faults), f"the runbook asks for {sorted(faults)}"

    def to(self, name: str) -> None:
        """Take every step in front of the one of that name, in order."""
        for step in self.document.steps:
            if step.options.name == name:
                return
            self._take(step)
        raise AssertionError(f"there is no step {name}")

    def skip(self, name: str, reason: str) -> None:
        """Leave the step of that name out; it is the next one."""
        step = next(step for step in self.document.steps if step.options.name == name)
        self.to(name)
        self.desk.skip(self.id, step.number, reason)
        self.done.add(step.number)

    def finish(self) -> None:
        """Take what is left, in order; every step has to have worked, and nothing may be open."""
        for step in self.document.steps:
            self._take(step)
        open_steps = [step for step in self.run.steps if not step.mark.settled and step.mark is not Mark.TODO]
        assert open_steps == []
        notes = {step.number for step in self.document.steps if step.kind is StepKind.NOTE}
        left = {step.number for step in self.run.steps if step.mark is Mark.TODO}
        assert left <= notes, [self.run.step(number).title for number in left - notes]
        assert self.desk.end(self.id, "walked to its end").outcome == "walked to its end"

    def measured(self, name: str) -> None:
        """Wait until Prometheus has more than nothing of what the step of that name asks it: it looks once a second."""
        (text,) = (step.text for step in self.document.steps if step.options.name == name)
        (query,) = re.findall(r"'query=([^']*)'", text)
        wait_until(lambda: any(self.world.measured(query)), within=30, every=0.2, what=f"a measure of {query}")

    def first(self, name: str) -> str:
        """The first line that a step printed."""
        assert self.said[name], f"{name} printed nothing"
        return self.said[name][0]

    def number(self, name: str) -> float:
        """The one number that Prometheus answered."""
        (found,) = json.loads(self.first(name))["data"]["result"]
        return float(found["value"][1])

    def _take(self, step: Step) -> None:
        if step.number in self.done:
            return
        self.done.add(step.number)
        if step.kind is StepKind.CHECK:
            self.desk.tick(self.id, step.number, "looked at it")
        elif step.kind is StepKind.COMMAND:
            self._command(step)

    def _command(self, step: Step) -> None:
        seen = self.desk.assess(self.id, step.number)
        name = step.options.name or f"line {step.line}"
        assert seen.runnable, f"{name}: {seen.why_not}"
        assert bool(seen.target) is seen.danger.level.asks, (name, seen.danger)
        self.levels[name], self.typed[name] = seen.danger.level, seen.target
        operation = self._over(self.desk.start(self.id, step.number, typed=seen.target, digest=seen.digest))
        said = [_COLOURS.sub("", line) for line in self.desk.output(self.id, step.number)]
        self.said[name] = said
        assert self.world.password not in "".join(said), f"{name} shows the password of Redis"
        told = "\n".join(said[-30:])
        assert operation.outcome is Outcome.DONE, f"{name}: {operation.summary}\n{told}"
        attempt = self.run.step(step.number).attempts[-1]
        assert (attempt.mark, attempt.exit_code) == (Mark.RAN, 0), f"{name}: {attempt.how}\n{told}"
        assert not attempt.expected, f"{name}: {attempt.expected}"

    def _over(self, operation: Operation) -> Operation:
        found = self.world.engine.wait(operation.id, STEP_WITHIN)
        assert found.outcome is not Outcome.RUNNING, f"{found.title} still runs: {found.lines}"
        return found


@contextmanager
def practised(system: str) -> Iterator[Practised]:
    """A practice world of a shipped system and an engine on it, until the block ends."""
    program("redis-server", "valkey-server")
    program("prometheus")
    with tempfile.TemporaryDirectory(prefix="walked-") as temporary, start_sandbox(system) as sandbox:
        found = load_system(sandbox.system)
        environ = {**os.environ, "TMPDIR": temporary, "HOME": temporary}
        state = Path(temporary) / "state"
        engine = Engine(found, found.environments[0], folder=state, environ=environ)
        engine.open_books()
        try:
            yield Practised(sandbox, engine, state)
        finally:
            engine.stop("the test ended")


def said_since(path: Path, at: int) -> list[str]:
    """The lines of a growing file behind a place in it."""
    with path.open("rb") as file:
        file.seek(at)
        return file.read().decode(errors="replace").splitlines()


def lines_since(path: Path, at: int, count: int) -> list[str]:
    """The same, once there are so many."""
    return wait_until(
        lambda: found if len(found := said_since(path, at)) >= count else [], within=20, what=f"{count} lines"
    )

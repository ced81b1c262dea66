"""What work on one environment needs: its cluster, its Redis, its shell, each opened when it is first used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.strategies.base import Say
from console.core.operations import ActionFailed
from console.core.system import Environment, System
from console.engine.assembly import Sources
from console.systems.secrets import secret_values

if TYPE_CHECKING:
    from redis import Redis

    from console.actions.strategies.command import Ran
    from console.systems.kubernetes_connection import KubernetesApi


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of one environment. sources: asked when needed, for they come with the engine. folder: the state's.

    settings: of the plan, for its commands.
    """

    system: System
    environment: Environment
    sources: Callable[[], Sources]
    environ: Mapping[str, str]
    folder: Path
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def namespace(self) -> str:
        """The namespace; empty without a cluster."""
        return self.environment.kubernetes.namespace if self.environment.kubernetes else ""

    def cluster(self) -> KubernetesApi | None:
        """The cluster's API; None where the environment has none. Raises ActionFailed where it cannot be opened."""
        from console.systems.kubernetes_errors import KubernetesError

        opened = self.sources().open_kubernetes
        if opened is None:
            return None
        try:
            return opened()
        except KubernetesError as error:
            raise ActionFailed(f"nothing was changed: {error}") from error

    def redis(self) -> Redis:
        """The environment's Redis. Raises ActionFailed where it has none, or its secrets are missing."""
        sources = self.sources()
        if sources.open_redis is None:
            why = sources.redis.reading.error if sources.redis is not None else None
            raise ActionFailed(why or f"no Redis is configured for {self.environment.name}")
        return sources.open_redis()

    def run(
        self, command: str, values: Mapping[str, str], timeout: timedelta, say: Say, stopped: threading.Event
    ) -> Ran:
        """Run a shell command of a plan, with what runbook blocks see and `values` besides; secrets are blotted out."""
        from console.actions.strategies.command import Ran
        from console.walkthrough.run import block_environment, run_block

        lines: list[str] = []

        def told(line: str) -> None:
            lines.append(line)
            say(line)

        # The plan's settings as they were when it was started, whatever this process was started with.
        settings = {name: value for name, value in self.settings if value}
        seen = block_environment(self.system, self.environment, self.sources().access, self.environ)
        environ = {**seen, **settings, **values}
        result = run_block(
            command,
            environ=environ,
            cwd=self.system.path.parent,
            on_line=told,
            cancel=stopped,
            secrets=secret_values(self.environment, self.environ),
            timeout=timeout,
        )
        code = result.exit_code if result.exit_code is not None else -1
        return Ran(code, tuple(lines), timed_out=result.timed_out)

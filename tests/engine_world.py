"""A small real world for the engine's tests: a Redis, a log file and a TCP health check, described in a system file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from console.core.operations import Operation
from console.core.picture import Picture
from console.core.states import Outcome
from console.engine.engine import Engine
from console.systems.loader import load_system
from tests.conftest import RedisServer, wait_until

SYSTEM = """
name: tiny
title: Tiny
environments:
  test:
    tone: staging
    redis: {{host: 127.0.0.1, port: {port}, tls: false, timeout: 300ms}}
    logs:
      - file: {log}
    health:
      store: {{url: "tcp://127.0.0.1:{port}", every: 1s, timeout: 500ms}}
metrics:
  errors_logged: {{title: errors logged, unit: count, log: errors, step: 1s}}
  redis_memory: {{title: memory, unit: MB, redis: used, step: 1s}}
alerts:
  errors:
    title: errors in the log
    severity: P1
    when: errors_logged > 2
    action: Read the log.
    runbook: look.md
  store_down:
    title: store down
    severity: P0
    when: store fails 2 times
    action: Start it.
log_patterns:
  errors: {{title: errors, pattern: ERROR}}
sessions: {{pattern: "app:tenant:{{tenant}}:session:{{id}}", every: 1s, budget: 20000}}
bypass:
  key: tiny:bypass
  variable: TINY_BYPASS
  at_most: 15m
  a_day: 3
  log: {bypass_log}
  switches_off: [guards]
  leaves_on: [alerts]
"""

RUNBOOK = """# Look

```bash
echo "looked at $((40 + 2))"
```

```bash
echo <name>
```
"""


@dataclass
class TinyWorld:
    """The files, and every engine opened on them."""

    folder: Path
    redis: RedisServer
    log: Path
    bypass_log: Path
    system: Path
    engines: list[Engine] = field(default_factory=list)

    def open(self, *, read_only: bool = False, state: str = "state") -> Engine:
        """An engine that has not begun."""
        system = load_system(self.system)
        engine = Engine(
            system,
            system.environments[0],
            folder=self.folder / state,
            read_only=read_only,
            environ={},
            interval=timedelta(seconds=0.2),
        )
        (self.folder / state).mkdir(exist_ok=True)
        self.engines.append(engine)
        return engine

    def close(self) -> None:
        for engine in self.engines:
            engine.stop("the test ended")


def tiny_world(folder: Path, redis: RedisServer) -> TinyWorld:
    """Write the files."""
    home = folder / "tiny"
    home.mkdir()
    log, bypass_log = folder / "app.log", folder / "bypass.log"
    log.write_text("INFO begun\n")
    (home / "look.md").write_text(RUNBOOK)
    path = home / "system.yaml"
    path.write_text(SYSTEM.format(port=redis.port, log=log, bypass_log=bypass_log))
    return TinyWorld(folder, redis, log, bypass_log, path)


def seen(
    engine: Engine, wanted: Callable[[Picture], object], *, within: float = 15.0, what: str = "picture"
) -> Picture:
    """Wait for a picture of which `wanted` holds."""
    wait_until(lambda: wanted(engine.picture), within=within, what=what)
    return engine.picture


def ended(engine: Engine, operation: Operation, *, within: float = 15.0) -> Operation:
    """Wait for an operation to be over."""
    over = engine.wait(operation.id, timedelta(seconds=within))
    assert over.outcome is not Outcome.RUNNING, f"{over.title} still runs: {over.lines}"
    return over

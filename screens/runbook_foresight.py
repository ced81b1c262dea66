"""What a step would do before any run of its runbook has begun: judged from the file and this environment alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from console.core.runbooks.document import Runbook
from console.core.runbooks.filling import Assessment

if TYPE_CHECKING:
    from console.core.system import System


def foreseen(runbook: Runbook, step: int, system: System, environment: str) -> Assessment:
    """A step as it would run with no value given. Blocks for bash, which is asked whether it can read it."""
    from console.walkthrough.filling.assess import assess
    from console.walkthrough.filling.placeholders import placeholders_of

    known = surroundings(system, environment)
    return assess(runbook, step, placeholders_of(runbook, frozenset(known)), {}, {}, known, system.name)


def surroundings(system: System, name: str) -> dict[str, str]:
    """The variables that a step is given there."""
    from console.systems.secrets import MissingSecret, resolve_redis
    from console.walkthrough.variables import block_environment

    environment = next((each for each in system.environments if each.name == name), None)
    if environment is None:
        return dict(os.environ)
    try:
        access = resolve_redis(environment.redis, os.environ) if environment.redis is not None else None
    except MissingSecret:
        access = None
    return block_environment(system, environment, access, os.environ)

"""Which function opens the screen of an action; its module is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

# What an action opens: `open_<name>(console)`, and `open_runbook(console, path)`; imported when first asked for.
OPENERS: Mapping[str, str] = {
    "rollback": "screens.rollback:open_rollback",
    "bypass": "screens.bypass:open_bypass",
    "runbooks": "screens.runbooks:open_runbooks",
    "runbook": "screens.runbooks:open_runbook",
    "pods": "screens.pods:open_pods",
    "faults": "screens.faults:open_faults",
    "rollout": "screens.rollout:open_rollout",
    "start": "screens.starting:open_start",
    "promote": "screens.promoting:open_promote",
    "hold": "screens.steering:open_hold",
    "abort": "screens.steering:open_abort",
    "retry": "screens.steering:open_retry",
    "take-over": "screens.steering:open_take_over",
    "watcher": "screens.steering:open_watcher",
    "help": "screens.help:open_help",
    "palette": "screens.palette:open_palette",
}


def opener(where: str) -> Callable[..., None]:
    """The function at `module:name`, imported now."""
    module, name = where.split(":")
    function: Callable[..., None] = getattr(import_module(module), name)
    return function

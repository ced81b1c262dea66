"""The action table: every key and command of the console, declared once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.core.actions import Action, Danger

if TYPE_CHECKING:
    from console.core.picture import Picture

READ_ONLY = "the console was started with --read-only"


def rollback_disabled(picture: Picture) -> str | None:
    """Why no rollback can begin now, or None."""
    if picture.read_only:
        return READ_ONLY
    if picture.cluster.value is None:
        why = picture.cluster.error or "Kubernetes has not answered yet"
        return f"what runs is not known: {why}"
    if not picture.cluster.value.workloads:
        return f"no deployment of {picture.system} was found in namespace {picture.cluster.value.namespace}"
    return None


def bypass_disabled(picture: Picture) -> str | None:
    """Why no bypass can be granted now, or None."""
    if picture.read_only:
        return READ_ONLY
    if not picture.bypass_offered:
        return f"{picture.system} declares no bypass for {picture.environment}"
    state = picture.bypass
    if state.error is not None:
        needs = "the bypass needs a store that expires by itself"
        return f"{needs}; {state.error.removeprefix(f'{needs}, and ')}"
    if state.value is None:
        return "the state of the bypass has not been read yet"
    if state.value.grant is not None:
        return "a bypass is open; B revokes it"
    if state.value.today >= state.value.a_day:
        return f"{state.value.today} of {state.value.a_day} bypasses of today are used; the next is free at 00:00 UTC"
    return None


def revoke_disabled(picture: Picture) -> str | None:
    """Why there is nothing to revoke, or None. An unknown state may be revoked: that makes the world safer."""
    if picture.read_only:
        return READ_ONLY
    if not picture.bypass_offered:
        return f"{picture.system} declares no bypass for {picture.environment}"
    state = picture.bypass
    if state.value is not None and state.error is None and state.value.grant is None and not state.value.warning:
        return "no bypass is open"
    return None


def faults_disabled(picture: Picture) -> str | None:
    """Why there are no faults to switch, or None."""
    return None if picture.faults_offered else "faults can be switched in the sandbox only"


def pods_disabled(picture: Picture) -> str | None:
    """Why there are no pods to show, or None."""
    if picture.cluster.value is None:
        return f"the pods are not known: {picture.cluster.error or 'Kubernetes has not answered yet'}"
    return None


def _seen(id: str, title: str, key: str, short: str, help: str, **more: object) -> Action:
    return Action(id, title, key, short, help, danger=Danger.NONE, **more)  # type: ignore[arg-type]


ACTIONS: tuple[Action, ...] = (
    Action(
        "rollback",
        "Roll back",
        "R",
        "roll back",
        "Return the deployment to the version recorded good, or to a revision you pick; asks for the target's name.",
        danger=Danger.CHANGES_TRAFFIC,
        where=("dashboard", "pods"),
        footer=1,
        disabled_reason=rollback_disabled,
    ),
    Action(
        "bypass",
        "Emergency bypass",
        "b",
        "bypass",
        "Switch the guards off for at most 15 minutes; the store ends it, whatever happens to this terminal.",
        danger=Danger.SWITCHES_OFF,
        where=("dashboard",),
        footer=2,
        disabled_reason=bypass_disabled,
    ),
    Action(
        "bypass-revoke",
        "Revoke the bypass",
        "B",
        "revoke",
        "End the open bypass now.",
        danger=Danger.RECORDS,
        where=("*",),
        disabled_reason=revoke_disabled,
    ),
    _seen(
        "runbooks", "Runbooks", "r", "runbooks", "List the system's runbooks; read one, run a block of it.", footer=3
    ),
    Action(
        "run-block",
        "Run a runbook block",
        "enter",
        "run",
        "Run the shell block at the cursor, after showing exactly what will run.",
        danger=Danger.RUNS_COMMANDS,
        where=("runbook",),
        footer=1,
        disabled_reason=lambda picture: READ_ONLY if picture.read_only else None,
    ),
    _seen(
        "stop-block", "Stop the running block", "x", "stop", "INT, then TERM, then KILL.", where=("runbook",), footer=2
    ),
    _seen(
        "pods",
        "Pods and events",
        "d",
        "pods",
        "The pods of the deployment and the cluster's events, newest first.",
        footer=4,
        disabled_reason=pods_disabled,
    ),
    _seen("focus-rollout", "Focus the rollout", "1", "rollout", "Move to pane 1: what is deployed."),
    _seen("focus-alerts", "Focus the alerts", "2", "alerts", "Move to pane 2: what is wrong."),
    _seen("focus-redis", "Focus Redis", "3", "redis", "Move to pane 3: memory and sessions."),
    _seen("focus-logs", "Focus the logs", "4", "logs", "Move to pane 4: the logs."),
    _seen("focus-activity", "Focus the activity", "5", "activity", "Move to pane 5: what this console did and does."),
    _seen(
        "filter",
        "Filter the logs",
        "slash",
        "filter",
        "Show the log lines that match a regular expression; `!` in front shows those that do not.",
        footer=5,
    ),
    _seen("next-match", "Next match", "n", "next", "Go to the next line that matches."),
    _seen("previous-match", "Previous match", "N", "previous", "Go to the previous line that matches."),
    _seen("follow", "Follow the logs", "f", "follow", "Pause the logs, or follow them again from the end."),
    _seen("zoom", "Zoom the pane", "z", "zoom", "Give the focused pane the whole screen, or give it back.", footer=6),
    _seen("refresh", "Read everything now", "ctrl+r", "read now", "Ask every source at once, without waiting."),
    _seen(
        "faults",
        "Faults",
        "x",
        "faults",
        "Switch the sandbox's faults on and off.",
        footer=7,
        disabled_reason=faults_disabled,
    ),
    _seen("switch", "Switch environment", "s", "switch", "Pick another system or environment."),
    _seen("copy", "Copy", "y", "copy", "Copy the focused line to your terminal's clipboard (OSC 52)."),
    _seen(
        "dump",
        "Write the screen to a file",
        "D",
        "dump",
        "Write what is on the screen as plain text into the state folder, for terminals without OSC 52.",
        where=("*",),
    ),
    _seen("mouse", "Mouse on or off", "m", "mouse", "Let the mouse work here; off leaves selecting to the terminal."),
    _seen(
        "suspend",
        "Give the shell back",
        "ctrl+z",
        "suspend",
        "Stop the console until `fg`; nothing is watched meanwhile, and what runs in the cluster goes on.",
    ),
    _seen("palette", "Palette", "colon", "palette", "Find any action by its name.", where=("*",), footer=8),
    _seen("help", "Help", "question_mark", "help", "Every key of this screen.", where=("*",), footer=9),
    _seen(
        "back",
        "Back",
        "escape",
        "back",
        "Leave this screen; what runs goes on.",
        where=("pods", "runbooks", "runbook", "faults", "help"),
        footer=20,
    ),
    _seen("quit", "Quit", "q", "quit", "Leave the console; nothing that runs in the cluster changes.", footer=10),
)


def action(id: str) -> Action:
    """The action of that id. Raises KeyError."""
    for entry in ACTIONS:
        if entry.id == id:
            return entry
    raise KeyError(id)


def actions_of(screen: str, table: Iterable[Action] = ACTIONS) -> tuple[Action, ...]:
    """The actions that work on `screen`, in the table's order."""
    return tuple(entry for entry in table if screen in entry.where or "*" in entry.where)


def footer_of(screen: str) -> tuple[Action, ...]:
    """The actions the footer of `screen` shows, from the left."""
    return tuple(sorted((entry for entry in actions_of(screen) if entry.footer), key=lambda entry: entry.footer))

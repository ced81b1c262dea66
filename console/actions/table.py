"""The action table: every key and command of the console, declared once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from console.actions.reasons import READ_ONLY as READ_ONLY
from console.actions.reasons import bypass_disabled as bypass_disabled
from console.actions.reasons import (
    faults_disabled,
    needs,
    pods_disabled,
    rollout_disabled,
    start_disabled,
    take_over_disabled,
    watcher_disabled,
)
from console.actions.reasons import revoke_disabled as revoke_disabled
from console.actions.reasons import rollback_disabled as rollback_disabled
from console.actions.walking import WALKING, seen
from console.core.actions import Action, Danger

if TYPE_CHECKING:
    from console.core.picture import Picture

BOTH = ("dashboard", "rollout")


def promote_word(picture: Picture) -> str:
    """`promote`, and how long the soak still takes at best: `promote (30h48m)`."""
    view = picture.under_way
    if view is None:
        return ""
    left = view.soak.left if view.soak is not None else timedelta(0)
    return f"promote ({spell_left(left)})" if left > timedelta(0) else "promote"


def spell_left(left: timedelta) -> str:
    """`30h48m`, `12m`; rounded up, so that it never says that nothing is left."""
    minutes = -(-int(left.total_seconds()) // 60)
    return f"{minutes // 60}h{minutes % 60:02d}m" if minutes >= 60 else f"{minutes}m"


def hold_word(picture: Picture) -> str:
    """`hold`, or `resume` where it is held."""
    view = picture.under_way
    if view is None:
        return ""
    return "resume" if not view.cannot("resume") else "hold"


def overrides_only(picture: Picture) -> bool:
    """Whether promoting would override what is not met."""
    view = picture.under_way
    return view is not None and bool(view.cannot("promote"))


ACTIONS: tuple[Action, ...] = (
    Action(
        "start",
        "Start a rollout",
        "S",
        "start",
        "Pick a plan, see what it will do, and start it; a watcher drives it, with or without this console.",
        danger=Danger.CHANGES_TRAFFIC,
        where=BOTH,
        footer=1,
        disabled_reason=start_disabled,
        says=lambda picture: "start" if picture.rollout_plans and picture.under_way is None else "",
    ),
    Action(
        "watcher",
        "Start a watcher",
        "w",
        "watcher",
        "Start the process that drives the rollout on this machine, where nobody drives it; it outlives this console.",
        # What it goes on with was confirmed when the rollout was started.
        danger=Danger.RECORDS,
        where=BOTH,
        footer=1,
        disabled_reason=watcher_disabled,
        says=lambda picture: "start a watcher" if watcher_disabled(picture) is None else "",
    ),
    Action(
        "retry",
        "Retry from a phase",
        "t",
        "retry",
        "Try again from a phase that was reached, after a rollback or a failed apply.",
        danger=Danger.CHANGES_TRAFFIC,
        where=BOTH,
        footer=1,
        disabled_reason=needs("retry"),
        says=lambda picture: "retry" if needs("retry")(picture) is None else "",
    ),
    Action(
        "promote",
        "Promote to the next phase",
        "p",
        "promote",
        "Go on to the next phase; what is not met can be overridden with a reason, which is recorded.",
        danger=Danger.CHANGES_TRAFFIC,
        where=BOTH,
        footer=1,
        disabled_reason=needs("promote", "override"),
        says=promote_word,
        fades=overrides_only,
    ),
    Action(
        "hold",
        "Hold or resume the rollout",
        "h",
        "hold",
        "Stop the soak and promotion, or let them go on; rollback criteria stay armed meanwhile.",
        danger=Danger.CHANGES_TRAFFIC,
        where=BOTH,
        footer=1,
        disabled_reason=needs("hold", "resume"),
        says=hold_word,
    ),
    Action(
        "rollback",
        "Roll back",
        "R",
        "roll back",
        "Return to what was recorded good: the whole rollout, or without one a deployment; asks for the target's name.",
        danger=Danger.CHANGES_TRAFFIC,
        where=("dashboard", "pods", "rollout"),
        footer=1,
        disabled_reason=rollback_disabled,
    ),
    Action(
        "tick",
        "Tick a checklist item",
        "space",
        "tick",
        "Tick the item at the cursor, with a note of what was seen, or take the tick back.",
        danger=Danger.RECORDS,
        where=("rollout",),
        footer=3,
        disabled_reason=needs("tick"),
    ),
    Action(
        "sign",
        "Sign: go or no-go",
        "g",
        "sign",
        "Say go or no-go for a role; a no-go holds the rollout.",
        danger=Danger.CHANGES_TRAFFIC,
        where=("rollout",),
        footer=3,
        disabled_reason=needs("sign"),
    ),
    Action(
        "look",
        "Mark a look",
        "k",
        "look",
        "Write down that you looked and what you saw; the next look is due a cadence later.",
        danger=Danger.RECORDS,
        where=("rollout",),
        footer=3,
        disabled_reason=needs("look"),
    ),
    Action(
        "abort",
        "Abort the rollout",
        "A",
        "abort",
        "End the rollout and leave the traffic as it is: nothing is watched and nothing rolls back by itself any more.",
        danger=Danger.SWITCHES_OFF,
        where=BOTH,
        disabled_reason=needs("abort"),
    ),
    Action(
        "take-over",
        "Take over the rollout",
        "T",
        "take over",
        "Take the lease from whoever drives and have a watcher of this machine drive.",
        danger=Danger.CHANGES_TRAFFIC,
        where=BOTH,
        disabled_reason=take_over_disabled,
    ),
    seen(
        "rollout",
        "The whole rollout",
        "o",
        "rollout",
        "Every phase with its dates, gates, checklist, sign-offs and history.",
        where=("*",),
        disabled_reason=rollout_disabled,
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
    seen("runbooks", "Runbooks", "r", "runbooks", "List the system's runbooks; walk through one.", footer=3),
    *WALKING,
    seen(
        "pods",
        "Pods and events",
        "d",
        "pods",
        "The pods of the deployment and the cluster's events, newest first.",
        footer=4,
        disabled_reason=pods_disabled,
    ),
    seen("focus-rollout", "Focus the rollout", "1", "rollout", "Move to pane 1: the rollout, and what is deployed."),
    seen("focus-alerts", "Focus the alerts", "2", "alerts", "Move to pane 2: what is wrong."),
    seen("focus-redis", "Focus Redis", "3", "redis", "Move to pane 3: memory and sessions."),
    seen("focus-logs", "Focus the logs", "4", "logs", "Move to pane 4: the logs."),
    seen("focus-activity", "Focus the activity", "5", "activity", "Move to pane 5: what this console did and does."),
    seen(
        "filter",
        "Filter the logs",
        "slash",
        "filter",
        "Show the log lines that match a regular expression; `!` in front shows those that do not.",
        footer=5,
    ),
    seen("next-match", "Next match", "n", "next", "Go to the next line that matches."),
    seen("previous-match", "Previous match", "N", "previous", "Go to the previous line that matches."),
    seen("follow", "Follow the logs", "f", "follow", "Pause the logs, or follow them again from the end."),
    seen("zoom", "Zoom the pane", "z", "zoom", "Give the focused pane the whole screen, or give it back.", footer=6),
    seen("refresh", "Read everything now", "ctrl+r", "read now", "Ask every source at once, without waiting."),
    seen(
        "faults",
        "Faults",
        "x",
        "faults",
        "Switch the sandbox's faults on and off.",
        footer=7,
        disabled_reason=faults_disabled,
    ),
    seen("switch", "Switch environment", "s", "switch", "Pick another system or environment."),
    seen(
        "copy",
        "Copy",
        "y",
        "copy",
        "Copy the focused line, or a step's command, to your terminal's clipboard (OSC 52).",
        where=("dashboard", "runbook"),
    ),
    seen(
        "dump",
        "Write the screen to a file",
        "D",
        "dump",
        "Write what is on the screen as plain text into the state folder, for terminals without OSC 52.",
        where=("*",),
    ),
    seen("mouse", "Mouse on or off", "m", "mouse", "Let the mouse work here; off leaves selecting to the terminal."),
    seen(
        "suspend",
        "Give the shell back",
        "ctrl+z",
        "suspend",
        "Stop the console until `fg`; nothing is watched meanwhile, and what runs in the cluster goes on.",
    ),
    seen("palette", "Palette", "colon", "palette", "Find any action by its name.", where=("*",), footer=18),
    seen("help", "Help", "question_mark", "help", "Every key of this screen.", where=("*",), footer=19),
    seen(
        "back",
        "Back",
        "escape",
        "back",
        "Leave this screen; what runs goes on.",
        where=("rollout", "pods", "runbooks", "runbook", "faults", "help"),
        footer=20,
    ),
    seen("quit", "Quit", "q", "quit", "Leave the console; nothing that runs in the cluster changes.", footer=20),
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

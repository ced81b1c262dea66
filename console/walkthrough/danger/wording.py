"""What verbs of tools do, in plain words."""

from __future__ import annotations

from console.core.runbooks.danger import Level

_SAID = {
    "stop": "stops",
    "stopp": "stops",
    "start": "starts",
    "restart": "restarts",
    "reload": "reloads",
    "reboot": "reboots",
    "kill": "ends",
    "pause": "pauses",
    "unpause": "goes on with",
    "resume": "goes on with",
    "suspend": "suspends",
    "enable": "enables",
    "disable": "disables",
    "mask": "masks",
    "unmask": "unmasks",
    "failover": "moves the primary to another member",
    "switchover": "moves the primary to another member",
    "reinit": "throws a member's data away and copies it anew",
    "down": "takes down",
    "up": "starts",
    "prune": "removes what nothing uses",
    "install": "installs",
    "upgrade": "upgrades",
    "rollback": "takes back to an earlier release",
    "uninstall": "uninstalls",
    "create": "creates",
    "pull": "fetches",
    "push": "uploads",
    "purge_queue": "throws away every message of",
    "forget_cluster_node": "takes out of the cluster",
    "stop_app": "stops the broker on this node",
    "reset": "resets",
    "restore": "restores over what is there",
    "scale": "scales",
    "decommission": "takes this node out for good",
    "drain": "takes the node out of service",
    "edit": "opens an editor",
    "login": "signs in",
    "logout": "signs out",
    "daemon-reload": "reads the unit files anew",
}
_GONE = frozenset({"rm", "rmi", "remove", "delete", "del", "destroy", "rmp", "purge", "terminate", "drop", "un", "rb"})


def told(tool: str, verb: str, level: Level, what: str = "") -> str:
    """A short sentence: what a verb of a tool does to something. what: with its kind, or empty."""
    last = verb.split()[-1] if verb else ""
    behind = f" {what}" if what else ""
    if level is Level.READS:
        return f"{tool} {verb} only looks".replace("  ", " ")
    if last in _GONE or last.split("-")[0] in _GONE:
        kind = last.split("-", 1)[1].replace("-", " ") if "-" in last else ""
        nouns = " ".join(part for part in verb.split()[:-1] if part not in ("system", "compose"))
        return f"removes {what or kind or nouns or 'what is there'}"
    if last in _SAID:
        return f"{_SAID[last]}{behind}" if what else _SAID[last] + _object(verb)
    if level is Level.CHANGES:
        return f"{tool} {verb}{behind} changes what is there"
    return f"{tool} {verb}{behind} takes something away"


def _object(verb: str) -> str:
    """The noun of a verb of two words: `volume prune`, `cluster restart`."""
    nouns = verb.split()[:-1]
    return f" ({' '.join(nouns)})" if nouns else ""

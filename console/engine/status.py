"""`monitoring/last_status.json`: what the driver saw at its last tick, for consoles, scripts and people."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from console.core.rollouts import showing
from console.core.rollouts.soak import Soak
from console.core.rollouts.state import Judged, Rollout
from console.core.rollouts.view import DriverView
from console.engine.processes import lives
from console.journal.events import canonical_body, read_time, time_text
from console.journal.leases import Lease

STATUS = Path("monitoring") / "last_status.json"


@dataclass(frozen=True, slots=True)
class DriverStatus:
    """What the driver last said. taken_at: wall time. soak: of the attempt, or None."""

    taken_at: datetime
    rollout: str
    phase: int
    attempt: int
    judged: Judged
    soak: Soak | None


def write_status(folder: Path, body: Mapping[str, Any]) -> None:
    """Put a status in the place of the last one, as a whole or not at all. Raises OSError."""
    path = folder / STATUS
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".last_status-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(json.loads(canonical_body(body)), indent=2, sort_keys=False) + "\n")
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def driven_body(rollout: Rollout, judged: Judged, taken_at: datetime) -> dict[str, Any]:
    """What `read_status` needs to give it back."""
    attempt = rollout.attempt
    return {
        "taken_at": time_text(taken_at),
        "rollout": rollout.id,
        "phase": rollout.phase,
        "attempt": attempt.number if attempt else 0,
        "judged": showing.judged_body(judged),
        "soak": attempt.soak.as_body() if attempt else None,
    }


def read_status(folder: Path) -> DriverStatus | None:
    """The driver's last status; None where there is none, or it is none of ours."""
    try:
        body = json.loads((folder / STATUS).read_text(encoding="utf-8"))["driven"]
        return DriverStatus(
            read_time(body["taken_at"]),
            str(body["rollout"]),
            int(body["phase"]),
            int(body["attempt"]),
            showing.judged_from(body["judged"]),
            Soak.from_body(body["soak"]) if body["soak"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def driver_view(lease: Lease | None, seen: datetime | None) -> DriverView:
    """Who drives, for the screen. seen: when it last wrote its status, in wall time."""
    if lease is None:
        return DriverView("", 0, None, False)
    alive = lease.fresh and lives(lease.process)
    return DriverView(lease.holder, lease.epoch, seen if seen and seen > lease.renewed_at else lease.renewed_at, alive)

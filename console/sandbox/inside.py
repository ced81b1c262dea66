"""The inside of a practice pod: a folder of its own, its environment, and programs that reach what the pod would."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from console.sandbox.children import dying_with
from console.sandbox.kube.runtime import Inside
from console.sandbox.tools.client import POD


def furnished(home: Path, pod: str, env: Mapping[str, str], programs: Path | None, address: str = "") -> Inside:
    """Make the folder of a pod and say where its commands run. Raises OSError.

    home: the folder of all pods. programs: what comes before PATH. address: `HOST:PORT` of the pod; `localhost`, at
    whatever port, is that for its curl.
    """
    folder = home / pod
    folder.mkdir(parents=True, exist_ok=True)
    if address:
        rules = "".join(f'connect-to = "{host}::{address}"\n' for host in ("localhost", "127.0.0.1"))
        (folder / ".curlrc").write_text(f'{rules}noproxy = "*"\n', encoding="utf-8")
    path = os.pathsep.join([*([str(programs)] if programs else []), os.environ.get("PATH", os.defpath)])
    own = {"PATH": path, "HOME": str(folder), "HOSTNAME": pod, "TERM": "xterm", POD: pod}
    return Inside(folder, {**own, **env}, dying_with(os.getpid()))

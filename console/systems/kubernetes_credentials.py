"""Where a cluster is and with what to log in: a kubeconfig file, or the account of the pod the console runs in."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.systems.kubernetes_errors import KubernetesError, misconfigured

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_LOGIN_SECONDS = 30.0


def load(kubeconfig: Path | None, context: str | None) -> tuple[Configuration, str]:
    """The client configuration and the name of the context; runs the login command a kubeconfig names.

    kubeconfig None: $KUBECONFIG, else ~/.kube/config, else the in-cluster account. Retries and the package's own
    refreshing are off, for the latter would run a login command under the screen.
    Raises KubernetesError where the file, the context or the login is not usable.
    """
    from kubernetes import config
    from kubernetes.client import Configuration

    package: Any = config  # its functions carry no types
    configuration = Configuration()
    configuration.retries = False
    configuration.connection_pool_maxsize = 64
    configuration.socket_options = _socket_options()
    files = _files(kubeconfig)
    if not files and _ACCOUNT.exists() and context is None:
        with _complaints("in-cluster account"):
            package.load_incluster_config(client_configuration=configuration)
        return configuration, "in-cluster"
    if not files:
        raise misconfigured(
            str(kubeconfig or "no kubeconfig"),
            "the file does not exist; set `kubeconfig` in system.yaml or the variable KUBECONFIG to one that does",
        )
    where = os.pathsep.join(files)
    with _complaints(where) as complaints:
        name, logs_in = _context(where, context)
        package.load_kube_config(
            config_file=where, context=context, client_configuration=configuration, persist_config=False
        )
    if logs_in and not configuration.api_key and not configuration.cert_file:
        why = "; ".join(complaints) or "the login command gave no credentials"
        raise misconfigured(where, f"{why}; run the login command of context {name} by hand and see what it says")
    configuration.refresh_api_key_hook = None
    return configuration, name


def renewed_token(kubeconfig: Path | None, context: str | None) -> str:
    """The bearer token after logging in anew, with its `Bearer ` prefix; empty where the login uses none.

    Runs in a process of its own without a terminal, so that a login command cannot draw over the screen or wait for
    keys. Blocks for at most half a minute. Raises KubernetesError.
    """
    where = os.pathsep.join(_files(kubeconfig)) or "in-cluster account"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "console.systems.kubernetes_credentials", str(kubeconfig or ""), context or ""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LOGIN_SECONDS,
            check=False,
        )
        return str(json.loads(done.stdout)["token"])
    except subprocess.TimeoutExpired:
        raise misconfigured(where, f"logging in anew took longer than {_LOGIN_SECONDS:.0f} s") from None
    except (OSError, ValueError, KeyError) as error:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() if isinstance(error, ValueError) else []
        raise misconfigured(where, f"logging in anew failed: {said[-1] if said else error}") from error


def _socket_options() -> list[tuple[int, int, int]]:
    """urllib3's own, and probes that end a quiet stream whose other side is gone within 45 seconds."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPALIVE", 15), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


def _files(kubeconfig: Path | None) -> list[str]:
    if kubeconfig is not None:
        return [str(kubeconfig.expanduser())] if kubeconfig.expanduser().exists() else []
    named = os.environ.get("KUBECONFIG", "") or "~/.kube/config"
    return [str(path) for part in named.split(os.pathsep) if part and (path := Path(part).expanduser()).exists()]


def names_login(kubeconfig: Path | None) -> bool:
    """Whether a kubeconfig names a login command, which may ask on the terminal; one that cannot be read names none."""
    import yaml

    for path in _files(kubeconfig):
        try:
            told = yaml.load(Path(path).read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            users = [entry.get("user") or {} for entry in (told or {}).get("users") or ()]
        except (OSError, ValueError, AttributeError, TypeError, yaml.YAMLError):
            continue
        if any("exec" in user or "auth-provider" in user for user in users):
            return True
    return False


def _context(where: str, context: str | None) -> tuple[str, bool]:
    """The name of the context in use and whether its user logs in by a command."""
    import yaml
    from kubernetes import config

    package: Any = config
    contexts, current = package.list_kube_config_contexts(where)
    name = context or str(current["name"])
    if name not in (known := [str(each["name"]) for each in contexts]):
        raise misconfigured(where, f"it has no context {name}; it has {', '.join(known) or 'none'}")
    user = next((each["context"].get("user") for each in contexts if each["name"] == name), None)
    for path in where.split(os.pathsep):
        for entry in (yaml.safe_load(Path(path).read_text()) or {}).get("users") or []:
            if entry.get("name") == user:
                return name, "exec" in (entry.get("user") or {})
    return name, False


class _Ear(logging.Handler):
    """Hears what the package logs in the thread that made it, where it should have raised."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if threading.get_ident() == self._thread:
            self.heard.append(record.getMessage())


@contextmanager
def _complaints(where: str) -> Iterator[list[str]]:
    """What the package logs meanwhile; whatever it raises becomes a KubernetesError."""
    import yaml
    from kubernetes.config import ConfigException

    ear, root = _Ear(), logging.getLogger()
    root.addHandler(ear)
    try:
        yield ear.heard
    except (ConfigException, yaml.YAMLError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise misconfigured(where, f"{' '.join(str(error).split())}; check the file and the context") from error
    finally:
        root.removeHandler(ear)


def main(arguments: list[str]) -> int:
    """Print `{"token": …}` for the kubeconfig and context given; each may be empty."""
    kubeconfig, context = arguments
    try:
        configuration, _ = load(Path(kubeconfig) if kubeconfig else None, context or None)
    except KubernetesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    keys: dict[str, Any] = configuration.api_key
    json.dump({"token": keys.get("BearerToken", "")}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

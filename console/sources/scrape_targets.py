"""What is to be scraped: fixed addresses, ready pods, and what service discovery names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from console.core.readings import Pod
from console.core.system import ScrapeTarget
from console.sources.base import SourceError
from console.sources.promql.labels import NAME, Labels, labels_of

JOB = "scrape"


@dataclass(frozen=True, slots=True)
class Target:
    """One address. labels: put on every series from there; among them `instance` and `job`."""

    url: str
    labels: Labels

    @property
    def instance(self) -> str:
        """What it is called in sentences."""
        return dict(self.labels).get("instance", self.url)

    def finish(self, pairs: dict[str, str]) -> Labels:
        """A series' labels with the target's; a label of the series that is in the way becomes `exported_…`."""
        own = dict(self.labels)
        made = dict(own)
        for name, value in pairs.items():
            while name in made and value:
                name = f"exported_{name}"
            made[name] = value
        return labels_of(made)

    def about(self, name: str) -> Labels:
        """The labels of a series about the target itself, such as `up`."""
        return labels_of({**dict(self.labels), NAME: name})


def fixed(urls: Iterable[str]) -> list[Target]:
    """Targets of addresses as written."""
    return [Target(url, labels_of({"instance": urlsplit(url).netloc.rpartition("@")[2], "job": JOB})) for url in urls]


def of_pods(pods: Sequence[Pod], port: int, path: str) -> list[Target]:
    """Targets of the pods that are ready, have an address and do not go away; labelled with `pod`."""
    found = []
    for pod in pods:
        if pod.ready and pod.ip and not pod.terminating:
            host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
            address = f"{host}:{port}"
            found.append(
                Target(f"http://{address}{path}", labels_of({"instance": address, "job": JOB, "pod": pod.name}))
            )
    return found


def discovered(text: bytes, path: str, *, origin: str) -> list[Target]:
    """Targets of Prometheus's HTTP service-discovery JSON. Raises SourceError naming `origin`."""
    try:
        groups: Any = json.loads(text)
        return [
            _discovered(str(address), {str(k): str(v) for k, v in (group.get("labels") or {}).items()}, path)
            for group in groups
            for address in group["targets"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SourceError(
            f'scrape: {origin} does not list targets; it must answer [{{"targets": ["host:port"], "labels": {{}}}}]'
        ) from None


def _discovered(address: str, labels: dict[str, str], path: str) -> Target:
    scheme, path = labels.get("__scheme__", "http"), labels.get("__metrics_path__", path)
    asked = {name.removeprefix("__param_"): value for name, value in labels.items() if name.startswith("__param_")}
    kept = {name: value for name, value in labels.items() if not name.startswith("__")}
    query = f"?{urlencode(asked)}" if asked else ""
    return Target(f"{scheme}://{address}{path}{query}", labels_of({"instance": address, "job": JOB, **kept}))


class TargetList:
    """All targets of one environment as last known.

    pods: the pods of the workloads, or None where there are none to ask. fetch: reads an http address. A failure keeps
    the targets that were known and is told in `error`; failures: how often in a row.
    """

    def __init__(
        self,
        target: ScrapeTarget,
        pods: Callable[[], Sequence[Pod]] | None,
        fetch: Callable[[str], bytes],
    ) -> None:
        self._target = target
        self._pods = pods
        self._fetch = fetch
        self._discovered: list[Target] = []
        self._of_pods: list[Target] = []
        self.error: str | None = None
        self.failures = 0

    def now(self) -> list[Target]:
        """The targets, each address once."""
        self.error = None
        if self._target.pod_port is not None and self._pods is not None:
            try:
                self._of_pods = of_pods(self._pods(), self._target.pod_port, self._target.path)
            except SourceError as error:
                self.error = f"scrape: the pods are not known: {error}"
        if self._target.discovery:
            try:
                self._discovered = discovered(
                    self._read(self._target.discovery), self._target.path, origin=self._target.discovery
                )
            except SourceError as error:
                self.error = str(error)
        self.failures = self.failures + 1 if self.error else 0
        every = [*fixed(self._target.urls), *self._of_pods, *self._discovered]
        return list(dict.fromkeys(every))

    def why_none(self) -> str:
        """The sentence for an empty list."""
        if self.error:
            return self.error
        if self._target.discovery:
            return f"scrape: {self._target.discovery} lists no targets"
        return (
            "scrape: no ready pod is known" if self._target.pod_port is not None else "scrape: no target is configured"
        )

    def _read(self, place: str) -> bytes:
        if place.startswith(("http://", "https://")):
            return self._fetch(place)
        try:
            return Path(place).read_bytes()
        except OSError as error:
            raise SourceError(f"scrape: {place} could not be read: {error.strerror}") from None

"""What surrounds a step: the variables it sees, the secrets it must not show, and the names of the live world."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from console.core.picture import Picture
from console.core.readings import Pod
from console.core.runbooks.filling import Want
from console.core.system import Environment, System
from console.engine.assembly import Sources
from console.engine.books import Books
from console.systems.secrets import MissingSecret, RedisAccess, resolve_redis, secret_values
from console.walkthrough.variables import block_environment

MOST_CHOICES = 50


class Surroundings:
    """Of one environment, as it is when it is asked for. sources: they come with the loop, and never to a command."""

    def __init__(
        self,
        system: System,
        environment: Environment,
        *,
        books: Books,
        sources: Callable[[], Sources],
        picture: Callable[[], Picture],
        environ: Mapping[str, str] | None,
    ) -> None:
        self.system = system
        self.environment = environment
        self._books = books
        self._sources = sources
        self._picture = picture
        self._environ = os.environ if environ is None else environ

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of a step."""
        return block_environment(self.system, self.environment, self._access, self._environ)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret values of the environment that are there."""
        return secret_values(self.environment, self._environ)

    @property
    def _access(self) -> RedisAccess | None:
        if (access := self._sources().access) is not None or self.environment.redis is None:
            return access
        try:
            return resolve_redis(self.environment.redis, self._environ)
        except MissingSecret:
            return None

    def choices(self, want: Want) -> tuple[str, ...]:
        """What a value of that kind may be in the live world, best first; none where it is not known."""
        return tuple(dict.fromkeys(each for each in self._found(want) if each))[:MOST_CHOICES]

    def _found(self, want: Want) -> Iterable[str | None]:
        picture, target = self._picture(), self.environment.kubernetes
        cluster = picture.cluster.value
        match want:
            case Want.NAMESPACE:
                return (target.namespace if target else None, cluster.namespace if cluster else None)
            case Want.DEPLOYMENT:
                known = tuple(each.deployment for each in target.workloads) if target else ()
                return (*(each.name for each in cluster.workloads), *known) if cluster else known
            case Want.CONTAINER:
                known = tuple(each.container or "" for each in target.workloads) if target else ()
                return (*(each.container for each in cluster.workloads), *known) if cluster else known
            case Want.POD:
                return (pod.name for pod in sorted(cluster.pods, key=_worst_first)) if cluster else ()
            case Want.TENANT:
                census = picture.sessions.value
                return (tenant for tenant, _count in census.tenants) if census else ()
            case Want.VERSION:
                return self._versions(picture)
        return ()

    def _versions(self, picture: Picture) -> Iterable[str | None]:
        """Where the release goes, what proved good, and what runs."""
        yield self.environment.target
        workloads = picture.cluster.value.workloads if picture.cluster.value else ()
        for workload in workloads:
            yield from (good.version for good in self._books.goods(workload))
        for workload in workloads:
            yield workload.version


def _worst_first(pod: Pod) -> tuple[bool, int, str]:
    return pod.ready, -pod.restarts, pod.name

"""The kinds of object the server knows, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Generation(Enum):
    """What bumps metadata.generation."""

    NONE = "the kind has none"
    SPEC = "a changed spec"
    SPEC_OR_ANNOTATIONS = "a changed spec or changed annotations, as Deployments do"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one API version.

    store: under which name its objects are kept; kinds with the same store are versions of one another.
    returns_deleted: a DELETE answers with the object and not with a Status.
    create_on_update: a PUT creates what is missing. unconditional_update: a PUT needs no resourceVersion.
    """

    group: str
    version: str
    name: str
    plural: str
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    generation: Generation = Generation.NONE
    store: str = ""
    preferred: bool = True
    strategic: bool = True
    returns_deleted: bool = False
    create_on_update: bool = False
    unconditional_update: bool = True
    orphans_by_default: bool = False

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored_as(self) -> str:
        """The name of its part of the store."""
        return self.store or self.resource

    @property
    def list_name(self) -> str:
        """`DeploymentList`."""
        return f"{self.name}List"


class Kinds:
    """The kinds in service; more can be added while the server runs, as a CustomResourceDefinition would."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serve this kind too."""
        self._by_path[kind.group, kind.version, kind.plural] = kind

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind at this path."""
        return self._by_path.get((group, version, plural))

    def stored(self, store: str) -> Kind:
        """The kind whose form the objects of a store have; KeyError where there is none."""
        for kind in self._by_path.values():
            if kind.stored_as == store and kind.preferred:
                return kind
        raise KeyError(store)

    def named(self, api_version: str, name: str) -> Kind | None:
        """The kind of an object by its apiVersion and kind."""
        for kind in self._by_path.values():
            if kind.api_version == api_version and kind.name == name:
                return kind
        return None

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_path.values())

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Group to its versions, the preferred one first; the core group is the empty name."""
        found: dict[str, list[str]] = {}
        for kind in self._by_path.values():
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.insert(0 if kind.preferred else len(versions), kind.version)
        return {group: tuple(versions) for group, versions in found.items()}


ALL = ("all",)

NAMESPACES = Kind("", "v1", "Namespace", "namespaces", ("ns",), namespaced=False, subresources=("status", "finalize"))
PODS = Kind(
    "",
    "v1",
    "Pod",
    "pods",
    ("po",),
    ALL,
    subresources=("status", "log", "exec", "eviction", "binding"),
    returns_deleted=True,
)
SERVICES = Kind(
    "",
    "v1",
    "Service",
    "services",
    ("svc",),
    ALL,
    subresources=("status",),
    returns_deleted=True,
    create_on_update=True,
)
ENDPOINTS = Kind("", "v1", "Endpoints", "endpoints", ("ep",), create_on_update=True)
ENDPOINT_SLICES = Kind(
    "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", generation=Generation.SPEC, create_on_update=True
)
EVENTS = Kind("", "v1", "Event", "events", ("ev",), store="events", create_on_update=True)
CONFIG_MAPS = Kind("", "v1", "ConfigMap", "configmaps", ("cm",))
SECRETS = Kind("", "v1", "Secret", "secrets")
SERVICE_ACCOUNTS = Kind("", "v1", "ServiceAccount", "serviceaccounts", ("sa",), returns_deleted=True)
NODES = Kind("", "v1", "Node", "nodes", ("no",), namespaced=False, subresources=("status",))
DEPLOYMENTS = Kind(
    "apps", "v1", "Deployment", "deployments", ("deploy",), ALL,
    subresources=("status", "scale"), generation=Generation.SPEC_OR_ANNOTATIONS,
)  # fmt: skip
REPLICA_SETS = Kind(
    "apps", "v1", "ReplicaSet", "replicasets", ("rs",), ALL,
    subresources=("status", "scale"), generation=Generation.SPEC,
)  # fmt: skip
AUTOSCALERS = Kind(
    "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("hpa",), ALL,
    subresources=("status",), store="horizontalpodautoscalers",
)  # fmt: skip
AUTOSCALERS_V1 = Kind(
    "autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("hpa",), ALL,
    subresources=("status",), store="horizontalpodautoscalers", preferred=False,
)  # fmt: skip
LEASES = Kind("coordination.k8s.io", "v1", "Lease", "leases", create_on_update=True, unconditional_update=False)
JOBS = Kind(
    "batch", "v1", "Job", "jobs", categories=ALL,
    subresources=("status",), generation=Generation.SPEC, orphans_by_default=True,
)  # fmt: skip
ROLLOUTS = Kind(
    "argoproj.io", "v1alpha1", "Rollout", "rollouts", ("ro",), subresources=("status", "scale"),
    generation=Generation.SPEC, strategic=False, unconditional_update=False,
)  # fmt: skip
HTTP_ROUTES = Kind(
    "gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", categories=("gateway-api",), subresources=("status",),
    generation=Generation.SPEC, strategic=False, unconditional_update=False,
)  # fmt: skip
NEW_EVENTS = Kind(
    "events.k8s.io", "v1", "Event", "events", ("ev",), store="events", preferred=False, create_on_update=True
)

BUILT_IN = (
    NAMESPACES, PODS, SERVICES, ENDPOINTS, EVENTS, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, NODES,
    DEPLOYMENTS, REPLICA_SETS, AUTOSCALERS, AUTOSCALERS_V1, LEASES, JOBS, ENDPOINT_SLICES, NEW_EVENTS,
    ROLLOUTS, HTTP_ROUTES,
)  # fmt: skip

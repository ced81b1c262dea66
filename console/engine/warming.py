"""Heavy libraries, imported one after the other before anything that needs them runs.

Packages such as kubernetes and requests import in circles. Two threads that begin such imports at once can each see
half of a module, so no source's thread may be the first to import one.
"""

from __future__ import annotations

import threading
from importlib import import_module

from console.core.system import Environment

_ONE_AT_A_TIME = threading.Lock()

LIGHT = ("ssl", "http.client")
REDIS = ("redis", "redis.exceptions", "redis.retry", "redis.backoff", "console.actions.bypass")
FAULTS = ("urllib.request",)
PROMETHEUS = ("console.sources.prometheus_api",)
SCRAPE = ("promql_parser", "console.sources.scrape_rounds")
KUBERNETES = ("kubernetes.client", "kubernetes.config", "console.actions.rollback", "console.sources.pod_logs")


def warm(*modules: str) -> None:
    """Import these modules; blocks while another thread warms something."""
    with _ONE_AT_A_TIME:
        for module in modules:
            import_module(module)


def light(environment: Environment) -> tuple[str, ...]:
    """What Redis, logs, health checks and faults need."""
    return (*LIGHT, *(REDIS if environment.redis else ()), *(FAULTS if environment.faults else ()))


def metrics(environment: Environment) -> tuple[str, ...]:
    """What Prometheus or scraping needs."""
    return PROMETHEUS if environment.prometheus else SCRAPE if environment.scrape else ()


def cluster(environment: Environment) -> tuple[str, ...]:
    """What Kubernetes needs."""
    return KUBERNETES if environment.kubernetes else ()

"""The `environments:` part of a system.yaml: the places a system runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from console.core.system import (
    Environment,
    HealthTarget,
    KubernetesTarget,
    LogTarget,
    PrometheusTarget,
    RedisTarget,
    ScrapeTarget,
    Secret,
    Tone,
    WorkloadTarget,
)
from console.systems.places import config_dir
from console.systems.sheet import Table

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
KEYS = (
    "tone", "target", "kubernetes", "redis", "prometheus", "scrape", "alertmanager", "logs", "health", "secrets_file",
    "faults", "tools",
)  # fmt: skip
TONES = {tone.value: tone for tone in Tone}


def read_environments(top: Table, system: str) -> tuple[Environment, ...]:
    """The environments of the file, in its order."""
    if "environments" not in top:
        top.missing("environments", "… with at least one environment below it")
        return ()
    tables = list(top.named("environments", "environment", KEYS, NAME))
    if not tables:
        top.fault("environments", "no environment is described", "add one, such as `staging:`")
    environments = tuple(_environment(name, table, system) for name, table in tables)
    _refuse_shared_redis([table for _name, table in tables], environments)
    return environments


def _environment(name: str, table: Table, system: str) -> Environment:
    secrets_file = _secrets_file(table, system, name)
    return Environment(
        name=name,
        tone=table.choice("tone", TONES),
        target=table.optional("target", "v2.3.3"),
        redis=_redis(table, secrets_file),
        kubernetes=_kubernetes(table),
        prometheus=_prometheus(table),
        scrape=_scrape(table),
        alertmanager=_root(table.address("alertmanager", "http://127.0.0.1:9093")),
        logs=_logs(table),
        health=_health(table),
        faults=_root(table.address("faults", "http://127.0.0.1:8099")),
        secrets_file=secrets_file,
        tools=tuple(_tools(table)),
    )


def _tools(table: Table) -> Iterator[Path]:
    """The folders that stand in front of PATH; each must be there."""
    for text, line in table.texts("tools"):
        folder = table.path("tools", table.expand("tools", text)).absolute()
        if not folder.is_dir():
            table.sheet.fault(line, f"there is no folder {folder}", "write the folder of the programs, or take it out")
        elif ":" in str(folder):
            table.sheet.fault(line, f"the folder {folder} has a `:` in its name", "PATH cannot hold it; rename it")
        yield folder


def _secrets_file(table: Table, system: str, environment: str) -> Path | None:
    """The file named, else the one in the settings folder where there is one."""
    if text := table.optional("secrets_file", "secrets.env"):
        return table.path("secrets_file", text)
    usual = config_dir() / system / f"{environment}.env"
    return usual if usual.exists() else None


def _redis(outer: Table, secrets_file: Path | None) -> RedisTarget | None:
    keys = ("host", "port", "username", "password", "tls", "database", "timeout")
    table = outer.table("redis", keys)
    if table is None:
        return None
    host = table.reference("host", "${REDIS_CLOUD_HOST}")
    if "host" not in table:
        table.missing("host", "${REDIS_CLOUD_HOST}")
    elif isinstance(host, str) and not re.fullmatch(r"[A-Za-z0-9_.:%-]+", host):
        table.fault("host", "`host` is not the name or address of a host", "write `host: redis.example.net`")
    port = table.reference("port", "6379")
    tls = table.truth("tls")
    if "tls" not in table:
        table.missing("tls", "true")
    return RedisTarget(
        host=host or "",
        port=table.as_integer("port", port, 6379, 1, 65535) if isinstance(port, str) else port or 6379,
        username=table.reference("username", "${REDIS_CLOUD_USERNAME}"),
        password=table.secret("password", "${REDIS_CLOUD_PASSWORD}"),
        tls=tls is not False,
        database=table.integer("database", 0, 0, 65535),
        timeout=table.span("timeout", "1s", "50ms", "30s"),
        secrets_file=secrets_file,
    )


def _kubernetes(outer: Table) -> KubernetesTarget | None:
    table = outer.table("kubernetes", ("kubeconfig", "context", "namespace", "workloads"))
    if table is None:
        return None
    namespace = table.text("namespace", "hak-gal")
    if namespace and not NAMESPACE.fullmatch(namespace):
        table.fault("namespace", f"`{namespace}` cannot be a namespace", "use lower-case letters, digits and `-`")
    workloads: list[WorkloadTarget] = []
    before = len(table.sheet.faults)
    for row in table.rows("workloads", "a workload", ("deployment", "container", "optional")):
        deployment = row.text("deployment", "hak-gal")
        if deployment in [workload.deployment for workload in workloads]:
            row.fault("deployment", f"deployment `{deployment}` is listed twice", "remove one")
        optional = row.truth("optional") or False
        workloads.append(WorkloadTarget(deployment, row.optional("container", "hak-gal"), optional))
    if "workloads" not in table:
        table.missing("workloads", "… with `- deployment: NAME` below it")
    elif not workloads and len(table.sheet.faults) == before:
        table.fault("workloads", f"{table.where} lists no workload", "add `- deployment: NAME`")
    elif workloads and workloads[0].optional:
        right = "put one first that is always there; the first workload is the main one"
        table.fault("workloads", f"the first workload of {table.where} is optional", right)
    kubeconfig = table.optional("kubeconfig", "~/.kube/config")
    return KubernetesTarget(
        kubeconfig=table.path("kubeconfig", kubeconfig) if kubeconfig else None,
        context=table.optional("context", "staging"),
        namespace=namespace,
        workloads=tuple(workloads),
    )


def _prometheus(outer: Table) -> PrometheusTarget | None:
    table = outer.table("prometheus", ("url", "token"))
    if table is None:
        return None
    if "url" not in table:
        table.missing("url", "http://127.0.0.1:9090")
    url = _root(table.address("url", "http://127.0.0.1:9090"))
    return PrometheusTarget(url or "", table.secret("token", "${PROMETHEUS_TOKEN}"))


def _scrape(outer: Table) -> ScrapeTarget | None:
    table = outer.table("scrape", ("urls", "pods", "discovery", "every"))
    if table is None:
        return None
    example = "http://127.0.0.1:9102/metrics"
    urls = tuple(table.as_address("urls", text, example) for text, _line in table.texts("urls"))
    pods = table.table("pods", ("port", "path"))
    if pods is not None and "port" not in pods:
        pods.missing("port", "9102")
    path = (pods.optional("path", "/metrics") if pods else None) or "/metrics"
    if pods is not None and not path.startswith("/"):
        pods.fault("path", f"`{path}` is not the path of a URL", "write `path: /metrics`")
    discovery = table.optional("discovery", "http://127.0.0.1:8099/targets")
    if discovery is not None and not re.match(r"https?://", discovery):
        discovery = str(table.path("discovery", discovery))
    elif discovery is not None:
        discovery = table.address("discovery", "http://127.0.0.1:8099/targets")
    if not urls and pods is None and discovery is None:
        table.fault("scrape", f"{table.where} says nothing to scrape", "add `urls:`, `pods:` or `discovery:`")
    return ScrapeTarget(
        urls=urls,
        pod_port=pods.integer("port", 9102, 1, 65535) if pods else None,
        path=path,
        discovery=discovery,
        interval=table.span("every", "15s", "500ms", "10m"),
    )


def _logs(outer: Table) -> tuple[LogTarget, ...]:
    targets: list[LogTarget] = []
    for row in outer.rows("logs", "a log", ("file", "pods")):
        file, pods = row.optional("file", "logs/hak_gal.log"), row.truth("pods")
        if (file is None) == (pods is None) or pods is False:
            row.sheet.fault(row.at, "a log names neither or both of `file` and `pods`",
                            "write `- file: PATH` or `- pods: true`")  # fmt: skip
        elif file is not None:
            # A log belongs to the place the console is started from, as in the protocol's own `grep … logs/…`.
            targets.append(LogTarget(row.home("file", file).absolute()))
        else:
            targets.append(LogTarget(None, pods=True))
    return tuple(targets)


def _health(outer: Table) -> tuple[HealthTarget, ...]:
    if "health" not in outer:
        return ()
    checks: list[HealthTarget] = []
    names = re.compile(r"[a-z][a-z0-9_]{0,62}")
    for name, table in outer.named("health", "health check", ("url", "every", "timeout"), names):
        if "url" not in table:
            table.missing("url", "http://127.0.0.1:8080/healthz")
        url = table.address("url", "http://127.0.0.1:8080/healthz", ("http", "https", "tcp")) or ""
        every, timeout = table.span("every", "10s", "1s", "1h"), table.span("timeout", "2s", "50ms", "1m")
        checks.append(HealthTarget(name, url, every, min(timeout, max(every, timedelta(seconds=1)))))
    return tuple(checks)


def _root(url: str | None) -> str | None:
    """An address without a slash at its end, so that paths can be put behind it."""
    return url.rstrip("/") if url else url


def _refuse_shared_redis(tables: list[Table], environments: tuple[Environment, ...]) -> None:
    """No Redis serves two environments: by the HAK_GAL protocol, Caveats, Redis Backend."""
    seen: dict[tuple[object, ...], str] = {}
    for table, environment in zip(tables, environments, strict=True):
        redis = environment.redis
        if redis is None or not redis.host:
            continue
        if isinstance(redis.host, str) and not isinstance(redis.port, Secret):
            place: tuple[object, ...] = (redis.host.lower(), redis.port)
        elif redis.secrets_file is not None:
            place = (redis.host, redis.port, redis.secrets_file)
        else:
            continue
        if place in seen:
            wrong = f"environments `{seen[place]}` and `{environment.name}` share one Redis"
            table.fault("redis", wrong, "give each environment a Redis, or a `secrets_file:`, of its own")
        seen.setdefault(place, environment.name)

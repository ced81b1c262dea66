"""What the doctor looks at: each examination gives findings, and never raises for a thing that is merely wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from console.commands.choosing import Choice
from console.core.rollouts.plan import RolloutPlan
from console.core.system import Environment, RedisTarget, System
from console.engine.engine import utc_now
from console.journal.journal import Journal, JournalError
from console.sources.base import SourceError
from console.systems.places import state_of, state_root
from console.systems.secrets import MissingSecret, RedisAccess, resolve_redis, resolve_secret

LEAST_FREE = 100 * 1024 * 1024


class State(Enum):
    """How an examination ended."""

    GOOD = "ok"
    WARNING = "warn"
    FAILED = "FAIL"
    ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, how it is, and what to do where it is not well."""

    name: str
    state: State
    sentence: str


Examination = tuple[str, Callable[[], list[Finding]]]


def examinations(choice: Choice) -> list[Examination]:
    """Everything to be looked at for an environment, in the order it is printed."""
    system, environment = choice.system, choice.environment
    return [
        ("state", lambda: state_folder(system)),
        ("bypass log", lambda: bypass_log(system)),
        ("redis", lambda: redis(system, environment)),
        ("separation", lambda: separation(system)),
        ("prometheus", lambda: prometheus(environment)),
        ("scrape", lambda: scrape(system, environment)),
        ("kubernetes", lambda: kubernetes(environment, plans_of(system))),
        ("logs", lambda: logs(environment)),
        ("health", lambda: health(environment)),
    ]


def state_folder(system: System) -> list[Finding]:
    """Whether the journal can be written and verifies, and the disk has room."""
    import tempfile

    try:
        folder = state_of(system)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
        journal = Journal.open(folder / "journal.db", clock=utc_now)
        try:
            verification = journal.verify()
        finally:
            journal.close()
    except JournalError as error:
        return [Finding("state", State.FAILED, str(error))]
    except OSError as error:
        where = error.filename or system.state or state_root()
        told = f"{where}: {error.strerror}; make it writable, or set HAKGAL_STATE_DIR to a folder that is"
        return [Finding("state", State.FAILED, told)]
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    findings = [
        Finding("state", State.GOOD, f"{folder} is writable")
        if free >= LEAST_FREE
        else Finding("state", State.WARNING, f"{folder} has {free // 1024 // 1024} MB free; make room")
    ]
    if verification.sound:
        findings.append(Finding("journal", State.GOOD, f"{verification.events} events, chain unbroken"))
    else:
        findings.append(Finding("journal", State.FAILED, f"{folder / 'journal.db'}: {verification.sentence}"))
    return findings


def bypass_log(system: System) -> list[Finding]:
    """Whether the bypass log's folder can be written; a bypass that cannot be logged is not granted."""
    if system.bypass is None:
        return [Finding("bypass log", State.ABSENT, f"{system.name} declares no bypass")]
    path = system.bypass.log
    folder = next(parent for parent in path.parents if parent.exists())
    if path.exists() and not os.access(path, os.W_OK):
        return [Finding("bypass log", State.FAILED, f"{path} is not writable; chown it or name another in bypass.log")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Finding("bypass log", State.FAILED, f"{folder} is not writable; a bypass could not be logged")]
    return [Finding("bypass log", State.GOOD, f"{path} can be appended to")]


def _access(target: RedisTarget) -> RedisAccess:
    return resolve_redis(target, os.environ)


def redis(system: System, environment: Environment) -> list[Finding]:
    """Whether Redis answers what the console asks of it, and whether it evicts keys."""
    if environment.redis is None:
        return [Finding("redis", State.ABSENT, "not configured")]
    from redis.exceptions import RedisError

    from console.systems.redis_connection import explain, open_redis

    try:
        access = _access(environment.redis)
    except MissingSecret as error:
        return [Finding("redis", State.FAILED, str(error))]
    client = open_redis(access, name="hakgal-console-doctor")
    where = f"{access.host}:{access.port}"
    findings: list[Finding] = []
    try:
        began = time.perf_counter()
        client.ping()
        took = (time.perf_counter() - began) * 1000
        findings.append(Finding("redis", State.GOOD, f"{where} answered PING in {took:.1f} ms"))
    except (RedisError, OSError) as error:
        return [Finding("redis", State.FAILED, explain(error, access, "PING"))]
    calls: list[tuple[str, Callable[[], object]]] = [("INFO", client.info), ("SCAN", lambda: client.scan(count=1))]
    if system.bypass is not None:
        key = system.bypass.key
        calls += [("GET", lambda: client.get(key)), ("TIME", client.time)]
    for call, ask in calls:
        try:
            ask()
        except (RedisError, OSError) as error:
            findings.append(Finding("redis", State.FAILED, explain(error, access, call)))
    try:
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
        if policy.startswith("allkeys"):
            findings.append(
                Finding("redis", State.WARNING, f"{where} evicts any key ({policy}): sessions and a bypass may vanish")
            )
    except (RedisError, OSError) as error:
        findings.append(Finding("redis", State.WARNING, explain(error, access, "INFO memory")))
    client.close()
    return findings


def separation(system: System) -> list[Finding]:
    """Whether two environments use one Redis: by address, and by the run id the server itself gives."""
    from redis.exceptions import RedisError

    from console.systems.redis_connection import explain, open_redis

    seen: dict[str, str] = {}
    findings: list[Finding] = []
    for environment in system.environments:
        if environment.redis is None:
            continue
        try:
            access = _access(environment.redis)
        except MissingSecret:
            continue
        marks = [f"{access.host.lower()}:{access.port}"]
        try:
            client = open_redis(access, name="hakgal-console-doctor")
            marks.append(f"run id {client.info('server')['run_id']}")
            client.close()
        except (RedisError, OSError) as error:
            findings.append(
                Finding(
                    "separation",
                    State.WARNING,
                    f"{environment.name}: {explain(error, access, 'INFO server')}",
                )
            )
        for mark in marks:
            other = seen.setdefault(mark, environment.name)
            if other != environment.name:
                findings.append(
                    Finding(
                        "separation",
                        State.FAILED,
                        f"{other} and {environment.name} share one Redis ({mark}); give each its own",
                    )
                )
                break
    if len(seen) == 0 or len({*seen.values()}) < 2:
        return findings or [Finding("separation", State.ABSENT, "fewer than two environments have a Redis set up here")]
    return findings or [Finding("separation", State.GOOD, f"{', '.join(dict.fromkeys(seen.values()))} share no Redis")]


def prometheus(environment: Environment) -> list[Finding]:
    """Whether Prometheus answers."""
    if environment.prometheus is None:
        return [Finding("prometheus", State.ABSENT, "not configured")]
    from console.sources.prometheus import PrometheusSource

    secret = environment.prometheus.token
    try:
        token = resolve_secret(secret, environment.secrets_file) if secret else None
        found = PrometheusSource(environment.prometheus, (), token=token, clock=utc_now).check()
        told = f"{environment.prometheus.url} is {found.version}, answered a query in {found.seconds * 1000:.0f} ms"
        return [Finding("prometheus", State.GOOD, told)]
    except (MissingSecret, SourceError) as error:
        return [Finding("prometheus", State.FAILED, str(error))]


def scrape(system: System, environment: Environment) -> list[Finding]:
    """Whether every metric's query is inside what the console evaluates itself, where it must."""
    if environment.scrape is None or environment.prometheus is not None:
        return [Finding("scrape", State.ABSENT, "not used")]
    from console.sources.promql import PromqlError, compile_query

    findings = []
    queries = [metric for metric in system.metrics if metric.source.value == "promql"]
    for metric in queries:
        try:
            compile_query(metric.query)
        except PromqlError as error:
            findings.append(Finding("scrape", State.FAILED, f"{metric.name}: {error}"))
    return findings or [Finding("scrape", State.GOOD, f"all {len(queries)} queries can be evaluated here")]


def plans_of(system: System) -> list[RolloutPlan]:
    """The system's plans that can be read; `check` tells what is wrong with the others."""
    from console.systems.loader import BrokenFile
    from console.systems.rollout_plans import load_plan

    plans = []
    for path in system.rollouts:
        with suppress(BrokenFile):
            plans.append(load_plan(path, system))
    return plans


def kubernetes(environment: Environment, plans: Sequence[RolloutPlan]) -> list[Finding]:
    """Whether the API server answers, and allows each thing the console does, also for the plans' phases here."""
    if environment.kubernetes is None:
        return [Finding("kubernetes", State.ABSENT, "not configured")]
    from console.actions.rollback import permissions_needed
    from console.actions.strategies.permissions import permissions_of
    from console.systems.kubernetes_connection import DEPLOYMENTS, KubernetesError, Resource, open_kubernetes

    target = environment.kubernetes
    try:
        api = open_kubernetes(target)
        began = time.perf_counter()
        version = api.version()
        took = (time.perf_counter() - began) * 1000
    except KubernetesError as error:
        return [Finding("kubernetes", State.FAILED, str(error))]
    told = f"{api.host} is Kubernetes {version}, answered in {took:.0f} ms"
    findings = [Finding("kubernetes", State.GOOD, told)]
    phases = [phase for plan in plans for phase in plan.phases if phase.environment == environment.name]
    for verb, what, purpose in dict.fromkeys((*permissions_needed(), *permissions_of(phases))):
        group, _, name = what.partition("/") if "/" in what and not what.startswith("pods/") else ("", "", what)
        plural, _, subresource = name.partition("/")
        asked = f"{verb} {name} in namespace {target.namespace} {purpose}"
        try:
            allowed = api.may(verb, Resource(f"{group}/v1" if group else "v1", plural), subresource)
        except KubernetesError as error:
            findings.append(Finding("permission", State.FAILED, str(error)))
            continue
        if allowed:
            findings.append(Finding("permission", State.GOOD, f"may {asked}"))
        else:
            findings.append(Finding("permission", State.FAILED, f"may not {asked}; ask for a Role that allows it"))
    for workload in target.workloads:
        try:
            api.get(DEPLOYMENTS, workload.deployment)
            findings.append(Finding("kubernetes", State.GOOD, f"deployment {workload.deployment} is there"))
        except KubernetesError as error:
            if not (workload.optional and error.status == 404):
                findings.append(Finding("kubernetes", State.FAILED, str(error)))
    return findings


def logs(environment: Environment) -> list[Finding]:
    """Whether each log can be read, or could be once it is written."""
    findings = []
    for target in environment.logs:
        if target.file is None:
            continue
        findings.append(_log(target.file))
    return findings or [Finding("logs", State.ABSENT, "no log file is configured")]


def _log(path: Path) -> Finding:
    if path.exists():
        if os.access(path, os.R_OK):
            return Finding("logs", State.GOOD, f"{path} is readable")
        return Finding("logs", State.FAILED, f"{path} is not readable by this user; chmod or chgrp it")
    if not path.parent.is_dir():
        return Finding(
            "logs", State.FAILED, f"{path.parent} does not exist; create it or mend logs: in the system file"
        )
    return Finding("logs", State.WARNING, f"{path} does not exist yet; it is followed once it does")


def health(environment: Environment) -> list[Finding]:
    """Whether each health check passes now."""
    if not environment.health:
        return [Finding("health", State.ABSENT, "not configured")]
    from console.sources.health import Probe

    findings = []
    for target in environment.health:
        try:
            findings.append(Finding("health", State.GOOD, f"{target.name}: {Probe(target).check()}"))
        except SourceError as error:
            findings.append(Finding("health", State.FAILED, f"{target.name}: {error}"))
    return findings

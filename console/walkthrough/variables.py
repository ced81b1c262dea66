"""The variables a runbook's block may use: what the console exports for the environment it is on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from console.core.system import Environment, KubernetesTarget, System
from console.systems.secrets import RedisAccess

# Where redis-cli looks for the password; the only secret among them.
SECRET_VARIABLE = "REDISCLI_AUTH"
VARIABLES = (
    "SYSTEM", "ENVIRONMENT", "TARGET_VERSION",
    "KUBE_CONTEXT", "NAMESPACE", "DEPLOYMENT", "CONTAINER",
    "REDIS_HOST", "REDIS_PORT", "REDIS_OPTIONS", SECRET_VARIABLE, "SESSION_PATTERN",
    "PROMETHEUS_URL", "HEALTH_URL", "LOG_FILE",
    "BYPASS_KEY", "BYPASS_VARIABLE", "BYPASS_LOG",
)  # fmt: skip

# Sourced by a bash that is not interactive, before its own text.
SOURCED = ("BASH_ENV", "ENV")


def block_environment(
    system: System, environment: Environment, access: RedisAccess | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of a block: this process's, with the console's variables in place of any of the same name.

    access: the resolved Redis, None where its secrets are missing; its variables are then not set. A variable that this
    environment does not give is taken out, so that no block reaches for another one's by mistake. The environment's
    tools stand in front of PATH.
    """
    found = {name: value for name, value in environ.items() if name not in VARIABLES and name not in SOURCED}
    found |= {"SYSTEM": system.name, "ENVIRONMENT": environment.name}
    if environment.tools:
        found["PATH"] = os.pathsep.join((*map(str, environment.tools), found.get("PATH") or os.defpath))
    if environment.target:
        found["TARGET_VERSION"] = environment.target
    if environment.kubernetes is not None:
        found |= _kubernetes(environment.kubernetes)
    if access is not None:
        found |= _redis(access)
    if system.sessions is not None:
        literal = re.split(r"\{tenant\}|\{id\}", system.sessions.pattern)
        found["SESSION_PATTERN"] = "*".join(re.sub(r"([*?\[\]\\^])", r"\\\1", part) for part in literal)
    if environment.prometheus is not None:
        found["PROMETHEUS_URL"] = environment.prometheus.url
    if health := [check.url for check in environment.health if check.url.startswith("http")]:
        found["HEALTH_URL"] = health[0]
    if files := [log.file for log in environment.logs if log.file is not None]:
        found["LOG_FILE"] = str(files[0])
    if (bypass := system.bypass) is not None:
        found |= {"BYPASS_KEY": bypass.key, "BYPASS_VARIABLE": bypass.variable, "BYPASS_LOG": str(bypass.log)}
    return found


def _kubernetes(target: KubernetesTarget) -> dict[str, str]:
    main = target.workloads[0]
    found = {
        "KUBE_CONTEXT": target.context or "",
        "NAMESPACE": target.namespace,
        "DEPLOYMENT": main.deployment,
        "CONTAINER": main.container or "*",
    }
    return found | ({"KUBECONFIG": str(target.kubeconfig)} if target.kubeconfig else {})


def _redis(access: RedisAccess) -> dict[str, str]:
    options = [f"-n {access.database}"]
    # The options are used unquoted; a name that the shell would split or expand has to be given by hand.
    if access.username and re.fullmatch(r"[\w.@%+:,/=-]+", access.username):
        options.append(f"--user {access.username}")
    if access.tls:
        options.append("--tls")
    found = {"REDIS_HOST": access.host, "REDIS_PORT": str(access.port), "REDIS_OPTIONS": " ".join(options)}
    return found | ({SECRET_VARIABLE: access.password} if access.password else {})

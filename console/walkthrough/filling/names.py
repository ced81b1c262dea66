"""What a placeholder is called and what kind of value it wants, told from its name and from the command around it."""

from __future__ import annotations

import re
from functools import lru_cache

from console.core.runbooks.filling import Form, Want
from console.walkthrough.filling.forms import choices_of, default_of
from console.walkthrough.filling.places import arguments, bare
from console.walkthrough.filling.spots import Spot, Use

_LEADING = frozenset(
    (
        "your",
        "the",
        "a",
        "an",
        "insert",
        "enter",
        "put",
        "replace",
        "with",
        "some",
        "this",
        "actual",
        "paste",
        "fill",
        "set",
        "add",
    )
)
_TRAILING = frozenset(("here", "goes", "below", "above"))
_GENERIC = re.compile(
    r"(value|name|string|text|change_?me|me|it|placeholder|param|parameter|arg|something|id|foo|bar|[a-z0-9_]*x{3,}[a-z0-9_]*|x|var|type|"
    r"resource|resource_name|object|item|info|data|actual_value|new_value)?"
)  # fmt: skip

_KINDS = {
    Want.NAMESPACE: ("namespace", "ns", "namespaces"),
    Want.DEPLOYMENT: ("deployment", "deploy", "deployments"),
    Want.POD: ("pod", "pods", "po"),
    Want.CONTAINER: ("container", "containers", "ctr"),
    Want.TENANT: ("tenant", "tenants"),
    Want.PORT: ("port",),
    Want.URL: ("url", "uri", "endpoint", "link", "webhook"),
    Want.FILE: ("file", "path", "dir", "directory", "folder", "filename", "filepath", "manifest", "dump", "kubeconfig"),
    Want.VERSION: ("version", "tag", "ver"),
    Want.NUMBER: ("count", "replicas", "number", "num", "pid", "lines", "revision", "n", "percent", "percentage"),
    Want.DURATION: ("duration", "timeout", "interval", "period", "ttl", "since", "seconds", "minutes", "hours"),
    Want.HOST: (
        "host",
        "hostname",
        "server",
        "node",
        "ip",
        "address",
        "addr",
        "domain",
        "fqdn",
        "broker",
        "nodename",
        "bastion",
    ),
}
_WANTS = {word: want for want, words in _KINDS.items() for word in words}
_SECRETS = frozenset((
    "password", "passwd", "pwd", "passphrase", "token", "secret", "secrets", "credential", "credentials",
    "apikey", "pass", "pw",
    "passcode", "auth",
))  # fmt: skip
_OPEN_KEYS = frozenset((
    "redis", "cache", "partition", "primary", "foreign", "routing", "label", "public", "sort", "object", "s3",
    "map", "config", "taint",
    "annotation", "row", "hash", "session", "pub", "gpg", "bypass", "flag", "json", "yaml", "index", "issue",
    "project", "jira", "kms",
))  # fmt: skip
_NAMED_AFTER = frozenset(
    (
        "name",
        "id",
        "ref",
        "arn",
        "names",
        "prefix",
        "suffix",
        "type",
        "class",
        "label",
        "selector",
        "length",
        "expiry",
        "store",
    )
)
_FLAGS = {
    "-n": Want.NAMESPACE, "--namespace": Want.NAMESPACE, "-c": Want.CONTAINER, "--container": Want.CONTAINER,
    "--tail": Want.NUMBER, "--replicas": Want.NUMBER,
    "--to-revision": Want.NUMBER, "-f": Want.FILE, "--filename": Want.FILE,
    "--kubeconfig": Want.FILE, "--since": Want.DURATION, "--timeout": Want.DURATION,
    "--token": Want.SECRET, "--server": Want.URL,
}  # fmt: skip
_CLUSTER = frozenset(
    (
        "kubectl",
        "oc",
        "helm",
        "stern",
        "k9s",
        "istioctl",
        "linkerd",
        "flux",
        "argocd",
        "velero",
        "k",
        "kubens",
        "kubectx",
        "kustomize",
    )
)
_HOSTED = frozenset(
    (
        "redis-cli",
        "psql",
        "pg_dump",
        "pg_restore",
        "pg_isready",
        "mysql",
        "mysqldump",
        "mariadb",
        "clickhouse-client",
        "createdb",
        "dropdb",
    )
)
_POD_VERBS = frozenset(("logs", "exec", "attach", "port-forward", "cp", "debug", "log", "rsh"))
_DOCKER_VERBS = frozenset(
    (
        "logs",
        "exec",
        "rm",
        "stop",
        "restart",
        "inspect",
        "start",
        "kill",
        "top",
        "stats",
        "attach",
        "port",
        "wait",
        "pause",
        "unpause",
    )
)


@lru_cache(maxsize=16384)
def key_of(body: str) -> str:
    """Lower case words joined by `_`, without `your` and the like: the same for every spelling and for itself."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", body))
    if re.match(r"your[a-z]", body, re.IGNORECASE):
        spaced = body[4:]
    parts = [part.lower() for part in re.split(r"[\W_]+", spaced) if part]
    while len(parts) > 1 and parts[0] in _LEADING:
        parts.pop(0)
    while len(parts) > 1 and parts[-1] in _TRAILING:
        parts.pop()
    key = "_".join(parts)[:80].strip("_")
    return key_of(key) if key != body and key else key


def name_of(spot: Spot, text: str) -> tuple[str, str, tuple[str, ...]]:
    """The name, the default and the choices of a placeholder. A word that says nothing (`<name>`, `CHANGEME`) is named
    after what it is given to, so that two of them are not taken for one.
    """
    body = text[spot.start : spot.end] if spot.body in ("...", "…") else spot.body
    body, default = default_of(body) if spot.form is Form.ANGLE else (body, "")
    choices = choices_of(body) if spot.form is Form.ANGLE else ()
    body = re.split(r",? *\(?(?:e\.?g\.?|i\.e\.|for example|such as|like)[ .:]", body)[0] or body
    body = re.sub(r"\.(?=\w)", "_", body) if spot.form is Form.MUSTACHE else body
    key = key_of(body)
    if _GENERIC.fullmatch(key) or choices:
        hint = _hint(spot, text)
        if hint and key in ("name", "id") and not hint.endswith(f"_{key}"):
            key = f"{hint}_{key}"
        elif hint:
            key = hint
    elif key.count("_") > 1 and (assigned := _assigned(spot, text)):
        key = assigned
    return key_of(key) or "value", default, choices


def _assigned(spot: Spot, text: str) -> str:
    """The variable of which a placeholder is the whole value: `NODE='<the node of the alert>'`."""
    match = re.fullmatch(r"([A-Za-z_]\w*)=[\"']?", spot.before)
    return key_of(match[1]) if match and re.match(r"[\"']?(?:[\s;&|)]|$)", text[spot.end : spot.end + 2] or " ") else ""


def _hint(spot: Spot, text: str) -> str:
    """What an unnamed placeholder is given to: a flag, an assignment, a key of YAML or JSON, a kind of object."""
    if re.search(r"(Bearer|[Tt]oken) $", spot.before):
        return "token"
    if match := re.search(r"([A-Za-z_][\w.-]*)[\"']?\s*(?:=|: ?)\s*[\"']?(?:Basic )?$", spot.before):
        return key_of(match[1].split(".")[-1])
    if match := re.match(r"['\"]?([a-z]{2,})[./\w]*/$", spot.before):
        return _singular(match[1])
    _, given = arguments(spot.command.words[: spot.word] if spot.word >= 0 else [])
    if not given or spot.before.strip("'\""):
        return ""
    if given[-1].startswith("--") and "=" not in given[-1]:
        return key_of(given[-1])
    want = want_of_place(spot)
    if want not in (Want.TEXT, Want.FILE):
        return "password" if want is Want.SECRET else want.value.lower()
    return _singular(given[-1]) if re.fullmatch(r"[a-z]{3,}", given[-1]) else ""


def _singular(kind: str) -> str:
    want = _WANTS.get(kind)
    return want.value.lower() if want in (Want.NAMESPACE, Want.DEPLOYMENT, Want.POD) else kind.removesuffix("s")


def want_of(name: str, body: str) -> Want:
    """What a name alone asks for. body: as written; one that puts two things together (`namespace/pod`) is text."""
    if re.search(r"\w[/:|,]\w", body) and not default_of(body)[1]:
        return Want.TEXT
    parts = key_of(name).split("_")
    last = parts[-1].rstrip("0123456789") or parts[-1]
    if last in _NAMED_AFTER and len(parts) > 1:
        want = _WANTS.get(parts[-2])
        plain = last == "name" and want in (
            Want.NAMESPACE,
            Want.DEPLOYMENT,
            Want.POD,
            Want.CONTAINER,
            Want.HOST,
            Want.FILE,
        )
        tenant = want is Want.TENANT and last in ("id", "name")
        return want if want is not None and (plain or tenant) else Want.TEXT
    if last in _SECRETS or last.endswith(("password", "passwd", "apikey", "token", "secret")):
        return Want.SECRET
    if last == "key" and len(parts) > 1:
        return Want.TEXT if parts[-2] in _OPEN_KEYS else Want.SECRET
    if last == "address" and "email" in parts:
        return Want.TEXT
    return _WANTS.get(last, Want.TEXT)


def want_of_spot(spot: Spot, name: str) -> Want:
    """What a placeholder asks for: by its name, and where that says nothing by its place."""
    want, place = want_of(name, spot.body), want_of_place(spot)
    if re.search(r"\w[/:|,]\w", spot.body) and not default_of(spot.body)[1]:
        return Want.SECRET if place is Want.SECRET else Want.TEXT
    if (want is Want.SECRET and _is_object(spot)) or name.split("_")[-1] in ("user", "username", "login"):
        return Want.TEXT
    if place is Want.SECRET and want is Want.TEXT:
        return place
    return place if want is Want.TEXT else want


def want_of_use(use: Use) -> Want:
    """What a variable asks for: by its name, and where that says nothing by its place."""
    want = want_of(use.name, "")
    return want_of_place(use) if want is Want.TEXT else want


def _is_object(spot: Spot) -> bool:
    """Whether it names an object of a cluster: `get secret <secret>`."""
    name, given = arguments(spot.command.words[: spot.word] if spot.word >= 0 else [])
    if name not in _CLUSTER:
        return False
    named = not spot.before and any(word in ("secret", "secrets", "generic", "tls") for word in given[-2:])
    return named or spot.before.startswith(("secret/", "secrets/"))


_SECRET_BEFORE = re.compile(r"(Bearer |Basic |[Tt]oken:? |[Pp]ass(word|wd)?[=:] ?|://[^/@\s]*:|X-\w*-?(Key|Token): ?)$")


def want_of_place(place: Spot | Use) -> Want:
    """What the place alone asks for."""
    before = bare(place.before)
    if before and _SECRET_BEFORE.search(before):
        return Want.SECRET
    if place.word < 0:
        return Want.TEXT
    name, given = arguments(place.command.words[: place.word])
    flag, joined = (
        (before[:-1], True)
        if before and re.fullmatch(r"--?[\w-]+=", before)
        else (given[-1] if given else "", before == "")
    )
    if joined and flag.startswith("-") and (found := _of_flag(name, flag)) is not Want.TEXT:
        return found
    if name in ("mysql", "mysqldump", "mariadb") and before == "-p":
        return Want.SECRET
    if name == "curl" and re.fullmatch(r"[^:]+:", before) and given and given[-1] in ("-u", "--user"):
        return Want.SECRET
    if before and (match := re.match(r"(\w+)(?:\.apps)?/$", before)):
        return _object_want(match[1]) if name in _CLUSTER else Want.TEXT
    return _of_position(name, given) if not before else Want.TEXT


def _of_flag(name: str, flag: str) -> Want:
    if flag.startswith("--"):
        want = _FLAGS.get(flag) or want_of(flag.lstrip("-"), "")
        return Want.TEXT if want is Want.URL and name not in _CLUSTER else want
    if name in _CLUSTER:
        return _FLAGS.get(flag, Want.TEXT)
    if name in _HOSTED and flag == "-h":
        return Want.HOST
    if (name in _HOSTED or name == "ssh") and flag == "-p" and not name.startswith(("mysql", "maria")):
        return Want.PORT
    if name == "redis-cli" and flag == "-a":
        return Want.SECRET
    return Want.TEXT


def _object_want(kind: str) -> Want:
    want = _WANTS.get(kind, Want.TEXT)
    if kind in ("node", "nodes", "no"):
        return Want.HOST
    return want if want in (Want.NAMESPACE, Want.DEPLOYMENT, Want.POD) else Want.TEXT


def _of_position(name: str, given: list[str]) -> Want:
    plain = [
        word
        for at, word in enumerate(given)
        if not word.startswith("-") and not (at and given[at - 1] in ("-n", "-c", "--namespace", "--context"))
    ]
    if name in _CLUSTER and name != "helm" and plain:
        kind = _object_want(plain[-1])
        if kind is not Want.TEXT and len(plain) > 1:
            return kind
        if plain[-1] in _POD_VERBS:
            return Want.POD
        return Want.HOST if plain[-1] in ("drain", "cordon", "uncordon") else Want.TEXT
    if name in ("docker", "podman", "nerdctl") and plain and plain[-1] in _DOCKER_VERBS:
        return Want.CONTAINER
    if not plain and name in ("curl", "wget"):
        return Want.URL
    return (
        Want.HOST
        if not plain and name in ("ssh", "ping", "dig", "nslookup", "telnet", "nc", "traceroute")
        else Want.TEXT
    )

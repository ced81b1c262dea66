"""Objects of a cluster as they are named on a command line, and what is said of what is done to them."""

from __future__ import annotations

from console.walkthrough.danger.findings import Touches
from console.walkthrough.danger.words import Word

_KINDS = {
    "po": "pod",
    "deploy": "deployment",
    "ns": "namespace",
    "svc": "service",
    "sts": "statefulset",
    "ds": "daemonset",
    "rs": "replicaset",
    "rc": "replicationcontroller",
    "pvc": "persistentvolumeclaim",
    "pv": "persistentvolume",
    "cm": "configmap",
    "no": "node",
    "ing": "ingress",
    "ingresses": "ingress",
    "cj": "cronjob",
    "sa": "serviceaccount",
    "crd": "customresourcedefinition",
    "hpa": "horizontalpodautoscaler",
    "ep": "endpoint",
    "pdb": "poddisruptionbudget",
    "netpol": "networkpolicy",
    "networkpolicies": "networkpolicy",
    "sc": "storageclass",
    "storageclasses": "storageclass",
    "quota": "resourcequota",
    "csr": "certificatesigningrequest",
    "dc": "deploymentconfig",
    "project": "namespace",
    "projects": "namespace",
    "prom": "prometheus",
    "prometheuses": "prometheus",
    "vs": "virtualservice",
}
_FED = "what it is fed"
# What a verb that changes does, in words; `{}` is what it does it to.
_SAID = {
    "label": "puts labels on {}",
    "annotate": "puts annotations on {}",
    "expose": "makes a service for {}",
    "edit": "opens {} in an editor",
    "autoscale": "lets {} be scaled by load",
    "set image": "changes the image of {}",
    "set env": "changes the environment of {}",
    "set resources": "changes the resources of {}",
    "rollout restart": "restarts the pods of {}",
    "rollout undo": "takes {} back to an earlier revision",
    "rollout pause": "pauses the rollout of {}",
    "rollout resume": "goes on with the rollout of {}",
    "rollout cancel": "stops the rollout of {}",
    "taint": "keeps pods off {}",
    "apply": "applies {}",
    "create": "creates {}",
    "replace": "replaces {}",
    "certificate approve": "approves {}",
    "certificate deny": "denies {}",
    "project": "switches to another project",
    "login": "signs in to a cluster",
    "logout": "signs out of a cluster",
    "adm upgrade": "upgrades the cluster",
    "tag": "tags an image",
    "start-build": "starts a build",
    "krew install": "installs a plugin",
    "cnpg promote": "makes another instance the primary",
    "idle": "scales {} to nothing until it is asked for",
}


def done(verb: str, what: str) -> str:
    """What a verb does to something, as a short sentence."""
    return _SAID.get(verb, f"runs {verb} on {{}}").format(what or "the cluster")


def kind_of(text: str) -> str:
    """The kind by its usual name: `deploy`, `deployments.apps` and `Deployment` are all `deployment`."""
    name = text.lower().split(".")[0]
    if name in _KINDS:
        return _KINDS[name]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def objects(words: list[Word]) -> tuple[Touches, str]:
    """What `deploy/x`, `deploy x y`, or a kind alone name; and the first name that is written out."""
    found: list[tuple[str, str]] = []
    target = ""
    kind = ""
    for word in words:
        if word.text == "…" and not kind:
            found.append(("object", "…"))
        elif "/" in word.start and not (kind and word.known):
            kind_part, _, name = word.text.partition("/")
            found.append((kind_of(kind_part), name))
            target = target or (name if word.known else "")
        elif not kind:
            kind = ",".join(kind_of(part) for part in word.text.split(",")) if word.known else word.text
            if len(words) == 1:
                found.append((kind if word.known else "object", "all that match" if word.known else word.text))
        else:
            found.append((kind, word.text))
            target = target or word.literal
    return tuple(found), target


def named(touches: Touches) -> str:
    """Things touched in words, the first three of them: `deployment x`, `all pods with app=x`."""
    skip = ("context", "namespace", "host", "selector", "cluster")
    chosen = " with " + " and ".join(name for kind, name in touches if kind == "selector")
    told = [_one(kind, name, chosen if len(chosen) > 6 else "") for kind, name in touches if kind not in skip]
    spaces = [f"namespace {name}" for kind, name in touches if kind == "namespace" and name != "all"]
    return ", ".join(told[:3]) or (spaces[-1] if spaces else "")


def _one(kind: str, name: str, chosen: str) -> str:
    if name == "…" or (kind == "file" and name == "-"):
        return _FED
    if name in ("all", "all that match"):
        return f"all {'objects' if kind == 'object' else kind if kind.endswith('s') else kind + 's'}{chosen}"
    return f"{kind} {name}"

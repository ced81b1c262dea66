"""kubectl and oc: what a verb does to which objects, dry runs, scaling, and commands run inside pods."""

from __future__ import annotations

from dataclasses import replace

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    READS,
    Bench,
    Finding,
    Touches,
    cannot_tell,
    changes,
    destroys,
    joined,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.objects import done, named, objects
from console.walkthrough.danger.patches import judge_manifest, judge_patch
from console.walkthrough.danger.tools import Tool, Use, flags, judge, table
from console.walkthrough.danger.words import Word, read_flags, shown

_FLAGS = flags(
    "-n/--namespace --context --cluster --kubeconfig/--config -s/--server --token --user --username"
    " --password --as --as-group"
    " --as-uid --cache-dir --certificate-authority --client-certificate --client-key"
    " --request-timeout --tls-server-name"
    " -v/--v --vmodule -o/--output -l/--selector -f/--filename -k/--kustomize -c/--container"
    " --field-selector --replicas"
    " --current-replicas --resource-version --timeout --type -p/--patch --patch-file"
    " -L/--label-columns --image --env -e"
    " --port --target-port --labels --overrides --restart --grace-period --field-manager --subresource --template"
    " --sort-by --since --since-time --tail --limit-bytes --max-log-requests --for --to-revision --revision --min --max"
    " --cpu-percent --from-literal --from-file --from-env-file --target --copy-to --profile --pod-selector --retries"
    " --address --raw --chunk-size --duration --audience --role --clusterrole --serviceaccount"
    " --group --verb --resource"
    " --hard --tcp --schedule --from --class --rule --docker-server --docker-username --docker-password --docker-email"
    " --cert --key --override-type --image-pull-policy --pod-running-timeout --name --protocol --limits --requests"
    " --prune-allowlist --applyset --to --skip-wait-for-delete-timeout --dest-dir --to-image --dest --since-duration"
    " --to-latest --reason --keep-younger-than --keep-tag-revisions -z --rolebinding-name",
    "-i/--stdin -t/--tty -q/--quiet -w/--watch -A/--all-namespaces -R/--recursive -h --all --force"
    " --now --wait --dry-run"
    " --ignore-not-found --prune --cascade --server-side --force-conflicts --validate --save-config --record --rm"
    " --attach --command --overwrite --local --show-labels --show-kind --show-managed-fields --no-headers --previous"
    " --follow --timestamps --all-containers --prefix --disable-eviction --delete-emptydir-data --delete-local-data"
    " --ignore-daemonsets --insecure-skip-tls-verify --match-server-version --containers --watch-only"
    " --minify --flatten"
    " --current --expose --leave-stdin-open --share-processes --same-node --list --resolve --confirm"
    " -T --as-root --merge"
    " --ignore-errors --use-protocol-buffers --sum --interactive --windows-line-endings --no-preserve --openapi-patch"
    " --warnings-as-errors --quiet --client --short --namespaced --cached --no-tty",
)
_VERBS = table(
    "get describe logs log top explain version cluster-info api-resources api-versions diff wait events auth+can-i"
    " auth+whoami config+view config+get-contexts config+current-context config+get-clusters config+get-users"
    " options completion kustomize sa+get-token serviceaccounts+get-token"
    " rollout+status rollout+history plugin+list port-forward proxy tree neat images who-can"
    " resource-capacity view-secret view-allocations df-pv get-all stern krew+list krew+search krew+info cnpg+status"
    " argo+rollouts+get+rollout argo+rollouts+status argo+rollouts+list cert-manager+check status whoami projects"
    " apply+view-last-applied dev_tool+audit rook-ceph+health rook-ceph+status"
    " process image+info registry+info adm+top adm+inspect adm+node-logs adm+release+info adm+policy+who-can"
    " adm+wait-for-stable-cluster config+get-context minio+tenant+info cnpg+psql+status describe-nodes help",
    "apply create label annotate expose edit autoscale set+image set+env set+resources set+selector set+serviceaccount"
    " set+subject set+volume set+volumes set+probe set+triggers set+data rollout+restart rollout+undo"
    " rollout+pause rollout+resume"
    " rollout+retry rollout+latest cordon uncordon taint cp config+use-context config+set-context config+set-cluster"
    " config+set-credentials config+set config+unset config+rename-context config+use config+rename certificate+approve"
    " certificate+deny debug replace attach auth+reconcile convert krew+install krew+update"
    " krew+upgrade apply+set-last-applied"
    " apply+edit-last-applied login logout project new-project new-app new-build start-build"
    " import-image tag extract rsync adm+cordon adm+uncordon adm+taint adm+policy adm+certificate"
    " adm+certificate+approve adm+ocp-certificates adm+upgrade secrets+link secrets+unlink policy ctx ns expose-service"
    " cnpg+promote cnpg+restart cnpg+reload cnpg+maintenance cnpg+backup argo+rollouts+promote argo+rollouts+retry"
    " argo+rollouts+set cert-manager+renew adm+pod-network registry+login image+mirror image+extract create+token",
    "delete drain adm+drain adm+prune config+delete-context config+delete-cluster config+delete-user krew+uninstall"
    " rollout+cancel cancel-build idle cnpg+destroy cnpg+hibernate argo+rollouts+abort argo+rollouts+undo"
    " certificate+revoke",
)
_DRY = frozenset(
    verb.replace("+", " ")
    for verb in [
        "delete",
        "apply",
        "create",
        "label",
        "annotate",
        "expose",
        "edit",
        "autoscale",
        "scale",
        "patch",
        "replace",
        "run",
        "drain",
        "cordon",
        "uncordon",
        "taint",
        "adm+drain",
        "adm+cordon",
        "adm+uncordon",
        "adm+taint",
        "rollout+undo",
        "set+image",
        "set+env",
        "set+resources",
        "set+selector",
        "set+serviceaccount",
        "set+subject",
        "certificate+approve",
        "certificate+deny",
        "auth+reconcile",
    ]
)
_WHOLE = frozenset({"statefulset", "deployment", "replicaset"})


_SUBTYPES = frozenset({"generic", "tls", "docker-registry", "clusterip", "nodeport", "loadbalancer", "externalname"})


def _about(use: Use) -> tuple[Touches, str]:
    """Everything a use touches, and its target."""
    operands = use.given.operands
    if use.verb == "create" and len(operands) > 2 and operands[1].literal in _SUBTYPES:
        operands = [operands[0], *operands[2:]]
    if use.verb in ("label", "annotate", "taint", "adm taint") or use.verb.startswith("set "):
        operands = [word for word in operands if "=" not in word.text and not word.text.endswith("-")]
    if use.verb.startswith("certificate "):
        operands = [Word("csr"), *operands]
    named, target = objects(operands)
    more = joined(
        pairs("file", use.given.values("-f", "-k")),
        pairs("selector", use.given.values("-l")),
        (("namespace", "all"),) if use.given.may("-A") else (),
    )
    if use.given.may("--all"):
        named = tuple((kind, "all") for kind, _ in named) or named
    if not target:
        for word in (use.given.value("-f"), use.given.value("-n")):
            target = target or (word.literal.removeprefix("-") if word else "")
    return joined(use.touches, more, named), target


def _dry(use: Use) -> str:
    """`none`, or the kind of dry run; empty where it cannot be told."""
    values = use.given.flags.get("--dry-run")
    if not values or not use.given.has("--dry-run"):
        return "none"
    last = values[-1]
    if last is None:
        return "none" if any(word.literal == "none" for word in use.given.operands) else "client"
    if not last.known:
        return "none"
    return "none" if last.text.lower() in ("none", "false", "f", "0", "") else last.text


def _dry_form(use: Use) -> str:
    kept = [word for word in use.call.words if not word.start.startswith("--dry-run")]
    return f"{shown(kept)} --dry-run=server"


def _writes(use: Use, bench: Bench) -> Finding:
    """Verbs that the table knows, with dry runs and objects."""
    touches, target = _about(use)
    if use.verb in _DRY and _dry(use) != "none":
        return reads(f"kubectl {use.verb} only shows what it would do", touches)
    level = _VERBS[use.verb]
    what = named(touches) or "the cluster"
    if level is READS:
        return reads(f"kubectl {use.verb} reads", touches)
    safer = _dry_form(use) if use.verb in _DRY else ""
    if use.verb in ("apply", "create", "replace"):
        return _manifest(use, touches, target, safer)
    if use.verb == "delete":
        return destroys(f"deletes {what}", touches, safer=safer, target=target)
    if use.verb in ("drain", "adm drain"):
        target = next((word.literal for word in use.given.operands), "")
        nodes = pairs("node", use.given.operands)
        return destroys(
            f"moves all pods off {named(nodes) or 'nodes'}", joined(use.touches, nodes), safer=safer, target=target
        )
    if use.verb in ("cordon", "uncordon", "adm cordon", "adm uncordon"):
        nodes = pairs("node", use.given.operands)
        word = "lets pods onto" if "uncordon" in use.verb else "keeps new pods off"
        target = next((word.literal for word in use.given.operands), "")
        return changes(f"{word} {named(nodes) or 'nodes'}", joined(use.touches, nodes), safer=safer, target=target)
    if use.verb == "taint" and any(
        "NoExecute" in word.text and not word.text.endswith("-") for word in use.given.operands
    ):
        return destroys(f"evicts pods from {what}", touches, safer=safer, target=target)
    if use.verb in ("project", "ctx", "ns", "adm upgrade", "config") and not use.given.operands and not _moves(use):
        return reads(f"{use.verb} only shows", touches)
    if use.verb.startswith("config "):
        names = pairs("context", use.given.operands[:1])
        return Finding(level, f"changes the kubeconfig: {use.verb}", joined(use.touches, names), "", _first(use))
    if use.verb == "cp":
        places = pairs("path", use.given.operands)
        target = use.given.operands[-1].literal if use.given.operands else ""
        return changes(f"copies to {target or 'a place not known'}", joined(use.touches, places), target=target)
    if use.verb in ("label", "annotate", "set env", "set volume", "set volumes") and use.given.may("--list"):
        return reads("only lists", touches)
    if use.verb == "adm prune" and not use.given.has("--confirm"):
        return reads("adm prune shows what it would remove", touches)
    return Finding(level, done(use.verb, named(touches)), touches, safer, target)


def _moves(use: Use) -> bool:
    return bool(set(use.given.flags) & {"--to", "--to-latest", "--to-image", "--clear", "--force"})


def _first(use: Use) -> str:
    return use.given.operands[0].literal if use.given.operands else ""


def _manifest(use: Use, touches: Touches, target: str, safer: str) -> Finding:
    given = use.given
    if use.verb == "apply":
        if given.may("--prune"):
            return destroys("apply --prune deletes what the files no longer hold", touches, safer=safer, target=target)
        safer = use.instead("diff") if not given.may("--force") else safer
    if use.verb in ("apply", "replace") and given.may("--force"):
        return destroys(f"{use.verb} --force deletes and makes anew", touches, safer=safer, target=target)
    if any(word.literal == "-" for word in given.values("-f")) and use.call.feed and use.call.feed.text:
        found = judge_manifest(use.call.feed.text)
        if found is not None:
            return replace(found, touches=joined(touches, found.touches), safer=found.safer or safer)
    return changes(done(use.verb, named(touches) or "objects"), touches, safer=safer, target=target)


def _scale(use: Use, bench: Bench) -> Finding:
    touches, target = _about(use)
    if _dry(use) != "none":
        return reads("scale only shows what it would do", touches)
    value = use.given.value("--replicas")
    name = target or next((name for kind, name in touches if kind in _WHOLE), "") or named(touches) or "it"
    if value is None:
        return changes(f"scales {name}", touches, safer=_dry_form(use), target=target)
    if not value.known or not value.text.strip().isdigit():
        return cannot_tell(f"to how many replicas {name} is scaled cannot be told", touches, target=target)
    count = int(value.text)
    if count == 0:
        return destroys(f"scales {name} to 0 replicas", touches, safer=_dry_form(use), target=target)
    return changes(f"scales {name} to {count} replicas", touches, safer=_dry_form(use), target=target)


def _patch(use: Use, bench: Bench) -> Finding:
    touches, target = _about(use)
    if _dry(use) != "none":
        return reads("patch only shows what it would do", touches)
    body = use.given.value("-p")
    what = target or named(touches)
    if body is None:
        return changes(f"patches {what}", touches, safer=_dry_form(use), target=target)
    found = judge_patch(body, what)
    return replace(found, touches=touches, target=target, safer=_dry_form(use))


def _exec(use: Use, bench: Bench) -> Finding:
    """The command inside, judged by itself."""
    given, took = read_flags(list(use.after), _FLAGS, limit=1)
    if given.tail is not None:
        pod, inner = given.operands[:1], given.tail
    else:
        pod, inner = given.operands[:1], list(use.after[took:])
        if inner and inner[0].literal == "--":
            inner = inner[1:]
        elif use.given.tail is not None:
            inner = use.given.tail
    named = objects(pod)[0] if pod and "/" in pod[0].start else pairs("pod", pod)
    touches = joined(use.touches, named, pairs("container", use.given.values("-c")))
    kept = use.call.words[: len(use.call.words) - len(inner)]
    target = pod[0].literal.rpartition("/")[2] if pod else ""
    if not inner:
        return cannot_tell("opens a shell in a pod: what is typed there is not seen", touches, target=target)
    found = bench.call(use.call.inner(inner)).within(touches, shown(kept))
    return replace(found, target=found.target or (target if found.level.asks else ""))


def _run(use: Use, bench: Bench) -> Finding:
    """A pod for one command: as much as the command does, and a pod that may stay."""
    first = use.given.operands[:1]
    named = objects(first)[0] if first and "/" in first[0].start else pairs("pod", first)
    touches = joined(use.touches, named, pairs("image", use.given.values("--image")))
    target = _first(use).rpartition("/")[2]
    if _dry(use) != "none":
        return reads("run only shows what it would do", touches)
    inner = use.given.tail or use.given.operands[1:]
    made = changes(f"runs pod {target or 'of a name not known'}", touches, target=target, safer=_dry_form(use))
    if not inner:
        return made
    kept = use.call.words[: len(use.call.words) - len(inner)]
    found = bench.call(use.call.inner(inner)).within(touches, shown(kept))
    if use.verb == "run" and use.given.may("-i", "-t", "--rm", "--attach"):
        return found
    return worst([found, made])


def _debug(use: Use, bench: Bench) -> Finding:
    """A pod or container beside another for one command; without one a shell is opened in it."""
    first = use.given.operands[:1]
    touches = joined(use.touches, objects(first)[0] if first and "/" in first[0].start else pairs("pod", first))
    target = _first(use).rpartition("/")[2]
    theirs = use.call.words[0].text.rpartition("/")[2] == "oc"
    inner = use.given.tail or use.given.operands[1:]
    if _dry(use) != "none" or (theirs and use.given.may("-o")):
        return reads("debug only shows what it would make", touches)
    if not inner and (theirs or use.given.may("-i", "-t", "--attach")):
        return cannot_tell(
            f"opens a shell beside {named(touches) or 'a pod'}: what is typed there is not seen", touches, target=target
        )
    made = changes(f"puts a container for debugging beside {named(touches) or 'a pod'}", touches, target=target)
    if not inner:
        return made
    found = bench.call(use.call.inner(inner)).within(touches, shown(use.call.words[: len(use.call.words) - len(inner)]))
    # oc takes its pod away when the command ends; kubectl leaves it.
    return replace(found if theirs else worst([found, made]), target=found.target or target if found.level.asks else "")


def _gather(use: Use, bench: Bench) -> Finding:
    """must-gather: collects into a new folder; another command than its own is judged."""
    inner = use.given.tail or []
    if not inner or (inner[0].literal.rpartition("/")[2].startswith("gather")):
        return reads("collects what support asks for", use.touches)
    return bench.call(use.call.inner(inner)).within(use.touches)


def _attach(use: Use, bench: Bench) -> Finding:
    touches = joined(use.touches, pairs("pod", use.given.operands[:1]))
    if use.given.may("-i", "-t"):
        return cannot_tell(
            "attaches a keyboard to a process: what is typed there is not seen", touches, target=_first(use)
        )
    return reads("shows what a process prints", touches)


_CODES = dict.fromkeys(_VERBS, _writes) | {
    "scale": _scale,
    "patch": _patch,
    "exec": _exec,
    "rsh": _exec,
    "run": _run,
    "debug": _debug,
    "adm must-gather": _gather,
    "attach": _attach,
}
# `-f` and `-p` of logs take no value.
_LOG_FLAGS = replace(
    _FLAGS,
    names={**_FLAGS.names, "-f": "--follow", "-p": "--previous", "--filename": "--filename", "--patch": "--patch"},
)
KUBECTL = Tool(
    "kubectl",
    _FLAGS,
    _VERBS,
    {"--context": "context", "-s": "host", "-n": "namespace"},
    codes=_CODES,
    variants=dict.fromkeys(("logs", "log"), _LOG_FLAGS),
)


def kubectl(call: Call, bench: Bench) -> Finding:
    """kubectl, oc, and what is called like them."""
    if any(word.literal in ("-h", "--help") for word in call.arguments[-1:]) and len(call.arguments) < 3:
        return reads("kubectl prints its help")
    return judge(KUBECTL, call, bench)

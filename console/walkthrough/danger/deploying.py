"""What puts programs into clusters: helm, argocd, flux, meshes, backups of objects."""

from __future__ import annotations

from dataclasses import replace

from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    joined,
    pairs,
    reads,
)
from console.walkthrough.danger.tools import (
    Tool,
    Use,
    flags,
    of_level,
    plain_tool,
    table,
)
from console.walkthrough.danger.words import shown


def _dry(use: Use, bench: Bench) -> Finding:
    """Verbs that can be asked what they would do."""
    touches = joined(use.touches, pairs("release", use.given.operands[:1]))
    value = use.given.value("--dry-run")
    if use.given.has("--dry-run") and (value is None or value.literal not in ("none", "false", "")):
        return reads(f"helm {use.verb} only shows what it would do", touches)
    found = of_level(_HELM, use, _HELM.verbs[use.verb])
    safer = f"{shown(use.call.words)} --dry-run"
    return replace(found, touches=touches, safer=safer)


_HELM_FLAGS = flags(
    "-n/--namespace --kube-context --kubeconfig --kube-apiserver --kube-token -f/--values --set"
    " --set-string --set-file --set-json --version"
    " --timeout --repo --description --post-renderer --history-max -o/--output --revision --username"
    " --password --max -l/--selector --registry-config"
    " -d --destination --filter --kube-as-user -a/--api-versions --show-only",
    "-i/--install --atomic --wait --dry-run --create-namespace --reset-values --reuse-values --force"
    " --cleanup-on-fail --debug --no-hooks --devel -q --all -a -A/--all-namespaces"
    " --keep-history --generate-name -g --wait-for-jobs --dependency-update --skip-crds --verify"
    " --short --deployed --failed --pending --untar --force-update --hide-notes --recreate-pods",
)
_HELM_VERBS = table(
    "list ls status get get+values get+manifest get+all get+hooks get+notes get+metadata history hist"
    " show show+values show+chart show+all"
    " show+readme show+crds inspect search search+repo search+hub template lint version env repo+list"
    " dependency+list plugin+list diff diff+upgrade"
    " diff+rollback diff+revision diff+release completion verify help registry secrets+view",
    "install upgrade rollback test pull fetch push package create repo+add repo+update"
    " dependency+update dependency+build dep+update dep+up dep+build plugin+install"
    " plugin+update registry+login registry+logout secrets+edit secrets+enc secrets+dec repo+index init",
    "uninstall delete del un remove repo+remove repo+rm plugin+uninstall",
)
_HELM = Tool(
    "helm",
    _HELM_FLAGS,
    _HELM_VERBS,
    {"--kube-context": "context", "-n": "namespace"},
    "release",
    dict.fromkeys(("install", "upgrade", "rollback", "uninstall", "delete", "del", "un"), _dry),
)


RULES: dict[str, Rule] = {
    "helm": _HELM,
    "helm3": _HELM,
    "helmfile": plain_tool(
        "helmfile",
        "-f/--file -e/--environment -l/--selector -n/--namespace --kube-context --state-values-set --args",
        "-q --debug -i --skip-deps",
        {"-n": "namespace", "-e": "environment"},
        "release",
        "diff list template lint status build deps version",
        "apply sync charts repos fetch test",
        "destroy delete",
    ),
    "kustomize": plain_tool(
        "kustomize", "-o/--output", "--enable-helm", {}, "path", "build version cfg", "edit create localize"
    ),
    "argocd": plain_tool(
        "argocd",
        (
            "--server --auth-token --grpc-web-root-path -o/--output --project -l/--selector --revision"
            " -N/--app-namespace --timeout --resource --core-kubeconfig --kube-context -p --parameter"
            " --config"
        ),
        (
            "--grpc-web --insecure --plaintext --core --prune --force --dry-run --wait --hard-refresh"
            " --refresh --cascade -y --yes"
        ),
        {"--server": "host"},
        "application",
        (
            "app+get app+list app+diff app+history app+manifests app+logs app+resources app+wait cluster+list"
            " cluster+get repo+list proj+list proj+get version context account+list account+get-user-info"
            " admin account+can-i appset+list appset+get"
        ),
        (
            "app+sync app+set app+create app+rollback app+patch app+unset app+edit login logout relogin"
            " repo+add cluster+add proj+create proj+set account+update-password app+terminate-op app+actions"
            " app+actions+run proj+add-destination appset+create proj+role proj+windows"
        ),
        "app+delete app+delete-resource cluster+rm repo+rm proj+delete appset+delete",
    ),
    "flux": plain_tool(
        "flux",
        "-n/--namespace --context --kubeconfig --timeout --path --source --interval --url --branch",
        "-A --all-namespaces --verbose --with-source --force",
        {"-n": "namespace", "--context": "context"},
        "object",
        (
            "get get+kustomizations get+helmreleases get+sources get+all check logs tree trace events stats"
            " diff build version export envsubst"
        ),
        "reconcile suspend resume bootstrap install create push tag pull",
        "delete uninstall",
    ),
    "istioctl": plain_tool(
        "istioctl",
        ("-n/--namespace --context -c/--kubeconfig -i/--istioNamespace -o/--output --level -f --filename --set"),
        "-A -d",
        {"-n": "namespace"},
        "object",
        (
            "proxy-status ps proxy-config pc analyze version describe x dashboard bug-report validate"
            " manifest authz profile verify-install experimental ztunnel-config"
        ),
        "install upgrade kube-inject tag operator create-remote-secret waypoint admin",
        "uninstall",
    ),
    "linkerd": plain_tool(
        "linkerd",
        "-n/--namespace --context --kubeconfig -o",
        "",
        {"-n": "namespace"},
        "",
        "check stat top tap version viz edges diagnostics identity",
        "install inject upgrade",
        "uninstall prune",
    ),
    "cilium": plain_tool(
        "cilium",
        "-n/--namespace --context",
        "--wait",
        {},
        "",
        "status version connectivity endpoint monitor bpf hubble config+view sysdump",
        "install upgrade enable config+set config+delete",
        "uninstall disable",
    ),
    "velero": plain_tool(
        "velero",
        (
            "-n/--namespace --kubecontext --from-backup --include-namespaces --exclude-namespaces --selector"
            " -l --ttl --namespace-mappings -o"
        ),
        "--wait --confirm --details",
        {"-n": "namespace"},
        "backup",
        (
            "get backup+get backup+describe backup+logs backup+list restore+get restore+describe restore+logs"
            " restore+list schedule+get schedule+describe describe version backup-location+get"
            " snapshot-location+get plugin+get repo+get"
        ),
        (
            "backup+create restore+create schedule+create schedule+pause schedule+unpause create"
            " backup-location+create backup-location+set install plugin+add backup+download"
        ),
        "backup+delete restore+delete schedule+delete delete uninstall backup-location+delete",
    ),
}

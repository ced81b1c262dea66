"""terraform, pulumi, ansible, minikube: infrastructure made, changed and taken down."""

from __future__ import annotations

from dataclasses import replace

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    joined,
    pairs,
    reads,
)
from console.walkthrough.danger.tools import Tool, Use, by_last_flag, flags, judge, of_level, table
from console.walkthrough.danger.words import Options, read_flags

_TERRAFORM_FLAGS: Options = flags(
    (
        "-var -var-file -target -out -state -chdir -backend-config -parallelism -lock-timeout -replace"
        " -state-out -module-path -generate-config-out"
    ),
    (
        "-auto-approve -refresh-only -destroy -input -no-color -json -lock -refresh -upgrade -reconfigure"
        " -migrate-state -detailed-exitcode -compact-warnings -check -recursive -diff -raw -force -get"
        " -dry-run"
    ),
    single=True,
)


def _with_plan(use: Use, bench: Bench) -> Finding:
    """What plans: `plan` reads, `apply -destroy` destroys."""
    touches = joined(
        use.touches, pairs("resource", use.given.values("-target", "-replace")), pairs("file", use.given.operands)
    )
    target = next((word.literal for word in use.given.values("-target")), "")
    destroy = use.given.may("-destroy", "-replace") or use.verb == "destroy"
    instead = "plan -destroy" if use.verb == "destroy" else "plan"
    kept = Use(
        use.call,
        use.verb,
        use.given,
        use.before,
        tuple(word for word in use.after if not word.start.startswith(("-auto-approve", "--auto-approve"))),
        use.touches,
    )
    safer = kept.instead(instead)
    if destroy:
        return destroys("takes down what it has made", touches, safer=safer, target=target)
    return changes("makes what the files say", touches, safer=safer, target=target)


_TERRAFORM = Tool(
    "terraform",
    _TERRAFORM_FLAGS,
    table(
        (
            "plan show output validate providers version graph state+list state+show state+pull"
            " workspace+list workspace+show fmt console metadata test"
        ),
        (
            "apply init import refresh get taint untaint state+mv state+push state+replace-provider"
            " workspace+select workspace+new login logout providers+lock providers+mirror"
        ),
        "destroy state+rm force-unlock workspace+delete",
    ),
    {"-chdir": "path"},
    "resource",
    {"apply": _with_plan, "destroy": _with_plan},
    {"state rm": "state show", "workspace delete": "workspace list"},
)


def terraform(call: Call, bench: Bench) -> Finding:
    every = [word.literal for word in call.arguments[:2]]
    if every[:1] == ["run-all"] or every == ["run", "--all"]:
        # terragrunt: the verb, in every folder.
        at = 2 if every[0] == "run-all" else 3
        return terraform(call.inner([call.words[0], *call.words[at:]]), bench)
    found = judge(_TERRAFORM, call, bench)
    if found.level is Level.READS and any(word.literal.startswith(("-out", "--out")) for word in call.arguments):
        return replace(found, why="plans and keeps the plan in a file")
    return found


def ansible(call: Call, bench: Bench) -> Finding:
    """ansible-playbook --check reads; a playbook does what it holds."""
    text = [word.literal for word in call.arguments]
    name = call.words[0].text.rpartition("/")[2]
    if name in ("ansible-inventory", "ansible-doc", "ansible-config", "ansible-lint") or any(
        flag in text
        for flag in ("--syntax-check", "--list-hosts", "--list-tasks", "--list-tags", "--version", "--check", "-C")
    ):
        return reads("shows")
    if name == "ansible":
        given, _ = read_flags(
            call.arguments,
            flags(
                "-m/--module-name -a/--args -i/--inventory -u -l/--limit -f -e --become-user", "-b/--become -v -k -K -o"
            ),
        )
        module, body = given.value("-m"), given.value("-a")
        touches = pairs("host", given.operands[:1])
        if module is not None and module.literal.rpartition(".")[2] in (
            "ping",
            "setup",
            "debug",
            "stat",
            "service_facts",
        ):
            return reads("asks machines", touches)
        if body is not None and (module is None or module.literal.rpartition(".")[2] in ("shell", "command", "raw")):
            return bench.script(body.text, elsewhere=True).within(touches)
        return changes("changes machines", touches, target=given.operands[0].literal if given.operands else "")
    if name in ("ansible-galaxy", "ansible-vault"):
        return (
            reads("shows")
            if any(word in text for word in ("list", "view", "info", "search"))
            else changes("changes files")
        )
    playbooks = [word for word in call.arguments if word.start.endswith((".yml", ".yaml"))]
    return cannot_tell(
        "what the playbook does cannot be told",
        pairs("file", playbooks),
        target=playbooks[0].literal if playbooks else "",
    )


def _first_shell(use: Use, bench: Bench) -> Finding:
    tail = use.given.tail or []
    return (
        bench.call(use.call.inner(tail))
        if tail
        else cannot_tell("opens a shell: what is typed there is not seen", use.touches)
    )


_MINIKUBE = Tool(
    "minikube",
    flags("-p/--profile --driver --memory --cpus --kubernetes-version -n --addons", "-o"),
    table(
        (
            "status ip logs profile version service+list addons+list docker-env podman-env service image+ls"
            " dashboard node+list update-check config+view options ssh-host"
        ),
        (
            "start addons addons+enable config tunnel image+load mount cache cp update-context node+add pause"
            " unpause image image+build kubectl"
        ),
        "stop delete node+delete addons+disable",
    ),
    {"-p": "profile"},
    "",
    {"ssh": _first_shell},
)


def _pulumi(use: Use, bench: Bench) -> Finding:
    return of_level(_PULUMI, use, _PULUMI.verbs[use.verb])


_PULUMI = Tool(
    "pulumi",
    flags("-s/--stack -C/--cwd -c -m", "-y --yes --diff"),
    table(
        "preview pre stack+ls stack+output logs whoami version config+get about stack+history",
        "up update refresh config config+set stack+select stack+init new import login logout stack+export stack+import",
        "destroy dn down stack+rm cancel state+delete config+rm",
    ),
    {"-s": "stack"},
    "",
)


def knife(call: Call, bench: Bench) -> Finding:
    """knife: `ssh QUERY COMMAND` runs a command on machines; other verbs tell by their form."""
    given, _ = read_flags(call.arguments, flags("-x -i -a -C -P -p -F -E -c -e --ssh-user", "-y --yes --id-only -l -w"))
    words = given.operands
    if len(words) > 2 and words[0].literal == "ssh":
        text = " ".join(word.text for word in words[2:])
        found = bench.script(text, elsewhere=True).within(pairs("host", words[1:2]))
        return replace(found, target=found.target or words[1].literal if found.level.asks else "")
    verb = words[1].literal if len(words) > 1 else ""
    target = words[2].literal if len(words) > 2 else ""
    if words and (
        verb in ("list", "show", "status", "diff", "search") or words[0].literal in ("search", "status", "diff")
    ):
        return reads("asks the server")
    if verb in ("delete", "bulk", "remove"):
        return destroys(f"deletes {words[0].text} {target}", pairs(words[0].text, words[2:3]), target=target)
    return (
        changes("changes what the server holds", target=target) if verb else cannot_tell("what it does cannot be told")
    )


RULES: dict[str, Rule] = {
    "knife": knife,
    **dict.fromkeys(
        ("chef-client", "puppet", "salt-call", "chef-client-disable", "chef-client-enable"),
        by_last_flag(r"--(why-run|noop|version|help)|test=True|^-W"),
    ),
    **dict.fromkeys(("terraform", "tofu", "terragrunt", "tf"), terraform),
    "pulumi": _PULUMI,
    **dict.fromkeys(
        (
            "ansible",
            "ansible-playbook",
            "ansible-inventory",
            "ansible-doc",
            "ansible-galaxy",
            "ansible-vault",
            "ansible-config",
            "ansible-lint",
            "ansible-pull",
        ),
        ansible,
    ),
    "minikube": _MINIKUBE,
    "bq": by_last_flag(r"^(\S+ )*(ls|show|head|query --dry_run)\b", r"\b(rm|cancel)\b"),
    "sops": by_last_flag(r"(^|\s)(-d|--decrypt|decrypt)\b"),
    "kubeseal": by_last_flag("."),
    **dict.fromkeys(
        ("k3s", "rke2", "microk8s"),
        by_last_flag(
            r"^(check-config|--version|status|certificate check|crictl ps)",
            r"killall|uninstall|^(stop|reset|disable|leave)",
        ),
    ),
}

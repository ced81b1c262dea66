"""Clouds: aws, gcloud, az and their kin, by the form of their verbs."""

from __future__ import annotations

import re

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
from console.walkthrough.danger.tools import flags, passes
from console.walkthrough.danger.wording import told
from console.walkthrough.danger.words import Word, read_flags, shown

_READING = re.compile(
    r"(?!get-credentials)(describe|list|get|show|ls|head|view|search|lookup|query|scan|check|wait|filter|tail|validate"
    r"|estimate|simulate|decode|test|batch-get"
    r"|can|read|print|explain|info|status|inspect|versions?|export-table|presign|diff|logs|events"
    r"|preview|select|discover|help|whoami|account-show|ping|config-helper|history)(-.*)?$"
)
_DESTROYING = re.compile(
    r"(delete|terminate|remove|rm|rb|destroy|purge|stop|deregister|deallocate|release|revoke|disable"
    r"|abort|cancel|drain|drop|wipe|reset|failover|reboot"
    r"|batch-delete|schedule-key-deletion|detach|disassociate|unsubscribe|empty|del|unregister"
    r"|shutdown|power-off|kill|undeploy|suspend|restart-app-server|evict|flush|clear)(-.*)?$"
)
_CHANGING = re.compile(
    r"(create|update|put|set|add|start|run|modify|attach|associate|restore|copy|cp|mv|sync|mb|enable"
    r"|register|apply|invoke|send|publish|tag|untag|rotate"
    r"|import|export|deploy|upload|download|resize|scale|promote|start-.*|restart|reboot|move|assume"
    r"|login|logout|configure|activate|rollback|authorize|allocate"
    r"|change|grant|patch|replace|resume|redrive|reset-state|submit|renew|accept|reject|request|init"
    r"|upgrade|bind|unbind|write|connect|execute|exec|ssh|edit|insert|batch-write|transact|switch|swap"
    r"|use|get-credentials|install|call|ack|pull|build|push|save|merge|clone|cordon|undrain|clear-cache)(-.*)?$"
)
_AWS_FLAGS = flags(
    (
        "--profile --region --output --query --endpoint-url --color --cli-read-timeout"
        " --cli-connect-timeout --ca-bundle --cli-input-json --page-size --max-items --starting-token"
    ),
    (
        "--debug --no-verify-ssl --no-paginate --no-sign-request --no-cli-pager --no-cli-auto-prompt"
        " --dry-run --dryrun --cli-auto-prompt"
    ),
)
_WORDS = re.compile(r"[a-z][a-z0-9_-]*")


def by_form(word: str) -> Level | None:
    """What a verb does by its form alone; None where that says nothing."""
    if _READING.fullmatch(word):
        return Level.READS
    if _DESTROYING.fullmatch(word):
        return Level.DESTROYS
    return Level.CHANGES if _CHANGING.fullmatch(word) else None


def _touches(call: Call, names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    words = call.words
    for at, word in enumerate(words):
        flag, sign, value = word.text.partition("=")
        kind = names.get(flag)
        if (
            kind is None
            and flag.startswith("--")
            and re.search(r"(name|id|ids|identifier|arn|bucket|cluster|instance|group|queue-url|key|function)s?$", flag)
        ):
            kind = flag[2:]
        if kind:
            found.append((kind, value if sign else words[at + 1].text if at + 1 < len(words) else ""))
    return tuple(found)


_PLACES = {
    "--profile": "profile",
    "--region": "region",
    "--project": "project",
    "--zone": "zone",
    "--subscription": "subscription",
    "-g": "resource-group",
    "--resource-group": "resource-group",
    "-n": "name",
}


def aws(call: Call, bench: Bench) -> Finding:
    """`aws SERVICE VERB`: the verb's first word tells."""
    words = _without_loose(call.arguments)
    given, took = read_flags(words, _AWS_FLAGS, limit=2)
    touches = joined(
        _touches(call, _PLACES), tuple(("bucket", word.text) for word in call.words if word.start.startswith("s3://"))
    )
    names = given.operands
    if given.has("--version") or any(word.literal == "help" for word in names[:2]):
        return reads("prints its help")
    if len(names) < 2 or not names[0].known or not names[1].known:
        return cannot_tell("which command of aws it is cannot be told", touches)
    service, verb = names[0].text, names[1].text
    rest = words[took:]
    text = " ".join(word.text for word in rest)
    if "--dryrun" in text or re.search(r"--dry-run(\s|$)", text):
        return reads(f"aws {service} {verb} only shows what it would do", touches)
    target = next(
        (
            name
            for kind, name in reversed(touches)
            if kind not in ("profile", "region") and "$" not in name and not kind.startswith("source")
        ),
        "",
    )
    if service == "s3":
        if (verb == "sync" and "--delete" in text) or verb in ("rm", "rb") or verb == "mv":
            return destroys(
                f"aws s3 {verb} deletes objects",
                touches,
                safer=f"{shown(call.words)} --dryrun" if verb != "rb" else "",
                target=target,
            )
        last = [word for word in rest if word.literal == "-" or not word.start.startswith("-")][-1:]
        if verb == "cp" and last and last[0].literal == "-":
            return reads("copies to its output", touches)
    if (service, verb) in (("ssm", "start-session"), ("ecs", "execute-command")):
        return cannot_tell("opens a shell: what is typed there is not seen", touches, target=target)
    if service == "ssm" and verb == "send-command":
        return cannot_tell("what it runs on machines cannot be told", touches, target=target)
    if service == "configure":
        return reads("shows") if verb in ("list", "get", "list-profiles") else changes("changes the settings of aws")
    if service in ("sso", "ecr") and verb in ("login", "logout", "get-login-password", "get-login"):
        return reads("signs in", touches)
    if service == "lambda" and verb == "invoke":
        return cannot_tell("what the function does cannot be told", touches, target=target)
    if (
        "--desired-count 0" in text
        or "--desired-count=0" in text
        or re.search(r"--(desired-capacity|min-size)[ =]0(\s|$)", text)
    ):
        return destroys(f"aws {service} {verb} scales to 0", touches, target=target)
    return _finding(call, by_form(verb) or Level.CHANGES, f"aws {service} {verb}", touches, target)


def _finding(call: Call, level: Level, what: str, touches: tuple[tuple[str, str], ...], target: str) -> Finding:
    tool, _, verb = what.partition(" ")
    return Finding(level, told(tool, verb, level, target), touches, "", target if level.asks else "")


def _without_loose(words: tuple[Word, ...]) -> list[Word]:
    """The words without variables that may hold nothing but flags, as long as a plain word follows."""
    kept = [word for word in words if not passes(word)]
    return (
        kept
        if any(word.known and not word.text.startswith("-") for word in kept) and not passes(words[-1])
        else list(words)
    )


def groups(call: Call, bench: Bench) -> Finding:
    """gcloud, az, doctl and their kin: nouns, then a verb; the last plain word that has a verb's form tells."""
    name = call.words[0].text.rpartition("/")[2]
    touches = _touches(call, _PLACES)
    level: Level | None = None
    said: list[str] = []
    target = ""
    after_flag = False
    for word in call.arguments:
        if word.literal == "--":
            break
        if word.start.startswith("-"):
            after_flag = "=" not in word.text and word.text not in (
                "--quiet",
                "-q",
                "--yes",
                "-y",
                "--global",
                "--force",
                "-f",
            )
            continue
        if after_flag:
            after_flag = False
            continue
        if not word.known:
            if passes(word) and level is None:
                continue
            break
        if level is not None:
            target = target or word.text
            break
        said.append(word.text)
        level = by_form(word.text) if _WORDS.fullmatch(word.text) else None
    text = shown(call.arguments)
    if "--help" in text.split() or text in ("version", "--version", "info", "-v"):
        return reads(f"{name} prints its help")
    if (name == "gcloud" and said[:2] in (["compute", "ssh"], ["alpha", "ssh"], ["beta", "ssh"])) or said[:3] == [
        "compute",
        "ssh",
    ]:
        return _remote(call, bench, touches)
    if name == "gcloud" and "scp" in said:
        return changes("copies files to or from a machine", touches)
    if (
        said[:1] in (["config"], ["auth"], ["login"], ["account"])
        and level is not Level.READS
        and level is not Level.DESTROYS
    ):
        return changes(f"{name} {' '.join(said)} changes its settings", touches)
    if level is None:
        return cannot_tell(f"which command of {name} it is cannot be told", touches)
    if said[-2:] == ["backups", "restore"]:
        level = Level.DESTROYS
    if level is Level.CHANGES and re.search(r"--(num-nodes|min-instances|replicas|node-count|size)[ =]0(\s|$)", text):
        level = Level.DESTROYS
    return _finding(call, level, f"{name} {' '.join(said)}", joined(touches, (("name", target),)), target)


def _remote(call: Call, bench: Bench, touches: tuple[tuple[str, str], ...]) -> Finding:
    given, _ = read_flags(
        call.arguments,
        flags(
            "--command --zone --project --ssh-flag --container --ssh-key-file",
            "--internal-ip --tunnel-through-iap --quiet -q",
        ),
    )
    text = given.value("--command")
    host = pairs("host", given.operands[2:3])
    if text is None:
        return cannot_tell("opens a shell on another machine: what is typed there is not seen", joined(touches, host))
    return bench.script(text.text, elsewhere=True).within(joined(touches, host))


RULES: dict[str, Rule] = {
    "aws": aws,
    **dict.fromkeys(
        (
            "gcloud",
            "az",
            "doctl",
            "eksctl",
            "oci",
            "ibmcloud",
            "hcloud",
            "linode-cli",
            "flyctl",
            "fly",
            "heroku",
            "scw",
            "exo",
            "openstack",
            "govc",
            "rosa",
            "ocm",
            "gsutil",
            "cf",
            "vercel",
            "railway",
            "aliyun",
            "kops",
            "kind",
            "k3d",
            "talosctl",
            "rancher",
            "rke",
            "temporal",
            "confluent",
            "atlas",
            "tsh",
            "wrangler",
            "omc",
            "clusterctl",
            "virtctl",
            "odo",
            "kn",
            "tkn",
            "argo",
            "bosh",
            "juju",
            "virsh",
            "lxc",
            "vagrant",
            "multipass",
            "nerdctl-full",
            "mc",
            "s3cmd",
            "rclone",
            "b2",
            "azcopy",
            "stripe",
            "supabase",
            "firebase",
        ),
        groups,
    ),
}

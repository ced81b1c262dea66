"""The table of commands, in every spelling that means the same."""

from __future__ import annotations

import pytest

from console.core.runbooks.danger import Level
from console.walkthrough.danger.judging import danger_of
from tests.walkthrough.danger.permutations import is_simple, placed, prefixed, quoted, spelled
from tests.walkthrough.danger.table import TABLE


def wrong(texts: object, level: Level) -> list[tuple[str, str, str]]:
    """Those of the texts that are judged otherwise; and at least one must have been judged."""
    found = [(text, danger_of(text)) for text in texts]  # type: ignore[attr-defined]
    assert found
    return [(text, danger.level.value, danger.why) for text, danger in found if danger.level is not level]


@pytest.mark.parametrize(("text", "level"), TABLE)
def test_every_line_of_the_table_is_judged_as_it_says(text, level):
    assert danger_of(text).level is level


@pytest.mark.parametrize(("text", "level"), TABLE)
def test_it_is_judged_the_same_wherever_it_stands(text, level):
    assert wrong(placed(text), level) == []


@pytest.mark.parametrize(("text", "level"), [line for line in TABLE if is_simple(line[0])])
def test_it_is_judged_the_same_behind_wrappers(text, level):
    assert wrong(prefixed(text), level) == []


@pytest.mark.parametrize(("text", "level"), [line for line in TABLE if is_simple(line[0]) and "$" not in line[0]])
def test_it_is_judged_the_same_in_other_quotes(text, level):
    assert wrong(quoted(text), level) == []


@pytest.mark.parametrize(
    ("head", "verb", "early", "late", "operands", "level"),
    [
        (
            "kubectl",
            "scale",
            ["--namespace=knhk", "--context=prod"],
            ["--replicas=0"],
            "deployment knhk-closed-loop",
            "destroys",
        ),
        (
            "kubectl",
            "scale",
            ["-n prod", "--context=prod"],
            ["--replicas=00", "--timeout=5s"],
            "deploy/api",
            "destroys",
        ),
        ("oc", "scale", ["-n prod"], ["--replicas=0"], "dc/api", "destroys"),
        ("kubectl", "scale", ["-nprod", "--v=6"], ["--replicas=3"], "deployments.apps api", "changes"),
        (
            "kubectl",
            "patch",
            ["-n prod"],
            ["--type=merge", """--patch='{"spec":{"replicas":0}}'"""],
            "deploy x",
            "destroys",
        ),
        (
            "kubectl",
            "patch",
            ["-n prod"],
            ["--type=json", """-p '[{"op":"replace","path":"/spec/replicas","value":0}]'"""],
            "deploy/x",
            "destroys",
        ),
        (
            "kubectl",
            "patch",
            ["-n prod"],
            ["--type=json", """-p '[{"op":"remove","path":"/spec/paused"}]'"""],
            "deploy/x",
            "changes",
        ),
        (
            "kubectl",
            "delete",
            ["--namespace=a"],
            ["--dry-run=none", "--grace-period=0", "--force"],
            "ns prod",
            "destroys",
        ),
        ("kubectl", "delete", ["--namespace=a", "--request-timeout=5s"], ["--selector=app=x"], "pods", "destroys"),
        ("kubectl", "get", ["-n prod", "--context=x"], ["-o=name", "-l app=delete"], "pods", "reads"),
        ("kubectl", "set image", ["-n prod", "--context=x"], ["--record"], "deployment/web web=web:2", "changes"),
        ("kubectl", "rollout restart", ["-n prod", "--kubeconfig=/x"], [], "deployment/web", "changes"),
        ("kubectl", "rollout status", ["-n delete"], ["--timeout=5m"], "deployment/web", "reads"),
        ("docker", "rm", ["--context=x", "-H tcp://h:1"], ["-f", "-v"], "prometheus", "destroys"),
        ("docker", "ps", ["--context=rm"], ["-a", "-q"], "", "reads"),
        ("git", "push", ["-C /x", "--no-pager"], ["--force", "--tags"], "origin main", "destroys"),
        ("git", "push", ["-C /x"], ["-u"], "origin +main", "destroys"),
        ("git", "push", ["-C /x"], ["-v"], "origin main", "changes"),
        ("helm", "uninstall", ["--namespace=x", "--kube-context=y"], ["--wait"], "web", "destroys"),
        ("terraform", "destroy", ["-chdir=x"], ["-auto-approve", "-var=a=b"], "", "destroys"),
        ("terraform", "apply", ["-chdir=x"], ["-destroy", "-auto-approve"], "", "destroys"),
        ("systemctl", "stop", ["--host=h"], ["--no-block"], "web", "destroys"),
    ],
)
def test_the_order_and_form_of_flags_does_not_matter(head, verb, early, late, operands, level):
    # git takes the values of its own flags only as words; the terraform flag is a word with `=`.
    texts = spelled(head.split(), verb.split(), early, late, operands.split(" ") if operands else [])
    if head == "terraform":
        texts = (text for text in texts if "-chdir=x" in text.split(verb)[0] and "-var a" not in text)
    if head == "git":
        texts = (text for text in texts if "/x" in text.split(verb)[0] and "--no-pager" not in text.split("push")[1])
    assert wrong(texts, Level(level)) == []


@pytest.mark.parametrize("client", ["redis-cli", "valkey-cli", "/usr/local/bin/redis-cli"])
@pytest.mark.parametrize(
    ("command", "level"),
    [
        ("FLUSHALL", "destroys"),
        ("flushdb async", "destroys"),
        ("INFO memory", "reads"),
        ("CONFIG SET a b", "changes"),
        ("config get a", "reads"),
    ],
)
def test_flags_of_the_redis_client_do_not_hide_its_command(client, command, level):
    flags = [
        "-h h",
        "-p 1",
        "-n 3",
        "-a FLUSHALL",
        "--tls",
        "--no-auth-warning",
        "-u redis://u:p@h:1/2",
        "-c",
        "-r 2",
        "--raw",
    ]
    texts = [f"{client} {first} {second} {command}" for first in flags for second in flags if first != second]
    assert wrong(texts, Level(level)) == []


@pytest.mark.parametrize("form", ["--dry-run=client", "--dry-run=server", "--dry-run", "--dry-run=true"])
@pytest.mark.parametrize(
    "text", ["delete ns prod", "apply -f x.yaml", "scale deploy x --replicas=0", "drain node-1", "delete pod x --force"]
)
def test_a_dry_run_reads_wherever_its_flag_stands(text, form):
    verb, rest = text.split(" ", 1)
    texts = [f"kubectl {text} {form}", f"kubectl {verb} {form} {rest}", f"kubectl -n x {text} {form}"]
    assert wrong(texts, Level.READS) == []


@pytest.mark.parametrize(
    "text",
    [
        "kubectl delete ns prod --dry-run=none",
        "kubectl delete ns prod --dry-run=client --dry-run=none",
        "kubectl delete ns prod -l --dry-run=client",
        "kubectl delete ns prod --field-manager --dry-run=client",
        "kubectl delete ns prod --not-a-flag --dry-run=client",
        'kubectl delete ns prod --dry-run="$MODE"',
        "kubectl delete ns prod -- --dry-run=client",
    ],
)
def test_what_only_looks_like_a_dry_run_destroys(text):
    assert danger_of(text).level is Level.DESTROYS

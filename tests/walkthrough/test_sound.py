"""Whether a text is shell: asked of bash itself, and of what bash would swallow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.walkthrough.sound import LARGEST, what_instead, why_unsound

SHELL = (
    "kubectl get pods -n shop",
    'for x in a b; do echo "$x"; done',
    'select opt in one two; do echo "from $opt"; break; done',
    'cat <<EOF\n{"a": 1}\nEOF',
    "cat <<'EOF' | kubectl apply -f -\napiVersion: v1\nkind: Pod\nEOF",
    "psql -c 'SELECT 1 FROM x;'",
    "psql <<SQL\nSELECT 1;\nSQL",
    "curl -d '{\"a\": 1}' localhost",
    "[ -f /tmp/x ] && echo yes",
    "[[ $a == b ]]",
    "{ echo one; echo two; }",
    "( cd /tmp && ls )",
    "a=1 b=2 env",
    "A=1\nB=2",
    "export PATH=/x:$PATH",
    "time (sleep 1)",
    "show all",
    "update-grub",
    "truncate -s 0 /var/log/x;",
    "with-lock-ex -w /tmp/x true",
    "begin.sh; commit.sh;",
    "$KUBECTL get pods",
    "$EDITOR /etc/hosts",
    "> /var/log/app.log",
    "/etc/init.d/nginx restart\n/etc/init.d/nginx status",
    "/var/lib/app/run.sh\n/var/lib/app/stop.sh",
    ": > /tmp/x",
    "echo '<html></html>'",
    "sum() { echo $(( $1 + $2 )); }\nsum 1 2",
    "# comment: yes\nls",
    "data=$(cat x)",
    "output() { echo; }",
    "docker run --rm FROM",
    "git log --format='%h: %s'",
    'redis-cli -h "$HOST" INFO memory',
    "case $1 in\n  a) ls;;\n  *) pwd;;\nesac",
    "while read -r a b; do\n  echo $a: $b\ndone < file",
)
OTHER = (
    ("[1, 2]", "JSON"),
    ('{"a": {"b": 1}}', "JSON"),
    ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: x", "YAML"),
    ("- name: x\n  image: y\n- name: z\n  image: w", "YAML"),
    ("replicas: 3\nimage: nginx", "YAML"),
    ("[Unit]\nDescription=x\nAfter=network.target", "a configuration file"),
    ('[server]\nport = 1\nhost = "x"', "a configuration file"),
    ("shared_buffers = 1GB\nmax_connections = 100", "a configuration file"),
    ("Get-Service | Where-Object Status", "PowerShell"),
    ("$x = 1", "PowerShell"),
    ("Restart-Service Spooler", "PowerShell"),
    ("SELECT pid FROM pg_stat_activity WHERE state = 'idle'", "SQL"),
    ("select pid\nfrom pg_stat_activity;", "SQL"),
    ("DROP TABLE users;", "SQL"),
    ("VACUUM FULL", "SQL"),
    ('resource "aws_x" "y" {\n  a = 1\n}', "HCL"),
    ("FROM python:3.11\nRUN pip install x", "a Dockerfile"),
    ('http_requests_total{code="500"}', "PromQL"),
    ("NAME   READY   STATUS\nweb-1  1/1     Running", "a printed table"),
    ("2024-05-01 10:00:00 ERROR no\n2024-05-01 10:00:01 ERROR no", "a log"),
    ("*filter\n# all of it\n-A INPUT -i lo -j ACCEPT\nCOMMIT", "a set of iptables rules"),
    ("/etc/kubernetes    # all of it\n/var/lib/kubelet\n~/.kube", "a list of paths"),
    ("level=info ts=2024-05-01 caller=x", "a log"),
)


@pytest.mark.parametrize("text", SHELL)
def test_a_shell_command_is_never_called_something_else(text: str) -> None:
    assert why_unsound(text) == ""
    assert why_unsound(f"{text}\n") == ""


@pytest.mark.parametrize(("text", "kind"), OTHER)
def test_what_bash_would_swallow_is_named(text: str, kind: str) -> None:
    assert what_instead(text) == kind
    assert why_unsound(text) in (f"it is {kind}, not shell",) or why_unsound(text).startswith("bash: line ")


def test_bash_is_asked_first_and_its_line_is_given() -> None:
    assert why_unsound("echo one\necho two\nfoo(\n").startswith("bash: line 3: syntax error")
    assert why_unsound("rate(x[5m])") == "bash: line 1: syntax error near unexpected token `x[5m]'"
    assert why_unsound("<html>\n<b>x</b>\n</html>").startswith("bash: line 1: syntax error")
    assert "here-document" in why_unsound("cat <<EOF\nnever ends\n")
    assert why_unsound("echo 'open").startswith("bash: line ")
    assert why_unsound("kubectl -n <ns> get pods; fi").startswith("bash: line 1: syntax error")


def test_what_bash_swallows_is_told_by_its_kind() -> None:
    assert why_unsound('{"a": [1, 2]}') == "it is JSON, not shell"
    assert why_unsound("apiVersion: v1\nkind: Pod\n") == "it is YAML, not shell"
    assert why_unsound("Get-Process | Stop-Process") == "it is PowerShell, not shell"


def test_nothing_is_run_by_asking(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert why_unsound(f"touch {mark}; $(touch {mark}); : > {mark}") == ""
    assert not mark.exists()


def test_empty_huge_and_nul_are_answered() -> None:
    assert why_unsound(" \n") == "it is empty"
    assert "larger than 1 MB" in why_unsound("a" * (LARGEST + 1))
    assert "NUL" in why_unsound("a\x00b")


def test_another_interpreter_only_has_to_be_there() -> None:
    assert why_unsound("print(1)", "python3") == ""
    assert why_unsound("print(1)", sys.executable + " -u") == ""
    assert why_unsound("print(1)", "/usr/bin/env -S python3 -u") == ""
    assert why_unsound("x", "no-such-program -x") == (
        "no-such-program is not on PATH; install it, or take another interpreter"
    )


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert isinstance(why_unsound(text), str)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]\"':,-= \n\tabcSELECTFROM;#$<>/|()123", max_size=300))
def test_naming_what_a_text_is_never_fails(text: str) -> None:
    assert not text.strip() or isinstance(what_instead(text), str)

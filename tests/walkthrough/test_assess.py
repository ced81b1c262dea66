"""What is said of a step before it runs, and of every step by a check."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from console.core.runbooks.danger import Level
from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.core.runbooks.filling import Assessment
from console.walkthrough.checking import check
from console.walkthrough.filling.assess import assess, assess_filled
from console.walkthrough.filling.placeholders import placeholders_of
from console.walkthrough.reading.document import parse_runbook


def step(number: int, text: str, **more) -> Step:
    fields = {"runnable": True, "options": Options(), "kind": StepKind.COMMAND, **more}
    return Step(number, number, number, path=(), title=text[:20], language="bash", written=text, text=text, **fields)


def of(*steps: Step | str) -> Runbook:
    made = tuple(one if isinstance(one, Step) else step(at, one) for at, one in enumerate(steps, start=1))
    return Runbook(Path("r.md"), "r", "", "", made)


def assessed(book: Runbook, number: int, values=None, secrets=None, environ=None) -> Assessment:
    environ = environ or {}
    return assess(book, number, placeholders_of(book, environ), values or {}, secrets or {}, environ, "hak-gal")


def test_a_step_with_open_questions_does_not_run_and_says_which():
    found = assessed(of("kubectl logs <pod-name> -n $NAMESPACE"), 1)
    assert not found.runnable
    assert found.why_not == "needs <pod-name> and $NAMESPACE: v fills them in"
    assert [one.name for one in found.missing] == ["pod_name", "NAMESPACE"]
    assert found.danger.level is Level.READS and found.target == ""


def test_one_open_question_among_several_is_enough():
    found = assessed(of("x <a1> <b1> <c1>"), 1, {"a1": "1", "b1": "2"})
    assert found.why_not == "needs <c1>: v fills it in"
    assert "<c1>" in found.command


def test_a_filled_step_is_the_exact_command_with_its_digest():
    found = assessed(of("kubectl logs <pod-name> -n $NAMESPACE"), 1, {"pod_name": "api-1", "NAMESPACE": "prod"})
    assert (found.command, found.why_not, found.missing) == ("kubectl logs api-1 -n $NAMESPACE", "", ())
    assert found.digest == hashlib.sha256(found.command.encode()).hexdigest()
    assert found.variables == ("NAMESPACE",)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("rm /var/lib/app/cache.db", "cache.db"),
        ("rm -r ./build/", "build"),
        (f"rm {'x' * 49}", "hak-gal"),
        ("rm cache.db", "cache.db"),
        ("rm -rf /srv/app/*", "hak-gal"),
        ("rm -rf *", "hak-gal"),
        ("rm -rf .", "hak-gal"),
        ("rm -rf ..", "hak-gal"),
        ("rm -rf ../..", "hak-gal"),
        ("rm -rf ./", "hak-gal"),
        ("rm -rf logs-[0-9]", "hak-gal"),
        ("rm app.{log,old}", "hak-gal"),
        ("rm -- -f", "hak-gal"),
        ("rm -- _", "hak-gal"),
        ("rm -- '#'", "hak-gal"),
    ],
)
def test_of_a_path_its_last_part_is_typed_and_nothing_too_long(text: str, target: str):
    assert assessed(of(text), 1).target == target


def test_the_target_is_the_files_own_then_the_commands_then_the_systems():
    book = of(
        "kubectl -n prod scale deploy api --replicas=0",
        step(2, "kubectl delete pod x", options=Options(target="now")),
        "some-tool x",
    )
    assert assessed(book, 1).danger.level is Level.DESTROYS
    assert assessed(book, 1).target == assessed(book, 1).danger.target != ""
    assert assessed(book, 2).target == "now"
    unnamed = assessed(book, 3)
    assert unnamed.target == (unnamed.danger.target or "hak-gal")


def test_no_sign_that_a_file_has_for_a_target_is_asked_for():
    for target in ("*", ".", "..", "-f", "/"):
        assert assessed(of(step(1, "kubectl delete pod x", options=Options(target=target))), 1).target == "x"


@pytest.mark.parametrize(
    ("text", "why", "touches"),
    [
        ("kubectl delete pod <pod-name>", "<pod-name>", ("pod", "<pod-name>")),
        ("ssh deploy@<host> reboot", "", ("host", "<host>")),
        ("kubectl -n {{ns}} scale deploy/<name> --replicas=<count>", "<name>", ("namespace", "{{ns}}")),
        ("curl -X DELETE <url>/x", "<url>/x", ("host", "<url>")),
        ("psql -h <host> -c 'drop table <table>'", "<table>", ("table", "<table>")),
        ("systemctl restart <service>", "<service>", ("service", "<service>")),
        ("rm -r /srv/<dir>/old", "/srv/<dir>/old", ("file", "/srv/<dir>/old")),
    ],
)
def test_an_open_placeholder_is_told_as_it_is_written_and_is_no_name_to_type(text, why, touches):
    found = assessed(of(text), 1)
    assert found.danger.level.asks and found.missing
    assert why in found.danger.why
    assert touches[1] in dict(found.danger.touches)[touches[0]]
    assert found.target == "hak-gal"
    assert "4731" not in repr(found)


def test_an_answer_raises_the_danger_of_what_it_completes():
    book = of("kubectl scale deploy <deployment> --replicas=<replicas>")
    assert assessed(book, 1, {"deployment": "api", "replicas": "3"}).danger.level is Level.CHANGES
    assert assessed(book, 1, {"deployment": "api", "replicas": "0"}).danger.level is Level.DESTROYS


def test_a_program_that_is_filled_in_is_unknown_until_it_is():
    book = of("<command> get pods")
    assert assessed(book, 1).danger.level is Level.UNKNOWN
    assert assessed(book, 1, {"command": "kubectl"}).danger.level is Level.READS


def test_an_answer_of_the_wrong_kind_stops_the_step():
    found = assessed(of("curl h:<port>"), 1, {"port": "99999"})
    assert "not a port" in found.why_not and not found.missing


def test_a_value_that_cannot_go_in_stops_the_step():
    found = assessed(of("ssh host 'grep <pattern> f'"), 1, {"pattern": "a; reboot"})
    assert "read a second time" in found.why_not and found.command == "ssh host 'grep <pattern> f'"


def test_a_secret_is_in_the_environment_and_in_nothing_that_is_shown():
    book = of("redis-cli -a <password> -u $REDIS_TOKEN PING")
    asked = placeholders_of(book, ())
    found, given = assess_filled(book, 1, asked, {}, {"password": "hunter2 x", "REDIS_TOKEN": "t0ken"}, {}, "s")
    assert "hunter2" not in repr(found) and "t0ken" not in repr(found)
    assert given.environ == {"HAKGAL_SECRET_PASSWORD": "hunter2 x", "REDIS_TOKEN": "t0ken"}
    assert found.variables == ("HAKGAL_SECRET_PASSWORD", "REDIS_TOKEN") and found.runnable


def test_a_secret_in_the_values_is_not_taken():
    found = assessed(of("curl -H 'X: <token>' h"), 1, {"token": "abc"})
    assert found.missing and "abc" not in found.command


def test_a_variable_that_an_earlier_step_sets_is_left_to_it():
    book = of("POD=$(kubectl get pod -o name)", "kubectl logs <pod> $POD")
    found = assessed(book, 2, {"pod": "x"})
    assert (found.command, found.variables) == ("kubectl logs x $POD", ())


def test_a_text_that_bash_cannot_read_does_not_run():
    assert assessed(of("if true; then"), 1).why_not
    assert assessed(of('echo "unclosed'), 1).why_not


def test_another_language_is_unknown_and_a_missing_interpreter_is_said():
    book = of(step(1, "print('<thing>')", options=Options(interpreter="no-such-python")))
    found = assessed(book, 1, {"thing": "a"})
    assert found.danger.level is Level.UNKNOWN and found.command == "print('a')"
    assert "no-such-python" in found.why_not and found.target == "hak-gal"


def test_what_is_no_command_says_so():
    book = of(step(1, "{}", runnable=False, why_not="it is JSON"), step(2, "look", runnable=False, kind=StepKind.CHECK))
    assert assessed(book, 1).why_not == "it is JSON"
    assert "tick" in assessed(book, 2).why_not
    with pytest.raises(KeyError):
        assessed(book, 3)


MARKDOWN = b"""# T
```bash
kubectl logs <pod-name> -n $NAMESPACE
```
```bash
NAMESPACE=prod
kubectl -n $NAMESPACE delete deploy <name>
kubectl -n $NAMESPACE get deploy <name>
```
```bash
if true; then
```
```json
{"a": "<b>"}
```
- [ ] look at <it>
"""


def test_a_check_says_of_every_step_what_it_is():
    found = check(parse_runbook(Path("r.md"), MARKDOWN))
    assert [(one.step.line, one.placeholders, one.runnable) for one in found] == [
        (2, ("<pod-name>", "$NAMESPACE"), True),
        (5, ("<name>",), True),
        (10, (), False),
        (13, (), False),
        (16, (), False),
    ]
    assert [one.danger.level for one in found][:2] == [Level.READS, Level.DESTROYS]
    assert all(one.why_not for one in found if not one.runnable)
    assert check(parse_runbook(Path("r.md"), MARKDOWN), ("NAMESPACE",))[0].placeholders == ("<pod-name>",)


def test_a_check_of_hundreds_of_blocks_does_not_take_long():
    blocks = b"".join(
        b"```bash\nkubectl logs <pod-%d> -n $NS | head -%d\n```\n\ntext\n\n" % (at, at) for at in range(300)
    )
    began = time.monotonic()
    found = check(parse_runbook(Path("r.md"), b"# T\n" + blocks))
    assert len(found) == 300 and all(one.runnable and len(one.placeholders) == 2 for one in found)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("text", "folder", "safer"),
    [
        ("rm -r foo", "/tmp", "ls -ld foo"),
        ("cd build && rm -r foo", "/tmp/build", "cd build && ls -ld foo"),
        ("cd /srv\nrm -r foo", "/srv", "cd /srv && ls -ld foo"),
        ("cd a && cd b && rm -r foo", "", ""),
        ('cd "$WHERE" && rm -r foo', "", ""),
        ("(cd a; rm -r foo)", "", ""),
        ("bash -c 'cd a; rm -r foo'", "", ""),
        ("rm -r foo; cd /srv", "/tmp", "ls -ld foo"),
        ("rm -r /foo", "", "ls -ld /foo"),
        ("rsync -a --delete web-1:a/ /srv/a/", "", None),
        ("cd <dir> && rm -r foo", "/tmp/<dir>", "cd <dir> && ls -ld foo"),
        ("ssh web-1 rm -r foo", "", "ssh web-1 ls -ld foo"),
    ],
)
def test_what_a_relative_path_names_is_told_with_its_folder(text, folder, safer):
    book = of(text)
    found = assess(book, 1, (), {}, {}, {}, "hak-gal", "/tmp").danger
    assert [name for kind, name in found.touches[:1] if kind == "folder"] == ([folder] if folder else [])
    assert safer in (None, found.safer)

"""What is taken for a placeholder in a runbook's commands, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.core.runbooks.filling import Form, Want
from console.walkthrough.filling.placeholders import in_text, placeholders_of


def written(text: str, known: tuple[str, ...] = ()) -> list[str]:
    return [one.written for one in in_text(text, known)]


def runbook(*texts: str | Step, options: Options | None = None) -> Runbook:
    steps = tuple(text if isinstance(text, Step) else step(number, text) for number, text in enumerate(texts, start=1))
    return Runbook(Path("r.md"), "r", "", "", steps, options or Options())


def step(number: int, text: str, **more) -> Step:
    fields = {"runnable": True, "options": Options(), **more}
    return Step(number, number, number, StepKind.COMMAND, (), text[:20], "bash", text, text, **fields)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kubectl logs <pod-name> -n <namespace>", ["<pod-name>", "<namespace>"]),
        ("kubectl logs <Pod name with spaces>", ["<Pod name with spaces>"]),
        ("kubectl get <namespace/pod>", ["<namespace/pod>"]),
        ("ssh core@<podIP>", ["<podIP>"]),
        ("curl localhost:<port:8080>/x", ["<port:8080>"]),
        ("deploy --to <dev|staging|prod>", ["<dev|staging|prod>"]),
        ("aws s3 cp s3://<bucket>/<path/to/file> .", ["<bucket>", "<path/to/file>"]),
        ("cp <file>.bak <file>", ["<file>"]),
        ("tar xf <app>-<version>.tgz", ["<app>", "<version>"]),
        ("deploy <<APP>>", ["<<APP>>"]),
        ("kubectl logs &lt;pod&gt;", ["&lt;pod&gt;"]),
        ("kubectl logs <...>", ["<...>"]),
        ("kubectl -n {{ namespace }} get pods", ["{{ namespace }}"]),
        ("kubectl -n {{namespace}} get pods", ["{{namespace}}"]),
        ("kubectl -n {{ .Release.Namespace }} get pods", ["{{ .Release.Namespace }}"]),
        ('helm upgrade app "{{ chart }}"', ["{{ chart }}"]),
        ("curl http://host/api/{id}", ["{id}"]),
        ("kubectl exec -it {pod name} -- sh", ["{pod name}"]),
        ("kubectl apply -f {config.yml} --name={id} x_{id}", ["{config.yml}", "{id}"]),
        ("kubectl delete {deployment/pod} {nome-do-pod}", ["{deployment/pod}", "{nome-do-pod}"]),
        ("kubectl exec -it {파드} -- sh; ssh <ノード名>", ["{파드}", "<ノード名>"]),
        ("curl 'http://host/api/{user_id}/x'", ["{user_id}"]),
        ("echo $NAMESPACE ${POD}", ["$NAMESPACE", "${POD}"]),
        ('echo "$NAMESPACE/${POD%%-*}"', ["$NAMESPACE", "${POD}"]),
        ("echo ${TOKEN:?set it} ${X:-d} ${Y-d} ${Z:=d} $Z ${W:+w}", ["${TOKEN}"]),
        ("cat <<EOF\n$NAME <app>\nEOF", ["$NAME", "<app>"]),
        ("cat <<'EOF'\n$NAME <app>\nEOF", ["<app>"]),
        ("export PASSWORD=CHANGEME", ["CHANGEME"]),
        (
            "export A=CHANGE_ME B=change-me C=REPLACE_ME D=INSERT_TOKEN_HERE",
            ["CHANGE_ME", "change-me", "REPLACE_ME", "INSERT_TOKEN_HERE"],
        ),
        ("curl https://your-domain.com/x?key=YOUR_API_KEY", ["your-domain.com", "YOUR_API_KEY"]),
        ("ssh youruser@yourhost", ["youruser", "yourhost"]),
        ("kubectl logs api-xxxxx-yyyyy", ["api-xxxxx-yyyyy"]),
        ("ping x.x.x.x; ping 10.0.x.x; ping XXX.XXX.XXX.XXX", ["x.x.x.x", "10.0.x.x", "XXX.XXX.XXX.XXX"]),
        ("git tag vX.Y.Z; curl https://github.com/a/b/pull/XXXX", ["vX.Y.Z", "XXXX"]),
        ("kubectl apply -f xxx.yaml", ["xxx.yaml"]),
        ("POD='<\"Used By:\" field of the output above>'", ['<"Used By:" field of the output above>']),
        ("bash -c 'kubectl get pod <pod>'", ["<pod>"]),
        ("V=`kubectl get pod <pod>` && W=$(kubectl get pod <other>)", ["<pod>", "<other>"]),
        ("kubectl scale deploy x --replicas=$((<count> + 1))", ["<count>"]),
        ("echo done # for <nobody>\nkubectl get <pod>", ["<pod>"]),
        ("<command> --force", ["<command>"]),
    ],
)
def test_every_common_form_is_found(text: str, found: list[str]):
    assert written(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "sort < in > out",
        "sort <in.txt >out.txt",
        "sort <in.txt>out.txt 2>&1",
        "cmd <in 2>err",
        "diff <(a) <(b)",
        "cat <<< word",
        "cat <<EOF >file\nbody\nEOF",
        "cat <<EOF>>file\nbody\nEOF",
        "cat <<'A B'\nx\nA B",
        "exec 3<&0 4>&1",
        "mysql db <dump.sql && echo done >log",
        "[[ $1 < b && c > $2 ]]",
        "[ 3 -lt 4 ] && echo a > b",
        "(( 1 < 2 )) && echo $(( 3 > 2 ))",
        "test a \\< b",
        "psql -c 'select * from t where a <b and c> d'",
        "git commit --author='A B <a@b.example>'",
        "echo '<b>bold</b> <br/>'",
        "cat <<EOF\n<VirtualHost *:80>\n</VirtualHost>\nEOF",
        "curl -d '<a href=\"x\">'",
        "grep -P '(?<name>x)\\k<name>'",
        "grep '\\<word\\>' f",
        "docker ps --format '{{.Names}}'",
        "docker ps --format 'table {{.Names}}\\t{{.Status}}'",
        "docker inspect -f '{{.State.Pid}}' x",
        "docker inspect -f {{.State.Pid}} x",
        "kubectl get po -o go-template='{{.status}}'",
        "kubectl get po -o go-template='{{range .items}}{{end}}'",
        "docker ps --format '{{json .}}'",
        "ansible all -a 'echo {{ inventory_hostname }}'",
        "cat <<'EOF'\n{{ $labels.pod }} {{ x }}\nEOF",
        "kubectl get po -o jsonpath='{.items[*].metadata.name}'",
        "kubectl get po -o jsonpath='{range .items[*]}{.a}{end}'",
        "echo {a,b} {1..3} x{1..9}",
        "echo {a..z} x{aa..zz..2}",
        "docker images | grep '<none>' | awk '{print $3}'",
        "find . -exec rm {} +",
        "find . -name x | xargs -I{} rm {}",
        "ls | xargs -I {pod} kubectl delete pod {pod}",
        "awk '{print}' f",
        "awk '{print $1, $NF}' f",
        "jq '.[] | {name}' f",
        "curl -w '%{http_code}' http://h",
        "git diff HEAD@{upstream} stash@{0}",
        'curl -d \'{"spec":{"replicas":0}}\' h',
        "promtool query instant h 'sum by (pod) (up{job=\"x\"})'",
        "exec {fd}>file",
        "f() { echo; }",
        "echo $1 $@ $? $$ $! $_ $# $* $- $0",
        "echo $HOME $PWD $RANDOM $BASH_VERSION ${BASH_SOURCE[0]} $UID",
        "echo '$NOT' \\$NOT $'$NOT'",
        "X=1; echo $X",
        "export X=1\necho $X",
        "read -r X Y; echo $X $Y",
        "read -rp 'which ' X && echo $X",
        "for x in a b; do echo $x; done",
        "for ((i=0; i<3; i++)); do echo $i; done",
        "printf -v X %s 1; echo $X",
        "mapfile -t LINES_ < f; echo ${LINES_[0]}",
        "while getopts ab: o; do echo $o; done",
        "select x in a b; do echo $x; done",
        "f() { local a=$1 b; echo $a $b; }; f x",
        "declare -A M; M[a]=1; echo ${M[a]} ${#M[@]}",
        ": ${X:=1}; echo $X",
        "typeset X=1; readonly Y=2; echo $X $Y",
        "cat f | while read -r l; do echo $l; done",
        "while read -r l; do echo $l; done < f",
        "let X=1; echo $X",
        "bash -c 'echo $X'",
        "kubectl exec p -- sh -c 'echo $HOSTNAME $X'",
        "ssh h 'echo $X'",
        "# $X <y> CHANGEME",
        'if [ -z "$X" ]; then X=1; fi; echo $X',
        "n=0; while [ $n -lt 3 ]; do n=$((n+1)); done",
        'while true; do [ "$old" = a ] && break; old=a; done',
        "f() { echo $late; }; late=1; f",
        "TMP=$(mktemp -d /tmp/x.XXXXXX)",
        "mktemp -t fooXXXX",
        "grep CHANGEME f",
        "sed -i 's/CHANGEME/x/' f",
        "sed 's/{{ v }}/1/' f",
        "echo 'XXX'",
        "source ./openrc.sh; openstack --os-project $OS_PROJECT",
        'eval "$(env-of-x)"; echo $X_HOST',
        "setup_16.x",
        "git checkout release-1.2.x",
        "ping 10.0.0.1",
        "date +%Y-%m-%d",
        "psql -c \"select to_char(now(), 'YYYY-MM-DD')\"",
        "printf '%s\\n' \"Usage: $0 <file>\"",
        "git log --pretty='%an <%ae>' | head",
        "kubectl get pods -o custom-columns=NAME:{.metadata.name}",
        "python3 - <<'EOF'\nprint(f'{name}')\nEOF",
        "echo ${X:-} ${Y:-${Z:-}}",
        "echo 'xxxfoo' && echo foxxx",
        "gcc -Wall <<<'#include <stdio.h>' -x c -",
    ],
)
def test_what_only_looks_like_one_is_left(text: str):
    assert written(text) == []


def test_variables_that_are_known_are_not_asked():
    assert written("kubectl -n $NAMESPACE get $KIND", ("NAMESPACE",)) == ["$KIND"]


def test_a_variable_set_in_front_of_a_command_or_in_a_subshell_is_still_asked():
    assert written("NS=a kubectl -n $NS get pods") == ["$NS"]
    assert written("(X=1; echo $X); echo $X") == ["$X"]
    assert written("cat f | read X; echo $X") == ["$X"]
    assert written("echo $X; X=1") == ["$X"]
    assert written("X=$(get $X)") == ["$X"]


def test_a_name_is_one_placeholder_in_every_spelling_and_form():
    book = runbook(
        "kubectl logs <pod-name>",
        "echo $POD_NAME ${pod_name}",
        "echo {{ pod_name }} {podName}",
        "x <POD NAME> <Your Pod-Name> <<POD_NAME>>",
    )
    (one,) = placeholders_of(book, ())
    assert (one.name, one.written, one.form, one.want, one.steps) == (
        "pod_name",
        "<pod-name>",
        Form.ANGLE,
        Want.POD,
        (1, 2, 3, 4),
    )


def test_a_variable_keeps_its_spelling_where_it_comes_first():
    (one,) = placeholders_of(runbook("echo $POD_NAME", "kubectl logs <pod-name>"), ())
    assert (one.name, one.written, one.form) == ("POD_NAME", "$POD_NAME", Form.VARIABLE)


def test_what_an_earlier_step_sets_is_not_asked_and_what_a_later_one_sets_is():
    book = runbook("echo $LATE", "export NS=a LATE=b\nPOD=$(kubectl get pod -n $NS)", "kubectl -n $NS logs $POD $LATE")
    assert [(one.name, one.steps) for one in placeholders_of(book, ())] == [("LATE", (1,))]


def test_what_a_step_in_the_background_or_of_another_language_sets_is_asked():
    book = runbook(
        step(1, "A=1; serve", options=Options(background=True)),
        step(2, "B = 1", options=Options(interpreter="python3")),
        step(3, "echo $A $B"),
    )
    assert [one.written for one in placeholders_of(book, ())] == ["$A", "$B"]


def test_steps_that_do_not_run_ask_nothing_and_set_nothing():
    book = runbook(step(1, "X=1; echo <a>", runnable=False), step(2, "echo $X <b>"))
    assert [one.written for one in placeholders_of(book, ())] == ["$X", "<b>"]


def test_words_that_say_nothing_are_named_after_what_they_are_given_to():
    found = in_text(
        "kubectl get pod <name>; kubectl scale deploy/<name> -n xxx --replicas=<value>; "
        "export DB_PASSWORD=CHANGEME API=<value>",
        (),
    )
    assert [(one.name, one.want) for one in found] == [
        ("pod_name", Want.POD),
        ("deployment_name", Want.DEPLOYMENT),
        ("namespace", Want.NAMESPACE),
        ("replicas", Want.NUMBER),
        ("db_password", Want.SECRET),
        ("api", Want.TEXT),
    ]

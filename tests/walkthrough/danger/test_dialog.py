"""What the dialog before a dangerous command is told: why, what is touched, the safer form, the target."""

from __future__ import annotations

import pytest

from console.core.runbooks.danger import Danger, Level
from console.walkthrough.danger.judging import danger_of


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("kubectl scale deployment knhk-closed-loop --replicas=0 -n knhk", "knhk-closed-loop"),
        ("kubectl -n prod scale deploy/api --replicas 0", "api"),
        ("kubectl delete ns prod", "prod"),
        ("kubectl delete -f x.yaml", "x.yaml"),
        ("kubectl drain node-1 --force", "node-1"),
        ('kubectl patch deploy x -p \'{"spec":{"replicas":0}}\'', "x"),
        ("kubectl exec postgres-0 -- patronictl failover", "postgres-0"),
        ("kubectl exec postgres-0 -- psql -c 'DROP DATABASE app'", "app"),
        ('psql -d shop -c "DROP TABLE orders"', "orders"),
        ("redis-cli -h cache-1 FLUSHALL", "cache-1"),
        ("redis-cli DEL session:1", "session:1"),
        ("docker rm -f prometheus", "prometheus"),
        ("git push origin +main", "main"),
        ("git push origin HEAD:release", "release"),
        ("rm -rf /var/lib/x", "/var/lib/x"),
        (": > /var/log/app.log", "/var/log/app.log"),
        ("helm uninstall web -n prod", "web"),
        ("systemctl stop nginx", "nginx"),
        ("ssh db-1 sudo reboot", "db-1"),
        ("find /data -name '*.tmp' -delete", "/data"),
        ('kubectl delete ns "$NAMESPACE"', ""),
    ],
)
def test_the_target_is_the_name_that_matters_most(text, target):
    assert danger_of(text).target == target


@pytest.mark.parametrize(
    ("text", "touches"),
    [
        (
            "kubectl --context prod -n knhk scale deploy api --replicas=0",
            (("context", "prod"), ("namespace", "knhk"), ("deployment", "api")),
        ),
        ("kubectl -n a delete po x y", (("namespace", "a"), ("pod", "x"), ("pod", "y"))),
        ("kubectl delete pods --all -n a", (("namespace", "a"), ("pod", "all"))),
        (
            "kubectl -n a exec pg-0 -c main -- psql -h db -d d -c 'DROP TABLE t'",
            (
                ("namespace", "a"),
                ("pod", "pg-0"),
                ("container", "main"),
                ("host", "db"),
                ("database", "d"),
                ("table", "t"),
            ),
        ),
        ("redis-cli -h h -p 1 -n 2 -a pw FLUSHDB", (("host", "h"), ("port", "1"), ("database", "2"))),
        ("redis-cli -u redis://u:pw@h:6380/3 FLUSHDB", (("host", "h"), ("port", "6380"), ("database", "3"))),
        ("docker rm a", (("container", "a"),)),
        ("git push origin +main", (("remote", "origin"), ("branch", "main"))),
        ("rm a b", (("file", "a"), ("file", "b"))),
        ("curl -X DELETE https://u:pw@h:8443/x", (("host", "h"), ("port", "8443"))),
        ("ssh root@h 'systemctl stop x'", (("host", "h"), ("service", "x"))),
    ],
)
def test_what_is_touched_is_told_from_the_outside_in(text, touches):
    assert danger_of(text).touches == touches


def test_values_of_variables_name_what_is_touched():
    danger = danger_of('kubectl -n "$NAMESPACE" delete pod $POD', {"NAMESPACE": "knhk", "POD": "api-1"})
    assert danger.touches == (("namespace", "knhk"), ("pod", "api-1"))
    assert danger.target == "api-1"
    assert danger.commands == ("kubectl -n knhk delete pod api-1",)


def test_a_variable_the_text_sets_once_is_known_after_it():
    assert danger_of("NS=prod\nkubectl delete ns $NS").target == "prod"
    assert danger_of("kubectl delete ns $NS\nNS=prod", {"NS": "dev"}).target == ""


def test_flags_in_a_known_variable_are_flags():
    text = "redis-cli -h h $REDIS_OPTIONS FLUSHDB"
    assert danger_of(text, {"REDIS_OPTIONS": "-p 7 -n 3"}).touches == (("host", "h"), ("port", "7"), ("database", "3"))
    assert danger_of("kubectl $ARGS get pods", {"ARGS": "delete"}).level is Level.DESTROYS
    assert danger_of("kubectl $VERB pods", {"VERB": "get"}).level is Level.READS


@pytest.mark.parametrize(
    ("text", "safer"),
    [
        ("kubectl delete ns prod", "kubectl delete ns prod --dry-run=server"),
        ("kubectl delete ns prod --dry-run=none", "kubectl delete ns prod --dry-run=server"),
        ("kubectl -n a apply -f x.yaml", "kubectl -n a diff -f x.yaml"),
        ("rm -rf a b", "ls -ld a b"),
        ("rm -rf 'a b'", "ls -ld 'a b'"),
        ("rm -rf /tmp/*.log", "ls -ld /tmp/*.log"),
        ("terraform apply -auto-approve -var a=b", "terraform plan -var a=b"),
        ("terraform -chdir=x destroy", "terraform -chdir=x plan -destroy"),
        ("redis-cli -h h -n 3 FLUSHDB", "redis-cli -h h -n 3 DBSIZE"),
        ("redis-cli KEYS 'a:*'", "redis-cli --scan --pattern 'a:*'"),
        ("redis-cli DEL a b", "redis-cli UNLINK a b"),
        ("git push --force origin main", "git push --force-with-lease origin main"),
        ("docker rm -f web", "docker stop web"),
        ("docker compose -f x.yml down", "docker compose -f x.yml stop"),
        ('psql -d s -c "DELETE FROM t WHERE a = 1"', "psql -d s -c 'SELECT count(*) FROM t WHERE a = 1'"),
        ('psql -d s -c "DROP TABLE t"', "psql -d s -c '\\d t'"),
        ("kubectl exec db -- psql -c 'TRUNCATE t'", "kubectl exec db -- psql -c 'SELECT count(*) FROM t'"),
        ("sudo rm x", "sudo ls -ld x"),
        ("find . -name '*.log' -delete", "find . -name '*.log' -print"),
        ("git clean -fdx", "git clean -n -fdx"),
        ("kubectl get pods", ""),
    ],
)
def test_the_safer_form_keeps_the_persons_own_words(text, safer):
    assert danger_of(text).safer == safer


@pytest.mark.parametrize(
    "text",
    [
        "kubectl delete ns prod",
        "kubectl apply -f x",
        "rm -rf a",
        "terraform destroy",
        "redis-cli FLUSHALL",
        "redis-cli KEYS a",
        "docker rm -f x",
        'psql -c "DELETE FROM t"',
        "find . -delete",
        "git clean -f",
        "helm uninstall x",
        "rsync --delete a b",
    ],
)
def test_the_safer_form_is_no_more_dangerous(text):
    safer = danger_of(text).safer
    assert safer
    assert danger_of(safer).level.rank <= danger_of(text).level.rank


def test_the_reason_is_one_short_sentence():
    assert danger_of("redis-cli INFO\nredis-cli FLUSHDB").why == "FLUSHDB empties the database"
    assert (
        danger_of("kubectl scale deploy knhk-closed-loop --replicas=0").why == "scales knhk-closed-loop to 0 replicas"
    )
    assert "blocks the server" in danger_of("redis-cli KEYS '*'").why
    assert danger_of("ls\necho )").why == "line 2 cannot be read as shell"


def test_only_commands_that_do_more_than_read_are_listed_in_order():
    text = "kubectl get pods\nkubectl delete pod x\necho ok > f\nsudo systemctl restart y"
    assert danger_of(text).commands == ("kubectl delete pod x", "echo ok > f", "sudo systemctl restart y")


def test_an_empty_text_reads():
    assert danger_of("") == Danger(Level.READS)
    assert danger_of("# only a remark\n") == Danger(Level.READS)

"""Commands as runbooks write them every day: most of them look, and those that do more are never said to look."""

from __future__ import annotations

import pytest

from console.core.runbooks.danger import Level
from console.walkthrough.danger.judging import danger_of
from console.walkthrough.filling.placeholders import with_stand_ins

EVERYDAY = {
    "reads": """
        oc adm must-gather
        oc adm must-gather -- /usr/bin/gather_audit_logs
        oc debug node/worker-1 -- chroot /host crictl ps
        oc debug node/worker-1 -- chroot /host journalctl -u kubelet
        kubectl set env deployment/web --list
        kubectl get pods -o jsonpath='{.items[*].metadata.name}' | xargs -n1 kubectl describe pod
        for pod in $(oc get pods -o name); do oc exec $pod -- df -h; done
        time found=$(kubectl get pods); echo $found
        watch -n 5 'ceph status'
        bundle exec rake db:migrate:status
        rails routes
        gitlab-rake gitlab:check
        tootctl media usage
        tootctl media remove --days 7 --dry-run
        sudo -u www-data php occ status
        restic snapshots
        borg list
        make -n deploy
        rbenv versions
        kubeadm upgrade plan
        kubeadm certs check-expiration
        monmaptool --print monmap
        perf top
        sudo namei -l /var/run/x.sock
        tcpdump -i any -c 10 port 80
        tcpdump -i any -w - port 80 | head -c 10
        conntrack -L
        hdfs dfs -ls /
        toolbox journalctl -b
        envdir /etc/wal-e.d/env wal-e backup-list
        storagetool volume list
        storagetool --version
        terragrunt run-all plan
        gitlab-runner verify
        pg_restore -l shop.dump
        hdparm -I /dev/sda
        /etc/init.d/web status
        docker attach --no-stdin web
        visitor accounts list
    """,
    "changes": """
        oc debug node/worker-1 -- chroot /host systemctl restart kubelet
        kubectl debug node/worker-1 --image=busybox -- ls /host
        kubectl get cm web -o yaml > web-backup.yaml
        kubectl logs web > /tmp/web
        kubectl get cm web -o yaml > "$FOLDER/web.yaml"
        pg_dump shop > shop.sql
        pg_dumpall | gzip > /backup/all.sql.gz
        ls | tee listing.txt
        openssl genrsa -out server.key 2048
        tcpdump -i any -w caught.pcap
        rails db:migrate
        rake assets:precompile
        tootctl search deploy
        bundle install
        gitlab-backup create
        rbenv install 3.3.0
        perf record -a sleep 5
        kubeadm upgrade apply v1.30.1
        az aks get-credentials -n a -g b
        gcloud container clusters get-credentials a
        occ maintenance:mode --on
        git unpack-objects
        visudo
        gcloud compute scp web-1:/tmp/x .
        gitlab-runner register
        pg_restore -d shop shop.dump
    """,
    "destroys": """
        kubectl get pods > /etc/pods.yaml
        : > app.log
        true > app.log
        cat /dev/null > app.log
        sudo sh -c '> app.log'
        echo > app.log
        kubectl get pods > ../../etc/pods
        rake db:drop
        rails db:rollback
        gitlab-rake gitlab:backup:restore
        gitlab-backup restore BACKUP=1
        tootctl accounts delete someone
        tootctl maintenance fix-duplicates
        restic forget --prune --keep-last 1
        nodetool drain
        iptables-restore < rules
        envdir /etc/wal-e.d/env wal-e backup-fetch /data LATEST
        storagetool volume delete a
        kubeadm reset
        gitlab-runner verify --delete
        gitlab-runner unregister --name a
        mysql -e "RESET SLAVE ALL"
        mysql -e "RESET MASTER"
        terragrunt run-all destroy
        terragrunt run --all destroy
        gcloud sql backups restore 12 --restore-instance=shop
        pg_restore --clean -d shop shop.dump
        /etc/init.d/web stop
        curl -X POST h:9200/_cluster/reroute -d '{"commands":[{"allocate_stale_primary":{"accept_data_loss":true}}]}'
    """,
    "unknown": """
        oc debug node/worker-1
        kubectl debug -it web --image=busybox
        oc adm must-gather -- bash collect.sh
        rails runner 'puts 1'
        rails console
        rake something:else
        make deploy
        storagetool volume list rm -rf x
        ./storagetool list
        storagetool resize
        storagetool set version 2
        storagetool version 2
        storagetool create list
        storagetool run status
        storagetool status --fix
        storagetool list --delete
        storagetool exec list
        sudo php occ.php status
        java -jar tool.jar list
        docker attach web
    """,
}
CASES = [(line.strip(), level) for level, lines in EVERYDAY.items() for line in lines.splitlines() if line.strip()]


@pytest.mark.parametrize(("text", "level"), CASES)
def test_an_everyday_command_is_judged_as_an_engineer_would(text, level):
    assert danger_of(text).level is Level(level)


@pytest.mark.parametrize(
    "text",
    [
        "kubectl exec <pod> -c <container> -- <command>",
        "redis-cli -h cache <COMMAND>",
        'psql -c "<query>"',
        "psql -c '<your SQL statement>'",
        "kubectl <verb> pods",
        "systemctl <action> nginx",
        "curl -X <METHOD> http://x/y",
        "git <subcommand>",
        "ssh host <command>",
    ],
)
def test_what_is_still_to_be_filled_in_where_it_decides_is_never_said_to_read(text):
    assert danger_of(with_stand_ins(text)).level is Level.UNKNOWN


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kubectl get po -o name | xargs kubectl delete", "deletes what it is fed"),
        ("kubectl delete pods -l app=web", "deletes all pods with app=web"),
        ("kubectl delete pods --all", "deletes all pods"),
        ("kubectl set image deployment/web web=web:2", "changes the image of deployment web"),
        ("kubectl rollout restart deployment/web", "restarts the pods of deployment web"),
        ("kubectl get deploy -o name | xargs kubectl rollout restart", "restarts the pods of what it is fed"),
        ("docker rm prometheus", "removes container prometheus"),
        ("docker ps -aq | xargs docker rm", "removes what it is fed"),
        ("patronictl failover", "moves the primary to another member"),
        ("systemctl stop web", "stops service web"),
        ("helm uninstall web", "uninstalls release web"),
    ],
)
def test_the_reason_is_a_plain_sentence(text, why):
    assert danger_of(text).why == why


@pytest.mark.parametrize(
    ("text", "safer"),
    [
        (
            "kubectl get po -o name | xargs kubectl delete",
            "kubectl get po -o name | xargs kubectl delete --dry-run=server",
        ),
        (
            "kubectl get po -o name | grep web | xargs -I{} kubectl delete {} -n a",
            "kubectl get po -o name | grep web | xargs -I{} kubectl delete {} -n a --dry-run=server",
        ),
        ("cat x.yaml | kubectl delete -f -", "cat x.yaml | kubectl delete -f - --dry-run=server"),
        ("docker ps -aq | xargs docker rm -f", "docker ps -aq | xargs docker stop"),
    ],
)
def test_the_safer_form_of_what_is_fed_is_the_whole_pipeline(text, safer):
    assert danger_of(text).safer == safer


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("kubectl create secret generic web-key --from-literal=a=b", "web-key"),
        ("kill -9 $pid\nrm -rf node4", "node4"),
        ("cockroach node decommission 4 --host=h", "4"),
        ("aws rds create-db-instance --db-instance-identifier new --source-db-instance-identifier old", "new"),
        ("knife ssh roles:web 'sudo chef-client'", "roles:web"),
        ("tcpdump -w caught.pcap -i eth0", "caught.pcap"),
    ],
)
def test_the_target_is_what_is_changed_and_not_what_it_is_made_from(text, target):
    assert danger_of(text).target == target


def test_a_heredoc_that_cat_holds_is_read_as_the_argument_it_becomes():
    patch = 'kubectl patch deploy web -p "$(cat <<EOF\n%s\nEOF\n)"'
    assert danger_of(patch % '{"spec": {"replicas": 0}}').level is Level.DESTROYS
    assert danger_of(patch % '{"spec": {"paused": true}}').level is Level.CHANGES
    assert danger_of('psql -c "$(cat <<EOF\nDROP TABLE a;\nEOF\n)"').level is Level.DESTROYS
    nested = danger_of('psql -c "$(cat <<EOF\nSELECT $(rm -rf x)\nEOF\n)"')
    assert nested.level.asks and "rm -rf x" in nested.commands


def test_a_heredoc_is_told_as_it_is_written():
    told = danger_of('kubectl create -f "$(cat a <<EOF\nx\nEOF\n)" <<EOF\ny\nEOF')
    assert all(char < "\ue000" or char > "\uf8ff" for char in "".join((*told.commands, told.why, told.safer)))


def test_a_character_far_from_ascii_behind_a_brace_ends_no_process():
    for char in ("\U0009569b", "\U000d62b0", "\U0010fffd", "\U0001f600", "日"):
        assert danger_of(f"echo {{{char}}} [{{{char}\nkubectl delete pod x").level.asks


@pytest.mark.parametrize(
    "before", ["ls", "ls a", "ls -f", 'ls "$X"', "ls a # x", "ls a\n", "kubectl logs web \\\n  -f"]
)
def test_a_line_that_begins_with_a_backslash_is_a_command_of_its_own(before):
    assert danger_of(f"{before}\n\\rm x").level is Level.DESTROYS
    assert danger_of(f"{before}\n\\kubectl delete pod x").level is Level.DESTROYS


@pytest.mark.parametrize("stages", range(1, 9))
@pytest.mark.parametrize(
    "after", ["rm x 2>/dev/null || true", "rm x", "> /etc/x", "A=b rm x", "sudo rm x >> y", "{ rm x; }"]
)
def test_no_pipeline_hides_the_line_behind_it(stages, after):
    text = " | ".join(["sort a", *["uniq -c"] * (stages - 1)])
    assert danger_of(f"{text}\n{after}").level.rank >= Level.DESTROYS.rank

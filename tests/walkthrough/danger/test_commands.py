"""What single commands are judged to do, by family."""

from __future__ import annotations

import pytest

from console.core.runbooks.danger import Level
from console.walkthrough.danger.judging import danger_of

FAMILIES = {
    "reads": """
        kubectl logs "$POD" -c main --previous -f
        kubectl $ARGS get pods
        kubectl get --raw /readyz
        kubectl exec -it pod -- psql -c "SELECT 1"
        kubectl run -it pod -- psql -c "SELECT 1"
        kubectl run tmp --rm -i --image=curl --restart=Never -- curl -s http://x/health
        kubectl rollout status deploy/x --timeout=5m
        kubectl rollout history deploy/x
        kubectl config get-contexts
        kubectl auth can-i delete pods
        kubectl diff -f x.yaml
        kubectl top pods -A
        oc adm top nodes
        oc whoami
        redis-cli KEYS '*'
        redis-cli --scan --pattern 'a:*'
        redis-cli --bigkeys
        redis-cli CONFIG GET maxmemory
        redis-cli -h "$H" $REDIS_OPTIONS PING
        redis-cli -u redis://u:p@h:1/2 DBSIZE
        redis-cli SENTINEL masters
        redis-cli CLIENT LIST
        redis-cli MEMORY STATS
        echo INFO | redis-cli
        printf 'PING\\nDBSIZE\\n' | redis-cli -h h
        redis-cli <<< "INFO memory"
        psql -c "SELECT 'DROP TABLE x' -- DROP TABLE y"
        psql -c 'SELECT "drop", $$DELETE FROM x$$ FROM t /* TRUNCATE t */'
        psql -c "EXPLAIN DELETE FROM x"
        psql -c '\\dt+ public.*'
        psql -l
        psql "$DATABASE_URL" -Atc "SELECT count(*) FROM users WHERE id = $ID"
        psql -c "WITH a AS (SELECT 1) SELECT * FROM a"
        mysql -uroot -psecret -e "SHOW PROCESSLIST" db
        sqlite3 x.db "select count(*) from t"
        sqlite3 x.db .tables
        mongosh --eval 'db.serverStatus()'
        clickhouse-client -q "SHOW TABLES"
        cqlsh -e "SELECT * FROM a.b LIMIT 1"
        docker ps -a
        docker logs -f --tail 10 web
        docker exec web ls /
        docker compose -f x.yml exec -T db psql -c "select 1"
        docker-compose ps
        crictl ps
        git status
        git show HEAD
        git branch -a
        git clean -n
        git push --dry-run --force origin main
        systemctl status x
        systemctl list-units --failed
        journalctl -u x -f
        service x status
        kill -0 1
        kill -l
        find . -name '*.log'
        sed -n 1,3p f
        awk '$3 > 5 {print $1}' f
        awk -F: '{print $1, "a > b"}' f
        sort f | uniq -c | sort -rn | head
        jq '.a' f
        tar tzf a.tgz
        curl -XPOST localhost:9200/i/_search -d '{}'
        curl -s -o /dev/null -w '%{http_code}' http://x
        wget -qO- http://x
        nc -zv h 80
        echo ruok | nc h 2181
        terraform plan -out x
        terraform state list
        aws ec2 describe-instances
        aws s3 ls
        gcloud compute instances list
        az vm show -g a -n b
        helm list -A
        helm upgrade a b --dry-run
        patronictl -c f list
        pgbackrest --stanza=x info
        etcdctl endpoint status
        consul kv get x
        vault status
        rabbitmqctl list_queues
        kafka-topics.sh --bootstrap-server x --list
        promtool check rules f
        amtool alert query
        mysqladmin processlist
        weaver registry check -r .
        export A=b; cd /tmp; set -e; read -r x; sleep 1; [[ -n $x ]]; test -f y; [ a = b ]; declare -x C=1
        command -v x >/dev/null || { echo missing; exit 127; }
        f=$(mktemp); kubectl get pods > "$f"; wc -l < "$f"; rm "$f"
        ls > /dev/null 2>&1
        cat </dev/null >/dev/tcp/h/80
        xargs -n1 echo
        bash -n script.sh
        # systemctl reboot
    """,
    "changes": """
        kubectl apply -f x.yaml
        kubectl scale deploy x --replicas=3
        kubectl cordon n
        kubectl annotate pod x a=b
        kubectl edit deploy x
        kubectl cp a pod:/b
        kubectl config use-context prod
        kubectl rollout undo deploy/x
        kubectl patch svc x --type=json -p='[{"op":"remove","path":"/spec/a"}]'
        kubectl patch deploy x -p "{\\"spec\\":{\\"template\\":{\\"image\\":\\"$IMG\\"}}}"
        redis-cli CONFIG SET maxmemory 1gb
        redis-cli -n 3 SET a b
        redis-cli CLIENT KILL TYPE normal
        redis-cli REPLICAOF NO ONE
        psql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        psql -c "SELECT pg_reload_conf()"
        psql -c "UPDATE t SET a = 1 WHERE b = 2"
        psql -c "DELETE FROM t WHERE a = 'b; DROP TABLE y'"
        psql -c "EXPLAIN (ANALYZE, BUFFERS) INSERT INTO t VALUES (1)"
        psql -c "VACUUM FULL t"
        psql -c "WITH a AS (DELETE FROM t WHERE b = 1 RETURNING *) SELECT * FROM a"
        mongosh --eval 'db.x.updateOne({a:1},{$set:{b:2}})'
        docker start x
        docker compose up -d
        docker pull x
        git pull
        git push origin main
        git commit -m "rm -rf /"
        git checkout main
        systemctl restart x
        kill -HUP 1
        sed -i s/a/b/ f
        echo x >> f
        cp a b
        mkdir -p x
        chmod 600 f
        curl -XPOST http://x/-/reload
        curl -o f http://x
        curl -d a=b http://x
        apt-get install -y x
        pip install x
        terraform apply
        aws s3 cp a s3://b/a
        helm upgrade x y -n z
        amtool silence add a=b
        etcdctl defrag
        tar xzf a.tgz
        rsync -a a b
        tee -a f < x
    """,
    "destroys": """
        kubectl drain n --ignore-daemonsets
        kubectl delete -f x.yaml
        kubectl replace --force -f x.yaml
        kubectl apply --prune -f x.yaml
        kubectl $ARGS delete pod x
        kubectl patch deploy x --type json -p '[{"op": "replace", "path": "/spec/replicas", "value": 0}]'
        kubectl patch deploy x -p 'spec: {replicas: 0}'
        kubectl patch pvc x -p '{"metadata":{"finalizers":null}}'
        kubectl exec db -- psql -c 'TRUNCATE t'
        kubectl exec pod redis-cli FLUSHALL
        redis-cli -h "$H" $REDIS_OPTIONS FLUSHALL
        redis-cli DEL a
        redis-cli SHUTDOWN NOSAVE
        redis-cli REPLICAOF h 6379
        echo FLUSHALL | redis-cli
        printf "%s\\n" INFO FLUSHDB | redis-cli
        redis-cli <<< FLUSHDB
        { echo INFO; echo FLUSHALL; } | redis-cli -n 3
        echo FLUSHALL | xargs redis-cli
        echo "DROP TABLE x" | psql
        psql -c "EXPLAIN ANALYZE DELETE FROM t"
        psql -c "DELETE FROM t"
        psql -c "SELECT 1; DROP DATABASE app"
        psql -c "DELETE FROM t WHERE 1=1"
        psql -c "ALTER TABLE t DROP COLUMN c"
        mysql -e 'drop database app'
        mongosh --eval 'db.dropDatabase()'
        sqlite3 x.db 'DELETE FROM t'
        docker compose down -v
        docker system prune -af
        docker volume rm x
        docker stop x
        docker exec -i db redis-cli -n 3 FLUSHDB
        git push --force origin main
        git push origin :main
        git push --delete origin main
        git reset --hard HEAD~1
        git clean -fdx
        git branch -D x
        systemctl stop x
        systemctl reboot
        sudo reboot
        shutdown -h now
        kill -9 1
        pkill -f x
        rm -rf x
        \\rm x
        'rm' x
        r''m x
        /bin/rm x
        dd if=/dev/zero of=/dev/sda
        mkfs.ext4 /dev/sda1
        truncate -s 0 f
        > f
        echo x > f
        [ a > b ]
        : >| f
        cat a &> f
        tee f < x
        find . -name x -delete
        find . -name '*.gz' -exec rm -f {} \\;
        awk '{print $1 > "f"}' x
        curl -X DELETE http://x/y
        curl --request=DELETE http://x/y
        curl -sXDELETE http://x/y
        rsync -a --delete a/ b/
        terraform destroy
        aws s3 rm s3://x --recursive
        aws ec2 terminate-instances --instance-ids i
        gcloud compute instances delete x
        az group delete -n x
        helm uninstall x
        crontab -r
        ssh host sudo reboot
        trap 'rm -rf /x' EXIT
        f() { rm x; }
        kubectl delete ns prod 2>/dev/null --dry-run=none
        redis-cli > out FLUSHALL
        consul kv delete x
        vault kv delete x
        etcdctl del a --prefix
        rabbitmqctl purge_queue q
    """,
    "unknown": """
        sh -c "$CMD"
        kubectl $VERB pods
        kubectl "$ARGS" pods
        kubectl $COMMAND delete
        redis-cli $CMD
        redis-cli --eval x.lua
        redis-cli EVAL "return 1" 0
        redis-cli
        psql -c "$SQL"
        psql -f x.sql
        psql < x.sql
        psql
        kubectl exec -it pod -- bash
        kubectl scale deploy x --replicas="$N"
        kubectl patch deploy x -p "{\\"spec\\":{\\"replicas\\":$N}}"
        kubectl patch deploy x -p "$PATCH"
        ssh host
        curl x | sudo bash
        curl x | bash -s -- a
        bash <(curl -s x)
        bash script.sh
        ./script.sh
        source env.sh
        . env.sh
        node -e 'x'
        perl -pe 's/a/b/' f
        ruby -e x
        python scripts/x.py
        awk '{system("rm")}' x
        $(echo rm) x
        "$X" y
        "$@"
        eval "$X"
        frobnicate --all
        kubectl frobnicate
        git frobnicate
        docker $X
        curl -X "$METHOD" http://x
        systemctl "$ACTION" x
        service x $ACTION
        if true; then
        echo "unclosed
        ./ls
        xargs sh -c
        alias x=y; x
        BASH_ENV=x bash -c true
        exec 3<>/dev/tcp/redis/6379; echo FLUSHALL >&3
        printf "FLUSHALL" | nc redis 6379
    """,
}
CASES = [(line.strip(), level) for level, lines in FAMILIES.items() for line in lines.splitlines() if line.strip()]


@pytest.mark.parametrize(("text", "level"), CASES)
def test_a_command_is_judged_by_what_it_does(text, level):
    assert danger_of(text).level is Level(level)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("redis-cli -n 1 <<EOF\nINFO\nFLUSHDB\nEOF", "destroys"),
        ("redis-cli <<'EOF' | tee -a out\nINFO\nEOF", "changes"),
        ("psql -h h <<EOF -d db\nSELECT 1;\nDROP TABLE x;\nEOF", "destroys"),
        ("psql <<EOF\nSELECT '$NAME';\nEOF", "reads"),
        ("psql <<EOF\n$SQL\nEOF", "unknown"),
        ("cat <<EOF | psql\nDELETE FROM t;\nEOF\necho done", "destroys"),
        ("cat <<EOF\nrm -rf /\nEOF", "reads"),
        ("cat <<EOF\n$(rm -rf /x)\nEOF", "destroys"),
        ("cat <<'EOF'\n$(rm -rf /x)\nEOF", "reads"),
        ("cat <<EOF\n`rm -rf /x`\nEOF", "destroys"),
        ("bash <<EOF\nrm x\nEOF", "destroys"),
        ("ssh host <<'EOF'\nsudo reboot\nEOF", "destroys"),
        ("ssh host 'bash -s' <<'EOF'\nuptime\nEOF", "reads"),
        ("kubectl apply -f - <<EOF\nkind: Deployment\nmetadata:\n  name: x\nspec:\n  replicas: 0\nEOF", "destroys"),
        ("kubectl apply -f - <<EOF\nkind: Deployment\nmetadata:\n  name: x\nspec:\n  replicas: 2\nEOF", "changes"),
        ("kubectl exec -i db -- psql <<-EOF\n\tTRUNCATE t;\n\tEOF", "destroys"),
        ("cat <<A <<B\nx\nA\ny\nB\nrm z", "destroys"),
        ('git commit -m "$(cat <<\'EOF\'\ndrop "x\nEOF\n)" && kubectl get pods', "changes"),
        ("echo $((1<<2)); kubectl get pods", "reads"),
        ("kubectl get pods | while read -r p; do\n  kubectl delete $p\ndone", "destroys"),
        ("for v in get delete; do kubectl $v pods; done", "unknown"),
        ("V=get\nkubectl $V pods", "reads"),
        ("V=get\nif x; then V=delete; fi\nkubectl $V pods", "unknown"),
        ("V=delete kubectl get pods", "reads"),
        ("read -r V; kubectl $V pods", "unknown"),
        ("run() { echo \"$@\"; }\nrun rm -rf /", "reads"),
        ("run() { \"$@\"; }\nrun ls", "unknown"),
        ("kubectl \\\n  delete \\\n  pod x", "destroys"),
        ("kubectl get pods\r\nkubectl delete pod x\r\n", "destroys"),
        ("bash -c 'bash -c \"rm x\"'", "destroys"),
        ("sudo sh -c 'echo 1 > /proc/sys/vm/drop_caches'", "destroys"),
        ("ps aux | awk '{print $2}' | xargs -I{} sh -c 'kill -9 {}'", "destroys"),
        ("echo \"$(kubectl delete pod x)\"", "destroys"),
        ("diff <(kubectl get cm a -o yaml) <(kubectl delete cm b)", "destroys"),
        ("x=$(redis-cli FLUSHALL)", "destroys"),
        ("kubectl get pods -n ${NS:-$(kubectl delete ns x)}", "destroys"),
    ],
)  # fmt: skip
def test_a_block_is_as_dangerous_as_its_worst_command(text, level):
    assert danger_of(text).level is Level(level)

"""What must be judged how, by level."""

from __future__ import annotations

from console.core.runbooks.danger import Level

DESTROYS = (
    "redis-cli FLUSHDB",
    "redis-cli -h h -p 1 -a pw FLUSHALL",
    "redis-cli INFO; redis-cli FLUSHALL",
    "redis-cli --scan | xargs redis-cli DEL",
    "kubectl scale deployment knhk-closed-loop --replicas=0 -n knhk",
    "kubectl -n prod scale deploy api --replicas 0",
    """kubectl patch deploy x -p '{"spec":{"replicas":0}}'""",
    "kubectl get pods -o name | xargs kubectl delete",
    "kubectl delete ns prod --dry-run=none",
    "docker rm prometheus",
    "docker ps -aq | xargs docker rm -f",
    "git push origin +main",
    'psql -c "DROP TABLE x"',
    "find . -exec rm {} +",
    "patronictl failover",
    ": > file",
)
CHANGES = (
    "kubectl set image deployment/web web=web:2",
    "docker run -d nginx",
    "kubectl rollout restart deployment/web",
)
READS = (
    "kubectl get pods",
    "redis-cli INFO memory",
    "curl -s localhost/health",
    "git log | head",
    "echo FLUSHALL",
    'grep "DROP TABLE" f',
    "kubectl delete ns prod --dry-run=client",
)
UNKNOWN = (
    'sh -c "$CMD"',
    'python -c "print(1)"',
    "curl x | sh",
    "$TOOL -rf",
)
TABLE = (
    *((text, Level.DESTROYS) for text in DESTROYS),
    *((text, Level.CHANGES) for text in CHANGES),
    *((text, Level.READS) for text in READS),
    *((text, Level.UNKNOWN) for text in UNKNOWN),
)

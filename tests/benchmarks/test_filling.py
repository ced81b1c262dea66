"""What the questions of a runbook of 1 MB cost, as a multiple of reading it; and a look at any one step after that."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from console.walkthrough.filling.assess import assess
from console.walkthrough.filling.placeholders import placeholders_of
from console.walkthrough.reading.document import parse_runbook
from tests.benchmarks.test_reading import fastest, of_1_mb

COMMANDS = (
    "kubectl -n <namespace> get pod <pod-{n}> -o yaml | grep phase",
    'export POD_{n}=$(kubectl get pods -n "$NS" -o name | head -1)',
    'kubectl exec "$POD_{n}" -- redis-cli -a $REDIS_PASSWORD INFO | grep used_memory',
    "curl -s -u admin:{{password}} https://<host>/api/v1/{n} | jq .status",
    "NS=shop-{n}\nkubectl -n $NS rollout restart deployment/pool-{n}",
    "for p in $(kubectl get pods -o name); do\n  kubectl logs $p --tail={n}\ndone",
    "cat <<EOF | kubectl apply -f -\nkind: ConfigMap\nmetadata:\n  name: {name_{n}}\nEOF",
)
PROSE = "The pool of this part is full; look at what holds it before anything is restarted, and tell the others.\n"


def step(number: int) -> str:
    command = COMMANDS[number % len(COMMANDS)].replace("{n}", str(number))
    return f"## Part {number}\n\n{PROSE}\n```bash\n{command}\n```\n\n"


def test_what_thousands_of_steps_ask_for_is_worked_out_once_and_soon() -> None:
    raw = of_1_mb(step)
    reading = fastest(lambda: parse_runbook(Path("book.md"), raw))
    runbook = parse_runbook(Path("book.md"), raw)
    known = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    began = time.perf_counter()
    asked = placeholders_of(runbook, frozenset(known))
    asking = time.perf_counter() - began
    numbers = [each.number for each in runbook.steps if each.runnable]
    assess(runbook, numbers[0], asked, {}, {}, known, "shop")
    # Steps that were not looked at before: a bash reads each of them.
    looks = []
    for number in numbers[-1:-400:-20]:
        began = time.perf_counter()
        assess(runbook, number, asked, {}, {}, known, "shop")
        looks.append(time.perf_counter() - began)
    looking = sorted(looks)[len(looks) // 2]
    print(
        f"\n{len(numbers):,} steps, {len(asked):,} questions: {asking:.2f} s, {asking / reading:.1f} times reading it:"
        f" {reading:.2f} s; a look at one of the last steps {looking * 1e3:.1f} ms, 1/{asking / looking:.0f} of that",
        file=sys.stderr,
    )
    assert len(numbers) > 4_000
    assert asking < 6 * reading
    assert looking < asking / 20

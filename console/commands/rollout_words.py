"""What the console says of keys, said of commands: on a command line nobody can press `h`."""

from __future__ import annotations

import re

_VERBS = {
    "p": "rollout promote",
    "h": "rollout hold",
    "R": "rollback",
    "A": "rollout abort",
    "t": "rollout retry PHASE",
    "S": "rollout start PLAN",
    "w": "watch --detach",
    "T": "rollout take-over",
    "g": "rollout sign ROLE",
    "k": "rollout look",
    "space": "rollout tick N",
}
_RESUME = "rollout resume"
_DOES = "promotes|overrides|holds|rolls|aborts|ends|tries|retries|starts|takes|signs|marks|ticks|and then"
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"\(Enter opens them\)", "(`rollout tick N`, `rollout sign ROLE go`)"),
        (r"\bEnter opens them\b", "`rollout tick N` and `rollout sign ROLE go` do that"),
        (r"\bEnter shows the others\b", "`kubectl get pods` shows the others"),
        (r"\(?\bpress 1 and Enter for pods and events\b\)?", "look at its pods and events with kubectl"),
        (r"\blook at pane 1\b", "look at `rollout status`"),
        (r"\bpress R again\b", "run `rollback` again"),
        (r"\bpress R to try again\b", "run `rollback` to try again"),
        (r"\bpressed R\b", "asked for it"),
        (r"\bno key is needed\b", "no command is needed"),
        (r"(?<![\w`'.-])p with a reason overrides\b", "`rollout promote --override REASON` overrides"),
        (r"\ba typed reason overrides\b", "`rollout promote --override REASON` overrides"),
        (r"\bresume \(h\)", f"resume (`{_RESUME}`)"),
        (r"\broll back \(R\)", "roll back (`rollback`)"),
        (r"\babort it first \(A\)", "abort it first (`rollout abort`)"),
        (r"(?<![\w`'.-])h (?=resumes|goes on|tries)", f"`{_RESUME}` "),
    )
)
_KEY = re.compile(rf"(?<![\w`'.-])({'|'.join(_VERBS)}) (?={_DOES})")


def by_command(sentence: str) -> str:
    """A sentence of the console with the command in the place of each key, as in `\\`rollout hold\\` holds`."""
    for hint, said in _HINTS:
        sentence = hint.sub(said, sentence)
    return _KEY.sub(lambda found: f"`{_VERBS[found[1]]}` ", sentence)

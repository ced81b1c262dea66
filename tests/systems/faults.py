"""What can be wrong with a plan, each as a change of the good one."""

from __future__ import annotations

from tests.systems.plans import PLAN

# Where the fault is seen, what is changed into what, what is wrong, what would be right.
FAULTS = {
    "an unknown key with its nearest": (
        "cheklist", "checklist: [logs", "cheklist: [logs", "no key `cheklist`", "`checklist`",
    ),
    "an unknown key of the plan": (
        "succes:", "title: the", "succes: [x]\ntitle: the", "no key `succes`", "`success`",
    ),
    "no name": ("title:", "name: release\n", "", "has no `name`", "name: release"),
    "a name that is not the file's": (
        "name: other", "name: release", "name: other", "release.rollout.yaml", "other.rollout",
    ),
    "a name with capitals": ("name: Release", "name: release", "name: Release", "`Release`", "lower-case"),
    "a version that is none": ("version:", "day_one:", "version: v 2\nday_one:", "`v 2`", "v2.3.3"),
    "a day that is none": ("day_one", "2025-10-23", "23.10.2025", "no day", "2025-10-23"),
    "no phases": ("name: release", "phases:\n", "steps:\n", "has no `phases`", "- name:"),
    "a list of no phases": (
        "phases: []", PLAN[PLAN.index("phases:") :], "phases: []\n", "the plan has no phase", "- name:",
    ),
    "a measure that there is not": (
        "measured:", "canary_share", "canary_shar", "no metric `canary_shar`", "`canary_share`",
    ),
    "a measure that is no ratio": ("measured:", "canary_share", "p99_latency", "which is a time", "%"),
    "a promotion that is none": (
        "promotion: auto", "promotion: automatic", "promotion: auto", "is `auto`", "`automatic`",
    ),
    "a tolerance that is none": ("outage:", "day_one:", "outage: {tolerance: soon}\nday_one:", "soon", "tolerance: "),
    # phases
    "two phases of one name": (
        "name: one\n    title: again", "- name: two\n", "- name: one\n    title: again\n", "two phases `one`", "rename",
    ),
    "a phase without a name": (
        "environment: production", "- name: three\n    env", "- env", "has no `name`", "name: ",
    ),
    "a phase's name": ("t w o", "- name: two", "- name: t w o", "`t w o`", "letters, digits"),
    "an unknown environment": (
        "stagin\n", "  - name: three\n    environment: production\n", "  - name: three\n    environment: stagin\n",
        "`stagin`", "`staging`",
    ),
    "no environment": (
        "- name: three", "  - name: three\n    environment: production\n", "  - name: three\n", "no `environment`",
        "`environment: bare`",
    ),
    "an interval before the first": (
        "interval: 1h", "    soak: 48h", "    soak: 48h\n    interval: 1h", "first", "not_before",
    ),
    "a cadence too short": ("cadence:", "    soak: 48h", "    soak: 48h\n    cadence: 1s", "is 1s", "1m to 30d"),
    # shares
    "a share over the whole": ("share: 500%", "share: 50%", "share: 500%", "over 100 %", "100%"),
    "a bare number as share": ("share: 50\n", "share: 50%", "share: 50", "no share: `50`", "`share: 50%`"),
    "a share that is none": ("share: half", "share: 50%", "share: half", "no share: `half`", "5% or 1 pod"),
    "a share of no pods": ("share: 0 pods", "share: 50%", "share: 0 pods", "no pods", "1 pod"),
    "a share that falls": (
        "share: 4%", "share: 50%", "share: 4%", "is 4%, and staging had 5% or 1 pod", "5% or 1 pod or more",
    ),
    "a share without a strategy": (
        "share: 5%", "strategy: {canary: {stable: demo, canary: demo-canary}}\n", "", "share and no strategy",
        "rolling",
    ),
    "a strategy put aside and a share": (
        "share: 50%", "share: 50%", "share: 50%\n    strategy: none", "no strategy", "rolling",
    ),
    "a strategy without a share": (
        "strategy: {argo", "  - name: three\n", "  - name: three\n    strategy: {argo: {rollout: r}}\n", "no share",
        "share: 5%",
    ),
    "settings without a share": (
        "set: {X", "  - name: three\n", "  - name: three\n    set: {X: a}\n", "no share", "add `share:`",
    ),
    "a setting's name": ("set: {A-B", "set: {AUDIT_LEVEL: FULL}", "set: {A-B: c}", "`A-B`", "AUDIT_LEVEL"),
    "a secret among settings": (
        "API_KEY", "{AUDIT_LEVEL: FULL}", "{API_KEY: sk-0123456789abcdef}", "looks like a secret", "Secret",
    ),
    "a short secret among settings": (
        "PASSWORD", "{AUDIT_LEVEL: FULL}", "{PASSWORD: hunter22}", "`PASSWORD` of `set`", "Secret",
    ),
    "a secret set later": (
        "DB_PASS", "{AUDIT_LEVEL: INFO}", "{DB_PASS: hunter22}", "`DB_PASS` of `set`", "Secret",
    ),
    "a secret by its look": (
        "set: {DATABASE", "{AUDIT_LEVEL: FULL}", "{DATABASE: AKIAABCDEFGHIJKLMNOP}", "looks like a secret", "Secret",
    ),
    "later without when": ("- {set", "{after: 24h, set:", "{set:", "no `after`", "24h"),
    "later without what": (
        "- {after", "{after: 24h, set: {AUDIT_LEVEL: INFO}}", "{after: 24h}", "no `set`", "set: {",
    ),
    "later in the wrong order": (
        "- {after: 2h", "INFO}}\n", "INFO}}\n      - {after: 2h, set: {A: b}}\n", "goes back to 2h", "more than 24h",
    ),
    # tiers
    "a share that no tier is for": ("share: 50%", "up_to: 100%", "up_to: 40%", "no tier is for `share: 50%`", "100%"),
    "tiers in the wrong order": ("up_to: 5%", "up_to: 100%", "up_to: 5%", "not above", "order"),
    "a tier by share and pods": ("up_to: 10% or", "up_to: 10%", "up_to: 10% or 1 pod", "in percent", "10%"),
    "a tier twice": ("up_to: 10%, rollback_when: [p99", "up_to: 100%", "up_to: 10%", "not above", "order"),
    "a tier by pods": ("up_to: 1 pod", "up_to: 10%", "up_to: 1 pod", "in percent", "10%"),
    "a tier without a bound": ("- {rollback", "{up_to: 10%, ", "{", "no `up_to`", "10%"),
    "a tier without criteria": (
        "- {up_to: 10%}", "{up_to: 10%, rollback_when: [error_rate > 1% for 5m]}", "{up_to: 10%}",
        "no `rollback_when`", "[",
    ),
    # times
    "a day without a first": ("day 1", "day_one: 2025-10-23\n", "", "which is the first", "day_one"),
    "a day before the first": ("day 0", "day 1 09:00", "day 0 09:00", "no moment", "count from 1"),
    "an hour that there is not": ("day 1 25", "day 1 09:00", "day 1 25:00", "no moment", "hours to 23"),
    "a moment without a zone": ("2025-10-23T", "day 1 09:00", "2025-10-23T09:00:00", "time zone", "09:00:00Z"),
    "a moment that is none": ("tomorrow", "day 1 09:00", "tomorrow", "no moment: `tomorrow`", "day 2 09:00"),
    "a moment out of the calendar": ("9999", "day 1 09:00", "9999-12-31T23:00:00-05:00", "out of all time", "2025"),
    "a day out of the calendar": ("day 3", "2025-10-23", "9999-12-31", "out of all time", "2025"),
    "times that go back": (
        "day 1 08", "day 3 09:00", "day 1 08:00", "before that of `one`", "2025-10-23 09:00 or later",
    ),
    # rules
    "a condition that is none": (
        "p99_latency is", "p99_latency < 200ms", "p99_latency is fine", "`gates` of phase `one`", "",
    ),
    "a condition across dimensions": ("p99_latency < 200MB", "200ms", "200MB", "bytes", "s"),
    "an unknown metric": ("p99_latncy", "p99_latency < 200ms", "p99_latncy < 200ms", "p99_latncy", "p99_latency"),
    "a rule without a condition": ("{name: x}", "p99_latency < 200ms", "{name: x}", "no `when`", "when: "),
    "a rule that is a list": ("- [x]", "p99_latency < 200ms", "[x]", "neither a text nor a table", "`when`"),
    "an unknown key of a rule": ("whn", "p99_latency < 200ms", "{whn: x}", "no key `whn`", "`when`"),
    "gates that need time and no soak": ("redis_memory stable", "    soak: 48h\n", "", "no soak", "soak: 1h"),
    "a soak that is none": ("soak: long", "soak: 48h", "soak: long", "long", "48h"),
    "a soak without a unit": ("soak: 48\n", "soak: 48h", "soak: 48", "no span", "48m"),
    "a soak without how long": ("soak: {", "soak: 48h", "soak: {on_bad: pause}", "no `for`", "48h"),
    "a bad second that does something else": (
        "soak: {", "soak: 48h", "soak: {for: 1h, on_bad: stop}", "is `stop`", "`pause`",
    ),
    "a check that the environment lacks": (
        "back fails", "front fails 3 times", "back fails 3 times", "no health check `back`", "`health:` of `staging`",
    ),
    "a check behind a metric that the environment lacks": (
        "back_failures", "front fails 3 times", "back_failures > 2", "no health check `back`", "`front`",
    ),
    "a metric whose source the environment lacks": (
        "errors_logged", "error_rate < 1%", "errors_logged < 5/h", "it has none", "`logs:` of `production`",
    ),
    "a plan's rule that one environment cannot judge": (
        "error_rate > 5%", "environment: production", "environment: bare", "no Prometheus",
        "`prometheus:` or `scrape:`",
    ),
    "a floor that the environment cannot judge": (
        "if errors_logged", "error_rate < 1%", "error_rate < 1% if errors_logged >= 1/h", "", "`logs:`",
    ),
    "a gate that is a criterion too": (
        "- error_rate > 1% for 5m", "p99_latency < 200ms", "error_rate > 1% for 5m", "same condition rolls back",
        "line",
    ),
    "a gate that a failing check passes": (
        "- front fails", "p99_latency < 200ms", "front fails 2 times", "health check fails", "rollback_when",
    ),
    "gates that exclude each other": (
        "- p99_latency > 200ms", "200ms\n", "200ms\n      - p99_latency > 200ms\n", "no value of `p99_latency`",
        "number",
    ),
    "a gate below nothing": (
        "redis_memory < 0MB", "p99_latency < 200ms", "redis_memory < 0MB", "no value of `redis_memory`", "number",
    ),
    # people
    "a role that there is not": ("[leed]", "sign_offs: [lead]", "sign_offs: [leed]", "`leed`", "`lead`"),
    "a checklist item with a colon": ("logs: read", "[logs read]", "[{logs: read}]", "not a text", "quotes"),
    "a checklist item twice": ("[logs read,", "[logs read]", "[logs read, logs read]", "twice", "remove one"),
    # strategies
    "an unknown strategy": ("canry", "{canary: {st", "{canry: {st", "no key `canry`", "did you mean `canary`"),
    "an unknown word for a strategy": (
        "strategy: nope", "strategy: {canary: {stable: demo, canary: demo-canary}}", "strategy: nope", "is `nope`",
        "`none`",
    ),
    "two strategies": (
        "strategy:", "-canary}}\n", "-canary}, argo: {rollout: r}}\n", "`canary` and `argo`", "exactly one",
    ),
    "no strategy at all": (
        "strategy: {}", "strategy: {canary: {stable: demo, canary: demo-canary}}", "strategy: {}", "names none",
        "exactly one",
    ),
    "an unknown option": ("stabel", "{stable: demo", "{stabel: demo", "no key `stabel`", "did you mean `stable`"),
    "a strategy without an option": ("strategy:", "{stable: demo, ", "{", "no `stable`", "stable: demo"),
    "one Deployment for both": ("strategy:", "canary: demo-canary", "canary: demo", "are both `demo`", "different"),
    "a Deployment that is not watched": (
        "strategy:", "stable: demo,", "stable: web,", "`web` of `canary` is not among the workloads of `staging`",
        "`- deployment: web`",
    ),
    "a canary that is not watched": (
        "strategy:", "canary: demo-canary", "canary: web-canary", "`web-canary`",
        "`- {deployment: web-canary, optional: true}` to",
    ),
    "a canary that must be optional": (
        "strategy: {canary: {stable: demo-blue", "  - name: three\n    environment: production\n",
        "  - name: three\n    environment: production\n    share: 5%\n"
        "    strategy: {canary: {stable: demo-blue, canary: demo-green}}\n",
        "no pods at the end", "optional: true",
    ),
    "a label that cannot be": (
        "label:", "    soak: 24h\n",
        "    soak: 24h\n    strategy:\n      blue-green: {service: s, blue: demo, green: web,\n        label: -a b}\n",
        "`-a b` cannot be a label", "slot",
    ),
    "an object's name": ("strategy:", "stable: demo,", "stable: De_mo,", "`De_mo`", "lower-case"),
    "a strategy that needs Kubernetes": (
        "strategy:", "  - name: three\n", "  - {name: x, environment: bare, share: 5%}\n  - name: three\n",
        "needs Kubernetes", "`command`",
    ),
    "a share that rolling cannot give": (
        "share: 50%", "share: 50%\n", "share: 50%\n    strategy: {rolling: {deployment: demo}}\n",
        "cannot give `50%`", "share: 100%",
    ),
    "a share that blue-green cannot give": (
        "share: 60%", "share: 50%\n",
        "share: 60%\n    strategy: {blue-green: {service: s, blue: demo, green: demo-canary}}\n", "cannot give `60%`",
        "`share: 0%`",
    ),
    "pods where weights are meant": (
        "share: 3 pods", "share: 50%\n",
        "share: 3 pods\n    strategy: {command: {apply: a, read: b, roll_back: c}}\n", "in percent", "share: 5%",
    ),
    "a weight of half a percent": (
        "share: 50.5%", "share: 50%\n",
        "share: 50.5%\n    strategy:\n      gateway: {route: r, stable_service: s, canary_service: c, stable: demo,\n"
        "        canary: demo-canary}\n",
        "whole percent", "`share: 50%`",
    ),
    "a command without what reads it": (
        "strategy: {command", "share: 50%\n", "share: 60%\n    strategy: {command: {apply: a, roll_back: b}}\n",
        "no `read`", "read: ",
    ),
    # flags
    "a flag that is on and off": ("flags:", "off: [c]", "off: [c, a]", "`a` is both on and off", "remove it"),
    "a flag twice": ("flags:", "on: [a, b]", "on: [a, b, a]", "has `a` twice", "remove one"),
    "flags that are kept nowhere": ("flags:", 'redis: "demo:flags", ', "", "neither of", "kept in"),
    "flags that are kept twice": (
        "flags:", 'redis: "demo:flags"', 'redis: "demo:flags", file: f', "both of", "kept in",
    ),
    "no flags": ("flags:", ", on: [a, b], off: [c]", "", "no `on`", "on: ["),
    "a word for flags": (
        "flags: off", 'flags: {redis: "demo:flags", on: [a, b], off: [c]}', "flags: off", "is `off`", "none",
    ),
    "flags in a Redis that there is not": (
        "flags:", "  - name: three\n", "  - {name: x, environment: bare, share: 5%}\n  - name: three\n",
        "`bare` of phase `x` has none", "`flags: none` in phase `x`",
    ),
    # needs
    "an unknown other environment": (
        "separate_redis", "[staging]", "[stagin]", "no other environment `stagin`", "`staging`",
    ),
    "itself as the other environment": (
        "separate_redis", "[staging]", "[production]", "no other environment", "`staging`",
    ),
    "another environment without a Redis": ("separate_redis", "[staging]", "[bare]", "`bare` has none", "redis:"),
    "sticky sessions without Kubernetes": (
        "sticky_sessions", "environment: production", "environment: bare", "needs Kubernetes", "kubernetes:",
    ),
    "an autoscaler without Kubernetes": (
        "autoscaler:", "  - name: three\n    environment: production\n",
        "  - name: three\n    environment: bare\n    autoscaler: absent\n", "needs Kubernetes", "kubernetes:",
    ),
    # checks and steps
    "a check of two kinds": (
        "      - {name: tree, run: git status", "      - {name: tree, run: git status",
        "      - {name: tree, run: git status, http: 'http://h/'", "`run` and `http`", "exactly one",
    ),
    "a check of no kind": ("- {name: tree", "run: git status, ", "", "", "exactly one"),
    "a check that clears": (
        "{name: tree", '      - {name: tree, run: git status, expect: "^$"}', "      - {name: tree, clear: 'a:*'}",
        "`clear`", "`http: …`",
    ),
    "a check without a name": ("- {run", "{name: tree, run", "{run", "no `name`", "name: "),
    "two checks of one name": (
        "git status, expect", "      - {name: tree, run: git status",
        "      - {name: tree, run: git}\n      - {name: tree, run: git status", "`tree` twice", "rename",
    ),
    "an expectation that is none": ("expect:", '"^$"', '"("', "no regular expression", "escape"),
    "an expectation of a URL": ("http: ", '/$VERSION"}', '/$VERSION", expect: ok}', "with `run` only", "remove"),
    "an address that is none": (
        "http: localhost", '"http://127.0.0.1:8080/$VERSION"', "localhost", "no address", "http://",
    ),
    "a pattern of everything": ("clear:", "demo:cache:*", "*", "could be any key", "begin it with 3 letters"),
    "a pattern of everything, dressed up": (
        "clear:", "demo:cache:*", "?*[^x]*", "could be any key", "begin it with 3 letters",
    ),
    "a pattern that takes the sessions": ("clear:", "demo:cache:*", "demo:s*", "every session", "leaves it alone"),
    "a pattern that takes the bypass": (
        "clear:", "demo:cache:*", "demo:*pass", "emergency bypass", "leaves it alone",
    ),
    # secrets
    "a secret": ("title:", "title: the release", "title: ${TITLE}", "as a secret", "${TITLE:-"),
    "a setting that is a secret": (
        "title:", "title: the release", "title: ${API_TOKEN:-x}", "is a secret", "take it out",
    ),
    "a URL with a password": ("http:", "http://127", "http://me:hunter22@127", "URL holds a password", "${NAME}"),
    "a side where there are none": ("http:", "/$VERSION", "/$SLOT", "`$SLOT` in `http`", "are blue-green"),
    "something else in a URL": ("http:", "/$VERSION", "/$HOME", "`$HOME` in `http`", "`$VERSION`"),
    "later than the phase lasts": (
        "later: [", "soak: 24h\n    sign_offs: [lead]\n",
        "soak: 12h\n    promotion: automatic\n    later: [{after: 13h, set: {A: b}}]\n",
        "its soak of 12h", "next phase",
    ),
    "settings of a command": (
        "set: {X", "share: 50%\n",
        "share: 50%\n    set: {X: a}\n    strategy: {command: {apply: a, read: b, roll_back: c}}\n",
        "`command` has none", "in the command itself",
    ),
    "a time for keys to clear": ("clear:", 'cache:*"}', 'cache:*", timeout: 5s}', "`run` and `http` only", "remove it"),
}  # fmt: skip

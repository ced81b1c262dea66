"""Stores of settings and secrets, and schedulers: etcd, consul, vault, nomad."""

from __future__ import annotations

from console.walkthrough.danger.findings import (
    Rule,
)
from console.walkthrough.danger.tools import (
    plain_tool,
)

_HASHI = (
    "-address --address -ca-cert -client-cert -client-key -namespace -token -region -format -output"
    " -http-addr --http-addr -datacenter -field -mount -ttl -token-file -partition"
)


RULES: dict[str, Rule] = {
    "etcdctl": plain_tool(
        "etcdctl",
        (
            "--endpoints --cacert --cert --key --user --password -w/--write-out --dial-timeout"
            " --command-timeout --lease --limit --rev --data-dir --discovery-srv --initial-cluster --name"
            " --initial-advertise-peer-urls --order --sort-by"
        ),
        (
            "--prefix --keys-only --cluster --print-value-only --count-only --insecure-skip-tls-verify"
            " --insecure-transport --hex --from-key --debug"
        ),
        {"--endpoints": "host"},
        "key",
        (
            "get watch endpoint+health endpoint+status endpoint+hashkv member+list alarm+list snapshot+status"
            " version check check+perf check+datascale auth+status user+list user+get role+list role+get"
            " lease+list lease+timetolive cluster-health ls"
        ),
        (
            "put txn snapshot+save defrag compact compaction alarm+disarm member+add member+update"
            " member+promote lease+grant lease+keep-alive auth+enable auth+disable user+add user+passwd"
            " user+grant-role role+add role+grant-permission set mk mkdir lock elect"
        ),
        "del rm rmdir member+remove snapshot+restore lease+revoke user+delete role+delete move-leader",
        safer={"del": "get", "rm": "get", "member remove": "member list", "move-leader": "endpoint status"},
    ),
    "etcdutl": plain_tool(
        "etcdutl",
        "--data-dir --name --initial-cluster -w/--write-out",
        "",
        {},
        "file",
        "snapshot+status version hashkv",
        "defrag",
        "snapshot+restore",
    ),
    "consul": plain_tool(
        "consul",
        _HASHI,
        "-detailed -wan -stale -recurse -keys",
        {},
        "key",
        (
            "members info kv+get kv+export catalog catalog+nodes catalog+services catalog+datacenters"
            " operator+raft+list-peers operator+autopilot+get-config operator+autopilot+state acl+token+list"
            " acl+token+read acl+policy+list acl+policy+read monitor version rtt validate debug config+read"
            " config+list snapshot+inspect intention+list intention+check intention+get services+export"
            " troubleshoot"
        ),
        (
            "kv+put kv+import reload maint join login logout services+register snapshot+save acl+token+create"
            " acl+token+update acl+policy+create acl+policy+update acl+bootstrap config+write"
            " intention+create event keyring connect+ca+set-config operator+autopilot+set-config lock agent"
        ),
        (
            "kv+delete leave force-leave operator+raft+remove-peer operator+raft+transfer-leader"
            " services+deregister snapshot+restore acl+token+delete acl+policy+delete config+delete"
            " intention+delete"
        ),
        single=True,
        safer={"kv delete": "kv get"},
    ),
    "vault": plain_tool(
        "vault",
        _HASHI,
        "-tls-skip-verify -force -f -versions",
        {},
        "path",
        (
            "status read list kv+get kv+list kv+metadata+get token+lookup token+capabilities policy+list"
            " policy+read secrets+list auth+list auth+help audit+list operator+raft+list-peers"
            " operator+raft+autopilot+state operator+members operator+key-status operator+diagnose version"
            " path-help print lease+lookup plugin+list plugin+info monitor debug unwrap"
        ),
        (
            "write kv+put kv+patch kv+undelete kv+rollback login token+create token+renew policy+write"
            " secrets+enable secrets+tune auth+enable auth+tune audit+enable operator+unseal operator+init"
            " operator+rekey operator+rotate operator+raft+join operator+raft+snapshot+save"
            " operator+generate-root lease+renew plugin+register plugin+reload kv+metadata+put"
            " kv+enable-versioning secrets+move ssh transit patch"
        ),
        (
            "delete kv+delete kv+destroy kv+metadata+delete token+revoke lease+revoke policy+delete"
            " secrets+disable auth+disable audit+disable operator+seal operator+step-down"
            " operator+raft+remove-peer operator+raft+snapshot+restore plugin+deregister"
        ),
        single=True,
        safer={
            "delete": "read",
            "kv delete": "kv get",
            "kv destroy": "kv get",
            "operator seal": "status",
            "operator step-down": "status",
        },
    ),
    "nomad": plain_tool(
        "nomad",
        _HASHI + " -job -n -tail -task",
        "-verbose -json -stats -f -stderr -short -allocs -detach -check",
        {},
        "job",
        (
            "status job+status job+inspect job+history job+plan job+allocs job+deployments job+validate plan"
            " validate node+status alloc+status alloc+logs alloc+fs logs server+members"
            " operator+raft+list-peers operator+autopilot+get-config version inspect namespace+list"
            " deployment+status deployment+list monitor eval+status eval+list volume+status var+get var+list"
            " acl+token+list acl+policy+list quota+list ui"
        ),
        (
            "run job+run job+revert job+promote job+dispatch job+scale job+restart job+eval"
            " job+periodic+force deployment+promote deployment+resume deployment+pause deployment+unblock"
            " alloc+restart alloc+signal node+eligibility namespace+apply volume+create volume+register"
            " var+put system+reconcile operator+snapshot+save acl+token+create acl+policy+apply"
            " operator+autopilot+set-config start server+join"
        ),
        (
            "stop job+stop alloc+stop node+drain deployment+fail job+purge namespace+delete system+gc"
            " operator+raft+remove-peer server+force-leave volume+delete volume+detach var+purge"
            " operator+snapshot+restore eval+delete acl+token+delete node+purge"
        ),
        single=True,
        safer={"job stop": "job status", "stop": "status", "node drain": "node status"},
    ),
}

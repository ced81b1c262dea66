"""Queues and monitoring: kafka, rabbitmq, promtool, amtool and their kin."""

from __future__ import annotations

import re

from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    pairs,
    reads,
)
from console.walkthrough.danger.tools import (
    Tool,
    by_last_flag,
    flags,
    plain_tool,
    table,
)


def kafka(call: Call, bench: Bench) -> Finding:
    """Kafka's scripts: the action is a flag."""
    text = [word.start for word in call.arguments]
    joined_text = " ".join(text)
    name = re.sub(r"\.sh$", "", call.words[0].text.rpartition("/")[2])
    where = next(
        (
            call.arguments[at + 1]
            for at, word in enumerate(text[:-1])
            if word in ("--bootstrap-server", "--broker-list")
        ),
        None,
    )
    topic = next((call.arguments[at + 1] for at, word in enumerate(text[:-1]) if word in ("--topic", "--group")), None)
    touches = (*pairs("host", [where]), *pairs("topic", [topic]))
    target = topic.literal if topic else ""
    if "--dry-run" in text and "--execute" not in text:
        return reads(f"{name} only shows what it would do", touches)
    if re.search(r"--(delete|delete-offsets|remove|delete-config)\b", joined_text) or name == "kafka-delete-records":
        return destroys(f"{name} deletes", touches, target=target)
    if name in ("kafka-server-stop", "zookeeper-server-stop"):
        return destroys("stops a broker")
    if re.search(r"--(create|alter|execute|reset-offsets|add|upgrade|elect)\b", joined_text) or (
        name
        in (
            "kafka-console-producer",
            "kafka-server-start",
            "kafka-leader-election",
            "kafka-preferred-replica-election",
            "kafka-producer-perf-test",
            "zookeeper-server-start",
            "kafka-storage",
            "kafka-reassign-partitions",
        )
        and "--verify" not in text
        and "--generate" not in text
    ):
        return changes(f"{name} changes the cluster", touches, target=target)
    if any(
        not word.known and word.whole and not (at and text[at - 1].startswith("-"))
        for at, word in enumerate(call.arguments)
    ):
        return cannot_tell("what the tool is told to do cannot be told", touches)
    return reads(f"{name} reads", touches)


def alerts(call: Call, bench: Bench) -> Finding:
    """amtool: a silence changes what wakes people."""
    tool = plain_tool(
        "amtool",
        (
            "--alertmanager.url --config.file --output -o -d/--duration -c/--comment -a/--author --start"
            " --end --timeout --receiver --http.config.file --within"
        ),
        "-q -i --expired --verify-receivers --tree --require-comment --no-require-comment",
        {"--alertmanager.url": "host"},
        "silence",
        (
            "alert alert+query alert+list silence silence+query silence+show silence+list check-config config"
            " config+show config+routes config+routes+test config+routes+show cluster cluster+show template"
            " template+render"
        ),
        "silence+add silence+update silence+import alert+add",
        "silence+expire",
    )
    return tool(call, bench)


RULES: dict[str, Rule] = {
    "rabbitmqctl": Tool(
        "rabbitmqctl",
        flags(
            "-n/--node -p/--vhost -t/--timeout --formatter --priority --apply-to --erlang-cookie",
            "-q/--quiet -s/--silent -l/--longnames --offline --local --online --offline",
        ),
        table(
            (
                "status cluster_status list_queues list_exchanges list_bindings list_connections list_channels"
                " list_consumers list_users list_vhosts list_permissions list_user_permissions list_policies"
                " list_parameters list_topic_permissions node_health_check environment report ping version"
                " authenticate_user list_ciphers list_global_parameters list_feature_flags list_hashes"
                " list_unresponsive_queues encode help await_startup await_online_nodes log_tail"
                " export_definitions list_deprecated_features"
            ),
            (
                "add_user change_password set_permissions set_user_tags add_vhost set_policy set_parameter"
                " set_vm_memory_high_watermark set_disk_free_limit start_app join_cluster sync_queue"
                " enable_feature_flag rotate_logs set_log_level import_definitions set_cluster_name"
                " close_connection close_all_connections set_global_parameter trace_on trace_off"
                " cancel_sync_queue update_cluster_nodes set_topic_permissions rename_cluster_node"
                " change_cluster_node_type resume_listeners restart_vhost set_vhost_limits set_user_limits"
            ),
            (
                "delete_user delete_vhost delete_queue purge_queue stop stop_app reset force_reset"
                " forget_cluster_node clear_policy clear_permissions clear_parameter force_boot suspend_listeners"
                " shutdown clear_password eval hipe_compile clear_global_parameter delete_shovel"
                " clear_topic_permissions"
            ),
        ),
        {"-n": "node", "-p": "vhost"},
        "object",
    ),
    "rabbitmq-diagnostics": by_last_flag("."),
    "rabbitmq-queues": by_last_flag(r"^(quorum_status|check|help|peek|stream_status)", r"^(delete|shrink|reclaim)"),
    "rabbitmq-plugins": by_last_flag(r"\blist\b|is_enabled|directories"),
    "rabbitmqadmin": by_last_flag(r"\b(list|show|help|get|export)\b", r"\b(delete|purge|close)\b"),
    "promtool": by_last_flag(r"^(check|query|debug|test|push\s+--help|tsdb (analyze|list|dump))|--version|^$"),
    "amtool": alerts,
    "prometheus": by_last_flag("--version|--help"),
    "thanos": by_last_flag(r"^tools bucket (ls|inspect|verify$|web)|--version", r"(cleanup|mark|rewrite|--repair)"),
    "mimirtool": by_last_flag(r"\b(list|get|print|diff|check|lint|verify|analyze|read|config)\b", r"\bdelete\b"),
    "logcli": by_last_flag("."),
}

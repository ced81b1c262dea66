"""The protobuf bodies that `kubectl create`, `kubectl autoscale` and `kubectl auth can-i` send, as JSON objects.

Only what those commands write is known here; a field outside of it refuses the body, so that nothing is lost unnoticed.
Source: the generated.proto files of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from console.sandbox.kube.objects import Obj, timestamp

MAGIC = b"k8s\x00"
MEDIA = "application/vnd.kubernetes.protobuf"

# Message -> field number -> name and type. A trailing * repeats; `map` and `bytemap` map text to text and to bytes; a
# `count` may be 0 where an `int` of 0 stands for none; what is `ignored` is the server's own to write.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "TypeMeta": {1: "apiVersion text", 2: "kind text"},
    "Unknown": {1: "typeMeta TypeMeta", 2: "raw bytes", 3: "contentEncoding text", 4: "contentType text"},
    "ObjectMeta": {
        1: "name text",
        2: "generateName text",
        3: "namespace text",
        4: "selfLink text",
        5: "uid text",
        6: "resourceVersion text",
        7: "generation int",
        8: "creationTimestamp time",
        11: "labels map",
        12: "annotations map",
        13: "ownerReferences OwnerReference*",
        14: "finalizers text*",
    },
    "OwnerReference": {
        1: "kind text",
        3: "name text",
        4: "uid text",
        5: "apiVersion text",
        6: "controller bool",
        7: "blockOwnerDeletion bool",
    },
    "Namespace": {1: "metadata ObjectMeta", 2: "spec NamespaceSpec", 3: "status ignored"},
    "NamespaceSpec": {1: "finalizers text*"},
    "ConfigMap": {1: "metadata ObjectMeta", 2: "data map", 3: "binaryData bytemap", 4: "immutable bool"},
    "Secret": {1: "metadata ObjectMeta", 2: "data bytemap", 3: "type text", 4: "stringData map", 5: "immutable bool"},
    "ServiceAccount": {1: "metadata ObjectMeta", 4: "automountServiceAccountToken bool"},
    "Service": {1: "metadata ObjectMeta", 2: "spec ServiceSpec", 3: "status ignored"},
    "ServiceSpec": {
        1: "ports ServicePort*",
        2: "selector map",
        3: "clusterIP text",
        4: "type text",
        7: "sessionAffinity text",
        8: "loadBalancerIP text",
        10: "externalName text",
        11: "externalTrafficPolicy text",
        12: "healthCheckNodePort int",
        13: "publishNotReadyAddresses bool",
    },
    "ServicePort": {1: "name text", 2: "protocol text", 3: "port int", 4: "targetPort choice", 5: "nodePort int"},
    "Empty": {},
    "Deployment": {1: "metadata ObjectMeta", 2: "spec DeploymentSpec", 3: "status ignored"},
    "DeploymentSpec": {
        1: "replicas count",
        2: "selector LabelSelector",
        3: "template PodTemplateSpec",
        4: "strategy DeploymentStrategy",
        5: "minReadySeconds int",
        6: "revisionHistoryLimit count",
        7: "paused bool",
        9: "progressDeadlineSeconds count",
    },
    "DeploymentStrategy": {1: "type text", 2: "rollingUpdate RollingUpdate"},
    "RollingUpdate": {1: "maxUnavailable choice", 2: "maxSurge choice"},
    "LabelSelector": {1: "matchLabels map"},
    "PodTemplateSpec": {1: "metadata ObjectMeta", 2: "spec PodSpec"},
    "PodSpec": {
        2: "containers Container*",
        3: "restartPolicy text",
        4: "terminationGracePeriodSeconds count",
        6: "dnsPolicy text",
        8: "serviceAccountName text",
        9: "serviceAccount text",
        10: "nodeName text",
        11: "hostNetwork bool",
        12: "hostPID bool",
        13: "hostIPC bool",
        16: "hostname text",
        17: "subdomain text",
        19: "schedulerName text",
        24: "priorityClassName text",
    },
    "Container": {
        1: "name text",
        2: "image text",
        3: "command text*",
        4: "args text*",
        5: "workingDir text",
        6: "ports ContainerPort*",
        7: "env EnvVar*",
        8: "resources Empty",
        13: "terminationMessagePath text",
        14: "imagePullPolicy text",
        16: "stdin bool",
        17: "stdinOnce bool",
        18: "tty bool",
        20: "terminationMessagePolicy text",
    },
    "ContainerPort": {1: "name text", 2: "hostPort int", 3: "containerPort int", 4: "protocol text", 5: "hostIP text"},
    "EnvVar": {1: "name text", 2: "value text"},
    "HorizontalPodAutoscaler": {1: "metadata ObjectMeta", 2: "spec AutoscalerSpec", 3: "status ignored"},
    "AutoscalerSpec": {
        1: "scaleTargetRef TargetReference",
        2: "minReplicas count",
        3: "maxReplicas int",
        4: "targetCPUUtilizationPercentage int",
    },
    "TargetReference": {1: "kind text", 2: "name text", 3: "apiVersion text"},
    "SelfSubjectAccessReview": {1: "metadata ObjectMeta", 2: "spec AccessSpec", 3: "status ignored"},
    "AccessSpec": {1: "resourceAttributes ResourceAttributes", 2: "nonResourceAttributes PathAttributes"},
    "ResourceAttributes": {
        1: "namespace text",
        2: "verb text",
        3: "group text",
        4: "version text",
        5: "resource text",
        6: "subresource text",
        7: "name text",
    },
    "PathAttributes": {1: "path text", 2: "verb text"},
    "SelfSubjectRulesReview": {1: "metadata ObjectMeta", 2: "spec RulesSpec", 3: "status ignored"},
    "RulesSpec": {1: "namespace text"},
    "SelfSubjectReview": {1: "metadata ObjectMeta", 2: "status ignored"},
}


class ProtobufError(Exception):
    """The body is no protobuf, or says what is not known here."""


def decode(body: bytes) -> Obj:
    """The object of a request body, with its apiVersion and kind; raises ProtobufError."""
    if not body.startswith(MAGIC):
        raise ProtobufError("the body does not begin with the magic number of Kubernetes' protobuf")
    envelope = _message("Unknown", body[len(MAGIC) :])
    header = envelope.get("typeMeta") or {}
    name = header.get("kind", "")
    if name not in _MESSAGES:
        raise ProtobufError(f"a {name or 'body without a kind'} is accepted as JSON only")
    return {**header, **_message(name, envelope.get("raw", b""))}


def _message(name: str, body: bytes) -> Obj:
    known = _MESSAGES[name]
    result: Obj = {}
    for number, value in _fields(body):
        if number not in known:
            raise ProtobufError(f"field {number} of {name} is accepted as JSON only")
        field, _, kind = known[number].partition(" ")
        if kind in ("map", "bytemap"):
            entry = dict(_fields(_bytes(value)))
            held = _bytes(entry.get(2, b""))
            text = held.decode() if kind == "map" else base64.b64encode(held).decode()
            result.setdefault(field, {})[_bytes(entry.get(1, b"")).decode()] = text
        elif kind.endswith("*"):
            result.setdefault(field, []).append(_value(kind[:-1], value))
        elif kind != "ignored" and ((decoded := _value(kind, value)) or kind == "count"):
            # Fields that are empty are sent all the same.
            result[field] = decoded
    return result


def _value(kind: str, value: int | bytes) -> Any:
    match kind:
        case "text":
            return _bytes(value).decode()
        case "bytes":
            return _bytes(value)
        case "int" | "count":
            number = _number(value)
            return number - 2**64 if number >= 2**63 else number
        case "bool":
            return bool(_number(value))
        case "time":
            seconds = _number(dict(_fields(_bytes(value))).get(1, 0))
            return timestamp(datetime.fromtimestamp(seconds, UTC)) if 0 < seconds < 2**40 else None
        case "choice":
            parts = dict(_fields(_bytes(value)))
            is_text = _number(parts.get(1, 0)) == 1
            return _bytes(parts.get(3, b"")).decode() if is_text else _number(parts.get(2, 0))
    return _message(kind, _bytes(value))


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ProtobufError("a number stands where text or a message belongs")
    return value


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ProtobufError("text or a message stands where a number belongs")
    return value


def _fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    place = 0
    while place < len(body):
        tag, place = _varint(body, place)
        if tag & 7 == 0:
            value, place = _varint(body, place)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, place = _varint(body, place)
            if place + length > len(body):
                raise ProtobufError("the body is cut off")
            yield tag >> 3, body[place : place + length]
            place += length
        else:
            raise ProtobufError(f"wire type {tag & 7} is not used by any known field")


def _varint(body: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(body):
            raise ProtobufError("the body is cut off")
        byte = body[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ProtobufError("a number is too long")

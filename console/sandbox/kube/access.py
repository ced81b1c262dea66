"""Who may do what: everything, but for what has been forbidden on order."""

from __future__ import annotations

from dataclasses import dataclass

from console.sandbox.kube.errors import forbidden
from console.sandbox.kube.kinds import Kind, Kinds
from console.sandbox.kube.objects import Obj

USER = "sandbox"


@dataclass(frozen=True, slots=True)
class Rule:
    """A right taken away; `*` and an empty namespace stand for all. resource: plural, or `deployments/scale`."""

    verb: str
    group: str
    resource: str
    namespace: str = ""


class Access:
    """The rights of the one user there is."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._rules: list[Rule] = []

    def forbid(self, verb: str, group: str, resource: str, namespace: str = "") -> None:
        """Take a right away; requests for it get a 403 and access reviews say no."""
        self._rules.append(Rule(verb, group, resource, namespace))

    def allow_all(self) -> None:
        """Give all rights back."""
        self._rules.clear()

    def allowed(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether the user may."""
        return not any(
            rule.verb in ("*", verb)
            and rule.group in ("*", group)
            and rule.resource in ("*", resource)
            and rule.namespace in ("", namespace)
            for rule in self._rules
        )

    def check(self, verb: str, kind: Kind, namespace: str, name: str, part: str) -> None:
        """Raises ApiError 403 where the user may not."""
        resource = f"{kind.plural}/{part}" if part else kind.plural
        if not self.allowed(verb, kind.group, resource, namespace):
            place = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            why = f'User "{USER}" cannot {verb} resource "{resource}" in API group "{kind.group}"{place}'
            raise forbidden(kind, name, why)

    def review(self, plural: str, body: Obj) -> Obj:
        """The answer to a posted review."""
        spec = body.get("spec") or {}
        if plural == "selfsubjectreviews":
            info = {"username": USER, "groups": ["system:masters", "system:authenticated"]}
            return {**body, "status": {"userInfo": info}}
        if plural == "selfsubjectrulesreviews":
            namespace = spec.get("namespace") or ""
            rules = [
                {
                    "verbs": [v for v in ALL_VERBS if self.allowed(v, kind.group, kind.plural, namespace)],
                    "apiGroups": [kind.group],
                    "resources": [kind.plural],
                }
                for kind in self._kinds
            ]
            urls = [{"verbs": ["get"], "nonResourceURLs": ["*"]}]
            return {**body, "status": {"resourceRules": rules, "nonResourceRules": urls, "incomplete": False}}
        asked = spec.get("resourceAttributes")
        if asked is None:
            return {**body, "status": {"allowed": True}}
        resource = asked.get("resource") or ""
        if asked.get("subresource"):
            resource = f"{resource}/{asked['subresource']}"
        verb, group, namespace = asked.get("verb") or "", asked.get("group") or "", asked.get("namespace") or ""
        if self.allowed(verb, group, resource, namespace):
            status: Obj = {"allowed": True, "reason": 'RBAC: allowed by ClusterRoleBinding "sandbox"'}
        else:
            status = {"allowed": False, "reason": ""}
        return {**body, "status": status}


ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

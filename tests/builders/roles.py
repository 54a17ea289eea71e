"""What the manifests grant."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROLES = Path(__file__).resolve().parents[2] / "manifests" / "base" / "roles.yaml"


class Rule(NamedTuple):
    """One verb on one kind of object; `path` is resource and subresource."""

    verb: str
    group: str
    path: str

    @property
    def what(self) -> str:
        """The kind of object as messages name it."""
        return f"{self.path}.{self.group}" if self.group else self.path


def rules_of(role: dict[str, Any]) -> list[Rule]:
    return [
        Rule(verb, group, path)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for path in rule["resources"]
        for verb in rule["verbs"]
    ]


def granted(name: str) -> list[Rule]:
    """What the manifests grant with the Role."""
    objects = yaml.safe_load_all(ROLES.read_text())
    return rules_of(next(one for one in objects if one["metadata"]["name"] == name))

"""The JSON Schema of the feature specification, for editors and forms.

It is made from the kinds and keys that `read_document` reads by. Which columns a dataset has, of which dtype, and what
concerns several keys at once only reading sees.
"""

from typing import Any

from foldline.features.derived_kinds import DERIVED
from foldline.features.kinds import KINDS, VERSION, Feature, keys_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema of the document that `read_document` reads; an empty one asks for inference."""
    return {
        "$schema": DIALECT,
        "title": "Feature specification",
        "type": "object",
        "properties": {
            "version": {"const": VERSION},
            "columns": {"type": "object", "additionalProperties": {"oneOf": [_kind(kind) for kind in KINDS.values()]}},
            "derived": {
                "type": "object",
                "additionalProperties": {"oneOf": [_kind(kind, "of") for kind in DERIVED.values()]},
            },
        },
        "dependentRequired": {"version": ["columns"], "columns": ["version"], "derived": ["version"]},
        "additionalProperties": False,
    }


def _kind(kind: type[Feature], *required: str) -> dict[str, Any]:
    properties = {"kind": {"const": kind.kind}} | {name: key.schema for name, key in keys_of(kind).items()}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n\n")[0].replace("\n    ", " "),
        "properties": properties,
        "required": ["kind", *required],
        "additionalProperties": False,
    }

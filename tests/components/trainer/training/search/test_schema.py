"""The JSON Schema of a search against what reads the document."""

import json
import subprocess
from typing import Any

import pytest

from builders.search_documents import DISAGREEING, EVERYTHING, WRONG, document
from foldline.errors import ArgumentError
from foldline.training.search.conduct import SETTINGS
from foldline.training.search.definition import Definition
from foldline.training.search.schema import schema
from foldline_pipelines.local.environments import root

VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator
schema, documents = json.load(sys.stdin)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
print(json.dumps([validator.is_valid(document) for document in documents]))
"""
RIGHT: list[tuple[str, Any]] = [
    ("everything", EVERYTHING),
    ("written", Definition.parse(EVERYTHING).to_json()),
    ("least", document()),
    ("least-written", Definition.parse(document()).to_json()),
    ("whole-floats", json.loads(json.dumps(document(seed=1.0, budget={"trials": 4.0})))),
    *((f"algorithm-{name}", document(algorithm={"name": name})) for name in ("random", "gp", "halving", "hyperband")),
]
CASES = [*((name, given) for name, given, _ in WRONG), *RIGHT, *((name, given) for name, given, _ in DISAGREEING)]


def accepted(given: Any) -> bool:
    try:
        Definition.parse(given)
    except ArgumentError:
        return False
    return True


@pytest.fixture(scope="module")
def valid() -> dict[str, bool]:
    """What the schema says of each case. The library that reads schemas comes with the S3 server of the tests."""
    interpreter = root() / "s3" / "bin" / "python"
    if not interpreter.exists():
        pytest.skip("a validator of JSON Schema (environment s3) is not installed: foldline environments s3 --test")
    documents = [given for _, given in CASES]
    ended = subprocess.run(
        [interpreter, "-c", VALIDATE],
        input=json.dumps([schema(), documents]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(zip([name for name, _ in CASES], json.loads(ended.stdout), strict=True))


@pytest.mark.parametrize(("name", "given"), [(name, given) for name, given, _ in WRONG] + RIGHT)
def test_schema_and_reader_agree(name: str, given: Any, valid: dict[str, bool]) -> None:
    assert valid[name] is accepted(given) is (name in dict(RIGHT))


@pytest.mark.parametrize("name", [name for name, _, _ in DISAGREEING])
def test_what_concerns_several_fields_only_the_reader_sees(name: str, valid: dict[str, bool]) -> None:
    assert valid[name]


def test_the_schema_names_every_setting_of_an_algorithm() -> None:
    of_name = {kind["properties"]["name"]["const"]: set(kind["properties"]) - {"name"}
               for kind in schema()["properties"]["algorithm"]["oneOf"]}  # fmt: skip
    for algorithms in SETTINGS.values():
        for name, settings in algorithms.items():
            assert set(settings) <= of_name[name]

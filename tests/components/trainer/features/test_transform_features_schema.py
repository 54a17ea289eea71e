"""The JSON Schema of the feature specification against what reads the document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builders.feature_documents import DISAGREEING, DTYPES, EVERYTHING, RIGHT, WRONG
from foldline.artifacts import Column
from foldline.errors import ArgumentError
from foldline.features.derived_kinds import DERIVED
from foldline.features.kinds import KINDS, keys_of
from foldline.features.reading import read_document
from foldline.features.schema import schema
from foldline_pipelines.local.environments import root

REPOSITORY = Path(__file__).resolve().parents[4]
COLUMNS = [Column(name, dtype) for name, dtype in DTYPES.items()]
VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator
schema, documents = json.load(sys.stdin)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
print(json.dumps([validator.is_valid(document) for document in documents]))
"""
CASES = [*RIGHT, *(case[0] for case in WRONG), *(case[0] for case in DISAGREEING)]


def accepted(given: Any) -> bool:
    try:
        read_document(given, COLUMNS, "late")
    except ArgumentError:
        return False
    return True


@pytest.fixture(scope="module")
def valid() -> dict[int, bool]:
    """What the schema says of each case. The library that reads schemas comes with the S3 server of the tests."""
    interpreter = root() / "s3" / "bin" / "python"
    if not interpreter.exists():
        pytest.skip("a validator of JSON Schema (environment s3) is not installed: foldline environments s3 --test")
    ended = subprocess.run(
        [interpreter, "-c", VALIDATE],
        input=json.dumps([schema(), CASES]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(enumerate(json.loads(ended.stdout)))


@pytest.mark.parametrize("place", range(len(CASES)))
def test_schema_and_reader_agree_but_for_what_the_dataset_says(place: int, valid: dict[int, bool]) -> None:
    right, seen = place < len(RIGHT), place < len(RIGHT) + len(WRONG)
    assert accepted(CASES[place]) is right
    assert valid[place] is (right or not seen)


def test_the_cases_state_every_key_of_every_kind() -> None:
    documents = [{**given["columns"], **given.get("derived", {})} for given in RIGHT if given]
    stated = {(said["kind"], key) for columns in documents for said in columns.values() for key in said}
    assert stated >= {(name, key) for name, kind in KINDS.items() for key in ("kind", *keys_of(kind))}
    assert stated >= {(name, key) for name in DERIVED for key in ("kind", "of")}
    assert EVERYTHING in RIGHT


def test_the_published_schema_is_what_the_code_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, REPOSITORY / "tools" / "features_schema.py", tmp_path], check=True, timeout=60)
    published = (REPOSITORY / "docs" / "features.schema.json").read_text()
    assert (tmp_path / "features.schema.json").read_text() == published, "run python tools/features_schema.py"

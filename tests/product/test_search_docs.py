"""docs/search.md and docs/search.schema.json against the code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from builders.markdown import table
from foldline.training.search import conduct
from foldline.training.search.capabilities import ENGINES, check
from foldline.training.search.definition import Definition

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "search.md").read_text()


def test_the_tables_and_the_schema_are_what_the_code_makes(tmp_path: Path) -> None:
    for name in ("search.md", "search.schema.json"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    subprocess.run([sys.executable, ROOT / "tools" / "search_docs.py", tmp_path], check=True, timeout=60)
    for name in ("search.md", "search.schema.json"):
        assert (tmp_path / name).read_text() == (ROOT / "docs" / name).read_text(), "run python tools/search_docs.py"


def test_the_example_is_a_search() -> None:
    document = yaml.safe_load(TEXT.split("```yaml\n")[1].split("```")[0])
    assert check(Definition.parse(document), ENGINES[0]).trials == 40


def test_every_field_is_in_the_table_with_its_default() -> None:
    shown = {row[0].strip("`"): row[1].strip("`") for row in table(TEXT, "field") if row[1]}
    written = Definition.parse({"space": {"width": {"type": "int", "low": 1, "high": 2}}}).to_json()
    nested = {"objective": ["metric", "direction", "over_folds", "goal"], "algorithm": ["name"]}
    wanted = set()
    for name, content in written.items():
        if name != "space":
            inner = nested.get(name, list(content) if isinstance(content, dict) else [])
            wanted |= {f"{name}.{key}" for key in inner} or {name}
    assert set(shown) == wanted
    for name in ("objective.over_folds", "algorithm.name", "budget.trials", "stopping.rule", "stopping.eta", "seed",
                 "estimate", "failures_allowed"):  # fmt: skip
        value = written
        for key in name.split("."):
            value = value[key]
        assert shown[name] == str(value), name


def test_every_stopping_rule_and_setting_is_told() -> None:
    assert {row[0].strip("`") for row in table(TEXT, "rule") if row[0].startswith("`")} >= set(conduct.RULES) - {"auto"}
    for algorithms in conduct.SETTINGS.values():
        for settings in algorithms.values():
            for name in settings:
                assert re.search(rf"`{name}`:", TEXT), name

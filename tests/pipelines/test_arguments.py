"""Arguments from a file and from the command line, against the parameters of a compiled pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foldline.errors import ArgumentError
from foldline_pipelines import arguments, yaml_text
from foldline_pipelines import compile as compiled_files
from foldline_pipelines.arguments import Parameter
from foldline_pipelines.cross_validate import cross_validate

MODEL = "def build_model(inputs):\n    return inputs\n\n\ndef narrow(inputs):\n    return inputs\n"


@pytest.fixture(scope="module")
def declared(compiled: Callable[[str], Path]) -> dict[str, Parameter]:
    return arguments.parameters(compiled_files.load(compiled("typed")))


def test_defaults_come_back_in_their_own_types(declared: dict[str, Parameter]) -> None:
    assert declared["dataset_uri"] == Parameter("STRING", True, None)
    assert declared["n_folds"] == Parameter("NUMBER_INTEGER", False, 5)
    assert type(declared["n_folds"].default) is int
    assert (declared["rate"].default, declared["shuffled"].default, declared["derived"].default) == (0.5, False, {})


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("label=late", "label", "late"),
        ("label=2013-10-01", "label", "2013-10-01"),
        ("label=007", "label", "007"),
        ("label=", "label", ""),
        ("label='quoted'", "label", "quoted"),
        ("label=a=b", "label", "a=b"),
        ("label=no", "label", "no"),
        ("label=a: b: c", "label", "a: b: c"),
        ("n_folds=7", "n_folds", 7),
        ("n_folds=010", "n_folds", 10),
        ("rate=1", "rate", 1.0),
        ("rate=1e-3", "rate", 0.001),
        ("shuffled=true", "shuffled", True),
        ("derived={late: arr_delay > 15}", "derived", {"late": "arr_delay > 15"}),
        ("columns=[a, 12:30, no, 1.5]", "columns", ["a", "12:30", "no", 1.5]),
        ("columns=[]", "columns", []),
    ],
)
def test_a_setting_is_read_in_the_type_of_its_parameter(
    setting: str, name: str, value: object, declared: dict[str, Parameter]
) -> None:
    given = arguments.read(None, [setting], declared)
    assert given == {name: value}
    assert type(given[name]) is type(value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("n_fold=3", r"n_fold: expected a parameter of the pipeline, got an unknown name in --set\. Known: n_folds"),
        ("n_folds", "--set: expected name=value, got 'n_folds'"),
        ("n_folds=many", r"n_folds: expected a whole number, got 'many' \(text\)"),
        ("n_folds=2.5", r"n_folds: expected a whole number, got 2\.5 \(a number\)"),
        ("n_folds=true", r"n_folds: expected a whole number, got True \(true or false\)"),
        ("n_folds=", "n_folds: expected a whole number, got nothing"),
        ("rate=true", r"rate: expected a number, got True"),
        ("rate=.nan", "rate: expected a finite number, got nan"),
        ("shuffled=1", r"shuffled: expected true or false, got 1 \(a whole number\)"),
        ("shuffled=yes", r"shuffled: expected true or false, got 'yes' \(text\)"),
        ("derived=[a]", r"derived: expected a mapping of names to values, got \['a'\] \(a list\)"),
        ("derived={a: 1, a: 2}", "derived: expected a mapping of names to values, got .* not YAML"),
        ("columns=a,b", r"columns: expected a list, got 'a,b' \(text\)"),
        ("columns=[a", "columns: expected a list, got .* not YAML"),
    ],
)
def test_a_wrong_setting_says_what_was_expected_and_what_came(
    setting: str, message: str, declared: dict[str, Parameter]
) -> None:
    with pytest.raises(ArgumentError, match=message):
        arguments.read(None, [setting], declared)


def test_a_setting_wins_over_the_file(declared: dict[str, Parameter], tmp_path: Path) -> None:
    (tmp_path / "arguments.yaml").write_text("label: late\nn_folds: 3\n")
    given = arguments.read(tmp_path / "arguments.yaml", ["n_folds=4"], declared)
    assert given == {"label": "late", "n_folds": 4}


RANGE = "search={space: {learning_rate: {type: float, low: 0.01, high: 0.1}}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["search_engine=optuna"], "search: expected a definition for optuna, got nothing"),
        ([RANGE + "}"], "search_engine: expected optuna or katib for the search that is given, got 'none'"),
        ([RANGE + "}", "search_engine=Optuna"], "search_engine: expected none or optuna or katib, got 'Optuna'"),
        ([RANGE + "}", "search_engine=katib"], "checkpoint_uri: expected a bucket, .* got nothing"),
        ([RANGE + ", sed: 1}", "search_engine=optuna"], "Did you mean 'seed'"),
        (["search={space: {rate: {type: float, low: 0.1, high: 0.1}}}", "search_engine=optuna"], "'?rate"),
    ],
)
def test_a_search_is_checked_before_a_run_starts(settings: list[str], message: str) -> None:
    declared = arguments.parameters(compiled_files.representation(cross_validate))
    with pytest.raises(ArgumentError, match=message):
        arguments.read(None, settings, declared)


def test_a_search_that_its_engine_can_run_is_taken() -> None:
    declared = arguments.parameters(compiled_files.representation(cross_validate))
    settings = [RANGE + "}", "search_engine=katib", "checkpoint_uri=s3://bucket/searches"]
    assert arguments.read(None, settings, declared)["search"]["space"]["learning_rate"]["low"] == 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected a mapping of names to values, got .* list"),
        ("label: 2013\n", r"label: expected text, got 2013 \(a whole number\)\. Put quotes around it"),
        ("label:\n", "label: expected text, got nothing"),
        ("label: a\nlabel: b\n", "label stands there twice"),
        ("label: [\n", "expected a YAML mapping"),
        ("lable: a\n", "lable: expected a parameter .* Known: label"),
        ("label: !!python/object/apply:os.getcwd []\n", "expected a YAML mapping"),
    ],
)
def test_a_wrong_file_is_one_error(text: str, message: str, declared: dict[str, Parameter], tmp_path: Path) -> None:
    (tmp_path / "arguments.yaml").write_text(text)
    with pytest.raises(ArgumentError, match=message):
        arguments.read(tmp_path / "arguments.yaml", [], declared)


def test_a_missing_file_is_named(declared: dict[str, Parameter], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"--args: expected a YAML file, got no file at .*none\.yaml"):
        arguments.read(tmp_path / "none.yaml", [], declared)


def test_an_empty_file_gives_nothing(declared: dict[str, Parameter], tmp_path: Path) -> None:
    (tmp_path / "arguments.yaml").write_text("# nothing\n")
    assert arguments.read(tmp_path / "arguments.yaml", [], declared) == {}


def test_all_missing_arguments_are_named(declared: dict[str, Parameter]) -> None:
    with pytest.raises(ArgumentError, match=r"dataset_uri: expected a value, got none\. .*--set dataset_uri="):
        arguments.complete({"label": "late"}, declared)
    whole = arguments.complete({"dataset_uri": "a.csv"}, declared)
    assert list(whole) == list(declared)
    assert whole["n_folds"] == 5


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("data.csv", "{base}/data.csv"),
        ("./later.csv", "{base}/later.csv"),
        ("../later.csv", "{parent}/later.csv"),
        ("later.csv", "later.csv"),
        ("/somewhere/data.csv", "/somewhere/data.csv"),
        ("s3://bucket/data.csv", "s3://bucket/data.csv"),
        ("https://host/data.csv", "https://host/data.csv"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
def test_a_relative_file_belongs_to_where_it_was_named(
    by_file: bool,
    address: str,
    expected: str,
    declared: dict[str, Parameter],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, elsewhere = tmp_path / "base", tmp_path / "elsewhere"
    base.mkdir()
    elsewhere.mkdir()
    (base / "data.csv").write_text("a\n1\n")
    monkeypatch.chdir(elsewhere if by_file else base)
    if by_file:
        (base / "arguments.yaml").write_text(f"dataset_uri: '{address}'\n")
        given = arguments.read(base / "arguments.yaml", [], declared)
    else:
        given = arguments.read(None, [f"dataset_uri={address}"], declared)
    assert given["dataset_uri"] == expected.format(base=base, parent=tmp_path)


@pytest.mark.parametrize(("named", "function"), [("model.py", "build_model"), ("model.py:narrow", "narrow")])
def test_a_model_file_travels_as_its_source(
    named: str, function: str, declared: dict[str, Parameter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "arguments.yaml").write_text(f"model: {named}\n")
    expected = {"model": function, "model_code": MODEL}
    assert arguments.read(tmp_path / "arguments.yaml", [], declared) == expected
    monkeypatch.chdir(tmp_path)
    assert arguments.read(None, [f"model={named}"], declared) == expected
    # A function named on the command line takes the place of the file, and of its source.
    given = arguments.read(tmp_path / "arguments.yaml", ["model=package.models:deep"], declared)
    assert given == {"model": "package.models:deep"}


@pytest.mark.parametrize(
    ("named", "text", "message"),
    [
        ("none.py", "", "model: expected a Python file, got No such file"),
        ("model.py", "def other(): ...\n", r"expected a function build_model in .*model\.py, got functions other"),
        ("model.py", "class build_model: ...\n", "expected a function build_model .* got no function"),
        ("model.py:deep", MODEL, "expected a function deep .* got functions build_model, narrow"),
        ("model.py", "def build_model(:\n", "model: expected Python source"),
        ("model.py", f"{MODEL}# {'x' * 70_000}", "model: expected a file of at most 65536 bytes, got 70"),
    ],
)
def test_a_wrong_model_file_is_one_error(
    named: str, text: str, message: str, declared: dict[str, Parameter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=message):
        arguments.read(None, [f"model={named}"], declared)


def test_source_beside_a_model_file_is_refused(
    declared: dict[str, Parameter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="model_code: expected nothing beside a model that is named by its file"):
        arguments.read(None, ["model=model.py", "model_code=text"], declared)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, b: [true, null, ~, -2.5e3, .5]}", {"a": 1, "b": [True, None, None, -2500.0, 0.5]}),
        ("on", "on"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("-.inf", float("-inf")),
        ("", None),
    ],
)
def test_yaml_is_read_by_the_core_schema_of_1_2(text: str, value: Any) -> None:
    assert yaml_text.parse(text) == value

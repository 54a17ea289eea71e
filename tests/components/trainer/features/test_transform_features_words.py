"""Words: by index, hash, frequency and the mean of the label, against scikit-learn and counting."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.preprocessing import TargetEncoder

from builders.feature_graphs import Fit, Table

ROWS = 400
random = np.random.default_rng(5)
FOLD = np.arange(ROWS) % 3
WORDS = random.choice(list("abcdefgh"), ROWS, p=np.arange(1, 9) / 36)
GAPS = np.where(random.random(ROWS) < 0.1, "", WORDS)
CODES = random.geometric(0.4, ROWS)
CLASSES = random.integers(0, 3, ROWS)
LABELS = {
    "binary": (random.random(ROWS) < np.where(np.isin(WORDS, ["a", "h"]), 0.8, 0.3)).astype(np.float64)[:, None],
    "multiclass": np.eye(3)[CLASSES],
    "continuous": random.normal(100.0, 5.0, ROWS)[:, None] + CODES[:, None],
}
TARGETS = {"binary": LABELS["binary"][:, 0], "multiclass": CLASSES, "continuous": LABELS["continuous"][:, 0]}
MEAN = {"kind": "categorical", "encoding": "target_mean", "minimum_count": 1, "smoothing": 4, "scale": "none"}
STATED: dict[str, dict[str, Any]] = {
    "wide": {"kind": "categorical", "capacity": 6, "encoding": "one_hot"},
    "spread": {"kind": "categorical", "capacity": 9, "unknown_buckets": 5},
    "hashed": {"kind": "hashed", "buckets": 50},
    "thirds": {"kind": "hashed", "buckets": 3},
    "hashed_code": {"kind": "hashed", "buckets": 50},
    "share": {"kind": "categorical", "encoding": "frequency", "capacity": 6, "scale": "none"},
    "scaled": {"kind": "categorical", "encoding": "frequency"},
    "mean": MEAN,
    "code_mean": MEAN,
    "standard": MEAN | {"scale": "z_score"},
}
TABLE: Table = {
    **dict.fromkeys(("wide", "spread", "hashed", "thirds", "share", "scaled"), ("string", GAPS)),
    "hashed_code": ("int64", CODES),
    "mean": ("string", WORDS),
    "code_mean": ("int64", CODES),
    "standard": ("string", WORDS),
}
RANKED = [word for word, _ in Counter(WORDS[GAPS != ""]).most_common()]


@pytest.fixture(scope="module", params=["binary", "multiclass", "continuous"])
def task(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fit]:
    stated = {name: STATED[name] for name in TABLE}
    means = [name for name in TABLE if "mean" in name]
    few = {name: TABLE[name] for name in means}, {name: STATED[name] for name in means}
    given = {"binary": (TABLE, stated), "multiclass": few, "continuous": few}
    return {task: Fit(tmp_path_factory.mktemp("graph"), *given[task], LABELS[task]) for task in LABELS}


@pytest.fixture(scope="module")
def fit(fits: dict[str, Fit]) -> Fit:
    return fits["binary"]


def test_one_hot_columns_are_the_index(fit: Fit) -> None:
    found = np.stack([fit.features[f"wide_index_{index}"] for index in range(6)], axis=1)
    index = [0 if not word else RANKED.index(word) + 2 if word in RANKED[:4] else 1 for word in GAPS]
    np.testing.assert_array_equal(found, np.eye(6)[index])


def test_unknown_words_are_spread_over_their_buckets_before_the_vocabulary(fit: Fit) -> None:
    known = [0 if not word else RANKED.index(word) + 6 for word in GAPS if word in ("", *RANKED[:3])]
    assert fit.features["spread"][np.isin(GAPS, ["", *RANKED[:3]])].tolist() == known
    strange = {name: (dtype, [f"new{row}" for row in range(200)] if dtype == "string" else [7] * 200)
               for name, (dtype, _) in TABLE.items()}  # fmt: skip
    found = fit.of(strange)["spread"]
    assert set(found) == {1, 2, 3, 4, 5}
    assert np.array_equal(found, fit.of(strange)["spread"])


def test_hashes_are_those_of_the_text_and_the_same_for_ever(fit: Fit) -> None:
    words = {name: (dtype, ["12", "a", "ä b", ""] if dtype == "string" else [12, 7, -1, None])
             for name, (dtype, _) in TABLE.items()}  # fmt: skip
    found = fit.of(words | {"thirds": ("string", ["Hello", "TensorFlow", "2.x", ""])})
    assert found["hashed"][3] == found["hashed_code"][3] == 0
    assert found["hashed"][0] == found["hashed_code"][0]
    # TensorFlow's own example of the hash: 0, 2, 2 of three buckets.
    assert found["thirds"].tolist() == [1, 3, 3, 0]
    assert fit.features["hashed"].max() <= 50


def test_frequencies_are_shares_of_the_training_rows(fit: Fit) -> None:
    counts = Counter(GAPS.tolist())
    unknown = sum(count for word, count in counts.items() if word and word not in RANKED[:4])
    wanted = [counts[word] if word in ("", *RANKED[:4]) else unknown for word in GAPS]
    np.testing.assert_allclose(fit.features["share_frequency"], np.array(wanted) / ROWS, rtol=1e-6)
    assert fit.features["scaled_frequency"].mean() == pytest.approx(0, abs=1e-6)
    assert fit.features["scaled_frequency"].std() == pytest.approx(1, abs=1e-6)


def encoded(target: NDArray[Any], words: NDArray[Any], seen: NDArray[np.bool_], kind: str) -> NDArray[np.float64]:
    """What scikit-learn makes of all words, fitted on the rows that are seen."""
    encoder = TargetEncoder(smooth=4.0, target_type=kind).fit(words[seen, None], target[seen])
    return np.asarray(encoder.transform(words[:, None]))


@pytest.mark.parametrize(("name", "words"), [("mean", WORDS), ("code_mean", CODES)])
def test_means_of_the_label_are_those_of_scikit_learn_and_out_of_fold_in_training(
    fits: dict[str, Fit], task: str, name: str, words: NDArray[Any]
) -> None:
    table = {key: values for key, values in TABLE.items() if key in ("mean", "code_mean") or task == "binary"}
    everyone = np.ones(ROWS, dtype=bool)
    served, trained = fits[task].of(table), fits[task].of(table, np.where(np.arange(ROWS) < 300, FOLD, -1))
    whole = encoded(TARGETS[task], words, everyone, task)
    names = [f"{name}_target_mean"] if task != "multiclass" else [f"{name}_target_mean_{one}" for one in range(3)]
    for place, feature in enumerate(names):
        np.testing.assert_allclose(served[feature], whole[:, place], rtol=1e-6)
        np.testing.assert_allclose(trained[feature][300:], whole[300:, place], rtol=1e-6)
        for fold in range(3):
            own = (fold == FOLD) & (np.arange(ROWS) < 300)
            without = encoded(TARGETS[task], words, fold != FOLD, task)[own, place]
            np.testing.assert_allclose(trained[feature][own], without, rtol=1e-6)
            assert not np.allclose(trained[feature][own], served[feature][own], rtol=1e-6)


def test_scaled_means_are_standard_over_the_training_rows(fit: Fit) -> None:
    assert fit.features["standard_target_mean"].mean() == pytest.approx(0, abs=1e-5)
    assert fit.features["standard_target_mean"].std() == pytest.approx(1, abs=1e-5)


def test_an_unseen_word_has_the_mean_of_all_rows(fit: Fit) -> None:
    strange = {name: (dtype, ["never"] if dtype == "string" else [-5]) for name, (dtype, _) in TABLE.items()}
    assert fit.of(strange)["mean_target_mean"] == pytest.approx(TARGETS["binary"].mean(), rel=1e-6)
    assert fit.of(strange)["code_mean_target_mean"] == pytest.approx(TARGETS["binary"].mean(), rel=1e-6)
